//! Tables in an order in which each can be created.

use super::Table;

/// Puts every table after those that its foreign keys point at; otherwise the order is kept. Tables that point at
/// each other in a circle keep their order among themselves.
pub(super) fn parents_first(mut waiting: Vec<Table>) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let next = waiting.iter().position(|table| !points_into(table, &waiting)).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}

fn points_into(table: &Table, others: &[Table]) -> bool {
    table
        .foreign_keys
        .iter()
        .any(|key| key.references != table.name && others.iter().any(|other| other.name == key.references))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ForeignKey;

    fn table(name: &str, references: &[&str]) -> Table {
        let key = |target: &&str| ForeignKey {
            name: format!("fk_{target}"),
            columns: vec!["x".into()],
            references: (*target).into(),
            deferrable: Default::default(),
            referenced: vec!["id".into()],
            on_delete: Default::default(),
            on_update: Default::default(),
        };
        Table {
            name: name.into(),
            columns: vec![],
            primary_key: vec![],
            generated: None,
            uniques: vec![],
            checks: vec![],
            exclusions: vec![],
            foreign_keys: references.iter().map(key).collect(),
            indexes: vec![],
        }
    }

    fn names(tables: Vec<Table>) -> Vec<String> {
        parents_first(tables).into_iter().map(|table| table.name.name).collect()
    }

    #[test]
    fn parents_come_before_their_children() {
        let tables = vec![table("comment", &["post", "user"]), table("post", &["user"]), table("user", &[])];
        assert_eq!(names(tables), ["user", "post", "comment"]);
    }

    #[test]
    fn a_circle_and_a_self_reference_end() {
        let tables = vec![table("tree", &["tree"]), table("a", &["b"]), table("b", &["a"]), table("c", &["a"])];
        assert_eq!(names(tables), ["tree", "a", "b", "c"]);
    }
}
