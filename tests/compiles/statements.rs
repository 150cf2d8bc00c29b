//! Statements, aliases and expressions in variables, fields and arguments.

use orm::docs::*;
use orm::expr::{Column, Expr, OrderBy};
use orm::prelude::*;

/// Statements have types that can be written down.
#[derive(Debug, Clone)]
struct Prepared {
    top: Select<(String, i64)>,
    users: Select<User>,
    pairs: Select<(User, Option<Post>)>,
    rename: Update<User>,
    purge: Delete<Post>,
    add: Insert<User>,
    raw: orm::query::Sql,
    columns: (Column<User, String>, Column<User, Option<i32>>),
    adult: Expr<bool>,
    boss: UserColumns,
}

fn prepared() -> Prepared {
    let boss = User.alias("boss");
    Prepared {
        top: select((User.name, count(Post.id))).join(User.posts).group_by(User.id),
        users: select(User).join(User.manager.to(boss)).filter(boss.age.gt(User.age)),
        pairs: select((User, Post.optional())).left_join(User.posts),
        rename: update(User).set(User.name, "Al").filter(User.id.eq(1)),
        purge: delete(Post).all_rows(),
        add: insert(User::builder().name("Alice").email("a@example.com")),
        raw: sql!("VACUUM"),
        columns: (User.name, User.age),
        adult: User.age.ge(18),
        boss,
    }
}

#[test]
fn statements_are_stored_cloned_and_sent_to_other_threads() {
    let prepared = prepared().clone();
    let sql = std::thread::spawn(move || prepared.top.to_sql(dialect::sqlite())).join().unwrap();
    assert!(sql.unwrap().starts_with("SELECT"));
}

#[test]
fn statements_of_different_types_stand_side_by_side() {
    let Prepared { top, users, pairs, rename, purge, add, raw, .. } = prepared();
    let all: [Box<dyn Runnable>; 7] = [
        Box::new(top),
        Box::new(users),
        Box::new(pairs),
        Box::new(rename),
        Box::new(purge),
        Box::new(add),
        Box::new(raw),
    ];
    assert!(all.iter().all(|statement| statement.to_sql(dialect::sqlite()).is_ok()));
}

/// What a program does with a column that is chosen when it runs.
fn sorted(query: Select<User>, column: &str) -> Option<Select<User>> {
    let order: OrderBy = match column {
        "name" => User.name.asc(),
        "age" => User.age.desc().nulls_last(),
        _ => return None,
    };
    Some(query.order_by(order))
}

#[test]
fn a_statement_is_completed_by_functions() {
    let Prepared { columns: (name, age), adult, boss, .. } = prepared();
    let conditions: Vec<Expr<bool>> = vec![adult, name.ne("Bob"), age.is_not_null()];
    let query =
        select(User).filter(and(conditions)).exclude(exists(select(boss.id).filter(boss.id.eq(User.manager_id))));
    assert!(sorted(query.clone(), "name").is_some());
    assert!(sorted(query, "shoe size").is_none());
}

/// A condition that another function gives, over whichever alias it is given.
fn named<'a>(user: UserColumns, name: &'a str) -> impl Condition + use<'a> {
    user.name.eq(name)
}

#[test]
fn conditions_are_given_by_functions() {
    let (one, other) = (User.alias("one"), User.alias("other"));
    let query = select(one.id).join(other.on(other.id.gt(one.id))).filter(named(one, "A").and(named(other, "B")));
    assert!(query.to_sql(dialect::sqlite()).is_ok());
}
