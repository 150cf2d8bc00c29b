//! `INSERT`.

use super::Writer;
use super::rows::as_arrays;
use super::writer::column_of;
use crate::ast::{ConflictAction, InsertChunk, OnConflict};
use crate::error::Result;
use crate::meta::TableMeta;

impl<'a> Writer<'a> {
    pub(super) fn insert(&mut self, chunk: InsertChunk<'a>) -> Result<()> {
        self.push("INSERT INTO ");
        self.table_name(chunk.table)?;
        if chunk.columns.is_empty() {
            self.push(" DEFAULT VALUES");
        } else {
            self.values(chunk)?;
        }
        if let Some(conflict) = chunk.conflict {
            self.on_conflict(chunk.table, conflict)?;
        }
        self.returning(chunk.returning)
    }

    fn values(&mut self, chunk: InsertChunk<'a>) -> Result<()> {
        self.push(" (");
        self.separated(chunk.columns.iter(), ", ", |out, index| {
            let column = column_of(chunk.table, index)?;
            out.push_identifier(column.name)
        })?;
        self.push(") ");
        let width = chunk.columns.len();
        if as_arrays(self.features, chunk.table, chunk.columns.iter(), chunk.rows().len()) {
            return self.rows_of_arrays(chunk, width);
        }
        self.push("VALUES ");
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

    /// `SELECT "column1", "column2" FROM unnest(?1, ?2) WITH ORDINALITY AS "new" ("column1", "column2", "row") ORDER BY
    /// "row"`: in order, for so the keys are made.
    fn rows_of_arrays(&mut self, chunk: InsertChunk<'a>, width: usize) -> Result<()> {
        self.push("SELECT ");
        self.separated(1..=width, ", ", Writer::name_of_cell)?;
        self.push(" FROM ");
        self.arrays_of(chunk.columns.iter())?;
        self.push(" WITH ORDINALITY AS ");
        self.push_identifier("new")?;
        self.push(" (");
        self.separated(1..=width, ", ", Writer::name_of_cell)?;
        self.push(", ");
        self.push_identifier("row")?;
        self.push(") ORDER BY ");
        self.push_identifier("row")
    }

    /// ` ON CONFLICT ("email") DO UPDATE SET "name" = "excluded"."name"`
    fn on_conflict(&mut self, table: &'static TableMeta, conflict: &'a OnConflict) -> Result<()> {
        self.push(" ON CONFLICT");
        if !conflict.target.is_empty() {
            self.push(" (");
            self.separated(conflict.target.iter(), ", ", |out, index| {
                out.push_identifier(column_of(table, index)?.name)
            })?;
            self.push(")");
        }
        match &conflict.action {
            ConflictAction::Nothing => {
                self.push(" DO NOTHING");
                Ok(())
            }
            ConflictAction::Update { set, filter } => {
                self.push(" DO UPDATE SET ");
                self.assignments(table, set)?;
                self.conditions(" WHERE ", filter)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{Assignment, BinaryOp, EXCLUDED, Expr, Insert, Projection};

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
    fn rows_are_sent_as_arrays_in_their_order() {
        let rows = |count: i64| insert(&USERS, &[1, 2], (0..count).map(|number| vec![number, 10 + number]).collect());
        let insert = |count| Insert { returning: vec![Projection::Expr(eq(user("id"), int(9)))], ..rows(count) };
        let text = concat!(
            r#"INSERT INTO "users" ("name", "email") SELECT "column1", "column2" "#,
            r#"FROM unnest(?1, ?2) WITH ORDINALITY AS "new" ("column1", "column2", "row") ORDER BY "row" "#,
            r#"RETURNING "users"."id" = ?3"#
        );
        for count in [2, 3, 500] {
            assert_eq!(sql(whole(&insert(count)), &ARRAYS), text);
        }
        assert_eq!(binds(whole(&insert(2)), &ARRAYS), "[(0, 1), (10, 11), 9]");
        assert!(sql(whole(&insert(1)), &ARRAYS).contains("VALUES (?1, ?2) RETURNING"), "one row is no array");
    }

    #[test]
    fn rows_that_arrays_cannot_hold_are_sent_cell_by_cell() {
        let insert = insert(&USERS, &[1, 5], vec![vec![1, 2], vec![3, 4]]);
        assert_eq!(sql(whole(&insert), &ARRAYS), r#"INSERT INTO "users" ("name", "role") VALUES (?1, ?2), (?3, ?4)"#);
        assert_eq!(binds(whole(&insert), &ARRAYS), "[1, 2, 3, 4]");
    }

    fn upsert(target: &[u16], action: ConflictAction) -> Insert {
        let conflict = OnConflict { target: target.iter().copied().collect(), action };
        Insert { conflict: Some(Box::new(conflict)), ..insert(&USERS, &[1, 2], vec![vec![1, 2], vec![3, 4]]) }
    }

    fn set(column: u16, value: Expr) -> crate::ast::Assignments {
        [Assignment { column, value }].into()
    }

    #[test]
    fn a_row_in_the_way_is_left_alone() {
        let rows = r#"INSERT INTO "users" ("name", "email") VALUES (?1, ?2), (?3, ?4)"#;
        let any = upsert(&[], ConflictAction::Nothing);
        assert_eq!(sql(whole(&any), &LITE), format!("{rows} ON CONFLICT DO NOTHING"));
        let email = upsert(&[2], ConflictAction::Nothing);
        assert_eq!(sql(whole(&email), &LITE), format!(r#"{rows} ON CONFLICT ("email") DO NOTHING"#));
    }

    #[test]
    fn a_row_in_the_way_is_updated() {
        let excluded = || of(alias(&USERS, EXCLUDED), "name");
        let filter =
            vec![binary(BinaryOp::Ne, user("name"), text("x")), binary(BinaryOp::Ne, user("name"), excluded())];
        let action = ConflictAction::Update { set: set(1, excluded()), filter };
        let upsert = Insert { returning: vec![Projection::Expr(eq(user("id"), int(9)))], ..upsert(&[2], action) };
        assert_eq!(
            sql(whole(&upsert), &LITE),
            concat!(
                r#"INSERT INTO "users" ("name", "email") VALUES (?1, ?2), (?3, ?4) ON CONFLICT ("email") "#,
                r#"DO UPDATE SET "name" = "excluded"."name" "#,
                r#"WHERE "users"."name" <> ?5 AND "users"."name" <> "excluded"."name" RETURNING "users"."id" = ?6"#
            )
        );
        assert_eq!(binds(whole(&upsert), &LITE), r#"[1, 2, 3, 4, "x", 9]"#);
        let arrays = sql(whole(&upsert), &ARRAYS);
        assert!(arrays.contains(r#"ORDER BY "row" ON CONFLICT ("email") DO UPDATE SET"#), "{arrays}");
        assert_eq!(binds(whole(&upsert), &ARRAYS), r#"[(1, 3), (2, 4), "x", 9]"#);
    }

    #[test]
    fn an_upsert_that_no_database_takes_is_refused() {
        let update = |set| ConflictAction::Update { set, filter: vec![] };
        let refused = |target: &[u16], action| error(whole(&upsert(target, action)), &LITE);
        assert_eq!(
            refused(&[1], ConflictAction::Nothing),
            "no key or unique constraint of `User` is on `name`: a conflict is one of them, and the model must say it, \
             as by `#[model(unique)]`"
        );
        assert!(
            refused(&[1, 2], ConflictAction::Nothing)
                .starts_with("no key or unique constraint of `User` is on `name, email`")
        );
        assert_eq!(
            refused(&[], update(set(1, text("x")))),
            "an update on conflict needs the columns of a key or unique constraint: name them in `.on_conflict(..)`"
        );
        assert!(refused(&[2], update(Default::default())).starts_with("the update of `users` sets no column"));
        let returned = Insert {
            returning: vec![Projection::Expr(of(alias(&USERS, EXCLUDED), "name"))],
            ..upsert(&[2], update(set(1, text("x"))))
        };
        assert!(error(whole(&returned), &LITE).contains("`excluded(..)` is the row that could not be inserted"));
        assert!(
            error(whole(&upsert(&[], ConflictAction::Nothing)), &STRICT).starts_with("strict cannot do ON CONFLICT")
        );
        let conflict = upsert(&[], ConflictAction::Nothing).conflict;
        let defaults = Insert { conflict, ..insert(&USERS, &[], vec![vec![]]) };
        assert_eq!(
            error(whole(&defaults), &LITE),
            "a row of `users` without a value cannot be inserted with `on_conflict`: give it one"
        );
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
