//! SQLite's way of writing.

use orm_core::ast::{Aggregate, BinaryOp, Compound, Function, JsonRead, JsonStep, NumberKind};
use orm_core::compile::Writer;
use orm_core::dialect::{Dialect, Features, ListKind, TypePlace};
use orm_core::error::{Error, Result};
use orm_core::schema::Column;
use orm_core::types::ColumnType;

/// How SQLite 3.39 and later writes SQL.
///
/// The type of a column is chosen so that SQLite keeps every value as it is, and so that its name tells a reader what
/// the model says: `DECIMAL_TEXT`, `UUID_BLOB`, `JSON_TEXT`.
///
/// A generated key is a plain `INTEGER PRIMARY KEY`. SQLite then numbers a new row one higher than the highest there
/// is, so the key of a row that was the last and is deleted is given again. `AUTOINCREMENT` would not do that, at the
/// price of a second table written for each insert.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteDialect;

static FEATURES: Features = Features {
    backend: "SQLite",
    max_binds: 32_766,
    // SQLite itself limits a name by the length of the statement only.
    max_identifier: 1_000,
    // It has room at hand for the copies of a hundred texts, and allocates for more.
    insert_rows: 50,
    array_rows: None,
    copy_rows: None,
    insert_rows_of_one_text: 100,
    literal_limit: true,
    offset_needs_limit: true,
    decimal_collation: Some("decimal"),
    distinct_string_agg: false,
    list_as_one_bind: |kind| match kind {
        ListKind::Integers | ListKind::Texts | ListKind::Bytes => true,
        ListKind::Separate => false,
    },
    returning: true,
    update_from: true,
    on_conflict: true,
    right_and_full_join: true,
    intersect_all: false,
    distinct_on: false,
    row_locks: false,
    aggregate_filter: true,
    nulls_are_smallest: true,
    untyped_binds: false,
    binds_by_number: false,
    backslash_escapes: false,
    keys_need_tables: false,
    two_phase_commit: false,
    ilike: false,
    is_distinct_from: true,
    divide_by_zero_is_null: true,
    enforces_max_length: false,
    native_enums: false,
    compound_operators: false,
    schemas: false,
    sequences: false,
    generated_always: false,
    index_methods: false,
    exclusion_constraints: false,
    deferrable_unique: false,
    unsupported_type,
    integer_sum_is_integer: true,
};

impl Dialect for SqliteDialect {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn placeholder(&self, position: usize, sql: &mut String) {
        sql.push('?');
        push_number(position, sql);
    }

    fn features(&self) -> &Features {
        &FEATURES
    }

    fn column_type(&self, column_type: ColumnType, place: TypePlace, sql: &mut String) {
        match place {
            TypePlace::Column => push_declared(column_type, sql),
            // Only a column declared with this very word is the table's own row number.
            TypePlace::GeneratedKey => sql.push_str("INTEGER"),
            TypePlace::Cast => sql.push_str(stored_as(column_type)),
        }
    }

    fn generated_key(&self, sql: &mut String) -> bool {
        sql.push_str(" PRIMARY KEY");
        true
    }

    fn default_sql(&self, column: &Column, default: &str, sql: &mut String) {
        // SQLite's own CURRENT_TIMESTAMP has no fraction and no offset: it would sort before every value of ours.
        let now = default.trim().eq_ignore_ascii_case("CURRENT_TIMESTAMP");
        sql.push_str(match column.column_type {
            ColumnType::DateTime if now => "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
            ColumnType::Timestamp if now => "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')",
            _ => default,
        });
    }

    fn function(&self, function: Function) -> &'static str {
        match function {
            Function::Lower => "lower",
            Function::Upper => "upper",
            Function::Length => "length",
            Function::Trim => "trim",
            Function::TrimStart => "ltrim",
            Function::TrimEnd => "rtrim",
            Function::Substring => "substr",
            Function::Replace => "replace",
            Function::Coalesce => "coalesce",
            Function::NullIf => "nullif",
            Function::Abs(NumberKind::Decimal) => "decimal_abs",
            Function::Abs(NumberKind::Integer | NumberKind::Float) => "abs",
            Function::Round(NumberKind::Decimal) => "decimal_round",
            Function::Round(NumberKind::Integer | NumberKind::Float) => "round",
            Function::Greatest(Some(NumberKind::Decimal)) => "decimal_greatest",
            Function::Least(Some(NumberKind::Decimal)) => "decimal_least",
            // SQLite's max() and min() of several arguments are NULL as soon as one of them is.
            Function::Greatest(_) => "greatest",
            Function::Least(_) => "least",
            Function::Cardinality => "json_array_length",
            Function::Now => "orm_now",
            Function::Named(name) => name,
        }
    }

    fn aggregate(&self, aggregate: Aggregate) -> &'static str {
        match aggregate {
            Aggregate::Count => "count",
            Aggregate::Sum(NumberKind::Decimal) => "decimal_sum",
            Aggregate::Sum(NumberKind::Integer | NumberKind::Float) => "sum",
            Aggregate::Avg(_) => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::StringAgg(_) => "group_concat",
        }
    }

    fn arithmetic_function(&self, op: BinaryOp, kind: NumberKind) -> Option<&'static str> {
        match (op, kind) {
            (BinaryOp::Add(_), NumberKind::Decimal) => Some("decimal_add"),
            (BinaryOp::Subtract(_), NumberKind::Decimal) => Some("decimal_sub"),
            (BinaryOp::Multiply(_), NumberKind::Decimal) => Some("decimal_mul"),
            (BinaryOp::Divide(_), NumberKind::Decimal) => Some("decimal_div"),
            (BinaryOp::Remainder(_), NumberKind::Decimal) => Some("decimal_rem"),
            // SQLite's % makes integers of its operands first.
            (BinaryOp::Remainder(_), NumberKind::Float) => Some("float_rem"),
            _ => None,
        }
    }

    fn compound_function(&self, op: BinaryOp) -> Option<&'static str> {
        match op {
            BinaryOp::Contains(Compound::Array) => Some("array_contains"),
            BinaryOp::ContainedBy(Compound::Array) => Some("array_contained_by"),
            BinaryOp::Overlaps(Compound::Array) => Some("array_overlaps"),
            _ => None,
        }
    }

    fn json(&self, read: JsonRead, path: &[JsonStep]) -> Result<Vec<String>> {
        let path = json_path(path)?;
        // The end of a call of which JSON is the first argument.
        let end = format!(", {path})");
        Ok(match read {
            JsonRead::Text => {
                vec!["CASE json_type(".into(), format!("{end} WHEN 'text' THEN json_extract("), format!("{end} END")]
            }
            // What is too large is a float, and so it is not equal to the integer that is made of it.
            JsonRead::Integer => vec![
                "CASE WHEN json_type(".into(),
                format!("{end} IN ('integer', 'real') AND CAST(json_extract("),
                format!("{end} AS INTEGER) = json_extract("),
                format!("{end} THEN CAST(json_extract("),
                format!("{end} AS INTEGER) END"),
            ],
            JsonRead::Float => vec![
                "CASE WHEN json_type(".into(),
                format!("{end} IN ('integer', 'real') THEN CAST(json_extract("),
                format!("{end} AS REAL) END"),
            ],
            JsonRead::Boolean => {
                vec!["CASE json_type(".into(), format!("{end} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END")]
            }
            JsonRead::Document => vec!["(".into(), format!(" -> {path})")],
            JsonRead::Exists => vec!["(json_type(".into(), format!("{end} IS NOT NULL)")],
            JsonRead::Length => vec![
                "CASE json_type(".into(),
                format!("{end} WHEN 'array' THEN json_array_length("),
                format!("{end} END"),
            ],
        })
    }

    fn list(&self, out: &mut Writer<'_>, kind: ListKind, negated: bool, placeholder: usize) -> Result<()> {
        let value = match kind {
            ListKind::Integers | ListKind::Texts => "value",
            ListKind::Bytes => "unhex(value)",
            ListKind::Separate => {
                return Err(Error::Unsupported {
                    feature: "a list of floats as one bind",
                    backend: FEATURES.backend,
                    hint: "bind its values one by one",
                });
            }
        };
        out.push(if negated { " NOT IN (SELECT " } else { " IN (SELECT " });
        out.push(value);
        out.push(" FROM json_each(");
        out.push_placeholder(placeholder);
        out.push("))");
        Ok(())
    }
}

/// `'$."a"[0]'`
fn json_path(path: &[JsonStep]) -> Result<String> {
    let mut text = String::from("'$");
    for step in path {
        match step {
            // SQLite looks for a key as it stands in the text of the JSON, where these are escaped.
            JsonStep::Key(key) if key.contains(|letter: char| matches!(letter, '"' | '\\') || letter.is_control()) => {
                return Err(Error::Unsupported {
                    feature: "JSON keys with a quote, a backslash or a control character",
                    backend: FEATURES.backend,
                    hint: "read the whole JSON, or use PostgreSQL",
                });
            }
            JsonStep::Key(key) => {
                text.push_str(".\"");
                text.push_str(&key.replace('\'', "''"));
                text.push('"');
            }
            JsonStep::Index(index) => {
                text.push_str(if *index < 0 { "[#-" } else { "[" });
                push_number(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX), &mut text);
                text.push(']');
            }
        }
    }
    text.push('\'');
    Ok(text)
}

fn push_number(number: usize, sql: &mut String) {
    use std::fmt::Write as _;
    let _infallible = write!(sql, "{number}");
}

/// The type in a `CREATE TABLE`. SQLite reads an affinity out of the word: `INT` makes integers, `TEXT` and `CHAR`
/// text, `BLOB` nothing, `REAL` and `DOUB` floats; any other word turns text that looks like a number into one, which
/// no date of ours does.
fn push_declared(column_type: ColumnType, sql: &mut String) {
    if let ColumnType::Text { max_length: Some(length) } = column_type {
        sql.push_str("VARCHAR(");
        push_number(length as usize, sql);
        sql.push(')');
        return;
    }
    sql.push_str(match column_type {
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Int16 => "SMALLINT",
        ColumnType::Int32 => "INTEGER",
        ColumnType::Int64 => "BIGINT",
        ColumnType::Float32 => "REAL",
        ColumnType::Float64 => "DOUBLE",
        ColumnType::Text { .. } | ColumnType::Enum { .. } => "TEXT",
        ColumnType::Bytes => "BLOB",
        ColumnType::Date => "DATE",
        ColumnType::Time => "TIME",
        ColumnType::DateTime => "DATETIME",
        ColumnType::Timestamp => "TIMESTAMP",
        ColumnType::Uuid => "UUID_BLOB",
        ColumnType::Decimal => "DECIMAL_TEXT COLLATE decimal",
        ColumnType::Json => "JSON_TEXT",
        ColumnType::Array(_) => "ARRAY_TEXT",
        ColumnType::Inet => "INET_TEXT COLLATE inet",
        ColumnType::Cidr => "CIDR_TEXT COLLATE inet",
        ColumnType::CiText => "TEXT COLLATE NOCASE",
        // Refused before it is written.
        ColumnType::Range(_) | ColumnType::Interval | ColumnType::Named(_) => "TEXT",
    });
}

/// The kind of value that SQLite itself holds.
fn stored_as(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool | ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => "INTEGER",
        ColumnType::Float32 | ColumnType::Float64 => "REAL",
        ColumnType::Bytes | ColumnType::Uuid => "BLOB",
        ColumnType::Text { .. }
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::DateTime
        | ColumnType::Timestamp
        | ColumnType::Decimal
        | ColumnType::Json
        | ColumnType::Enum { .. }
        | ColumnType::Array(_)
        | ColumnType::Range(_)
        | ColumnType::Interval
        | ColumnType::Inet
        | ColumnType::Cidr
        | ColumnType::CiText
        | ColumnType::Named(_) => "TEXT",
    }
}

/// What SQLite cannot hold so that it sorts and compares as elsewhere.
fn unsupported_type(column_type: ColumnType) -> Option<(&'static str, &'static str)> {
    match column_type {
        ColumnType::Array(element) => unsupported_type(*element),
        ColumnType::Range(_) => Some(("range columns", "use two columns, or PostgreSQL")),
        ColumnType::Interval => Some((
            "interval columns",
            "keep a number of seconds, days or months in an integer column, or use PostgreSQL",
        )),
        ColumnType::Named(_) => Some(("types of another database", "use text or bytes, or the database it is of")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(column_type: ColumnType) -> String {
        let mut sql = String::new();
        SqliteDialect.column_type(column_type, TypePlace::Column, &mut sql);
        sql
    }

    #[test]
    fn text_that_looks_like_a_number_stays_text_in_every_text_column() {
        let db = rusqlite::Connection::open_in_memory().expect("SQLite");
        crate::functions::register(&db, &Default::default()).expect("functions");
        for column_type in [
            ColumnType::Text { max_length: Some(9) },
            ColumnType::Decimal,
            ColumnType::Json,
            ColumnType::Text { max_length: None },
        ] {
            db.execute_batch(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (c {})", declared(column_type)))
                .expect("a table");
            db.execute("INSERT INTO t VALUES ('0010.50')", []).expect("a row");
            let stored: String = db.query_row("SELECT c FROM t", [], |row| row.get(0)).expect("text");
            assert_eq!(stored, "0010.50", "{column_type:?}");
        }
    }

    #[test]
    fn the_current_time_as_default_has_the_form_of_bound_times() {
        let db = rusqlite::Connection::open_in_memory().expect("SQLite");
        for (column_type, length) in [(ColumnType::DateTime, 26), (ColumnType::Timestamp, 32)] {
            let column = Column {
                name: "at".into(),
                column_type,
                nullable: false,
                default: None,
                computed: None,
                generated_always: false,
                sequence: None,
            };
            let mut sql = String::from("SELECT ");
            SqliteDialect.default_sql(&column, "current_timestamp", &mut sql);
            let text: String = db.query_row(&sql, [], |row| row.get(0)).expect("a time");
            assert_eq!(text.len(), length, "{text}");
            let micros = orm_core::types::time::parse_timestamp(&text).expect("a time");
            let mut again = String::new();
            match column_type {
                ColumnType::DateTime => orm_core::types::time::write_datetime(micros, &mut again),
                _ => orm_core::types::time::write_timestamp(micros, &mut again),
            }
            assert_eq!(text, again);
        }
    }
}
