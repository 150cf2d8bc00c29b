//! Who watches: the echo, listeners and `tracing` spans say what ran, and no value that was bound.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use orm::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{Database, TestResult};

#[derive(Debug, Model)]
struct Account {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    owner: String,
    secret: String,
}

fn account(owner: &str) -> impl InsertRow<Model = Account> + use<> {
    Account::builder().owner(owner).secret("hunter2")
}

/// A span: its name and fields.
type Fields = BTreeMap<String, String>;

/// Keeps every span of this library. Written by hand: there is nothing to it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Fields>>>);

impl Spans {
    fn record(&self, span: usize, visit: impl FnOnce(&mut Visitor<'_>)) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() <= span {
            spans.resize_with(span + 1, Fields::new);
        }
        visit(&mut Visitor(&mut spans[span]));
    }

    fn take(&self) -> Vec<Fields> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "orm"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.record(number, |visitor| {
            visitor.0.insert("name".into(), attributes.metadata().name().into());
            attributes.record(visitor);
        });
        Id::from_u64(number as u64 + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let number = usize::try_from(span.into_u64()).expect("a small number") - 1;
        Spans::record(self, number, |visitor| values.record(visitor));
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &Event<'_>) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_span_has_the_names_of_opentelemetry() -> TestResult {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Account]).await?;
    engine.execute(insert(account("ann"))).await?;
    spans.take();

    engine.fetch_all(select(Account.id).filter(Account.secret.eq("hunter2"))).await?;

    let text = r#"SELECT "account"."id" FROM "account" WHERE "account"."secret" = ?1"#;
    let expected = fields([
        ("name", "statement"),
        ("otel.name", "SELECT account"),
        ("otel.kind", "client"),
        ("db.system.name", "sqlite"),
        ("db.namespace", ":memory:"),
        ("db.operation.name", "SELECT"),
        ("db.collection.name", "account"),
        ("db.query.text", text),
        ("db.response.returned_rows", "1"),
    ]);
    assert_eq!(spans.take(), [expected]);
    Ok(())
}

#[tokio::test]
async fn the_span_of_a_failure_says_which_error_it_was() -> TestResult {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Account]).await?;
    engine.execute(insert(account("ann"))).await?;
    spans.take();

    engine.execute(insert(account("ann"))).await.expect_err("there is one");

    let spans = spans.take();
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(span.get("error.type").map(String::as_str), Some("UniqueViolation"));
    assert_eq!(span.get("db.response.status_code").map(String::as_str), Some("2067"));
    Ok(())
}

#[tokio::test]
async fn no_span_has_a_bound_value_in_it_even_if_errors_may_show_them() -> TestResult {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let engine = Engine::builder("sqlite::memory:").show_binds(true).connect().await?;
    engine.create_all(schema![Account]).await?;

    let inserted: Account = engine.fetch_one(insert(account("ann")).returning(Account)).await?;
    engine.execute(insert(account("ann"))).await.expect_err("there is one");
    engine.execute(update(Account).set(Account.secret, "hunter2").filter(Account.owner.eq("ann"))).await?;
    engine.fetch_all(select(Account).filter(Account.secret.in_(["hunter2", "x"]))).await?;
    engine.get(Account, inserted.id).await?;

    let spans = spans.take();
    assert_eq!(spans.len(), 6, "{spans:?}");
    assert!(!format!("{spans:?}").contains("hunter2"), "{spans:?}");
    Ok(())
}

#[tokio::test]
async fn an_error_and_the_log_hide_what_was_bound() -> TestResult {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    let db = Database::with(|builder| {
        builder.on_statement(move |event| heard.lock().expect("no panic").push(event.to_string()))
    })
    .await?;
    db.create_all(schema![Account]).await?;
    db.execute(insert(account("ann"))).await?;

    let error = db.execute(insert(account("ann"))).await.expect_err("there is one");

    let context = error.context().expect("the database refused it");
    assert!(format!("{context:#}").contains("[2 values hidden]"), "{context:#}");
    let lines = lines.lock().expect("no panic").join("\n");
    assert!(lines.contains("1 rows affected: INSERT INTO \"account\""), "{lines}");
    assert!(lines.contains("failed (unique violation on `account.owner`"), "{lines}");
    for text in [format!("{error:?}"), format!("{context:#}"), lines] {
        assert!(!text.contains("hunter2") && !text.contains("ann"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn who_asks_for_them_sees_the_values() -> TestResult {
    let db = Database::with(|builder| builder.show_binds(true)).await?;
    db.create_all(schema![Account]).await?;
    db.execute(insert(account("ann"))).await?;

    let error = db.execute(insert(account("ann"))).await.expect_err("there is one");

    let context = error.context().expect("the database refused it");
    assert!(format!("{context:#}").contains(r#"["ann", "hunter2"]"#), "{context:#}");
    Ok(())
}

const CHILD: &str = "ORM_TESTS_ECHO";

/// The program that the next test runs.
#[tokio::test]
async fn a_program_that_echoes() -> TestResult {
    if std::env::var_os(CHILD).is_some() {
        let engine = Engine::builder("sqlite::memory:").echo(true).connect().await?;
        engine.create_all(schema![Account]).await?;
        engine.execute(insert(account("ann"))).await?;
    }
    Ok(())
}

#[test]
fn the_echo_goes_to_standard_error() -> TestResult {
    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", "observe::a_program_that_echoes"])
        .env(CHILD, "1")
        .output()?;

    let echo = String::from_utf8(output.stderr)?;
    let lines: Vec<&str> = echo.lines().filter(|line| line.starts_with("[orm] ")).collect();
    let [create, insert] = lines.as_slice() else { panic!("{echo}") };
    assert!(create.contains(": CREATE TABLE IF NOT EXISTS \"account\""), "{create}");
    assert!(insert.ends_with(r#"VALUES (?1, ?2) [2 values hidden]"#), "{insert}");
    assert!(!String::from_utf8(output.stdout)?.contains("[orm]"));
    Ok(())
}
