//! `INSERT`.

use super::Writer;
use super::writer::column_of;
use crate::ast::InsertChunk;
use crate::error::Result;

impl<'a> Writer<'a> {
    pub(super) fn insert(&mut self, chunk: InsertChunk<'a>) -> Result<()> {
        self.push("INSERT INTO ");
        self.push_identifier(chunk.table.name)?;
        if chunk.columns.is_empty() {
            self.push(" DEFAULT VALUES");
        } else {
            self.values(chunk)?;
        }
        self.returning(chunk.returning)
    }

    fn values(&mut self, chunk: InsertChunk<'a>) -> Result<()> {
        self.push(" (");
        self.separated(chunk.columns.iter(), ", ", |out, index| {
            let column = column_of(chunk.table, index)?;
            out.push_identifier(column.name)
        })?;
        self.push(") VALUES ");
        let width = chunk.columns.len();
        self.separated(chunk.rows(), ", ", |out, _row| {
            out.push("(");
            out.separated(0..width, ", ", |out, _column| {
                out.cell();
                Ok(())
            })?;
            out.push(")");
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::ast::{Insert, Projection};

    #[test]
    fn rows_are_bound_cell_by_cell() {
        let insert = Insert {
            returning: vec![Projection::Expr(user("id"))],
            ..insert(&USERS, &[1, 2], vec![vec![1, 2], vec![3, 4]])
        };
        assert_eq!(
            sql(whole(&insert), &LITE),
            r#"INSERT INTO "users" ("name", "email") VALUES (?1, ?2), (?3, ?4) RETURNING "users"."id""#
        );
        assert_eq!(binds(whole(&insert), &LITE), "[1, 2, 3, 4]");
    }

    #[test]
    fn what_returning_binds_comes_after_the_rows() {
        let insert = Insert {
            returning: vec![Projection::Expr(eq(user("id"), int(9)))],
            ..insert(&USERS, &[1], vec![vec![1], vec![2]])
        };
        assert_eq!(
            sql(whole(&insert), &LITE),
            r#"INSERT INTO "users" ("name") VALUES (?1), (?2) RETURNING "users"."id" = ?3"#
        );
        assert_eq!(binds(whole(&insert), &LITE), "[1, 2, 9]");
    }

    #[test]
    fn a_row_of_defaults_has_no_columns() {
        assert_eq!(sql(whole(&insert(&USERS, &[], vec![vec![]])), &LITE), r#"INSERT INTO "users" DEFAULT VALUES"#);
        let two = insert(&USERS, &[], vec![vec![], vec![]]);
        assert_eq!(error(whole(&two), &LITE), "rows without a value can be inserted into `users` one at a time only");
        assert_eq!(error(whole(&insert(&USERS, &[], vec![])), &LITE), "there are no rows to insert into `users`");
    }

    #[test]
    fn more_binds_than_the_backend_takes_are_refused() {
        let rows = (0..101).map(|row| vec![row, row]).collect();
        assert_eq!(
            error(whole(&insert(&USERS, &[1, 2], rows)), &LITE),
            "the statement has 202 binds and lite takes 200: split it, or use a subquery"
        );
    }
}
