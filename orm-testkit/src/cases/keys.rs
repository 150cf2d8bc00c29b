//! Keys of several columns and to other columns than the primary key, in a session and in statements.

use orm::prelude::*;

use crate::{TestDb, TestResult};

/// Its key has two columns.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "orders", primary_key(region, number), has_many(lines: Line(order_region, order_number)))]
struct Order {
    region: String,
    number: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(belongs_to(order: Order by (order_region, order_number), on_delete = cascade, on_update = cascade))]
struct Line {
    #[model(primary_key)]
    id: i64,
    order_region: String,
    order_number: i64,
}

/// Known by a word that the database gives.
#[derive(Debug, Clone, PartialEq, Model)]
struct Label {
    #[model(primary_key)]
    id: i64,
    #[model(unique, default_sql = "'new'", max_length = 20)]
    word: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Sheet {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(label: Label.word), on_update = cascade)]
    label_word: String,
}

/// A tree by a code that is not the primary key.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(children: Self.parent_code))]
struct Node {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    code: String,
    #[model(belongs_to(parent: Node.code))]
    parent_code: Option<String>,
}

pub async fn a_key_of_several_columns_is_filled_in_by_a_handle(db: &TestDb) -> TestResult {
    db.create_all(schema![Order, Line]).await?;
    let mut session = Session::new(db);
    let line = session.add(Line::builder().order_region("eu").order_number(9));
    let order = session.add(Order::builder().region("eu").number(7));
    session.set(line, Line.order, order)?;
    let second = session.add(Line::builder().order(order));
    assert_eq!(session.parent(line, Line.order)?, Some(order));

    session.commit().await?;

    assert_eq!((session[second].order_region.as_str(), session[second].order_number), ("eu", 7));
    let joined = select((Order.number, count(Line.id))).join(Order.lines).group_by(Order.number);
    assert_eq!(db.fetch_all(joined).await?, [(7, 2)]);
    Ok(())
}

pub async fn children_follow_and_fall_with_a_key_of_several_columns(db: &TestDb) -> TestResult {
    db.create_all(schema![Order, Line]).await?;
    let mut session = Session::new(db);
    let order = session.add(Order::builder().region("eu").number(7));
    let line = session.add(Line::builder().order(order));
    session.commit().await?;
    session[order].number = 8;
    session.flush().await?;
    assert_eq!(session[line].order_number, 8);

    session.delete(order)?;
    session.commit().await?;

    assert!(!session.contains(line));
    assert_eq!(db.fetch_scalar(select(count(Line.id))).await?, 0);
    Ok(())
}

pub async fn w008_a_key_to_a_column_that_the_database_gives_arrives_at_the_flush(db: &TestDb) -> TestResult {
    db.create_all(schema![Label, Sheet]).await?;
    let mut session = Session::new(db);
    let label = session.add(Label::builder());
    let sheet = session.add(Sheet::builder().label(label));

    session.commit().await?;

    assert_eq!(session[sheet].label_word, "new");
    assert_eq!(session.parent(sheet, Sheet.label)?, Some(label));
    session[label].word = "old".into();
    session.commit().await?;
    assert_eq!(session[sheet].label_word, "old");
    Ok(())
}

pub async fn w009_rows_of_a_tree_by_a_unique_column_are_ordered(db: &TestDb) -> TestResult {
    db.create_all(schema![Node]).await?;
    let mut session = Session::new(db);
    let root = session.add(Node::builder().code("a"));
    let child = session.add(Node::builder().code("b").parent(root));
    let early = session.add(Node::builder().code("d").parent_code("c"));
    session.add(Node::builder().code("c").parent(child));

    session.commit().await?;

    assert_eq!(session[child].parent_code.as_deref(), Some("a"));
    let parent = session.parent(early, Node.parent)?.ok_or("no parent")?;
    assert_eq!(session[parent].code, "c");
    let children = select(Node.code).filter(Node.children.to(Node.alias("child")).exists()).order_by(Node.code);
    assert_eq!(db.fetch_all(children).await?, ["a", "b", "c"]);
    Ok(())
}
