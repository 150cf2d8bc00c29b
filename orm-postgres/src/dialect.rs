//! PostgreSQL's way of writing.

use std::fmt::Write as _;

use orm_core::ast::{Aggregate, BinaryOp, Function, JsonRead, JsonStep, NumberKind};
use orm_core::compile::Writer;
use orm_core::dialect::{ArrayRows, Dialect, Features, ListKind, TypePlace};
use orm_core::error::{Error, Result};
use orm_core::types::ColumnType;

/// How PostgreSQL 12 and later writes SQL.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresDialect;

static FEATURES: Features = Features {
    backend: "PostgreSQL",
    max_binds: 65_535,
    max_identifier: 63,
    insert_rows: 500,
    array_rows: Some(ArrayRows { rows: 2_500, takes: is_element }),
    copy_rows: Some(1_001),
    insert_rows_of_one_text: 500,
    literal_limit: false,
    offset_needs_limit: false,
    decimal_collation: None,
    distinct_string_agg: true,
    list_as_one_bind: |kind| match kind {
        ListKind::Integers | ListKind::Texts | ListKind::Bytes => true,
        ListKind::Separate => false,
    },
    returning: true,
    update_from: true,
    on_conflict: true,
    right_and_full_join: true,
    intersect_all: true,
    distinct_on: true,
    row_locks: true,
    aggregate_filter: true,
    nulls_are_smallest: false,
    untyped_binds: true,
    binds_by_number: true,
    backslash_escapes: true,
    keys_need_tables: true,
    two_phase_commit: true,
    ilike: true,
    is_distinct_from: true,
    divide_by_zero_is_null: false,
    enforces_max_length: true,
    native_enums: true,
    compound_operators: true,
    schemas: true,
    sequences: true,
    generated_always: true,
    index_methods: true,
    exclusion_constraints: true,
    deferrable_unique: true,
    unsupported_type: |_| None,
    integer_sum_is_integer: false,
};

impl Dialect for PostgresDialect {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn placeholder(&self, position: usize, sql: &mut String) {
        let _infallible = write!(sql, "${position}");
    }

    fn features(&self) -> &Features {
        &FEATURES
    }

    fn column_type(&self, column_type: ColumnType, place: TypePlace, sql: &mut String) {
        match (column_type, place) {
            // A cast to a shorter text would cut it off.
            (ColumnType::Text { max_length: Some(length) }, TypePlace::Column | TypePlace::GeneratedKey) => {
                let _infallible = write!(sql, "varchar({length})");
            }
            (column_type, _) => push_type(column_type, sql),
        }
    }

    fn function(&self, function: Function) -> &'static str {
        match function {
            Function::Lower => "lower",
            Function::Upper => "upper",
            Function::Length => "length",
            Function::Trim => "btrim",
            Function::TrimStart => "ltrim",
            Function::TrimEnd => "rtrim",
            Function::Substring => "substr",
            Function::Replace => "replace",
            Function::Coalesce => "coalesce",
            Function::NullIf => "nullif",
            Function::Abs(_) => "abs",
            Function::Round(_) => "round",
            Function::Greatest(_) => "greatest",
            Function::Least(_) => "least",
            Function::Cardinality => "cardinality",
            Function::Now => "now",
            Function::Named(name) => name,
        }
    }

    fn aggregate(&self, aggregate: Aggregate) -> &'static str {
        match aggregate {
            Aggregate::Count => "count",
            Aggregate::Sum(_) => "sum",
            Aggregate::Avg(_) => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::StringAgg(_) => "string_agg",
        }
    }

    fn arithmetic_type(&self, op: BinaryOp, kind: NumberKind) -> Option<ColumnType> {
        match (op, kind) {
            // Floats have no remainder.
            (BinaryOp::Remainder(_), NumberKind::Float) => Some(ColumnType::Decimal),
            _ => None,
        }
    }

    fn function_type(&self, function: Function) -> Option<(ColumnType, ColumnType)> {
        match function {
            // Only decimals are rounded to a number of digits, and only they have their halves go away from zero.
            Function::Round(NumberKind::Float) => Some((ColumnType::Decimal, ColumnType::Float64)),
            Function::Round(NumberKind::Integer) => Some((ColumnType::Decimal, ColumnType::Int64)),
            _ => None,
        }
    }

    fn list(&self, out: &mut Writer<'_>, _kind: ListKind, negated: bool, placeholder: usize) -> Result<()> {
        out.push(if negated { " <> ALL (" } else { " = ANY (" });
        out.push_placeholder(placeholder);
        out.push(")");
        Ok(())
    }

    fn json(&self, read: JsonRead, path: &[JsonStep]) -> Result<Vec<String>> {
        let (before, only, after) = match read {
            JsonRead::Text => ("(", r#" ? (@.type() == "string")"#, " #>> '{}')"),
            JsonRead::Integer => ("CAST(", WHOLE_NUMBER, " AS bigint)"),
            JsonRead::Float => ("CAST(", r#" ? (@.type() == "number")"#, " AS double precision)"),
            JsonRead::Boolean => ("CAST(", r#" ? (@.type() == "boolean")"#, " AS boolean)"),
            JsonRead::Document => ("", "", ""),
            JsonRead::Exists => ("(", "", " IS NOT NULL)"),
            JsonRead::Length => ("CAST(jsonb_array_length(", r#" ? (@.type() == "array")"#, ") AS bigint)"),
        };
        let path = literal(&format!("{}{only}", json_path(path)?));
        Ok(vec![format!("{before}jsonb_path_query_first("), format!(", {path}, '{{}}', true){after}")])
    }

    /// The first row says the types; those below it follow.
    fn values(&self, out: &mut Writer<'_>, columns: &[ColumnType], rows: usize) -> Result<()> {
        out.push("VALUES (");
        for (number, column_type) in columns.iter().enumerate() {
            if number > 0 {
                out.push(", ");
            }
            out.push_cell();
            out.push("::");
            let mut name = String::new();
            push_type(*column_type, &mut name);
            out.push(&name);
        }
        out.push(")");
        if rows > 1 {
            out.push(", ");
            out.push_rows(columns.len(), rows - 1);
        }
        Ok(())
    }

    /// The words are added where the model has them: each behind the one before it, and a new first one before all.
    fn create_enum(&self, out: &mut Writer<'_>, name: &str, words: &[&str]) -> Result<()> {
        let mut name_of = Writer::for_part(self);
        name_of.push_identifier(name)?;
        let name = name_of.into_part();
        let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
        let mut add = String::new();
        for (number, word) in words.iter().enumerate() {
            let before = number.checked_sub(1).and_then(|before| words.get(before));
            let _infallible = match before {
                Some(before) => write!(add, " ALTER TYPE {name} ADD VALUE IF NOT EXISTS {word} AFTER {before};"),
                None => write!(
                    add,
                    " EXECUTE format('ALTER TYPE %s ADD VALUE IF NOT EXISTS %L BEFORE %L', {type_name}, {word}, \
                     (SELECT enumlabel FROM pg_enum WHERE enumtypid = {type_name}::regtype \
                     ORDER BY enumsortorder LIMIT 1));",
                    type_name = literal(&name),
                ),
            };
        }
        let create = format!("CREATE TYPE {name} AS ENUM ({})", words.join(", "));
        // Whoever creates it at the same time finds the name taken in the catalog.
        out.push(&block(&create, "duplicate_object OR unique_violation", &add));
        Ok(())
    }

    fn drop_enum(&self, out: &mut Writer<'_>, name: &str) -> Result<()> {
        let mut drop = Writer::for_part(self);
        drop.push("DROP TYPE IF EXISTS ");
        drop.push_identifier(name)?;
        out.push(&block(&drop.into_part(), "dependent_objects_still_exist", " NULL;"));
        Ok(())
    }

    fn unless_there(&self, statement: &str, sql: &mut String) {
        sql.push_str(&block(statement, "duplicate_object", " NULL;"));
    }
}

/// Of the numbers that a path leads to, those that a `bigint` holds.
const WHOLE_NUMBER: &str =
    r#" ? (@.type() == "number" && @ == @.floor() && @ >= -9223372036854775808 && @ <= 9223372036854775807)"#;

/// `strict $."a"[0]`: a path that is not strict would look into every element of an array for a key.
fn json_path(path: &[JsonStep]) -> Result<String> {
    let mut text = String::from("strict $");
    for step in path {
        let _infallible = match step {
            JsonStep::Key(key) if key.contains('\0') => {
                return Err(Error::Statement(format!("no key of JSON in PostgreSQL holds a NUL: {key:?}")));
            }
            JsonStep::Key(key) => {
                text.push_str(".\"");
                push_json_text(key, &mut text);
                text.push('"');
                Ok(())
            }
            JsonStep::Index(-1) => write!(text, "[last]"),
            JsonStep::Index(index) if *index < 0 => write!(text, "[last - {}]", index.unsigned_abs() - 1),
            JsonStep::Index(index) => write!(text, "[{index}]"),
        };
    }
    Ok(text)
}

fn push_json_text(text: &str, out: &mut String) {
    for letter in text.chars() {
        let _infallible = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            letter if letter.is_control() => write!(out, "\\u{:04x}", u32::from(letter)),
            letter => write!(out, "{letter}"),
        };
    }
}

/// A statement, and what is done where it fails in a way that is foreseen.
fn block(statement: &str, failure: &str, otherwise: &str) -> String {
    // Names may hold anything, so the quotes are such as the statements do not hold.
    let mut quote = String::from("$orm$");
    while statement.contains(&quote) || otherwise.contains(&quote) {
        quote.insert(1, '_');
    }
    format!("DO {quote} BEGIN {statement}; EXCEPTION WHEN {failure} THEN{otherwise} END {quote}")
}

/// Text in quotes; quotes in it are doubled.
pub(crate) fn literal(text: &str) -> String {
    // A backslash means itself, whatever the server's settings.
    let escaped = text.replace('\\', "\\\\").replace('\'', "''");
    if text.contains('\\') { format!("E'{escaped}'") } else { format!("'{escaped}'") }
}

fn push_type(column_type: ColumnType, sql: &mut String) {
    match column_type {
        ColumnType::Array(element) => {
            push_type(*element, sql);
            sql.push_str("[]");
        }
        ColumnType::Enum { name, native: true, .. } => push_quoted(name, sql),
        other => sql.push_str(name_of(other)),
    }
}

/// A name in quotes; quotes in it are doubled.
fn push_quoted(name: &str, sql: &mut String) {
    let _infallible = write!(sql, "\"{}\"", name.replace('"', "\"\""));
}

/// Whether `unnest` makes rows of an array of these. An array of arrays would lose its inner ones.
fn is_element(column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::Bool
        | ColumnType::Int16
        | ColumnType::Int32
        | ColumnType::Int64
        | ColumnType::Float32
        | ColumnType::Float64
        | ColumnType::Text { .. }
        | ColumnType::Enum { .. }
        | ColumnType::Bytes
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::DateTime
        | ColumnType::Timestamp
        | ColumnType::Uuid
        | ColumnType::Decimal
        | ColumnType::Json => true,
        // An array of arrays would come apart into their elements, and some of these travel as text.
        ColumnType::Array(_)
        | ColumnType::Range(_)
        | ColumnType::Interval
        | ColumnType::Inet
        | ColumnType::Cidr
        | ColumnType::CiText
        | ColumnType::Named(_) => false,
    }
}

fn name_of(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "boolean",
        ColumnType::Int16 => "smallint",
        ColumnType::Int32 => "integer",
        ColumnType::Int64 => "bigint",
        ColumnType::Float32 => "real",
        ColumnType::Float64 => "double precision",
        ColumnType::Text { .. } | ColumnType::Enum { .. } => "text",
        ColumnType::Bytes => "bytea",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::DateTime => "timestamp",
        ColumnType::Timestamp => "timestamptz",
        ColumnType::Uuid => "uuid",
        ColumnType::Decimal => "numeric",
        ColumnType::Json => "jsonb",
        ColumnType::Range(bound) => range_of(*bound),
        ColumnType::Interval => "interval",
        ColumnType::Inet => "inet",
        ColumnType::Cidr => "cidr",
        ColumnType::CiText => "citext",
        ColumnType::Named(name) => name,
        // Written by `push_type`.
        ColumnType::Array(_) => "anyarray",
    }
}

fn range_of(bound: ColumnType) -> &'static str {
    match bound {
        ColumnType::Int64 => "int8range",
        ColumnType::Decimal => "numrange",
        ColumnType::Date => "daterange",
        ColumnType::DateTime => "tsrange",
        ColumnType::Timestamp => "tstzrange",
        // There are ranges of no other type.
        _ => "int4range",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_in_quotes_cannot_leave_them() {
        let mut sql = String::new();
        PostgresDialect.unless_there("ALTER TABLE \"$orm$; DROP TABLE x; $_orm$\"", &mut sql);
        assert!(sql.starts_with("DO $__orm$ BEGIN ALTER TABLE"), "{sql}");
        assert!(sql.ends_with("END $__orm$"), "{sql}");
    }
}
