//! Values go in and come out as they are.

use orm_core::ast::Statement;
use orm_core::driver::{Flow, Row, RowSink};
use orm_core::error::{Error, Result, ValueError};
use orm_core::value::{Decimal, Value};

use crate::database::{Rows, connect, memory_with_rows, open, raw};

async fn read(text: &'static str, binds: Vec<Value>) -> Result<Vec<Value>> {
    let driver = open("sqlite::memory:").await.expect("a database");
    let mut rows = Rows::default();
    connect(&*driver).await.run(Statement::Raw(&raw(text, binds)), &mut rows).await?;
    Ok(rows.0.swap_remove(0))
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[tokio::test]
async fn every_kind_of_value_has_one_stored_form() {
    let bound = vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Float(0.1),
        Value::Float(f64::INFINITY),
        text("Grüße\0🦀"),
        Value::Bytes(vec![0, 255]),
        Value::Bytes(vec![]),
        Value::Date(-1),
        Value::Time(86_399_999_999),
        Value::DateTime(-1),
        Value::Timestamp(951_868_799_000_001),
        Value::Uuid([7; 16]),
        Value::Decimal(Decimal::new(-1250, 2)),
        Value::Json("{\"a\":1}".into()),
        Value::List(vec![Value::Int(1), text("x")]),
    ];
    let stored = [
        Value::Null,
        Value::Int(1),
        Value::Int(i64::MIN),
        Value::Float(0.1),
        Value::Float(f64::INFINITY),
        text("Grüße\0🦀"),
        Value::Bytes(vec![0, 255]),
        Value::Bytes(vec![]),
        text("1969-12-31"),
        text("23:59:59.999999"),
        text("1969-12-31 23:59:59.999999"),
        text("2000-02-29 23:59:59.000001+00:00"),
        Value::Bytes(vec![7; 16]),
        text("-12.50"),
        text("{\"a\":1}"),
        text("[1,\"x\"]"),
    ];
    let read = read("SELECT ", bound).await.expect("a row");
    for (place, (read, stored)) in read.iter().zip(&stored).enumerate() {
        assert!(read == stored, "value {place}: {read:?}");
    }
    assert_eq!(read.len(), stored.len());
}

#[tokio::test]
async fn what_sqlite_would_store_as_something_else_is_refused() {
    for value in [Value::Float(f64::NAN), Value::Invalid(Box::new(ValueError::OutOfRange { target: "a test" }))] {
        let error = read("SELECT ", vec![value]).await.expect_err("no value");
        assert!(matches!(error, Error::Bind { .. }), "{error}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_and_columns_that_are_not_there_are_errors() {
    #[derive(Default)]
    struct Sink(Vec<ValueError>, Vec<String>);
    impl RowSink for Sink {
        fn row(&mut self, row: &dyn Row) -> Result<Flow> {
            self.0.extend((0..3).filter_map(|index| row.get(index).err()));
            self.1.extend((0..3).filter_map(|index| row.name(index)).map(str::to_owned));
            Ok(Flow::Continue)
        }
    }
    let driver = memory_with_rows(0).await;
    let mut sink = Sink::default();
    let select = raw("SELECT 1 AS one, CAST(x'ff' AS TEXT) AS broken", []);
    connect(&*driver).await.run(Statement::Raw(&select), &mut sink).await.expect("a row");
    assert_eq!(sink.0, [ValueError::Utf8, ValueError::NoColumn { width: 2 }]);
    assert_eq!(sink.1, ["one", "broken"]);
}

#[tokio::test]
async fn binds_of_one_run_are_not_seen_by_the_next() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    for bind in [Value::Int(1), Value::Null] {
        let mut rows = Rows::default();
        connection.run(Statement::Raw(&raw("SELECT ", [bind.clone()])), &mut rows).await.expect("a row");
        assert!(rows.0[0][0] == bind);
    }
}
