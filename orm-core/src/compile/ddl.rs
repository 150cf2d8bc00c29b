//! `CREATE` and `DROP`.

use super::Writer;
use crate::ast::Function;
use crate::dialect::TypePlace;
use crate::error::Result;
use crate::meta::{Deferrable, IndexMethod, OnAction};
use crate::schema::ddl::Ddl;
use crate::schema::{Check, Column, Exclusion, ForeignKey, Index, Table, TableName, Unique, naming};
use crate::types::ColumnType;

impl Writer<'_> {
    pub(super) fn ddl(&mut self, ddl: &Ddl) -> Result<()> {
        match ddl {
            Ddl::CreateSchema(name) => {
                self.needs(self.features.schemas, "schemas", "leave `schema` out of the model, or use PostgreSQL")?;
                self.push("CREATE SCHEMA IF NOT EXISTS ");
                self.push_identifier(name)
            }
            Ddl::CreateEnum { name, words } => {
                let dialect = self.dialect;
                dialect.create_enum(self, name, words)
            }
            Ddl::CreateSequence(name) => {
                self.needs_sequences()?;
                self.push("CREATE SEQUENCE IF NOT EXISTS ");
                self.push_identifier(name)
            }
            Ddl::CreateTable(table) => self.create_table(table),
            Ddl::CreateIndex { table, index } => self.create_index(table, index),
            Ddl::AddForeignKey { table, key } => self.add_foreign_key(table, key),
            Ddl::DropForeignKey { table, name } => {
                self.push("ALTER TABLE IF EXISTS ");
                self.qualified_name(table)?;
                self.push(" DROP CONSTRAINT IF EXISTS ");
                self.push_identifier(name)
            }
            Ddl::DropTable(table) => {
                self.push("DROP TABLE IF EXISTS ");
                self.qualified_name(table)
            }
            Ddl::DropSequence(name) => {
                self.needs_sequences()?;
                self.push("DROP SEQUENCE IF EXISTS ");
                self.push_identifier(name)
            }
            Ddl::DropEnum(name) => {
                let dialect = self.dialect;
                dialect.drop_enum(self, name)
            }
        }
    }

    fn needs_sequences(&self) -> Result<()> {
        self.needs(self.features.sequences, "sequences", "number rows by a generated key, or use PostgreSQL")
    }

    fn qualified_name(&mut self, table: &TableName) -> Result<()> {
        if let Some(schema) = &table.schema {
            self.schema(schema)?;
        }
        self.push_identifier(&table.name)
    }

    fn create_table(&mut self, table: &Table) -> Result<()> {
        self.push("CREATE TABLE IF NOT EXISTS ");
        self.qualified_name(&table.name)?;
        self.push(" (");
        let mut has_key = false;
        self.separated(&table.columns, ", ", |out, column| {
            has_key |= out.define(column, table.generated.as_ref() == Some(&column.name))?;
            Ok(())
        })?;
        if !has_key && !table.primary_key.is_empty() {
            self.push(", PRIMARY KEY ");
            self.names(&table.primary_key)?;
        }
        self.constraints(table)?;
        self.push(")");
        Ok(())
    }

    /// `CREATE INDEX .. ON "users" USING gin ("tags", (lower(email))) WHERE (..)`
    fn create_index(&mut self, table: &TableName, index: &Index) -> Result<()> {
        self.push(if index.unique { "CREATE UNIQUE INDEX IF NOT EXISTS " } else { "CREATE INDEX IF NOT EXISTS " });
        self.push_identifier(&index.name)?;
        self.push(" ON ");
        self.qualified_name(table)?;
        self.index_method(index.method)?;
        self.push(" (");
        self.separated(&index.columns, ", ", |out, name| out.push_identifier(name))?;
        for (number, expression) in index.expressions.iter().enumerate() {
            self.push(if number + index.columns.len() > 0 { ", (" } else { "(" });
            self.push(expression);
            self.push(")");
        }
        self.push(")");
        self.filter(index.filter.as_deref());
        Ok(())
    }

    fn index_method(&mut self, method: IndexMethod) -> Result<()> {
        let word = match method {
            IndexMethod::BTree => return Ok(()),
            IndexMethod::Hash => "hash",
            IndexMethod::Gin => "gin",
            IndexMethod::Gist => "gist",
            IndexMethod::SpGist => "spgist",
            IndexMethod::Brin => "brin",
        };
        self.needs(self.features.index_methods, "index methods", "leave `method` out, or use PostgreSQL")?;
        self.push(" USING ");
        self.push(word);
        Ok(())
    }

    fn filter(&mut self, filter: Option<&str>) {
        if let Some(filter) = filter {
            self.push(" WHERE (");
            self.push(filter);
            self.push(")");
        }
    }

    fn add_foreign_key(&mut self, table: &TableName, key: &ForeignKey) -> Result<()> {
        self.push("ALTER TABLE ");
        self.qualified_name(table)?;
        self.push(" ADD");
        self.foreign_key(key)?;
        let statement = std::mem::take(self.text());
        let dialect = self.dialect;
        dialect.unless_there(&statement, self.text());
        Ok(())
    }

    /// Writes a column, and tells whether its definition says `PRIMARY KEY`.
    fn define(&mut self, column: &Column, generated: bool) -> Result<bool> {
        self.push_identifier(&column.name)?;
        self.push(" ");
        self.supported(column.column_type)?;
        let dialect = self.dialect;
        let place = if generated { TypePlace::GeneratedKey } else { TypePlace::Column };
        dialect.column_type(column.column_type, place, self.text());
        if generated {
            return self.generated_key(column.generated_always);
        }
        if !column.nullable {
            self.push(" NOT NULL");
        }
        if let Some(default) = &column.default {
            self.push(" DEFAULT (");
            dialect.default_sql(column, default, self.text());
            self.push(")");
        }
        if let Some(computed) = &column.computed {
            self.push(" GENERATED ALWAYS AS (");
            self.push(computed);
            self.push(") STORED");
        }
        Ok(false)
    }

    fn generated_key(&mut self, always: bool) -> Result<bool> {
        if !always {
            let dialect = self.dialect;
            return Ok(dialect.generated_key(self.text()));
        }
        let can = self.features.generated_always;
        self.needs(can, "generated keys that nobody may give", "leave out `= always`, or use PostgreSQL")?;
        self.push(" GENERATED ALWAYS AS IDENTITY");
        Ok(false)
    }

    fn constraints(&mut self, table: &Table) -> Result<()> {
        table.uniques.iter().try_for_each(|unique| self.unique(unique))?;
        table.foreign_keys.iter().try_for_each(|key| {
            self.push(",");
            self.foreign_key(key)
        })?;
        table.checks.iter().try_for_each(|check| self.check(check))?;
        table.exclusions.iter().try_for_each(|exclusion| self.exclusion(exclusion))?;
        table.columns.iter().try_for_each(|column| self.column_checks(&table.name.name, column))
    }

    fn unique(&mut self, unique: &Unique) -> Result<()> {
        self.constraint(&unique.name)?;
        self.push("UNIQUE ");
        self.names(&unique.columns)?;
        if unique.deferrable != Deferrable::No {
            let can = self.features.deferrable_unique;
            self.needs(can, "unique constraints that are checked later", "leave out `deferrable`, or use PostgreSQL")?;
        }
        self.deferrable(unique.deferrable);
        Ok(())
    }

    /// `, CONSTRAINT .. EXCLUDE USING gist ("room" WITH =, "during" WITH &&) WHERE (..)`
    fn exclusion(&mut self, exclusion: &Exclusion) -> Result<()> {
        let can = self.features.exclusion_constraints;
        self.needs(
            can,
            "exclusion constraints",
            "look for overlaps in the transaction that writes, or use PostgreSQL",
        )?;
        self.constraint(&exclusion.name)?;
        self.push("EXCLUDE");
        self.index_method(exclusion.method)?;
        self.push(" (");
        self.separated(&exclusion.columns, ", ", |out, (column, operator)| {
            out.push_identifier(column)?;
            out.push(" WITH ");
            out.push(operator);
            Ok(())
        })?;
        self.push(")");
        self.filter(exclusion.filter.as_deref());
        self.deferrable(exclusion.deferrable);
        Ok(())
    }

    fn deferrable(&mut self, deferrable: Deferrable) {
        self.push(match deferrable {
            Deferrable::No => "",
            Deferrable::InitiallyImmediate => " DEFERRABLE INITIALLY IMMEDIATE",
            Deferrable::InitiallyDeferred => " DEFERRABLE INITIALLY DEFERRED",
        });
    }

    fn foreign_key(&mut self, key: &ForeignKey) -> Result<()> {
        self.push(" CONSTRAINT ");
        self.push_identifier(&key.name)?;
        self.push(" FOREIGN KEY ");
        self.names(&key.columns)?;
        self.push(" REFERENCES ");
        self.qualified_name(&key.references)?;
        self.push(" ");
        self.names(&key.referenced)?;
        self.action(" ON DELETE ", key.on_delete);
        self.action(" ON UPDATE ", key.on_update);
        self.deferrable(key.deferrable);
        Ok(())
    }

    fn action(&mut self, event: &str, action: OnAction) {
        let words = match action {
            OnAction::NoAction => return,
            OnAction::Restrict => "RESTRICT",
            OnAction::Cascade => "CASCADE",
            OnAction::SetNull => "SET NULL",
            OnAction::SetDefault => "SET DEFAULT",
        };
        self.push(event);
        self.push(words);
    }

    fn check(&mut self, check: &Check) -> Result<()> {
        self.constraint(&check.name)?;
        self.push("CHECK (");
        self.push(&check.sql);
        self.push(")");
        Ok(())
    }

    /// The checks that stand for what the backend's types do not hold back themselves.
    fn column_checks(&mut self, table: &str, column: &Column) -> Result<()> {
        match column.column_type {
            ColumnType::Text { max_length: Some(length) } if !self.features.enforces_max_length => {
                self.constraint(&naming::max_length(table, &column.name))?;
                self.push("CHECK (");
                self.push(self.dialect.function(Function::Length));
                self.push("(");
                self.push_identifier(&column.name)?;
                self.push(") <= ");
                self.push_number(u64::from(length));
                self.push(")");
                Ok(())
            }
            ColumnType::Enum { variants, native, .. } if !(native && self.features.native_enums) => {
                self.constraint(&naming::values(table, &column.name))?;
                self.push("CHECK (");
                self.push_identifier(&column.name)?;
                self.push(" IN (");
                self.separated(variants, ", ", |out, word| out.push_literal(word))?;
                self.push("))");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn constraint(&mut self, name: &str) -> Result<()> {
        self.push(", CONSTRAINT ");
        self.push_identifier(name)?;
        self.push(" ");
        Ok(())
    }

    /// `("a", "b")`
    fn names(&mut self, names: &[String]) -> Result<()> {
        self.push("(");
        self.separated(names, ", ", |out, name| out.push_identifier(name))?;
        self.push(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::Statement;
    use crate::schema::Schema;

    fn create(models: &[&'static crate::meta::TableMeta], dialect: &Numbered) -> Vec<String> {
        Schema::of(models).create_all().iter().map(|ddl| sql(Statement::Ddl(ddl), dialect)).collect()
    }

    #[test]
    fn a_table_is_created_with_its_constraints_and_indexes() {
        assert_eq!(
            create(&[&USERS], &LITE),
            [
                concat!(
                    r#"CREATE TABLE IF NOT EXISTS "users" ("id" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "#,
                    r#""email" TEXT NOT NULL, "age" INTEGER, "manager_id" INTEGER, "role" TEXT NOT NULL DEFAULT ('user'), "#,
                    r#"CONSTRAINT "uq_users_email" UNIQUE ("email"), "#,
                    r#"CONSTRAINT "fk_users_manager_id_users" FOREIGN KEY ("manager_id") REFERENCES "users" ("id") ON DELETE SET NULL, "#,
                    r#"CONSTRAINT "ck_users_age" CHECK (age >= 0), "#,
                    r#"CONSTRAINT "ck_users_email_length" CHECK (length("email") <= 255), "#,
                    r#"CONSTRAINT "ck_users_role_values" CHECK ("role" IN ('admin', 'it''s')))"#
                ),
                r#"CREATE INDEX IF NOT EXISTS "ix_users_name_age" ON "users" ("name", "age")"#
            ]
        );
    }

    #[test]
    fn a_backend_with_types_of_its_own_needs_no_checks_for_them() {
        assert_eq!(
            create(&[&POST, &USERS], &STRICT)[2],
            concat!(
                r#"CREATE TABLE IF NOT EXISTS "post" ("id" INTEGER GENERATED BY DEFAULT AS IDENTITY, "#,
                r#""author_id" INTEGER NOT NULL, "title" TEXT NOT NULL, "body" TEXT, PRIMARY KEY ("id"), "#,
                r#"CONSTRAINT "fk_post_author_id_users" FOREIGN KEY ("author_id") REFERENCES "users" ("id") "#,
                r#"ON DELETE CASCADE ON UPDATE RESTRICT)"#
            )
        );
        assert!(!create(&[&USERS], &STRICT)[0].contains("_length"));
    }

    #[test]
    fn a_computed_column_is_stored() {
        assert_eq!(
            create(&[&BOX], &LITE),
            [concat!(
                r#"CREATE TABLE IF NOT EXISTS "box" ("id" INTEGER NOT NULL, "width" INTEGER NOT NULL, "#,
                r#""area" INTEGER NOT NULL GENERATED ALWAYS AS (width * width) STORED, PRIMARY KEY ("id"))"#
            )]
        );
    }

    #[test]
    fn a_composite_key_is_a_constraint_of_the_table() {
        assert_eq!(
            create(&[&PAIR], &LITE),
            [
                r#"CREATE TABLE IF NOT EXISTS "pair" ("a" INTEGER NOT NULL, "b" INTEGER NOT NULL, PRIMARY KEY ("a", "b"))"#
            ]
        );
    }

    #[test]
    fn a_drop_asks_whether_the_table_is_there() {
        let drop = Ddl::DropTable("we\"ird".into());
        assert_eq!(sql(Statement::Ddl(&drop), &LITE), r#"DROP TABLE IF EXISTS "we""ird""#);
        let index = Index {
            name: "ix".into(),
            columns: vec!["a".into()],
            expressions: vec![],
            unique: true,
            filter: None,
            method: IndexMethod::BTree,
        };
        let create = Ddl::CreateIndex { table: "t".into(), index: Box::new(index) };
        assert_eq!(sql(Statement::Ddl(&create), &LITE), r#"CREATE UNIQUE INDEX IF NOT EXISTS "ix" ON "t" ("a")"#);
    }
}
