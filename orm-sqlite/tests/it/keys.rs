//! Keys that SQLite makes belong to the rows they are given for, whatever the table is like and whatever happens to it.

use orm_core::ast::{ColumnRef, ColumnSet, Expr, InsertChunk, Projection, RowSource, Statement, TableRef};
use orm_core::driver::{Connection, Driver, Flow, Row, RowSink};
use orm_core::engine::TransactionOptions;
use orm_core::error::{Error, Result};
use orm_core::meta::{ColumnMeta, TableMeta};
use orm_core::types::{BindSink, ColumnType};
use orm_core::value::{Value, ValueRef};

use crate::database::{TestFile, connect, execute, fetch, open};

static COLUMNS: [ColumnMeta; 2] = [
    ColumnMeta::new("id", "id", ColumnType::Int64, false),
    ColumnMeta::new("name", "name", ColumnType::Text { max_length: None }, true),
];

static TABLE: TableMeta =
    TableMeta { name: "t", model: "T", columns: &COLUMNS, primary_key: &[0], generated: Some(0), ..TableMeta::EMPTY };

const PLAIN: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)";

/// Writes two more rows after each of ours.
const TRIGGER: &str = "CREATE TRIGGER twice AFTER INSERT ON t WHEN new.name NOT LIKE 'by %'
    BEGIN INSERT INTO t (name) VALUES ('by trigger'), ('by trigger'); END";

#[derive(Debug)]
struct Names(Vec<String>);

impl RowSource for Names {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn columns(&self, _row: usize) -> ColumnSet {
        [1].into_iter().collect()
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let name = self.0.get(row).map_or("?", String::as_str);
        columns.iter().try_for_each(|_| sink.bind(ValueRef::Text(name)))
    }
}

#[derive(Default)]
struct Keys(Vec<i64>);

impl RowSink for Keys {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        assert_eq!((row.width(), row.name(0)), (1, Some("id")));
        match row.get(0) {
            Ok(ValueRef::Int(key)) => self.0.push(key),
            other => panic!("{other:?} is no key"),
        }
        Ok(Flow::Continue)
    }
}

fn names(prefix: &str, count: usize) -> Names {
    Names((0..count).map(|number| format!("{prefix} {number}")).collect())
}

async fn insert(connection: &mut dyn Connection, names: &Names) -> Result<Vec<i64>> {
    let key = ColumnRef { table: TableRef { meta: &TABLE, alias: None }, index: 0 };
    let (returning, mut keys) = ([Projection::Expr(Expr::Column(key))], Keys::default());
    let (columns, end) = (names.columns(0), names.len());
    let chunk =
        InsertChunk { table: &TABLE, rows: names, columns, conflict: None, returning: &returning, start: 0, end };
    let done = connection.run(Statement::Insert(chunk), &mut keys).await?;
    assert_eq!(done.rows_affected, keys.0.len() as u64);
    Ok(keys.0)
}

/// Inserts rows, and asks the table for the name under each key.
async fn insert_and_check(connection: &mut dyn Connection, prefix: &str, count: usize) -> Vec<i64> {
    let names = names(prefix, count);
    let keys = insert(connection, &names).await.expect("an insert");
    assert_eq!(keys.len(), count, "{prefix}");
    let rows = fetch(connection, "SELECT id, name FROM t").await.expect("rows");
    for (key, name) in keys.iter().zip(&names.0) {
        assert!(rows.contains(&vec![Value::Int(*key), Value::Text(name.clone())]), "{name} is not under {key}");
    }
    keys
}

async fn begin(connection: &mut dyn Connection) {
    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
}

/// A connection to a database in memory with this table, in a transaction.
async fn begun(definition: &'static str) -> (Box<dyn Driver>, Box<dyn Connection>) {
    let driver = open("sqlite::memory:").await.expect("a database in memory");
    let mut connection = connect(&*driver).await;
    execute(&mut *connection, definition).await.expect("a table");
    begin(&mut *connection).await;
    (driver, connection)
}

#[tokio::test]
async fn keys_of_a_plain_table_go_on_from_the_largest() {
    let (_driver, mut connection) = begun(PLAIN).await;
    assert_eq!(insert_and_check(&mut *connection, "first", 40).await, (1..=40).collect::<Vec<_>>());
    assert_eq!(insert_and_check(&mut *connection, "one", 1).await, [41]);
    execute(&mut *connection, "DELETE FROM t WHERE id BETWEEN 10 AND 20 OR id = 41").await.expect("a delete");
    assert_eq!(insert_and_check(&mut *connection, "second", 40).await, (41..=80).collect::<Vec<_>>());
    execute(&mut *connection, "INSERT INTO t (id) VALUES (1000)").await.expect("a key of its own");
    assert_eq!(insert_and_check(&mut *connection, "third", 2).await, [1001, 1002]);
    connection.commit().await.expect("a commit");
    assert_eq!(insert_and_check(&mut *connection, "alone", 20).await, (1003..=1022).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_below_zero_are_counted_too() {
    let (_driver, mut connection) = begun(PLAIN).await;
    execute(&mut *connection, "INSERT INTO t (id) VALUES (-30)").await.expect("a key of its own");
    assert_eq!(insert_and_check(&mut *connection, "row", 40).await, (-29..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_that_are_never_used_again_go_on_from_the_largest_ever() {
    let (_driver, mut connection) = begun("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)").await;
    insert_and_check(&mut *connection, "first", 30).await;
    execute(&mut *connection, "DELETE FROM t").await.expect("a delete");
    assert_eq!(insert_and_check(&mut *connection, "second", 30).await, (31..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_of_a_trigger_take_keys_between() {
    let (_driver, mut connection) = begun(PLAIN).await;
    execute(&mut *connection, TRIGGER).await.expect("a trigger");
    let keys = insert_and_check(&mut *connection, "row", 30).await;
    assert_eq!(keys, (0..30).map(|row| 1 + row * 3).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_trigger_that_comes_between_two_inserts_is_noticed() {
    for trigger in [
        TRIGGER,
        "CREATE TEMP TRIGGER twice AFTER INSERT ON main.t WHEN new.name NOT LIKE 'by %'
            BEGIN INSERT INTO t (name) VALUES ('by trigger'), ('by trigger'); END",
    ] {
        let (_driver, mut connection) = begun(PLAIN).await;
        insert_and_check(&mut *connection, "before", 30).await;
        execute(&mut *connection, trigger).await.expect("a trigger");
        insert_and_check(&mut *connection, "after", 30).await;
        execute(&mut *connection, "DROP TRIGGER twice").await.expect("no trigger");
        insert_and_check(&mut *connection, "again", 30).await;
    }
}

#[tokio::test]
async fn a_trigger_that_a_savepoint_brings_back_is_noticed() {
    let (_driver, mut connection) = begun(PLAIN).await;
    execute(&mut *connection, TRIGGER).await.expect("a trigger");
    for by_hand in [false, true] {
        connection.savepoint(1).await.expect("a savepoint");
        execute(&mut *connection, "DROP TRIGGER twice").await.expect("no trigger");
        insert_and_check(&mut *connection, "without", 30).await;
        if by_hand {
            connection.abandon(1);
        } else {
            connection.rollback_to(1).await.expect("the trigger is back");
        }
        insert_and_check(&mut *connection, "with", 30).await;
    }
}

#[tokio::test]
async fn a_trigger_of_another_connection_is_noticed() {
    let file = TestFile::new();
    let driver = file.open("").await;
    let mut connection = connect(&*driver).await;
    execute(&mut *connection, PLAIN).await.expect("a table");
    for round in ["without", "with"] {
        begin(&mut *connection).await;
        insert_and_check(&mut *connection, round, 30).await;
        connection.commit().await.expect("a commit");
        if round == "without" {
            file.bare().execute_batch(TRIGGER).expect("a trigger");
        }
    }
}

#[tokio::test]
async fn a_temporary_table_in_front_of_the_other_is_noticed() {
    let (_driver, mut connection) = begun(PLAIN).await;
    insert_and_check(&mut *connection, "behind", 30).await;
    execute(&mut *connection, "CREATE TEMP TABLE t (id INTEGER PRIMARY KEY, name TEXT)").await.expect("a table");
    execute(&mut *connection, "INSERT INTO t (id) VALUES (500)").await.expect("a row");
    assert_eq!(insert_and_check(&mut *connection, "in front", 30).await, (501..=530).collect::<Vec<_>>());
}

#[tokio::test]
async fn random_keys_are_those_of_their_rows() {
    let (_driver, mut connection) = begun(PLAIN).await;
    insert_and_check(&mut *connection, "counted", 30).await;
    execute(&mut *connection, "INSERT INTO t (id) VALUES (9223372036854775797)").await.expect("a large key");
    let keys = insert_and_check(&mut *connection, "random", 30).await;
    assert!(keys.contains(&i64::MAX), "ten keys were left");
    insert_and_check(&mut *connection, "random again", 30).await;
}

#[tokio::test]
async fn a_row_that_is_left_out_gets_no_key() {
    let (_driver, mut connection) =
        begun("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE)").await;
    let mut rows = names("row", 30);
    rows.0.extend(names("row", 2).0);
    rows.0.push("last".into());
    let keys = insert(&mut *connection, &rows).await.expect("an insert");
    assert_eq!(keys, (1..=31).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_is_refused_takes_the_others_with_it() {
    let (_driver, mut connection) = begun("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)").await;
    insert_and_check(&mut *connection, "row", 30).await;
    let mut rows = names("new", 30);
    rows.0.push("row 7".into());
    let error = insert(&mut *connection, &rows).await.expect_err("a name that is there");
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
    assert_eq!(insert_and_check(&mut *connection, "later", 30).await, (31..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_table_without_a_rowid_is_asked_for_its_keys() {
    let (_driver, mut connection) =
        begun("CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT 7, name TEXT) WITHOUT ROWID").await;
    assert_eq!(insert_and_check(&mut *connection, "row", 1).await, [7]);
    let error = insert(&mut *connection, &names("row", 30)).await.expect_err("the key is there");
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
}
