//! PostgreSQL's way of writing.

use std::fmt::Write as _;

use orm_core::ast::{Aggregate, BinaryOp, Function, NumberKind};
use orm_core::compile::Writer;
use orm_core::dialect::{Dialect, Features, ListKind, TypePlace};
use orm_core::error::Result;
use orm_core::types::ColumnType;

/// How PostgreSQL 12 and later writes SQL.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresDialect;

static FEATURES: Features = Features {
    backend: "PostgreSQL",
    max_binds: 65_535,
    max_identifier: 63,
    insert_rows: 500,
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
    ilike: true,
    is_distinct_from: true,
    divide_by_zero_is_null: false,
    enforces_max_length: true,
    native_enums: false,
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
            (column_type, _) => sql.push_str(name_of(column_type)),
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

    /// The first row says the types; those below it follow.
    fn values(&self, out: &mut Writer<'_>, columns: &[ColumnType], rows: usize) -> Result<()> {
        out.push("VALUES (");
        for (number, column_type) in columns.iter().enumerate() {
            if number > 0 {
                out.push(", ");
            }
            out.push_cell();
            out.push("::");
            out.push(name_of(*column_type));
        }
        out.push(")");
        if rows > 1 {
            out.push(", ");
            out.push_rows(columns.len(), rows - 1);
        }
        Ok(())
    }

    fn unless_there(&self, statement: &str, sql: &mut String) {
        // Names may hold anything, so the quotes are such as the statement does not hold.
        let mut quote = String::from("$orm$");
        while statement.contains(&quote) {
            quote.insert(1, '_');
        }
        let _infallible =
            write!(sql, "DO {quote} BEGIN {statement}; EXCEPTION WHEN duplicate_object THEN NULL; END {quote}");
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
