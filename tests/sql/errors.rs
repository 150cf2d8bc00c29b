//! What the types cannot see is refused before anything is sent, and the message says what to do.

use orm::docs::dialect;
use orm::prelude::*;

use crate::check::{check, refused, refused_in};
use crate::models::*;

#[test]
fn a_missing_join_is_named_by_its_relation() {
    refused(
        select(User.name).filter(Post.title.eq("Hello")),
        "column `title` is of table `post`, which the statement does not read from: add `.join(User.posts)`",
    );
    refused(
        select(Post.title).order_by(User.name),
        "column `name` is of table `users`, which the statement does not read from: add `.join(Post.author)`",
    );
    refused(
        select(User.name).filter(Profile.motto.eq("")),
        "column `motto` is of table `profile`, which the statement does not read from: add `.join(User.profile)`",
    );
    refused(
        select(Post.title).filter(Tag.name.eq("rust")),
        "column `name` is of table `tag`, which the statement does not read from: add `.join(Post.tags)`",
    );
}

#[test]
fn the_join_may_begin_at_a_table_that_is_joined_already() {
    refused(
        select(User.name).join(User.posts).filter(Comment.body.eq("!")),
        "column `body` is of table `comment`, which the statement does not read from: add `.join(Post.comments)`",
    );
}

#[test]
fn a_table_without_a_relation_is_joined_by_its_foreign_key() {
    refused(
        select(Tag.name).filter(PostTag.post_id.eq(1)),
        "column `post_id` is of table `post_tag`, which the statement does not read from: \
         add `.join(PostTag.on(PostTag.tag.eq(Tag.name)))`",
    );
}

#[test]
fn a_table_that_has_nothing_to_do_with_the_others_needs_a_condition() {
    refused(
        select(User.name).filter(Country.code.eq("de")),
        "column `code` is of table `country`, which the statement does not read from: \
         add `.join(Country.on(condition))`",
    );
}

#[test]
fn a_missing_alias_is_named_as_the_program_names_it() {
    let boss = User.alias("boss");
    refused(
        select(User.name).filter(boss.active),
        "column `active` is of table `boss`, which the statement does not read from: add `.join(User.manager.to(boss))`",
    );
    refused(
        select(boss.name).filter(User.active),
        "column `active` is of table `users`, which the statement does not read from: \
         the statement reads `User` as `boss`: take the column from that alias",
    );
}

#[test]
fn a_join_that_comes_too_late_is_moved() {
    refused(
        select(User.name).join(Comment.on(Comment.post_id.eq(Post.id))).join(User.posts),
        "column `id` is of table `post`, which the statement does not read from: \
         it is joined further on: move its join before this one",
    );
}

#[test]
fn a_model_that_is_selected_is_read_from_too() {
    refused(
        select((User, Post)),
        "column `*` is of table `post`, which the statement does not read from: add `.join(User.posts)`",
    );
}

#[test]
fn a_statement_without_a_table_needs_one() {
    refused(
        select(count_all()).filter(User.active),
        "column `active` is of table `users`, which the statement does not read from: add `.from(User)`",
    );
}

#[test]
fn a_statement_that_writes_sees_its_own_table() {
    refused(
        update(User).set(User.name, Post.title).filter(User.id.eq(1)),
        "column `title` is of table `post`, which the statement does not read from: \
         a statement that writes `users` sees no other table: use a subquery, `.in_(select(..))` or `.any(..)` of a relation",
    );
    refused(
        delete(User).filter(Post.views.eq(0)),
        "column `views` is of table `post`, which the statement does not read from: \
         a statement that writes `users` sees no other table: use a subquery, `.in_(select(..))` or `.any(..)` of a relation",
    );
    refused(
        insert(Tag::builder().name("rust")).returning(User.id),
        "column `id` is of table `users`, which the statement does not read from: \
         a statement that writes `tag` sees no other table: use a subquery, `.in_(select(..))` or `.any(..)` of a relation",
    );
}

#[test]
fn a_table_is_missing_in_every_place_of_a_statement() {
    let title = "column `title` is of table `post`, which the statement does not read from: add `.join(User.posts)`";
    refused(select((User.name, Post.title)), title);
    refused(select(User.name).group_by(Post.title), title);
    refused(select(User.name).having(min(Post.title).is_null()), title);
    refused(select(User.name).order_by((User.id, Post.title.desc())), title);
    refused(select((User.name, case::<i64>().when(Post.title.eq(""), 1).end())), title);
    refused(select(User.name).filter(sql!("{} IS NOT NULL", Post.title)), title);
    refused(select(User.name).filter(User.id.in_(select(User.id).filter(Post.title.eq("")))), title);
}

#[test]
fn aggregates_stand_where_there_are_groups() {
    refused(
        select(User.name).filter(count(User.id).gt(1)),
        "an aggregate cannot stand in WHERE, which sees single rows: use `.having(..)`, or compare with a subquery",
    );
    refused(
        select(User.name).join(User.posts.and_on(count(Post.id).gt(1))),
        "an aggregate cannot stand in the condition of a join, which sees single rows: use `.having(..)`",
    );
    refused(
        select(count_all()).from(User).group_by(max(User.age)),
        "an aggregate cannot stand in GROUP BY, which makes the groups: group by columns",
    );
    refused(select(max(count(User.id))), "an aggregate cannot stand within another: aggregate a subquery");
    refused(
        update(User).set(User.age, max(User.age).into_expr()).all_rows(),
        "an aggregate cannot stand in SET: set the column to a subquery",
    );
    refused(
        delete(User).all_rows().returning(count(User.id)),
        "an aggregate cannot stand in RETURNING, which sees single rows",
    );
}

#[test]
fn an_aggregate_of_a_subquery_stands_anywhere() {
    check!(
        select(User.name).filter(User.age.eq(select(max(User.age)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" = (SELECT max("users"."age") FROM "users")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" = (SELECT max("users"."age") FROM "users")"#,
    );
}

#[test]
fn an_update_sets_something() {
    refused(update(User).filter(User.id.eq(1)), "the update of `users` sets no column: add `.set(column, value)`");
}

#[test]
fn an_insert_of_no_rows_is_no_statement() {
    assert_eq!(insert(Vec::<Tag>::new()).to_sql(dialect::sqlite()).unwrap(), "");
}

#[test]
fn more_binds_than_the_database_takes_are_refused() {
    let scores = (0..70_000).map(f64::from);
    let listed = select(Post.id).filter(Post.score.in_(scores.collect::<Vec<_>>()));
    let compared = select(Post.id).filter(or((0..70_000).map(|id| Post.id.eq(id))));
    for (dialect, limit) in [(dialect::sqlite(), 32_766), (dialect::postgres(), 65_535)] {
        let backend = dialect.name();
        let message = format!("the statement has 70000 binds and {backend} takes {limit}: split it, or use a subquery");
        refused_in(dialect, &listed, &message);
        refused_in(dialect, &compared, &message);
    }
}

#[test]
fn a_list_of_integers_is_one_bind_however_long_it_is() {
    check!(
        select(Post.id).filter(Post.id.in_((0..100_000).collect::<Vec<i64>>())),
        sqlite: r#"SELECT "post"."id" FROM "post" WHERE "post"."id" IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "post"."id" FROM "post" WHERE "post"."id" = ANY ($1)"#,
    );
}

#[test]
fn a_label_stands_by_itself_and_is_one_that_is_selected() {
    refused(
        select(User.name).order_by(label("people").desc()),
        "nothing that is selected has the label `people`: add `.label(\"people\")` to it",
    );
    refused(
        select(User.name.label("name")).filter(label("name").is_null()),
        "the label `name` can only stand by itself, in ORDER BY or GROUP BY: write out its expression",
    );
}

#[test]
fn distinct_needs_something_that_can_be_distinct() {
    refused(
        select(count_all().distinct()).from(User),
        "`count(DISTINCT *)` counts nothing: name what is to be distinct",
    );
}

#[test]
fn a_value_that_no_column_can_hold_is_refused_when_it_is_bound() {
    // The text is the same for every value: that this one does not fit is found when it is sent.
    check!(
        select(User.id).filter(sql!("{} = id", u64::MAX)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ?1 = id"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE $1 = id"#,
    );
}
