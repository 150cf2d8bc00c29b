//! `UPDATE`.

use super::Writer;
use super::expr::Level;
use super::writer::column_of;
use crate::ast::{Assignment, Expr, Update};
use crate::error::Result;
use crate::meta::TableMeta;

impl<'a> Writer<'a> {
    pub(super) fn update(&mut self, update: &'a Update) -> Result<()> {
        self.push("UPDATE ");
        self.table(update.table)?;
        self.push(" SET ");
        self.assignments(update.table.meta, &update.set)?;
        self.conditions(" WHERE ", &update.filter)?;
        self.returning(&update.returning)
    }

    /// `"name" = ?1, "age" = "users"."age" + ?2`
    pub(super) fn assignments(&mut self, table: &'static TableMeta, set: &'a [Assignment]) -> Result<()> {
        self.separated(set, ", ", |out, assignment| {
            // The left side is a column of the updated table by rule, and must not be qualified.
            let column = column_of(table, assignment.column)?;
            out.push_identifier(column.name)?;
            out.push(" = ");
            match &assignment.value {
                // The column tells its type.
                Expr::Bind(value) => out.bind(value),
                computed => out.expr(computed, Level::Or),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{BinaryOp, NumberKind, Projection, Statement};

    fn update(set: Vec<(u16, Expr)>) -> Update {
        let set = set.into_iter().map(|(column, value)| Assignment { column, value }).collect();
        Update {
            table: table(&USERS),
            set,
            filter: [eq(user("id"), int(7))].into(),
            returning: vec![],
            lifted: Default::default(),
        }
    }

    #[test]
    fn only_the_left_sides_are_bare() {
        let older = binary(BinaryOp::Add(NumberKind::Integer), user("age"), int(1));
        let update =
            Update { returning: vec![Projection::Expr(user("age"))], ..update(vec![(1, text("x")), (3, older)]) };
        assert_eq!(
            sql(Statement::Update(&update), &LITE),
            r#"UPDATE "users" SET "name" = ?1, "age" = "users"."age" + ?2 WHERE "users"."id" = ?3 RETURNING "users"."age""#
        );
        assert_eq!(binds(Statement::Update(&update), &LITE), r#"["x", 1, 7]"#);
    }

    #[test]
    fn a_null_is_set_as_a_bind() {
        let update = update(vec![(3, null())]);
        assert_eq!(sql(Statement::Update(&update), &LITE), r#"UPDATE "users" SET "age" = ?1 WHERE "users"."id" = ?2"#);
    }

    #[test]
    fn setting_nothing_or_a_column_twice_is_refused() {
        assert_eq!(
            error(Statement::Update(&update(vec![])), &LITE),
            "the update of `users` sets no column: add `.set(column, value)`"
        );
        let twice = update(vec![(1, text("a")), (1, text("b"))]);
        assert_eq!(error(Statement::Update(&twice), &LITE), "the update sets `users.name` twice");
    }
}
