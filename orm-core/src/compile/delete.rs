//! `DELETE`.

use super::Writer;
use crate::ast::Delete;
use crate::error::Result;

impl<'a> Writer<'a> {
    pub(super) fn delete(&mut self, delete: &'a Delete) -> Result<()> {
        self.push("DELETE FROM ");
        self.table(delete.table)?;
        self.conditions(" WHERE ", &delete.filter)?;
        self.returning(&delete.returning)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::Statement;

    #[test]
    fn rows_are_deleted_by_their_filter() {
        let delete = Delete {
            table: table(&USERS),
            filter: vec![eq(user("id"), int(1))],
            returning: vec![],
            lifted: Default::default(),
        };
        assert_eq!(sql(Statement::Delete(&delete), &LITE), r#"DELETE FROM "users" WHERE "users"."id" = ?1"#);
        let every = Delete { filter: vec![], ..delete };
        assert_eq!(sql(Statement::Delete(&every), &LITE), r#"DELETE FROM "users""#);
    }
}
