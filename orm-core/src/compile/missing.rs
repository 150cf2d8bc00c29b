//! The error for a column whose table is not in FROM, with the join to add.

use super::check::{Scope, Tables};
use crate::ast::{Alias, EXCLUDED, Join, TableRef};
use crate::error::Error;
use crate::meta::ForeignKeyMeta;

/// The error for `column` of `table`.
#[cold]
pub(super) fn from(table: TableRef, column: &str, scope: &Scope<'_>) -> Error {
    Error::MissingFrom { table: table.name().into(), column: column.into(), hint: hint(table, scope) }
}

fn hint(missing: TableRef, scope: &Scope<'_>) -> String {
    if missing.alias == Some(Alias::Table(EXCLUDED)) {
        return "`excluded(..)` is the row that could not be inserted: it stands in `.set(..)` and `.filter(..)` of an \
                `insert` with `.on_conflict(..)`, and is of its table"
            .into();
    }
    if let Some(query) = missing.query() {
        return format!("it is a query of its own: add `.from({query})` or `.join({query}.on(condition))`");
    }
    match scope.tables {
        Tables::Unknown => String::from("name it in the text"),
        Tables::Written(written) | Tables::Upserted(written) => format!(
            "a statement that writes `{}` sees no other table: use a subquery, `.in_(select(..))` or `.any(..)` of a relation",
            written.name()
        ),
        Tables::From { root: None, .. } => format!("add `.from({})`", spoken(missing)),
        Tables::From { root: Some(root), select, visible } => from_hint(missing, root, &select.joins, visible),
        Tables::None => scope.outer.map_or_else(String::new, |outer| hint(missing, outer)),
    }
}

fn from_hint(missing: TableRef, root: TableRef, joins: &[Join], visible: usize) -> String {
    if joins.iter().skip(visible).any(|join| join.table == missing) {
        return "it is joined further on: move its join before this one".into();
    }
    let tables = || std::iter::once(root).chain(joins.iter().take(visible).map(|join| join.table));
    if let Some(alias) = tables().find(|table| missing.alias.is_none() && table.meta == missing.meta) {
        let (model, alias) = (missing.meta.model, alias.name());
        return format!("the statement reads `{model}` as `{alias}`: take the column from that alias");
    }
    tables()
        .find_map(|table| by_relation(missing, table))
        .or_else(|| tables().find_map(|table| by_their_key(missing, table)))
        .unwrap_or_else(|| format!("add `.join({}.on(condition))`", spoken(missing)))
}

/// `.join(User.posts)`, if `table` has a relation to the missing one.
fn by_relation(missing: TableRef, table: TableRef) -> Option<String> {
    let relations = table.meta.relations.iter().map(|relation| (relation.name, (relation.target)()));
    let keys = table.meta.foreign_keys.iter().map(|key| (key.relation, (key.references)()));
    let (name, _) = relations.chain(keys).find(|(_, target)| *target == missing.meta)?;
    let alias = missing.alias.map(|alias| format!(".to({})", alias.name())).unwrap_or_default();
    Some(format!("add `.join({}.{name}{alias})`", spoken(table)))
}

/// `.join(Post.on(Post.author_id.eq(User.id)))`, if the missing table has a key to `table`.
fn by_their_key(missing: TableRef, table: TableRef) -> Option<String> {
    let key = missing.meta.foreign_keys.iter().find(|key| (key.references)() == table.meta)?;
    let (theirs, ours) = key_fields(missing, key, table)?;
    let (missing, table) = (spoken(missing), spoken(table));
    Some(format!("add `.join({missing}.on({missing}.{theirs}.eq({table}.{ours})))`"))
}

/// The fields of a key of one column, on both sides.
fn key_fields(child: TableRef, key: &ForeignKeyMeta, parent: TableRef) -> Option<(&'static str, &'static str)> {
    let ([own], [referenced]) = (key.columns, key.referenced()) else {
        return None;
    };
    Some((child.meta.column(*own)?.field, parent.meta.column(*referenced)?.field))
}

/// The table as a program names it: its model, or the variable that holds the alias.
fn spoken(table: TableRef) -> &'static str {
    table.alias.map_or(table.meta.model, Alias::name)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::ast::{Delete, Expr, JoinKind, Projection, Select, Statement};

    /// The error of selecting `first` from its table and filtering by `other`.
    fn filtered(first: Expr, other: Expr) -> String {
        let select = Select { filter: vec![eq(other, int(1))], ..select([first]) };
        error(Statement::Select(&select), &LITE)
    }

    #[test]
    fn the_missing_join_is_named() {
        let message =
            "column `title` is of table `post`, which the statement does not read from: add `.join(User.posts)`";
        assert_eq!(filtered(user("name"), post("title")), message);
        assert!(filtered(post("title"), user("id")).ends_with("add `.join(Post.author)`"));
        let comment = of(table(&COMMENT), "id");
        assert!(filtered(post("title"), comment).ends_with("add `.join(Comment.on(Comment.post_id.eq(Post.id)))`"));
        assert!(filtered(user("id"), of(table(&PAIR), "a")).ends_with("add `.join(Pair.on(condition))`"));
    }

    #[test]
    fn aliases_are_named_as_a_program_names_them() {
        let (boss, writer) = (alias(&USERS, "boss"), alias(&POST, "draft"));
        assert!(filtered(user("name"), of(boss, "id")).ends_with("add `.join(User.manager.to(boss))`"));
        assert!(filtered(of(boss, "name"), of(writer, "id")).ends_with("add `.join(boss.posts.to(draft))`"));
        assert!(
            filtered(of(boss, "name"), user("id"))
                .ends_with("the statement reads `User` as `boss`: take the column from that alias")
        );
    }

    #[test]
    fn a_join_that_comes_too_late_is_named() {
        let comment = table(&COMMENT);
        let on = eq(of(comment, "post_id"), post("id"));
        let joins = vec![join(JoinKind::Inner, comment, on), posts_join(JoinKind::Inner)];
        let select = Select { from: Some(table(&USERS)), joins, ..select([user("name")]) };
        assert!(
            error(Statement::Select(&select), &LITE)
                .ends_with("it is joined further on: move its join before this one")
        );
    }

    #[test]
    fn a_statement_without_any_table_needs_one() {
        let select = Select { filter: vec![eq(user("id"), int(1))], ..select([int(1)]) };
        assert!(error(Statement::Select(&select), &LITE).ends_with("add `.from(User)`"));
    }

    #[test]
    fn a_statement_that_writes_sees_its_own_table_only() {
        let delete = |filter| Delete {
            table: table(&USERS),
            filter: vec![filter],
            returning: vec![],
            lifted: Default::default(),
        };
        let message = error(Statement::Delete(&delete(eq(post("id"), int(1)))), &LITE);
        assert!(message.contains("a statement that writes `users` sees no other table: use a subquery"), "{message}");
        let posts = Select {
            projection: vec![Projection::One],
            from: Some(table(&POST)),
            filter: vec![eq(post("author_id"), user("id"))],
            ..Select::default()
        };
        assert!(sql(Statement::Delete(&delete(exists(posts, true))), &LITE).contains("NOT EXISTS"));
    }
}
