//! Reading rows: what is selected, filtered, grouped, sorted and computed.

use orm::Error;
use orm::expr::{OrderBy, greatest, least};
use orm::prelude::*;
use orm::query::Sql;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Kinds, Number, Post, PostTag, Tag, User, kinds, numbers, people, user, users};
use crate::{TestDb, TestResult};

/// What is written comes back the same.
pub async fn a_model_is_read_back_as_it_was_written(db: &TestDb) -> TestResult {
    people(db).await?;

    let alice: User = db.fetch_one(select(User).filter(User.name.eq("Alice"))).await?;

    let expected = User { id: alice.id, nickname: Some("al".into()), age: Some(30), ..user("Alice") };
    assert_eq!(alice, expected);
    Ok(())
}

// What is selected.

pub async fn columns_come_in_the_order_in_which_they_are_asked_for(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db.fetch_all(select((User.age, User.name)).order_by(User.name)).await?;

    assert_eq!(rows, [(Some(30), "Alice".into()), (Some(25), "Bob".into()), (None, "Carol".to_string())]);
    Ok(())
}

pub async fn a_single_column_is_a_row_by_itself(db: &TestDb) -> TestResult {
    people(db).await?;

    let names: Vec<String> = db.fetch_all(select(User.name).order_by(User.name)).await?;

    assert_eq!(names, ["Alice", "Bob", "Carol"]);
    Ok(())
}

pub async fn a_tuple_has_up_to_sixteen_members(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;
    let v = Number.value;
    let sixteen = (
        v,
        v + 1,
        v + 2,
        v + 3,
        v + 4,
        v + 5,
        v + 6,
        v + 7,
        v + 8,
        v + 9,
        v + 10,
        v + 11,
        v + 12,
        v + 13,
        v + 14,
        v + 15,
    );

    let (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) = db.fetch_one(select(sixteen)).await?;

    let row = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
    assert_eq!(row.to_vec(), (1..=16).collect::<Vec<i64>>());
    Ok(())
}

pub async fn tuples_nest(db: &TestDb) -> TestResult {
    people(db).await?;
    let nested = (User.name, (User.age, (User.nickname, User.email)), User.name.length());

    let row = db.fetch_one(select(nested).filter(User.name.eq("Alice"))).await?;

    let expected = ("Alice".to_string(), (Some(30), (Some("al".to_string()), "alice@example.com".to_string())), 5);
    assert_eq!(row, expected);
    Ok(())
}

pub async fn models_and_columns_stand_side_by_side(db: &TestDb) -> TestResult {
    people(db).await?;

    let row: (i64, User, String, Post, i64) = db
        .fetch_one(
            select((User.id, User, Post.title, Post, Post.views)).join(User.posts).filter(Post.title.eq("Replies")),
        )
        .await?;

    let (id, bob, title, post, views) = row;
    assert_eq!((bob.name.as_str(), bob.id, post.author_id), ("Bob", id, id));
    assert_eq!((post.title, post.views), (title, views));
    Ok(())
}

pub async fn a_plain_value_can_be_selected(db: &TestDb) -> TestResult {
    let row = db.fetch_one(select((value(41_i64) + 1, value("text".to_string()), value(None::<i64>)))).await?;

    assert_eq!(row, (42, "text".to_string(), None));
    Ok(())
}

pub async fn a_label_can_be_ordered_and_grouped_by(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(
            select((User.name.length().label("letters"), count(User.id).label("people")))
                .group_by(label("letters"))
                .order_by(label("letters").desc()),
        )
        .await?;

    assert_eq!(rows, [(5, 2), (3, 1)]);
    Ok(())
}

pub async fn rows_can_be_read_as_a_struct_of_ones_own(db: &TestDb) -> TestResult {
    #[derive(Debug, PartialEq, FromRow)]
    struct Author {
        name: String,
        posts: i64,
    }
    people(db).await?;

    let authors: Vec<Author> = db
        .fetch_all(select((User.name, count(Post.id))).join(User.posts).group_by(User.id).order_by(User.name).rows_as())
        .await?;

    let author = |name: &str, posts| Author { name: name.into(), posts };
    assert_eq!(authors, [author("Alice", 2), author("Bob", 1)]);
    Ok(())
}

pub async fn distinct_leaves_out_rows_that_are_equal(db: &TestDb) -> TestResult {
    people(db).await?;

    let managers = db.fetch_all(select(User.manager_id).distinct().order_by(User.manager_id)).await?;

    assert_eq!(managers.len(), 2, "{managers:?}");
    assert_eq!(managers[0], None);
    Ok(())
}

// One row, some rows, no row.

pub async fn get_finds_a_row_by_its_key_in_one_statement(db: &TestDb) -> TestResult {
    people(db).await?;
    let bob = db.fetch_one(select(User).filter(User.name.eq("Bob"))).await?;
    db.log.take();

    let found = db.get(User, bob.id).await?;

    assert_eq!(found, Some(bob));
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

pub async fn get_gives_none_for_a_key_that_is_missing(db: &TestDb) -> TestResult {
    people(db).await?;

    assert_eq!(db.get(User, 4711).await?, None);
    Ok(())
}

pub async fn get_takes_the_parts_of_a_composite_key(db: &TestDb) -> TestResult {
    people(db).await?;
    let post = db.fetch_scalar(select(Post.id).filter(Post.title.eq("Hello"))).await?;

    let tagged = db.get(PostTag, (post, "rust")).await?;
    let untagged = db.get(PostTag, (post, "go")).await?;

    assert_eq!((tagged, untagged), (Some(PostTag { post_id: post, tag: "rust".into() }), None));
    Ok(())
}

pub async fn fetch_optional_gives_the_row_or_none(db: &TestDb) -> TestResult {
    people(db).await?;
    let named = |name: &str| select(User.email).filter(User.name.eq(name));

    let (bob, nobody) = (db.fetch_optional(named("Bob")).await?, db.fetch_optional(named("Nobody")).await?);

    assert_eq!((bob.as_deref(), nobody), (Some("bob@example.com"), None));
    Ok(())
}

pub async fn limit_and_offset_cut_the_sorted_rows(db: &TestDb) -> TestResult {
    numbers(db, 9).await?;
    let sorted = || select(Number.value).order_by(Number.value);

    assert_eq!(db.fetch_all(sorted().limit(3)).await?, [1, 2, 3]);
    assert_eq!(db.fetch_all(sorted().limit(2).offset(4)).await?, [5, 6]);
    assert_eq!(db.fetch_all(sorted().offset(7)).await?, [8, 9]);
    assert!(db.fetch_all(sorted().offset(9)).await?.is_empty());
    Ok(())
}

pub async fn a_limit_of_zero_gives_no_row(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;

    assert!(db.fetch_all(select(Number.value).limit(0)).await?.is_empty());
    Ok(())
}

pub async fn a_limit_beyond_all_rows_gives_all_rows(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;

    let rows = db.fetch_all(select(Number.value).order_by(Number.value).limit(u64::MAX).offset(1)).await?;

    assert_eq!(rows, [2, 3]);
    Ok(())
}

pub async fn count_is_the_number_of_rows_whatever_the_order_and_the_limit(db: &TestDb) -> TestResult {
    people(db).await?;
    let reports = select(User).filter(User.manager_id.is_not_null()).order_by(User.name).limit(1);

    assert_eq!(db.fetch_scalar(reports.count()).await?, 2);
    assert_eq!(db.fetch_all(reports).await?.len(), 1);
    Ok(())
}

pub async fn count_of_joined_rows_counts_the_pairs(db: &TestDb) -> TestResult {
    people(db).await?;
    let pairs = select((User.name, Post.title)).join(User.posts);

    assert_eq!(db.fetch_scalar(pairs.count()).await?, 3);
    Ok(())
}

pub async fn count_of_groups_is_their_number(db: &TestDb) -> TestResult {
    people(db).await?;
    let groups = select((User.age, count(User.id))).group_by(User.age);

    assert_eq!(db.fetch_scalar(groups.count()).await?, 3);
    Ok(())
}

// Filters.

pub async fn filters_are_joined_by_and(db: &TestDb) -> TestResult {
    numbers(db, 9).await?;

    let rows = db
        .fetch_all(select(Number.value).filter(Number.value.gt(3)).filter(Number.value.le(6)).order_by(Number.value))
        .await?;

    assert_eq!(rows, [4, 5, 6]);
    Ok(())
}

pub async fn exclude_keeps_what_is_false_and_neither_true_nor_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let names = db.fetch_all(select(User.name).exclude(User.age.gt(28))).await?;

    assert_eq!(names, ["Bob"]);
    Ok(())
}

pub async fn comparisons_mean_what_they_say(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let v = Number.value;
    let some = async |condition: Expr<bool>| db.fetch_all(select(v).filter(condition).order_by(v)).await;

    assert_eq!(some(v.eq(2)).await?, [2]);
    assert_eq!(some(v.ne(2)).await?, [1, 3]);
    assert_eq!(some(v.lt(2)).await?, [1]);
    assert_eq!(some(v.le(2)).await?, [1, 2]);
    assert_eq!(some(v.gt(2)).await?, [3]);
    assert_eq!(some(v.ge(2)).await?, [2, 3]);
    Ok(())
}

pub async fn and_or_and_not_group_as_they_are_written(db: &TestDb) -> TestResult {
    numbers(db, 6).await?;
    let v = Number.value;
    let some = async |condition: Expr<bool>| db.fetch_all(select(v).filter(condition).order_by(v)).await;

    assert_eq!(some(v.eq(1).or(v.gt(3)).and(v.lt(6))).await?, [1, 4, 5]);
    assert_eq!(some(v.eq(1).or(v.gt(3).and(v.lt(6)))).await?, [1, 4, 5]);
    assert_eq!(some(v.eq(6).or(v.gt(3).and(v.lt(6)))).await?, [4, 5, 6]);
    assert_eq!(some(not(v.eq(1).or(v.eq(2)))).await?, [3, 4, 5, 6]);
    assert_eq!(some(!v.lt(5) & !(v.eq(5) | v.eq(1))).await?, [6]);
    assert_eq!(some(not(not(v.eq(1)))).await?, [1]);
    Ok(())
}

pub async fn no_condition_at_all_is_true_of_and_and_false_of_or(db: &TestDb) -> TestResult {
    numbers(db, 2).await?;
    let none: [Expr<bool>; 0] = [];

    let all = db.fetch_all(select(Number.value).filter(and(none.clone())).order_by(Number.value)).await?;
    let nothing = db.fetch_all(select(Number.value).filter(or(none))).await?;

    assert_eq!((all, nothing), (vec![1, 2], vec![]));
    Ok(())
}

pub async fn many_conditions_can_be_joined(db: &TestDb) -> TestResult {
    numbers(db, 10).await?;

    let few = or((3..2_000).map(|number| Number.value.eq(number)));
    let rows = db.fetch_all(select(Number.value).filter(few).order_by(Number.value).limit(2)).await?;

    assert_eq!(rows, [3, 4]);
    Ok(())
}

pub async fn a_truth_value_is_a_condition_by_itself(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    for (truth, text) in [(true, "yes"), (false, "no")] {
        db.execute(insert(Kinds { truth, text: text.into(), ..kinds() })).await?;
    }

    let yes = db.fetch_all(select(Kinds.text).filter(Kinds.truth)).await?;
    let no = db.fetch_all(select(Kinds.text).filter(!Kinds.truth)).await?;
    let both = db.fetch_all(select(Kinds.text).filter(true).order_by(Kinds.text)).await?;
    let neither = db.fetch_all(select(Kinds.text).filter(false)).await?;

    assert_eq!((yes, no), (vec!["yes".to_string()], vec!["no".to_string()]));
    assert_eq!((both.len(), neither.len()), (2, 0));
    Ok(())
}

pub async fn a_comparison_can_be_selected(db: &TestDb) -> TestResult {
    numbers(db, 2).await?;

    let rows = db.fetch_all(select((Number.value, Number.value.gt(1))).order_by(Number.value)).await?;

    assert_eq!(rows, [(1, false), (2, true)]);
    Ok(())
}

pub async fn a_query_is_built_up_by_ordinary_code(db: &TestDb) -> TestResult {
    people(db).await?;
    let search = |name: Option<&str>, oldest_first: bool, at_most: Option<u64>| {
        let mut query = select(User.name);
        if let Some(name) = name {
            query = query.filter(User.name.contains(name));
        }
        query = if oldest_first { query.order_by(User.age.desc()) } else { query.order_by(User.name) };
        match at_most {
            Some(rows) => query.limit(rows),
            None => query,
        }
    };

    assert_eq!(db.fetch_all(search(None, false, None)).await?, ["Alice", "Bob", "Carol"]);
    assert_eq!(db.fetch_all(search(None, true, Some(2))).await?, ["Alice", "Bob"]);
    assert_eq!(db.fetch_all(search(Some("o"), false, None)).await?, ["Bob", "Carol"]);
    Ok(())
}

pub async fn a_clone_of_a_query_goes_its_own_way(db: &TestDb) -> TestResult {
    people(db).await?;
    let base: Select<String> = select(User.name).order_by(User.name);

    let narrow = base.clone().filter(User.age.is_not_null());

    assert_eq!(db.fetch_all(&narrow).await?, ["Alice", "Bob"]);
    assert_eq!(db.fetch_all(&base).await?, ["Alice", "Bob", "Carol"]);
    assert_eq!(db.fetch_all(narrow.limit(1)).await?, ["Alice"]);
    Ok(())
}

pub async fn comparing_with_none_asks_for_null(db: &TestDb) -> TestResult {
    people(db).await?;
    let named = async |nickname: Option<&str>| {
        let named = db.fetch_all(select(User.name).filter(User.nickname.eq(nickname))).await?;
        let others = db.fetch_all(select(User.name).filter(User.nickname.ne(nickname)).order_by(User.name)).await?;
        Ok::<_, Error>((named, others))
    };

    assert_eq!(named(None).await?, (vec!["Bob".to_string()], vec!["Alice".to_string(), "Carol".to_string()]));
    assert_eq!(named(Some("al")).await?, (vec!["Alice".to_string()], vec!["Carol".to_string()]));
    assert_eq!(named(None).await?.0, ["Bob"]);
    Ok(())
}

pub async fn is_distinct_from_takes_null_for_a_value(db: &TestDb) -> TestResult {
    people(db).await?;
    let some =
        async |condition: Expr<bool>| db.fetch_all(select(User.name).filter(condition).order_by(User.name)).await;

    assert_eq!(some(User.nickname.is_distinct_from("al")).await?, ["Bob", "Carol"]);
    assert_eq!(some(User.nickname.is_not_distinct_from("al")).await?, ["Alice"]);
    assert_eq!(some(User.nickname.is_distinct_from(None::<&str>)).await?, ["Alice", "Carol"]);
    assert_eq!(some(User.nickname.is_not_distinct_from(None::<&str>)).await?, ["Bob"]);
    Ok(())
}

pub async fn both_ends_belong_to_between(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;
    let v = Number.value;

    let inside = db.fetch_all(select(v).filter(v.between(2, 4)).order_by(v)).await?;
    let outside = db.fetch_all(select(v).filter(v.not_between(2, 4)).order_by(v)).await?;

    assert_eq!((inside, outside), (vec![2, 3, 4], vec![1, 5]));
    Ok(())
}

pub async fn two_columns_can_be_compared(db: &TestDb) -> TestResult {
    people(db).await?;

    let names = db.fetch_all(select(User.name).filter(User.nickname.eq(User.name.substring(1, 2).lower()))).await?;

    assert_eq!(names, ["Alice"]);
    Ok(())
}

// Lists and subqueries.

pub async fn nothing_is_in_an_empty_list_and_all_is_not_in_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let nobody: Vec<String> = Vec::new();

    let inside = db.fetch_all(select(User.name).filter(User.name.in_(&nobody))).await?;
    let outside = db.fetch_all(select(User.name).filter(User.nickname.not_in(nobody))).await?;

    assert_eq!((inside.len(), outside.len()), (0, 3));
    Ok(())
}

pub async fn lists_hold_arrays_vectors_and_slices(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;
    let v = Number.value;
    let some = async |condition: Expr<bool>| db.fetch_all(select(v).filter(condition).order_by(v)).await;
    let list = vec![1_i64, 2];

    assert_eq!(some(v.in_([4, 5, 5, 77])).await?, [4, 5]);
    assert_eq!(some(v.in_(&list)).await?, [1, 2]);
    assert_eq!(some(v.in_(list.get(1..).unwrap_or_default())).await?, [2]);
    assert_eq!(some(v.not_in(list)).await?, [3, 4, 5]);
    Ok(())
}

pub async fn a_list_may_have_forty_thousand_values(db: &TestDb) -> TestResult {
    people(db).await?;
    let ids: Vec<i64> = (-40_000..0).chain(db.fetch_all(select(User.id)).await?).collect();
    let names: Vec<String> = (0..40_000).map(|number| format!("nobody's \"{number}\"")).chain(["Bob".into()]).collect();

    let by_id = db.fetch_all(select(User.name).filter(User.id.in_(&ids)).order_by(User.name)).await?;
    let by_name = db.fetch_all(select(User.name).filter(User.name.in_(&names))).await?;
    let others = db.fetch_all(select(User.name).filter(User.name.not_in(names)).order_by(User.name)).await?;

    assert_eq!(by_id, ["Alice", "Bob", "Carol"]);
    assert_eq!((by_name, others), (vec!["Bob".to_string()], vec!["Alice".to_string(), "Carol".to_string()]));
    Ok(())
}

pub async fn lists_of_any_length_have_the_same_text(db: &TestDb) -> TestResult {
    people(db).await?;

    for ids in [vec![1], vec![1, 2], (1..1_000).collect()] {
        db.fetch_all(select(User.name).filter(User.id.in_(ids))).await?;
    }

    let sent = db.log.take_sql();
    assert!(sent.len() == 3 && sent.iter().all(|sql| *sql == sent[0]), "{sent:?}");
    Ok(())
}

pub async fn a_list_may_be_a_subquery(db: &TestDb) -> TestResult {
    people(db).await?;
    let authors = select(Post.author_id).filter(Post.views.gt(0));

    let writing = db.fetch_all(select(User.name).filter(User.id.in_(authors.clone())).order_by(User.name)).await?;
    let silent = db.fetch_all(select(User.name).filter(User.id.not_in(authors))).await?;

    assert_eq!((writing, silent), (vec!["Alice".to_string(), "Bob".to_string()], vec!["Carol".to_string()]));
    Ok(())
}

pub async fn not_in_a_subquery_with_a_null_is_true_of_no_row(db: &TestDb) -> TestResult {
    people(db).await?;
    let other = User.alias("other");

    let names = db.fetch_all(select(User.name).filter(User.id.not_in(select(other.manager_id)))).await?;

    assert_eq!(names, [""; 0]);
    Ok(())
}

pub async fn a_subquery_can_be_compared_with(db: &TestDb) -> TestResult {
    people(db).await?;
    let other = User.alias("other");

    let oldest = db.fetch_all(select(User.name).filter(User.age.eq(select(max(other.age))))).await?;

    assert_eq!(oldest, ["Alice"]);
    Ok(())
}

pub async fn a_correlated_subquery_can_be_selected(db: &TestDb) -> TestResult {
    people(db).await?;
    let newest = select(max(Post.title)).filter(Post.author_id.eq(User.id));

    let rows = db.fetch_all(select((User.name, newest)).order_by(User.name)).await?;

    let some = |title: &str| Some(title.to_string());
    assert_eq!(
        rows,
        [("Alice".to_string(), some("Joins")), ("Bob".to_string(), some("Replies")), ("Carol".to_string(), None)]
    );
    Ok(())
}

pub async fn exists_looks_at_the_row_around_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let popular = select(Post.id).filter(Post.author_id.eq(User.id)).filter(Post.views.ge(10));

    let with = db.fetch_all(select(User.name).filter(exists(popular.clone()))).await?;
    let without = db.fetch_all(select(User.name).filter(not_exists(popular)).order_by(User.name)).await?;

    assert_eq!((with, without), (vec!["Alice".to_string()], vec!["Bob".to_string(), "Carol".to_string()]));
    Ok(())
}

pub async fn a_subquery_that_gives_no_row_is_null(db: &TestDb) -> TestResult {
    people(db).await?;
    let nothing = || select(Post.title).filter(Post.id.lt(0));

    let row = db.fetch_one(select((User.name, nothing())).filter(User.name.eq("Bob"))).await?;
    let equal = db.fetch_all(select(User.name).filter(User.name.eq(nothing()))).await?;

    assert_eq!((row, equal.len()), (("Bob".to_string(), None), 0));
    Ok(())
}

// Order.

pub async fn null_is_smaller_than_every_value(db: &TestDb) -> TestResult {
    people(db).await?;

    let up = db.fetch_all(select(User.age).order_by(User.age)).await?;
    let down = db.fetch_all(select(User.age).order_by(User.age.desc())).await?;

    assert_eq!(up, [None, Some(25), Some(30)]);
    assert_eq!(down, [Some(30), Some(25), None]);
    Ok(())
}

pub async fn nulls_go_first_or_last_when_asked(db: &TestDb) -> TestResult {
    people(db).await?;
    let sorted = async |order: OrderBy| db.fetch_all(select(User.age).order_by(order)).await;

    assert_eq!(sorted(User.age.asc().nulls_last()).await?, [Some(25), Some(30), None]);
    assert_eq!(sorted(User.age.desc().nulls_first()).await?, [None, Some(30), Some(25)]);
    assert_eq!(sorted(User.age.asc().nulls_first()).await?, [None, Some(25), Some(30)]);
    assert_eq!(sorted(User.age.desc().nulls_last()).await?, [Some(30), Some(25), None]);
    Ok(())
}

pub async fn an_outer_join_sorts_its_missing_rows_as_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let titles =
        db.fetch_all(select(Post.title.optional()).from(User).left_join(User.posts).order_by(Post.title)).await?;

    assert_eq!(titles.first(), Some(&None), "{titles:?}");
    Ok(())
}

pub async fn later_keys_sort_what_the_first_ones_leave_equal(db: &TestDb) -> TestResult {
    people(db).await?;
    let by_length = select(User.name).order_by((User.name.length().desc(), User.name.desc()));

    assert_eq!(db.fetch_all(by_length.clone()).await?, ["Carol", "Alice", "Bob"]);
    assert_eq!(db.fetch_all(by_length.reorder(User.name)).await?, ["Alice", "Bob", "Carol"]);
    let one_by_one = select(User.name).order_by(User.name.length()).order_by(User.name.desc());
    assert_eq!(db.fetch_all(one_by_one).await?, ["Bob", "Carol", "Alice"]);
    Ok(())
}

pub async fn an_order_can_be_put_together_when_the_program_runs(db: &TestDb) -> TestResult {
    people(db).await?;
    let keys = vec![User.age.desc().nulls_first(), User.name.asc()];

    let names = db.fetch_all(select(User.name).order_by(keys)).await?;

    assert_eq!(names, ["Carol", "Alice", "Bob"]);
    Ok(())
}

// Groups.

pub async fn rows_are_grouped_and_groups_filtered(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(
            select((User.name, count(Post.id), sum(Post.views)))
                .join(User.posts)
                .group_by(User.id)
                .having(count(Post.id).gt(1)),
        )
        .await?;

    assert_eq!(rows, [("Alice".to_string(), 2, Some(15))]);
    Ok(())
}

pub async fn groups_can_be_sorted_by_an_aggregate(db: &TestDb) -> TestResult {
    people(db).await?;

    let names = db
        .fetch_all(
            select(User.name).left_join(User.posts).group_by((User.id, User.name)).order_by(count(Post.id).desc()),
        )
        .await?;

    assert_eq!(names, ["Alice", "Bob", "Carol"]);
    Ok(())
}

pub async fn aggregates_of_no_row_are_none_and_their_count_is_zero(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let row = db
        .fetch_one(select((
            count_all(),
            count(User.id),
            sum(User.age),
            avg(User.age),
            min(User.name),
            max(User.age),
            string_agg(User.name, ","),
        )))
        .await?;

    assert_eq!(row, (0, 0, None, None, None, None, None));
    Ok(())
}

pub async fn aggregates_leave_out_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let row = db.fetch_one(select((count_all(), count(User.age), sum(User.age), avg(User.age), min(User.age)))).await?;

    assert_eq!(row, (3, 2, Some(55), Some(27.5), Some(25)));
    Ok(())
}

pub async fn a_sum_of_integers_is_as_wide_as_it_must_be(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let row = || Kinds { tiny: 127, medium: i32::MAX, wide: u32::MAX, ..kinds() };
    db.execute(insert([row(), row(), row()])).await?;

    let sums = db.fetch_one(select((sum(Kinds.tiny), sum(Kinds.medium), sum(Kinds.wide)))).await?;

    assert_eq!(sums, (Some(381), Some(3 * i64::from(i32::MAX)), Some(3 * i64::from(u32::MAX))));
    Ok(())
}

pub async fn a_sum_of_floats_is_a_float(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.execute(insert([Kinds { double: 1.0, single: 0.5, ..kinds() }, Kinds { double: 2.0, single: 0.5, ..kinds() }]))
        .await?;

    let sums = db.fetch_one(select((sum(Kinds.double), sum(Kinds.single), avg(Kinds.double)))).await?;

    assert_eq!(sums, (Some(3.0), Some(1.0), Some(1.5)));
    Ok(())
}

pub async fn an_aggregate_may_look_at_distinct_values_only(db: &TestDb) -> TestResult {
    people(db).await?;

    let row = db.fetch_one(select((count(Post.author_id), count(Post.author_id).distinct()))).await?;

    assert_eq!(row, (3, 2));
    Ok(())
}

pub async fn an_aggregate_may_have_a_filter_of_its_own(db: &TestDb) -> TestResult {
    people(db).await?;
    let popular = || Post.views.ge(5);

    let row = db
        .fetch_one(
            select((count_all(), count_all().filter(popular()), sum(Post.views).filter(not(popular())))).from(Post),
        )
        .await?;

    assert_eq!(row, (3, 2, Some(1)));
    Ok(())
}

pub async fn texts_of_a_group_are_joined_in_the_order_asked_for(db: &TestDb) -> TestResult {
    people(db).await?;

    let row = db
        .fetch_one(select((
            string_agg(User.name, ", ").order_by(User.name.desc()),
            string_agg(User.nickname, "'").order_by(User.nickname),
        )))
        .await?;

    assert_eq!(row, (Some("Carol, Bob, Alice".to_string()), Some("al'caz".to_string())));
    Ok(())
}

pub async fn a_group_may_be_an_expression(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;

    let rows = db
        .fetch_all(select((Number.value % 2, sum(Number.value))).group_by(Number.value % 2).order_by(sum(Number.value)))
        .await?;

    assert_eq!(rows, [(0, Some(6)), (1, Some(9))]);
    Ok(())
}

// Expressions.

pub async fn case_takes_the_first_condition_that_is_true(db: &TestDb) -> TestResult {
    people(db).await?;
    let group = || case::<String>().when(User.age.lt(28), "young").when(User.age.lt(40), "old");

    let rows =
        db.fetch_all(select((User.name, group().otherwise("ageless"), group().end())).order_by(User.name)).await?;

    let row = |name: &str, group: &str, end: Option<&str>| (name.into(), group.into(), end.map(String::from));
    let expected: [(String, String, Option<String>); 3] =
        [row("Alice", "old", Some("old")), row("Bob", "young", Some("young")), row("Carol", "ageless", None)];
    assert_eq!(rows, expected);
    Ok(())
}

pub async fn case_without_a_condition_is_its_otherwise(db: &TestDb) -> TestResult {
    let row = db.fetch_one(select((case::<i64>().otherwise(7), case::<i64>().end()))).await?;

    assert_eq!(row, (7, None));
    Ok(())
}

pub async fn coalesce_gives_the_first_that_is_not_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(String, String)> = db
        .fetch_all(
            select((User.nickname.coalesce("-"), coalesce([User.nickname, User.nickname], User.name)))
                .order_by(User.name),
        )
        .await?;

    let expected = [("al", "al"), ("-", "Bob"), ("caz", "caz")].map(|(a, b)| (a.to_string(), b.to_string()));
    assert_eq!(rows, expected);
    Ok(())
}

pub async fn null_if_gives_null_for_one_value(db: &TestDb) -> TestResult {
    numbers(db, 2).await?;

    let rows = db.fetch_all(select(Number.value.null_if(1)).order_by(Number.value)).await?;

    assert_eq!(rows, [None, Some(2)]);
    Ok(())
}

pub async fn greatest_and_least_leave_out_null(db: &TestDb) -> TestResult {
    let none = || value(None::<i64>);
    let some = |number: i64| value(Some(number));

    let row = db
        .fetch_one(select((
            greatest([some(2), none(), some(10)]),
            least([some(2), none(), some(10)]),
            greatest([none(), none()]),
        )))
        .await?;

    assert_eq!(row, (Some(10), Some(2), None));
    Ok(())
}

pub async fn cast_changes_the_type(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;

    let row = db
        .fetch_one(select((
            (Number.value + 41).cast::<String>(),
            value("17".to_string()).cast::<i64>(),
            Number.value.cast::<f64>(),
            value(None::<i64>).cast::<Option<String>>(),
        )))
        .await?;

    assert_eq!(row, ("42".to_string(), 17, 1.0, None));
    Ok(())
}

pub async fn integers_divide_as_in_rust(db: &TestDb) -> TestResult {
    let v = |number: i64| value(number);

    let quotients = db.fetch_one(select((v(7) / 2, v(-7) / 2, v(7) / -2, v(-7) / -2))).await?;
    let remainders = db.fetch_one(select((v(7) % 2, v(-7) % 2, v(7) % -2, v(-7) % -2))).await?;

    assert_eq!(quotients, (7 / 2, -7 / 2, 7 / -2, -7 / -2));
    assert_eq!(remainders, (7 % 2, -7 % 2, 7 % -2, -7 % -2));
    Ok(())
}

pub async fn floats_divide_as_in_rust(db: &TestDb) -> TestResult {
    let v = |number: f64| value(number);

    let row = db.fetch_one(select((v(7.0) / 2.0, v(-7.5) % 2.0, v(1.0) - 0.25 * 2.0, -v(0.5)))).await?;

    assert_eq!(row, (3.5, -1.5, 0.5, -0.5));
    Ok(())
}

pub async fn dividing_by_zero_is_null(db: &TestDb) -> TestResult {
    let zeros = (value(1_i64) / 0, value(1_i64) % 0, value(1.0_f64) / 0.0, value(1.0_f64) % 0.0);

    let row =
        db.fetch_one(select((zeros.0.optional(), zeros.1.optional(), zeros.2.optional(), zeros.3.optional()))).await?;

    assert_eq!(row, (None, None, None, None));
    Ok(())
}

pub async fn operators_bind_as_in_rust(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;
    let v = Number.value;

    let row = db
        .fetch_one(select((v + 2 * 3, (v + 2) * 3, v - (v - 5), v * 3 - v - 5, -(v + 1), -(-v), (v + 9) / (v + 1) / 5)))
        .await?;

    assert_eq!(row, (7, 9, 5, -3, -2, 1, 1));
    Ok(())
}

pub async fn arithmetic_with_null_is_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Option<i32>, Option<i32>)> =
        db.fetch_all(select((User.age + 1, User.age * User.age)).order_by(User.name)).await?;

    assert_eq!(rows, [(Some(31), Some(900)), (Some(26), Some(625)), (None, None)]);
    Ok(())
}

pub async fn an_integer_that_overflows_is_an_error_and_never_wraps(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.execute(insert(Kinds { medium: i32::MAX, large: i64::MAX, ..kinds() })).await?;

    let medium = db.fetch_all(select(Kinds.medium + 1)).await;
    let large = db.fetch_all(select(Kinds.large + 1)).await;

    assert!(medium.is_err() && large.is_err(), "{medium:?} {large:?}");
    Ok(())
}

pub async fn numbers_are_rounded_with_halves_away_from_zero(db: &TestDb) -> TestResult {
    let v = |number: f64| value(number);

    let row = db.fetch_one(select((v(2.5).round(0), v(-2.5).round(0), v(0.5).round(0), v(1.24).round(1)))).await?;
    let abs = db.fetch_one(select((value(-5_i64).abs(), v(-0.5).abs(), value(None::<i64>).abs()))).await?;

    assert_eq!(row, (3.0, -3.0, 1.0, 1.2));
    assert_eq!(abs, (5, 0.5, None));
    Ok(())
}

// Text.

async fn texts(db: &TestDb, texts: &[&str]) -> orm::Result<()> {
    db.create_all(schema![Tag]).await?;
    db.execute(insert(texts.iter().map(|name| Tag { name: (*name).into() }).collect::<Vec<_>>())).await?;
    db.log.take();
    Ok(())
}

async fn matching(db: &TestDb, condition: Expr<bool>) -> orm::Result<Vec<String>> {
    db.fetch_all(select(Tag.name).filter(condition).order_by(Tag.name)).await
}

pub async fn like_tells_upper_from_lower_case(db: &TestDb) -> TestResult {
    texts(db, &["rust", "Rust", "rusty"]).await?;

    assert_eq!(matching(db, Tag.name.like("rust%")).await?, ["rust", "rusty"]);
    assert_eq!(matching(db, Tag.name.like("_ust")).await?.len(), 2);
    assert_eq!(matching(db, Tag.name.not_like("rust%")).await?, ["Rust"]);
    assert_eq!(matching(db, Tag.name.starts_with("R")).await?, ["Rust"]);
    Ok(())
}

pub async fn a_backslash_in_a_like_pattern_is_itself(db: &TestDb) -> TestResult {
    texts(db, &["a\\b", "ab"]).await?;

    assert_eq!(matching(db, Tag.name.like("a\\b")).await?, ["a\\b"]);
    assert_eq!(matching(db, Tag.name.like("a\\%")).await?, ["a\\b"]);
    Ok(())
}

pub async fn text_to_look_for_has_no_wildcards_in_it(db: &TestDb) -> TestResult {
    texts(db, &["100%", "1000", "a_b", "axb", "a\\b"]).await?;

    assert_eq!(matching(db, Tag.name.contains("0%")).await?, ["100%"]);
    assert_eq!(matching(db, Tag.name.ends_with("%")).await?, ["100%"]);
    assert_eq!(matching(db, Tag.name.starts_with("a_")).await?, ["a_b"]);
    assert_eq!(matching(db, Tag.name.contains("\\")).await?, ["a\\b"]);
    assert_eq!(matching(db, Tag.name.contains("")).await?.len(), 5);
    Ok(())
}

pub async fn the_forms_with_an_i_take_upper_for_lower_case(db: &TestDb) -> TestResult {
    texts(db, &["RUST", "rusty", "100%", "1000"]).await?;

    assert_eq!(matching(db, Tag.name.ilike("Rus_")).await?, ["RUST"]);
    assert_eq!(matching(db, Tag.name.icontains("UsT")).await?.len(), 2);
    assert_eq!(matching(db, Tag.name.istarts_with("ruST")).await?.len(), 2);
    assert_eq!(matching(db, Tag.name.iends_with("StY")).await?, ["rusty"]);
    assert_eq!(matching(db, Tag.name.ieq("rust")).await?, ["RUST"]);
    assert_eq!(matching(db, Tag.name.icontains("0%")).await?, ["100%"]);
    Ok(())
}

pub async fn equality_of_texts_tells_upper_from_lower_case(db: &TestDb) -> TestResult {
    texts(db, &["rust", "Rust", "rust "]).await?;

    assert_eq!(matching(db, Tag.name.eq("rust")).await?, ["rust"]);
    assert_eq!(matching(db, Tag.name.in_(["RUST", "rust "])).await?, ["rust "]);
    Ok(())
}

pub async fn text_functions_do_as_they_are_called(db: &TestDb) -> TestResult {
    let text = |text: &str| value(text.to_string());

    let cases = db.fetch_one(select((text("Rust").lower(), text("Rust").upper()))).await?;
    let trims = db.fetch_one(select((text("  a b ").trim(), text(" a ").trim_start(), text(" a ").trim_end()))).await?;
    let parts = db.fetch_one(select((text("database").substring(5, 3), text("a-b-c").replace("-", "+")))).await?;

    assert_eq!(cases, ("rust".into(), "RUST".to_string()));
    assert_eq!(trims, ("a b".into(), "a ".into(), " a".to_string()));
    assert_eq!(parts, ("bas".into(), "a+b+c".to_string()));
    Ok(())
}

pub async fn length_and_substring_count_characters(db: &TestDb) -> TestResult {
    let text = || value("Grüße 🦀!".to_string());

    let row = db.fetch_one(select((text().length(), text().substring(7, 1), text().substring(3, 2)))).await?;

    assert_eq!(row, (8, "🦀".into(), "üß".to_string()));
    Ok(())
}

pub async fn texts_are_put_one_after_the_other(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(String, Option<String>)> = db
        .fetch_all(
            select((User.name.concat(": ").concat(User.email), User.name.concat(" ").concat(User.nickname)))
                .filter(User.name.ne("Carol"))
                .order_by(User.name),
        )
        .await?;

    let expected = [
        ("Alice: alice@example.com".to_string(), Some("Alice al".to_string())),
        ("Bob: bob@example.com".to_string(), None),
    ];
    assert_eq!(rows, expected);
    Ok(())
}

pub async fn text_functions_of_null_are_null(db: &TestDb) -> TestResult {
    people(db).await?;

    let row: (Option<String>, Option<i64>) =
        db.fetch_one(select((User.nickname.upper(), User.nickname.length())).filter(User.name.eq("Bob"))).await?;

    assert_eq!(row, (None, None));
    Ok(())
}

// SQL written by hand.

pub async fn a_fragment_of_sql_is_a_condition(db: &TestDb) -> TestResult {
    people(db).await?;

    let names = db
        .fetch_all(
            select(User.name)
                .filter(sql!("{} IN ({}, {}) OR FALSE", User.name, "Bob", "Carol"))
                .filter(User.age.is_not_null()),
        )
        .await?;

    assert_eq!(names, ["Bob"]);
    Ok(())
}

pub async fn a_fragment_of_sql_is_an_expression(db: &TestDb) -> TestResult {
    people(db).await?;
    let doubled = || sql!("{} + {}", Post.views, Post.views).typed::<i64>();

    let rows = db.fetch_all(select((Post.title, doubled() * 10)).order_by(doubled().desc()).limit(1)).await?;

    assert_eq!(rows, [("Hello".to_string(), 200)]);
    Ok(())
}

pub async fn a_statement_of_sql_gives_typed_rows(db: &TestDb) -> TestResult {
    people(db).await?;
    let query = sql!("SELECT name, age FROM users WHERE age > {} ORDER BY name", 20);

    let rows = db.fetch_all(query.rows::<(String, Option<i32>)>()).await?;

    assert_eq!(rows, [("Alice".to_string(), Some(30)), ("Bob".to_string(), Some(25))]);
    Ok(())
}

pub async fn a_statement_of_sql_is_run(db: &TestDb) -> TestResult {
    people(db).await?;

    let changed = db.execute(sql!("UPDATE users SET nickname = {} WHERE age > {}", "x", 20)).await?;

    assert_eq!(changed, 2);
    assert_eq!(db.fetch_scalar(select(count(User.id)).filter(User.nickname.eq("x"))).await?, 2);
    Ok(())
}

pub async fn a_subquery_may_stand_in_sql(db: &TestDb) -> TestResult {
    people(db).await?;
    let authors = select(Post.author_id).filter(Post.views.gt(5));

    let names = db.fetch_all(select(User.name).filter(sql!("{} = {}", User.id, authors))).await?;

    assert_eq!(names, ["Alice"]);
    Ok(())
}

pub async fn a_value_is_never_part_of_the_text(db: &TestDb) -> TestResult {
    people(db).await?;
    let evil = "x' OR '1' = '1'; DROP TABLE users; --";
    let conditions: [Expr<bool>; 5] = [
        User.name.eq(evil),
        User.name.in_([evil]),
        User.name.contains(evil),
        User.name.coalesce(evil).eq(evil),
        sql!("{} = {}", User.name, evil).typed(),
    ];

    for condition in conditions {
        assert_eq!(db.fetch_all(select(User.name).filter(condition)).await?, [""; 0]);
    }

    let sent = db.log.take_sql();
    assert!(sent.len() == 5 && sent.iter().all(|sql| !sql.contains("DROP")), "{sent:?}");
    Ok(())
}

pub async fn sql_whose_values_do_not_fit_its_places_is_refused(db: &TestDb) -> TestResult {
    let too_few: Sql = sql!("SELECT {} + {}", 1);
    let too_many: Sql = sql!("SELECT {}", 1, 2);

    let errors = [refused(db.execute(too_few).await)?, refused(db.execute(too_many).await)?];

    assert!(errors.iter().all(|error| error.kind() == "Statement"), "{errors:?}");
    assert!(nothing_was_sent(db));
    Ok(())
}

// Texts.

pub async fn statements_of_one_shape_have_one_text(db: &TestDb) -> TestResult {
    people(db).await?;

    for name in ["Alice", "Bob", "Nobody"] {
        let found = db.fetch_all(select(User.name).filter(User.name.eq(name))).await?;
        assert_eq!(found.len(), usize::from(name != "Nobody"));
    }

    let sent = db.log.take_sql();
    assert!(sent.len() == 3 && sent.iter().all(|sql| *sql == sent[0]), "{sent:?}");
    Ok(())
}

pub async fn statements_that_differ_never_share_a_text(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;
    let v = Number.value;
    let sorted = || select(v).order_by(v);

    for _twice in 0..2 {
        assert_eq!(db.fetch_all(sorted().limit(1)).await?, [1]);
        assert_eq!(db.fetch_all(sorted().limit(2)).await?, [1, 2]);
        assert_eq!(db.fetch_all(sorted().limit(2).offset(1)).await?, [2, 3]);
        assert_eq!(db.fetch_all(sorted().filter(v.lt(2))).await?, [1]);
        assert_eq!(db.fetch_all(sorted().filter(v.le(2))).await?, [1, 2]);
        assert_eq!(db.fetch_all(sorted().filter(v.lt(3).and(v.gt(1).or(v.eq(1))))).await?, [1, 2]);
        assert_eq!(db.fetch_all(sorted().filter(v.lt(3).and(v.gt(1)).or(v.eq(5)))).await?, [2, 5]);
        assert_eq!(db.fetch_all(select(v + 1).filter(v.eq(1))).await?, [2]);
        assert_eq!(db.fetch_all(select(v - 1).filter(v.eq(1))).await?, [0]);
        assert_eq!(db.fetch_all(select(v).order_by(v.desc()).limit(1)).await?, [5]);
        assert_eq!(db.fetch_all(sorted().filter(v.in_([2]))).await?, [2]);
        assert_eq!(db.fetch_all(sorted().filter(v.not_in([2, 3]))).await?, [1, 4, 5]);
        assert!(db.fetch_all(sorted().filter(v.in_([0; 0]))).await?.is_empty());
    }
    Ok(())
}

pub async fn a_statement_shows_its_text_without_being_run(db: &TestDb) -> TestResult {
    people(db).await?;

    let text = db.sql(select(User.name).filter(User.name.eq("secret")))?;

    assert!(text.starts_with("SELECT") && text.contains("\"users\"") && !text.contains("secret"), "{text}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_plan_is_shown_and_not_carried_out(db: &TestDb) -> TestResult {
    people(db).await?;

    let plan = db.explain(delete(Post).all_rows()).await?;

    assert!(!plan.is_empty());
    assert_eq!(db.fetch_scalar(select(count(Post.id))).await?, 3);
    Ok(())
}

pub async fn an_aggregate_where_there_are_no_groups_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.fetch_all(select(User.name).filter(count(User.id).gt(1))).await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains(".having(")), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn more_binds_than_allowed_are_refused(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(users(3))).await?;
    db.log.take();

    let many = or((0..70_000).map(|number| User.id.eq(number)));
    let error = refused(db.fetch_all(select(User.id).filter(many)).await)?;

    assert!(matches!(error, Error::TooManyBinds { count: 70_000, limit, .. } if limit < 70_000), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_cache_of_one_statement_or_of_none_is_enough(db: &TestDb) -> TestResult {
    for size in [0, 1, 2] {
        let db = db.another(|builder| builder.statement_cache_size(size)).await;
        people(&db).await?;
        for _ in 0..3 {
            assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 3, "{size}");
            assert_eq!(db.get(User, 2).await?.map(|bob| bob.name).as_deref(), Some("Bob"), "{size}");
            db.execute(update(User).set(User.age, User.age + 1).filter(User.id.eq(1))).await?;
        }
        assert_eq!(db.fetch_scalar(select(User.age).filter(User.id.eq(1))).await?, Some(33), "{size}");
    }
    Ok(())
}
