//! `LISTEN` and `NOTIFY`: messages between the clients of a database.
//!
//! ```text
//! recv ─> a message is there ─> Event::Notification
//!          │ nothing for a while: the server is asked if it is there
//!          └ the connection is gone ─> connect, LISTEN again ─> Event::Reconnected: messages may have been missed
//! ```
//!
//! No task reads ahead: what nobody has asked for stays with the server, so nothing grows here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Stream, stream};
use orm_core::engine::Engine;
use orm_core::error::{Error, Result};
use orm_core::query::{IntoRawPart, Sql};
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Client};

use crate::connect::{Connector, Messages, Opened, drive};
use crate::driver::PostgresDriver;
use crate::error;
use crate::statement::Failed;

/// How long nothing may be heard until the server is asked if it is there, and how long it may take to answer.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How long to wait before the second attempt to connect, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The longest name that a channel can have.
const LONGEST_NAME: usize = 63;

/// A statement that sends a message to all who listen on a channel. In a transaction it is sent by the commit.
///
/// The payload has at most 8000 bytes. Equal messages of one transaction may be sent once.
///
/// ```no_run
/// use orm::postgres::notify;
/// # use orm::{prelude::*, docs::*};
/// # async fn example(engine: Engine) -> orm::Result<()> {
/// let mut tx = engine.begin().await?;
/// let id = tx.fetch_one(insert(User::builder().name("Alice").email("a@example.com")).returning(User.id)).await?;
/// tx.execute(notify("new_users", id.to_string())).await?;
/// tx.commit().await
/// # }
/// ```
pub fn notify(channel: impl Into<String>, payload: impl Into<String>) -> Sql {
    let (channel, payload): (String, String) = (channel.into(), payload.into());
    Sql::new("SELECT pg_notify({}, {})", vec![channel.into_raw_part(), payload.into_raw_part()])
}

/// Hears what is sent on channels, on a connection of its own beside the pool's.
///
/// It reconnects by itself, as often as it takes, and then says that it may have missed something: read what you
/// need from the tables then. Nothing is missed between two calls of [`recv`](Listener::recv), however long that is; a
/// program that does not call it holds back the server's queue, though.
///
/// ```no_run
/// use orm::postgres::{Event, Listener};
/// # use orm::prelude::*;
/// # async fn example(engine: Engine) -> orm::Result<()> {
/// let mut listener = Listener::connect(&engine, ["new_users"]).await?;
/// loop {
///     match listener.recv().await? {
///         Event::Notification(message) => println!("user {} is new", message.payload),
///         Event::Reconnected => println!("some may have come meanwhile: look for them"),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Listener {
    connector: Arc<Connector>,
    channels: Vec<String>,
    link: Option<Link>,
    /// What was heard while something else was waited for.
    heard: VecDeque<Event>,
    heartbeat: Duration,
    /// When the server is to be asked if it is there; or without a connection, when to connect.
    next: Instant,
    back_off: Duration,
}

struct Link {
    client: Client,
    messages: Messages,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Notification(Notification),
    /// The connection was lost, and there is a new one. What was sent meanwhile is missed.
    Reconnected,
}

/// A message on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// What was sent, which may be nothing.
    pub payload: String,
    /// The server's process of the connection that sent it.
    pub process_id: i32,
}

impl Listener {
    /// Connects, as the engine's URL says, and listens on channels. What is sent from then on is heard.
    ///
    /// # Errors
    ///
    /// [`Error::Identifier`] for a name that no channel can have, those of connecting, and [`Error::Unsupported`] on
    /// another backend.
    pub async fn connect<C: Into<String>>(engine: &Engine, channels: impl IntoIterator<Item = C>) -> Result<Self> {
        let connector = PostgresDriver::of(engine, "LISTEN")?.connector();
        let channels: Vec<String> = channels.into_iter().map(Into::into).collect();
        channels.iter().try_for_each(|channel| check(channel))?;
        let mut listener = Listener {
            connector,
            channels,
            link: None,
            heard: VecDeque::new(),
            heartbeat: HEARTBEAT,
            next: Instant::now(),
            back_off: BACK_OFF.0,
        };
        listener.open().await?;
        Ok(listener)
    }

    /// How long nothing may be heard until the server is asked if it is there, and how long it may take to answer: a
    /// server that is gone without a word is noticed after twice that. Defaults to 30 seconds.
    #[must_use = "builders return the new value"]
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every;
        self.next = Instant::now() + every;
        self
    }

    /// The next message, or that the connection had to be made anew. Waits for it, for ever if need be.
    ///
    /// When its future is dropped, nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if the connection was lost, and the server refuses another one in a way that will not pass by
    /// itself, such as a password that has changed. Called again, it tries again.
    pub async fn recv(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.heard.pop_front() {
                return Ok(event);
            }
            match &mut self.link {
                None => self.reconnect().await?,
                Some(link) => match tokio::time::timeout_at(self.next, link.hear()).await {
                    Ok(Some(event)) => {
                        self.next = Instant::now() + self.heartbeat;
                        return Ok(event);
                    }
                    Ok(None) => self.lose(),
                    Err(_elapsed) => self.ask_if_it_is_there().await,
                },
            }
        }
    }

    /// The same as a stream, which never ends.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event>> + Send {
        stream::unfold(self, |mut listener| async move {
            let event = listener.recv().await;
            Some((event, listener))
        })
    }

    /// Listens on another channel as well.
    ///
    /// # Errors
    ///
    /// [`Error::Identifier`] for a name that no channel can have, and [`Error::ConnectionLost`]: it is listened on all the
    /// same, by the next connection.
    pub async fn listen(&mut self, channel: impl Into<String>) -> Result<()> {
        let channel = channel.into();
        check(&channel)?;
        let sql = format!("LISTEN {}", quoted(&channel));
        self.channels.push(channel);
        self.run(&sql).await
    }

    /// Listens on a channel no more. Messages that have come are heard still.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`]: it is not listened on all the same.
    pub async fn unlisten(&mut self, channel: &str) -> Result<()> {
        self.channels.retain(|known| known != channel);
        self.run(&format!("UNLISTEN {}", quoted(channel))).await
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        let Some(link) = &mut self.link else { return Err(error::lost()) };
        let result = link.run(sql, &mut self.heard).await;
        if result.is_err() {
            self.lose();
        }
        result.map_err(|error| error::describe(error, &Failed::control(sql)))
    }

    fn lose(&mut self) {
        self.link = None;
        self.next = Instant::now();
    }

    async fn ask_if_it_is_there(&mut self) {
        self.next = Instant::now() + self.heartbeat;
        let Some(link) = &mut self.link else { return };
        let answer = tokio::time::timeout_at(self.next, link.run("", &mut self.heard)).await;
        if !matches!(answer, Ok(Ok(()))) {
            self.lose();
        }
    }

    /// Connects again when it is time.
    async fn reconnect(&mut self) -> Result<()> {
        tokio::time::sleep_until(self.next).await;
        // Before it is tried: whoever drops the future has tried.
        self.next = Instant::now() + self.back_off;
        let opened = self.open().await;
        match opened {
            Ok(()) => self.heard.push_front(Event::Reconnected),
            Err(error) => {
                self.next = Instant::now() + self.back_off;
                self.back_off = (self.back_off * 2).min(BACK_OFF.1);
                if !error::may_pass(&error) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<()> {
        let Opened { client, messages, .. } = self.connector.connect().await?;
        let mut link = Link { client, messages };
        let mut heard = VecDeque::new();
        let sql: String = self.channels.iter().map(|channel| format!("LISTEN {};", quoted(channel))).collect();
        let listening = tokio::time::timeout(self.heartbeat, link.run(&sql, &mut heard)).await;
        let listening = listening.map_err(|_elapsed| error::lost())?;
        listening.map_err(|error| error::describe(error, &Failed::control(&sql)))?;
        self.heard.extend(heard);
        self.link = Some(link);
        self.back_off = BACK_OFF.0;
        self.next = Instant::now() + self.heartbeat;
        Ok(())
    }
}

impl Link {
    /// The next message; none when the connection is gone.
    async fn hear(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| {
            loop {
                match self.messages.poll_message(context) {
                    Poll::Ready(Some(Ok(message))) => {
                        if let Some(event) = event(&message) {
                            return Poll::Ready(Some(event));
                        }
                    }
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    async fn run(&mut self, sql: &str, heard: &mut VecDeque<Event>) -> Result<(), tokio_postgres::Error> {
        drive(&mut self.messages, |message| heard.extend(event(&message)), self.client.batch_execute(sql)).await
    }
}

fn event(message: &AsyncMessage) -> Option<Event> {
    match message {
        AsyncMessage::Notification(notification) => Some(Event::Notification(Notification {
            channel: notification.channel().to_owned(),
            payload: notification.payload().to_owned(),
            process_id: notification.process_id(),
        })),
        _ => None,
    }
}

/// `LISTEN` would cut a long name off, and hear nothing then.
fn check(channel: &str) -> Result<()> {
    let reason = match channel.len() {
        0 => "it is empty".into(),
        _ if channel.contains('\0') => "it holds a NUL".into(),
        length if length > LONGEST_NAME => format!("it has {length} bytes, and {LONGEST_NAME} are allowed"),
        _ => return Ok(()),
    };
    Err(Error::Identifier { name: channel.to_owned(), backend: "postgresql", reason })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let connected = self.link.is_some();
        f.debug_struct("Listener")
            .field("channels", &self.channels)
            .field("connected", &connected)
            .finish_non_exhaustive()
    }
}
