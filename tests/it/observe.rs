//! Who watches: the echo, listeners and `tracing` spans say what ran, and no value that was bound.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};

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

thread_local! {
    /// The spans of this thread's test, by their number, if it watches.
    static WATCHED: RefCell<Option<BTreeMap<u64, Fields>>> = const { RefCell::new(None) };
}

/// Keeps the spans of the threads that watch. There is one for the whole program: were it set for a thread only, the
/// threads without one would have `tracing` remember that nobody is interested.
struct Spans {
    next: AtomicU64,
}

/// Begins to watch this thread.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Spans { next: AtomicU64::new(1) }).expect("there is no other");
        tracing::callsite::rebuild_interest_cache();
    });
    WATCHED.set(Some(BTreeMap::new()));
}

/// The spans since the last call, in order.
fn spans() -> Vec<Fields> {
    WATCHED.replace(Some(BTreeMap::new())).unwrap_or_default().into_values().collect()
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
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::from([("name".to_owned(), attributes.metadata().name().to_owned())]);
        attributes.record(&mut Visitor(&mut fields));
        WATCHED.with_borrow_mut(|spans| spans.as_mut().map(|spans| spans.insert(number, fields)));
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        WATCHED.with_borrow_mut(|spans| {
            if let Some(fields) = spans.as_mut().and_then(|spans| spans.get_mut(&span.into_u64())) {
                values.record(&mut Visitor(fields));
            }
        });
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
    watch();
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Account]).await?;
    engine.execute(insert(account("ann"))).await?;
    spans();

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
    assert_eq!(spans(), [expected]);
    Ok(())
}

#[tokio::test]
async fn the_span_of_a_failure_says_which_error_it_was() -> TestResult {
    watch();
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Account]).await?;
    engine.execute(insert(account("ann"))).await?;
    spans();

    engine.execute(insert(account("ann"))).await.expect_err("there is one");

    let spans = spans();
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(span.get("error.type").map(String::as_str), Some("UniqueViolation"));
    assert_eq!(span.get("db.response.status_code").map(String::as_str), Some("2067"));
    Ok(())
}

#[tokio::test]
async fn no_span_has_a_bound_value_in_it_even_if_errors_may_show_them() -> TestResult {
    watch();
    let engine = Engine::builder("sqlite::memory:").show_binds(true).connect().await?;
    engine.create_all(schema![Account]).await?;

    let inserted: Account = engine.fetch_one(insert(account("ann")).returning(Account)).await?;
    engine.execute(insert(account("ann"))).await.expect_err("there is one");
    engine.execute(update(Account).set(Account.secret, "hunter2").filter(Account.owner.eq("ann"))).await?;
    engine.fetch_all(select(Account).filter(Account.secret.in_(["hunter2", "x"]))).await?;
    engine.get(Account, inserted.id).await?;

    let spans = spans();
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
