//! The blog's server for one test, and a client.

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use orm::engine::EngineBuilder;
use orm::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::blog::App;

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// An empty database, which is gone with this.
pub(crate) struct Place {
    url: String,
    keep: Box<dyn Any + Send>,
}

impl Place {
    /// A file.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Place { url: format!("sqlite://{}", folder.path().join("blog.db").display()), keep: Box::new(folder) }
    }

    /// A schema on the tests' server.
    pub(crate) async fn postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("blog_{}_{number}", std::process::id());
        run(format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).await.expect("a schema");
        let server = server();
        let next = if server.contains('?') { '&' } else { '?' };
        Place { url: format!("{server}{next}search_path={name}"), keep: Box::new(Schema(name)) }
    }

    pub(crate) async fn start(self) -> orm::Result<Service> {
        self.start_with(|builder| builder).await
    }

    pub(crate) async fn start_with(self, options: impl FnOnce(EngineBuilder) -> EngineBuilder) -> orm::Result<Service> {
        let app = App::open(options(Engine::builder(self.url))).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let serving = app.clone().serve(listener, async {
            // Dropped without a word it stops as well.
            let _asked = stopped.await;
        });
        Ok(Service { app, address, stop, served: tokio::spawn(serving), _keep: self.keep })
    }
}

/// The server while it runs.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
    _keep: Box<dyn Any + Send>,
}

impl Service {
    pub(crate) async fn get(&self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> io::Result<Answer> {
        self.send("DELETE", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> io::Result<Answer> {
        self.send("POST", path, &body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> io::Result<Answer> {
        self.send("PUT", path, &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> io::Result<Answer> {
        self.send("PATCH", path, &body.to_string()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        send(self.address, method, path, body).await
    }

    /// Has the server answer what has begun, and end.
    pub(crate) async fn stop(self) -> TestResult {
        Ok(self.stop_soon().await?)
    }

    /// The server is told to stop at once; the future is ready when it has.
    pub(crate) fn stop_soon(self) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let told = self.stop.send(());
        async move {
            let served = self.served.await.map_err(io::Error::other)?;
            told.map_err(|()| io::Error::other("the server ended by itself"))?;
            drop(self._keep);
            served
        }
    }
}

/// What came back: an empty body is `null`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// By what it means.
impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        self.status == other.status && self.body == other.body
    }
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Answer { status, text: body.to_string(), body }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn created(id: i64) -> Self {
        Self::new(201, json!({"id": id}))
    }

    pub(crate) fn problem(status: u16, error: &str) -> Self {
        Self::new(status, json!({"error": error}))
    }

    pub(crate) fn invalid(fields: Value) -> Self {
        Self::new(422, json!({"error": "invalid", "fields": fields}))
    }

    /// A number of each object in a list.
    pub(crate) fn numbers(&self, list: &str, name: &str) -> Vec<i64> {
        let all = self.body[list].as_array().unwrap_or_else(|| panic!("no list `{list}` in {}", self.text));
        all.iter().map(|one| one[name].as_i64().expect("a number")).collect()
    }
}

/// A request on a connection of its own.
pub(crate) async fn send(server: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let mut connection = TcpStream::connect(server).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: blog\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(text)? };
    Ok(Answer { status, body, text: text.to_owned() })
}

/// A schema that is dropped with this.
struct Schema(String);

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("SET lock_timeout = '5s'; DROP SCHEMA {} CASCADE", self.0);
        // The test's own runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(sql)).is_ok())
        });
        let _left_behind = dropping.join();
    }
}

async fn run(sql: String) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&server(), tokio_postgres::NoTls).await?;
    let going = tokio::spawn(connection);
    let result = client.batch_execute(&sql).await;
    drop(client);
    let _closed = going.await;
    result
}

fn server() -> String {
    match std::env::var("ORM_TEST_POSTGRES_URL") {
        Ok(url) => url,
        Err(_) => panic!("ORM_TEST_POSTGRES_URL names no PostgreSQL server: run the tests by ./test, which starts one"),
    }
}
