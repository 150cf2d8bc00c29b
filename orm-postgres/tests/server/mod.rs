//! A fresh schema of the test server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::{Client, NoTls};

/// A schema that is dropped with this.
#[derive(Debug)]
pub(crate) struct Schema {
    name: String,
}

impl Schema {
    /// Creates a schema that no other test has.
    #[expect(clippy::expect_used, reason = "without its schema a test has failed")]
    pub(crate) async fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{since}_{number}", std::process::id());
        run(&format!("CREATE SCHEMA {name}")).await.expect("a schema on the test server");
        Schema { name }
    }

    /// The URL of the server, with the schema as the place of all tables.
    pub(crate) fn url(&self) -> String {
        url_with(&format!("search_path={}", self.name))
    }
}

/// The URL of the server with another option.
pub(crate) fn url_with(option: &str) -> String {
    let url = server();
    let next = if url.contains('?') { '&' } else { '?' };
    format!("{url}{next}{option}")
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("SET lock_timeout = '5s'; DROP SCHEMA {} CASCADE", self.name);
        // The test's own runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(&sql)).is_ok())
        });
        let _left_behind = dropping.join();
    }
}

/// Runs statements on a connection of their own.
async fn run(sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection): (Client, _) = tokio_postgres::connect(&server(), NoTls).await?;
    let going = tokio::spawn(connection);
    let result = client.batch_execute(sql).await;
    drop(client);
    let _closed = going.await;
    result
}

#[expect(clippy::panic, reason = "a test without its server has failed")]
fn server() -> String {
    match std::env::var("ORM_TEST_POSTGRES_URL") {
        Ok(url) => url,
        Err(_) => panic!("ORM_TEST_POSTGRES_URL names no PostgreSQL server: run the tests by ./test, which starts one"),
    }
}
