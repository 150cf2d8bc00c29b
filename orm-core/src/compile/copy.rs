//! `COPY`.

use super::Writer;
use super::writer::column_of;
use crate::ast::ColumnSet;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::meta::TableMeta;

/// Writes `COPY "users" ("name", "email") FROM STDIN (FORMAT binary)`.
///
/// # Errors
///
/// [`Error::Identifier`](crate::error::Error::Identifier) for a name that the database cannot have.
pub fn copy_in(table: &'static TableMeta, columns: ColumnSet, dialect: &dyn Dialect) -> Result<String> {
    let mut out = Writer::new(dialect, &[]);
    out.push("COPY ");
    out.push_identifier(table.name)?;
    out.push(" (");
    out.separated(columns.iter(), ", ", |out, index| out.push_identifier(column_of(table, index)?.name))?;
    out.push(") FROM STDIN (FORMAT binary)");
    Ok(out.finish()?.sql)
}

/// Writes `COPY (SELECT ..) TO STDOUT (FORMAT binary)`.
#[must_use]
pub fn copy_out(query: &str) -> String {
    format!("COPY ({query}) TO STDOUT (FORMAT binary)")
}

/// Writes a table's name as statements do.
///
/// # Errors
///
/// As [`copy_in`].
pub fn table_name(table: &'static TableMeta, dialect: &dyn Dialect) -> Result<String> {
    let mut out = Writer::new(dialect, &[]);
    out.push_identifier(table.name)?;
    Ok(out.finish()?.sql)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;

    #[test]
    fn names_are_quoted() {
        let columns = [1, 2].into_iter().collect();
        assert_eq!(
            copy_in(&USERS, columns, &LITE).expect("a text"),
            r#"COPY "users" ("name", "email") FROM STDIN (FORMAT binary)"#
        );
        assert_eq!(copy_out("SELECT 1"), "COPY (SELECT 1) TO STDOUT (FORMAT binary)");
        assert_eq!(table_name(&USERS, &LITE).expect("a name"), r#""users""#);
    }
}
