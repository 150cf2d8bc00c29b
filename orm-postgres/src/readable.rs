//! Columns of types that nobody here knows, which the server writes as text.
//!
//! The server sends every column in binary, and what that is for a type of an extension only the extension knows. So a
//! statement with such a column runs within another one that casts it. That costs a second way to the server, once.

use std::fmt::Write as _;

use tokio_postgres::Column;
use tokio_postgres::types::{Kind, Type};

use crate::compound;

/// The same rows with what cannot be read as text; none if all can be read, or the statement cannot stand in another.
pub(crate) fn with_texts(sql: &str, columns: &[Column]) -> Option<String> {
    if columns.iter().all(|column| is_readable(column.type_())) || !can_stand_in_another(sql) {
        return None;
    }
    let (mut inside, mut outside) = (String::new(), String::new());
    for (number, column) in columns.iter().enumerate() {
        let (separator, name) = (if number > 0 { ", " } else { "" }, column.name().replace('"', "\"\""));
        let _infallible = write!(inside, "{separator}c{number}");
        let _infallible = match is_readable(column.type_()) {
            true => write!(outside, "{separator}c{number} AS \"{name}\""),
            false => write!(outside, "{separator}CAST(c{number} AS text) AS \"{name}\""),
        };
    }
    Some(format!("WITH orm_rows ({inside}) AS ({sql}) SELECT {outside} FROM orm_rows"))
}

/// One that begins with `WITH` may hold a statement that writes, which only stands at the top.
fn can_stand_in_another(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    ["select", "values", "table", "insert", "update", "delete"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether `row.rs` reads the type.
fn is_readable(column_type: &Type) -> bool {
    match column_type.kind() {
        Kind::Simple => is_known(column_type) || column_type.name() == "citext",
        Kind::Enum(_) => true,
        Kind::Domain(inside) => is_readable(inside),
        Kind::Array(_) | Kind::Range(_) => compound::encoded(column_type, &[]).is_some(),
        // `void` and `unknown`.
        Kind::Pseudo => is_known(column_type),
        _ => false,
    }
}

fn is_known(column_type: &Type) -> bool {
    matches!(
        *column_type,
        Type::INT8
            | Type::INT4
            | Type::INT2
            | Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::XML
            | Type::BOOL
            | Type::FLOAT8
            | Type::FLOAT4
            | Type::BYTEA
            | Type::DATE
            | Type::TIME
            | Type::TIMESTAMP
            | Type::TIMESTAMPTZ
            | Type::UUID
            | Type::NUMERIC
            | Type::JSON
            | Type::JSONB
            | Type::INTERVAL
            | Type::INET
            | Type::CIDR
            | Type::OID
            | Type::VOID
    )
}
