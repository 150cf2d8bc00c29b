//! `UPDATE` and `DELETE` of rows by their keys.

use smallvec::SmallVec;

use super::Writer;
use super::writer::column_of;
use crate::ast::{ColumnRef, DeleteChunk, TableRef, UpdateChunk};
use crate::dialect::{Features, ListKind};
use crate::error::Result;
use crate::meta::TableMeta;
use crate::types::ColumnType;

impl<'a> Writer<'a> {
    pub(super) fn update_rows(&mut self, chunk: UpdateChunk<'a>) -> Result<()> {
        self.push("UPDATE ");
        self.table_name(chunk.table)?;
        self.push(" SET ");
        match chunk.rows().len() {
            1 => self.set_one(chunk)?,
            _ => self.set_many(chunk)?,
        }
        self.returning(chunk.returning)
    }

    pub(super) fn delete_rows(&mut self, chunk: DeleteChunk<'a>) -> Result<()> {
        self.push("DELETE FROM ");
        self.table_name(chunk.table)?;
        self.push(" WHERE ");
        let arrays = as_arrays(self.features, chunk.table, chunk.key(), chunk.rows().len());
        match (chunk.rows().len(), chunk.key().count()) {
            (1, _) => self.key_of_one(chunk.table, chunk.key()),
            (_, 1) if arrays => self.key_in_array(chunk.table, chunk.key()),
            (_, _) if arrays => self.keys_in_arrays(chunk.table, chunk.key()),
            (rows, 1) => self.key_among(chunk.table, chunk.key(), rows),
            (rows, _) => self.keys_among(chunk.table, chunk.key(), rows),
        }
    }

    /// `"name" = ?1 WHERE "users"."id" = ?2`
    fn set_one(&mut self, chunk: UpdateChunk<'a>) -> Result<()> {
        self.separated(chunk.columns.iter(), ", ", |out, index| {
            out.push_identifier(column_of(chunk.table, index)?.name)?;
            out.push(" = ");
            out.cell();
            Ok(())
        })?;
        self.push(" WHERE ");
        self.key_of_one(chunk.table, chunk.key())
    }

    /// `"name" = "new"."column1" FROM (VALUES (?1, ?2), (?3, ?4)) AS "new" WHERE "users"."id" = "new"."column2"`
    fn set_many(&mut self, chunk: UpdateChunk<'a>) -> Result<()> {
        let new = alias_beside(chunk.table);
        self.separated(chunk.columns.iter().zip(1..), ", ", |out, (index, position)| {
            out.push_identifier(column_of(chunk.table, index)?.name)?;
            out.push(" = ");
            out.value_of(new, position)
        })?;
        self.push(" FROM ");
        let sent = chunk.columns.iter().chain(chunk.key());
        if as_arrays(self.features, chunk.table, sent.clone(), chunk.rows().len()) {
            self.arrays_of(sent.clone())?;
            self.push(" AS ");
            self.push_identifier(new)?;
            self.names_of_cells(sent.count())?;
        } else {
            self.push("(");
            self.values_of(chunk.table, sent, chunk.rows().len())?;
            self.push(") AS ");
            self.push_identifier(new)?;
        }
        self.push(" WHERE ");
        let keys = chunk.key().zip(chunk.columns.len() + 1..);
        self.separated(keys, " AND ", |out, (index, position)| {
            out.column(own(chunk.table, index))?;
            out.push(" = ");
            out.value_of(new, position)
        })
    }

    /// `"users"."id" = ?1`
    fn key_of_one(&mut self, table: &'static TableMeta, key: impl Iterator<Item = u16>) -> Result<()> {
        self.separated(key, " AND ", |out, index| {
            out.column(own(table, index))?;
            out.push(" = ");
            out.cell();
            Ok(())
        })
    }

    /// `"users"."id" IN (?1, ?2)`
    fn key_among(&mut self, table: &'static TableMeta, key: impl Iterator<Item = u16>, rows: usize) -> Result<()> {
        self.separated(key, ", ", |out, index| out.column(own(table, index)))?;
        self.push(" IN (");
        self.cells(rows);
        self.push(")");
        Ok(())
    }

    /// `("pair"."a", "pair"."b") IN (VALUES (?1, ?2), (?3, ?4))`
    fn keys_among(
        &mut self,
        table: &'static TableMeta,
        key: impl Iterator<Item = u16> + Clone,
        rows: usize,
    ) -> Result<()> {
        self.push("(");
        self.separated(key.clone(), ", ", |out, index| out.column(own(table, index)))?;
        self.push(") IN (");
        self.values_of(table, key, rows)?;
        self.push(")");
        Ok(())
    }

    /// `"users"."id" = ANY (?1)`
    fn key_in_array(&mut self, table: &'static TableMeta, key: impl Iterator<Item = u16>) -> Result<()> {
        self.arrays = true;
        for index in key {
            self.column(own(table, index))?;
            let (kind, position) = (list_kind(column_of(table, index)?.column_type), self.next_cell());
            self.dialect.list(self, kind, false, position)?;
        }
        Ok(())
    }

    /// `("pair"."a", "pair"."b") IN (SELECT * FROM unnest(?1, ?2))`
    fn keys_in_arrays(&mut self, table: &'static TableMeta, key: impl Iterator<Item = u16> + Clone) -> Result<()> {
        self.push("(");
        self.separated(key.clone(), ", ", |out, index| out.column(own(table, index)))?;
        self.push(") IN (SELECT * FROM ");
        self.arrays_of(key)?;
        self.push(")");
        Ok(())
    }

    /// The rows' values of these columns, as a table: `unnest(?1, ?2)`.
    pub(super) fn arrays_of(&mut self, columns: impl Iterator<Item = u16>) -> Result<()> {
        self.arrays = true;
        self.push("unnest(");
        self.separated(columns, ", ", |out, _index| {
            out.cell();
            Ok(())
        })?;
        self.push(")");
        Ok(())
    }

    /// ` ("column1", "column2")`
    fn names_of_cells(&mut self, count: usize) -> Result<()> {
        self.push(" (");
        self.separated(1..=count, ", ", Writer::name_of_cell)?;
        self.push(")");
        Ok(())
    }

    /// `"column1"`
    pub(super) fn name_of_cell(&mut self, position: usize) -> Result<()> {
        self.push_identifier(&format!("column{position}"))
    }

    /// The query of the rows' values of these columns.
    fn values_of(&mut self, table: &'static TableMeta, columns: impl Iterator<Item = u16>, rows: usize) -> Result<()> {
        let types: Result<SmallVec<[ColumnType; 32]>> =
            columns.map(|index| Ok(column_of(table, index)?.column_type)).collect();
        self.dialect.values(self, &types?, rows)
    }

    /// `"new"."column1"`
    fn value_of(&mut self, rows: &str, position: usize) -> Result<()> {
        self.push_identifier(rows)?;
        self.push(".");
        self.name_of_cell(position)
    }
}

/// Whether these cells of rows are sent as one array a column.
pub(super) fn as_arrays(
    features: &Features,
    table: &TableMeta,
    columns: impl Iterator<Item = u16>,
    rows: usize,
) -> bool {
    // One row by itself has placeholders of its columns' own types, and a plan for it.
    rows > 1 && features.array_rows.is_some_and(|arrays| arrays.take(table, columns))
}

/// The kind of a list of such values.
fn list_kind(column_type: ColumnType) -> ListKind {
    match column_type {
        ColumnType::Bool | ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => ListKind::Integers,
        ColumnType::Bytes | ColumnType::Uuid => ListKind::Bytes,
        ColumnType::Text { .. }
        | ColumnType::Enum { .. }
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::DateTime
        | ColumnType::Timestamp
        | ColumnType::Decimal => ListKind::Texts,
        ColumnType::Float32
        | ColumnType::Float64
        | ColumnType::Json
        | ColumnType::Array(_)
        | ColumnType::Range(_)
        | ColumnType::Interval
        | ColumnType::Inet
        | ColumnType::Cidr
        | ColumnType::CiText
        | ColumnType::Named(_) => ListKind::Separate,
    }
}

fn own(table: &'static TableMeta, index: u16) -> ColumnRef {
    ColumnRef { table: TableRef { meta: table, alias: None }, index }
}

/// The name of the new values. No column of theirs is called as one of the table, so only the names of the tables must
/// differ, and databases may not tell upper case from lower case in them.
fn alias_beside(table: &TableMeta) -> &'static str {
    if table.name.eq_ignore_ascii_case("new") { "new_rows" } else { "new" }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{Projection, Statement};

    static NEW: TableMeta = TableMeta { name: "New", columns: USERS.columns, primary_key: &[0], ..EMPTY };

    fn updated<'a>(table: &'static TableMeta, columns: &[u16], rows: &'a Keyed) -> UpdateChunk<'a> {
        UpdateChunk {
            table,
            columns: columns.iter().copied().collect(),
            guard: None,
            rows,
            returning: &[],
            start: 0,
            end: rows.0.len(),
        }
    }

    fn deleted<'a>(table: &'static TableMeta, rows: &'a Keyed) -> DeleteChunk<'a> {
        DeleteChunk { table, guard: None, rows, start: 0, end: rows.0.len() }
    }

    #[test]
    fn one_row_is_updated_as_by_a_filter() {
        let rows = keyed(&[&[7, 10, 20, 30]]);
        let chunk = updated(&USERS, &[1, 3], &rows);
        assert_eq!(
            sql(Statement::UpdateRows(chunk), &LITE),
            r#"UPDATE "users" SET "name" = ?1, "age" = ?2 WHERE "users"."id" = ?3"#
        );
        assert_eq!(binds(Statement::UpdateRows(chunk), &LITE), "[10, 30, 7]");
    }

    #[test]
    fn many_rows_are_updated_from_their_values() {
        let rows = keyed(&[&[7, 10, 20], &[8, 11, 21]]);
        let returned = [Projection::Expr(user("id"))];
        let chunk = UpdateChunk { returning: &returned, ..updated(&USERS, &[1, 2], &rows) };
        assert_eq!(
            sql(Statement::UpdateRows(chunk), &LITE),
            concat!(
                r#"UPDATE "users" SET "name" = "new"."column1", "email" = "new"."column2" "#,
                r#"FROM (VALUES (?1, ?2, ?3), (?4, ?5, ?6)) AS "new" WHERE "users"."id" = "new"."column3" "#,
                r#"RETURNING "users"."id""#
            )
        );
        assert_eq!(binds(Statement::UpdateRows(chunk), &LITE), "[10, 20, 7, 11, 21, 8]");
    }

    #[test]
    fn rows_that_are_sent_as_arrays_have_one_text() {
        let (two, three) = (keyed(&[&[7, 10], &[8, 11]]), keyed(&[&[7, 10], &[8, 11], &[9, 12]]));
        let text = concat!(
            r#"UPDATE "users" SET "name" = "new"."column1" "#,
            r#"FROM unnest(?1, ?2) AS "new" ("column1", "column2") WHERE "users"."id" = "new"."column2""#
        );
        for rows in [&two, &three] {
            assert_eq!(sql(Statement::UpdateRows(updated(&USERS, &[1], rows)), &ARRAYS), text);
        }
        assert_eq!(binds(Statement::UpdateRows(updated(&USERS, &[1], &two)), &ARRAYS), "[(10, 11), (7, 8)]");
        assert_eq!(
            sql(Statement::DeleteRows(deleted(&PAIR, &two)), &ARRAYS),
            r#"DELETE FROM "pair" WHERE ("pair"."a", "pair"."b") IN (SELECT * FROM unnest(?1, ?2))"#
        );
        assert_eq!(binds(Statement::DeleteRows(deleted(&PAIR, &two)), &ARRAYS), "[(7, 8), (10, 11)]");
        let by_key = sql(Statement::DeleteRows(deleted(&USERS, &two)), &ARRAYS);
        assert!(by_key.starts_with(r#"DELETE FROM "users" WHERE "users"."id" "#), "{by_key}");
        assert_eq!(by_key.matches('?').count(), 1);
        assert_eq!(binds(Statement::DeleteRows(deleted(&USERS, &two)), &ARRAYS), "[(7, 8)]");
    }

    #[test]
    fn a_guard_must_have_its_old_value() {
        let rows = keyed(&[&[7, 10, 20, 30], &[8, 11, 21, 31]]);
        let many = UpdateChunk { guard: Some(3), ..updated(&USERS, &[1, 3], &rows) };
        let one = UpdateChunk { end: 1, ..many };
        assert_eq!(
            sql(Statement::UpdateRows(one), &LITE),
            r#"UPDATE "users" SET "name" = ?1, "age" = ?2 WHERE "users"."id" = ?3 AND "users"."age" = ?4"#
        );
        // The rows of the fixture had a hundred less in the fourth column.
        assert_eq!(binds(Statement::UpdateRows(UpdateChunk { start: 1, ..many }), &LITE), "[11, 31, 8, -69]");
        assert!(
            sql(Statement::UpdateRows(many), &LITE)
                .ends_with(r#" WHERE "users"."id" = "new"."column3" AND "users"."age" = "new"."column4""#)
        );
        let delete = DeleteChunk { guard: Some(3), ..deleted(&USERS, &rows) };
        assert_eq!(
            sql(Statement::DeleteRows(delete), &LITE),
            r#"DELETE FROM "users" WHERE ("users"."id", "users"."age") IN (VALUES (?1, ?2), (?3, ?4))"#
        );
        assert_eq!(binds(Statement::DeleteRows(delete), &LITE), "[7, -70, 8, -69]");
    }

    #[test]
    fn rows_are_deleted_by_their_keys() {
        let rows = keyed(&[&[7, 1], &[8, 2]]);
        let many = deleted(&USERS, &rows);
        let one = DeleteChunk { end: 1, ..many };
        assert_eq!(sql(Statement::DeleteRows(one), &LITE), r#"DELETE FROM "users" WHERE "users"."id" = ?1"#);
        assert_eq!(sql(Statement::DeleteRows(many), &LITE), r#"DELETE FROM "users" WHERE "users"."id" IN (?1, ?2)"#);
        assert_eq!(binds(Statement::DeleteRows(many), &LITE), "[7, 8]");
        assert_eq!(
            sql(Statement::DeleteRows(deleted(&PAIR, &rows)), &LITE),
            r#"DELETE FROM "pair" WHERE ("pair"."a", "pair"."b") IN (VALUES (?1, ?2), (?3, ?4))"#
        );
        assert_eq!(binds(Statement::DeleteRows(deleted(&PAIR, &rows)), &LITE), "[7, 1, 8, 2]");
    }

    #[test]
    fn the_new_values_are_never_called_as_the_table_is() {
        let rows = keyed(&[&[7, 1], &[8, 2]]);
        assert_eq!(
            sql(Statement::UpdateRows(updated(&NEW, &[1], &rows)), &LITE),
            concat!(
                r#"UPDATE "New" SET "name" = "new_rows"."column1" "#,
                r#"FROM (VALUES (?1, ?2), (?3, ?4)) AS "new_rows" WHERE "New"."id" = "new_rows"."column2""#
            )
        );
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        let rows = keyed(&[&[7, 1], &[8, 2]]);
        let update = |columns: &[u16]| error(Statement::UpdateRows(updated(&USERS, columns, &rows)), &LITE);
        assert_eq!(update(&[]), "the update of `users` sets no column: name some that are not its key");
        assert_eq!(update(&[200]), "`User` has no column number 200");
        let none = keyed(&[]);
        assert_eq!(
            error(Statement::UpdateRows(updated(&USERS, &[1], &none)), &LITE),
            "there are no rows of `users` to write"
        );
        assert_eq!(
            error(Statement::DeleteRows(deleted(&USERS, &none)), &LITE),
            "there are no rows of `users` to write"
        );
        assert_eq!(
            error(Statement::DeleteRows(deleted(&KEYLESS, &rows)), &LITE),
            "`Keyless` has no primary key to find its rows by"
        );
    }

    #[test]
    fn a_backend_without_update_from_takes_one_row_at_a_time() {
        let rows = keyed(&[&[7, 1], &[8, 2]]);
        let many = updated(&USERS, &[1], &rows);
        assert!(error(Statement::UpdateRows(many), &STRICT).starts_with("strict cannot do UPDATE .. FROM"));
        sql(Statement::UpdateRows(UpdateChunk { end: 1, ..many }), &STRICT);
    }
}
