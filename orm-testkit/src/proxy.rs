//! A proxy between a PostgreSQL client and its server, which cuts, stalls or delays at a chosen moment.
//!
//! ```no_run
//! # use orm_testkit::proxy::{Fault, Moment, Proxy};
//! let proxy = Proxy::to("postgresql://postgres@127.0.0.1:5432/postgres");
//! proxy.at(Moment::Answer("COMMIT"), Fault::Cut);
//! let url = proxy.url();
//! ```
//!
//! It reads the protocol message by message, so that a moment is the same on every machine: a fault strikes where it was
//! set to, and nowhere between. Each that is set strikes once. A client that asks for TLS is told that there is none.
#![allow(clippy::expect_used, reason = "a test without its proxy has failed")]
#![allow(clippy::disallowed_methods, reason = "its threads are its own")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// When a fault strikes: always before the message of which it speaks is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A client connects.
    Connect,
    /// The client sends something with this text in it.
    Request(&'static str),
    /// The same, when half of the message was passed on.
    HalfRequest(&'static str),
    /// The server says that it has done this, by its first word: `COMMIT`, `INSERT`, `PREPARE TRANSACTION`.
    Answer(&'static str),
    /// The server sends the row of this number, counted from 1 over all of a connection.
    Row(usize),
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed on both sides.
    Cut,
    /// Nothing is passed on any more, in either direction, and nobody is told.
    Stall,
    /// The message is late.
    Delay(Duration),
}

/// A proxy on a port of its own, as long as it lives.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<(Moment, Fault)>,
    struck: usize,
    accepted: usize,
    stalled: bool,
    over: bool,
    lines: Vec<Arc<Line>>,
}

/// A client's connection, and ours to the server for it.
#[derive(Debug)]
struct Line {
    client: TcpStream,
    server: TcpStream,
    /// Whether it is stalled by itself, or cut.
    condition: Mutex<Condition>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Condition {
    #[default]
    Good,
    Stalled,
    Cut,
}

impl Proxy {
    /// A proxy to the server of a URL.
    ///
    /// # Panics
    ///
    /// If the URL names no host and port, or there is no port for the proxy.
    #[must_use]
    pub fn to(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, target) = authority.rsplit_once('@').unwrap_or(("", authority));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port for the proxy");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let (target, accepting) = (target.to_owned(), Arc::clone(&shared));
        thread::spawn(move || accept(&listener, &target, &accepting));
        Proxy { url: format!("{scheme}://{user}@{address}/{path}"), address, shared }
    }

    /// The URL of the server, by way of the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has a fault strike, once.
    pub fn at(&self, moment: Moment, fault: Fault) {
        self.shared.lock().faults.push((moment, fault));
    }

    /// How many faults have struck.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.shared.lock().struck
    }

    /// How many connections came.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        let lines = std::mem::take(&mut self.shared.lock().lines);
        lines.iter().for_each(|line| self.shared.cut(line));
    }

    /// Passes nothing on any more, on any connection, until [`resume`](Self::resume). New ones are accepted, and hear
    /// nothing.
    pub fn stall(&self) {
        self.shared.lock().stalled = true;
    }

    /// Ends [`stall`](Self::stall): what was held back goes on.
    pub fn resume(&self) {
        self.shared.lock().stalled = false;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.cut();
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _gone = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the fault that is set for a moment.
    fn fault(&self, is_now: impl Fn(Moment) -> bool) -> Option<(Moment, Fault)> {
        let mut state = self.lock();
        let at = state.faults.iter().position(|(moment, _)| is_now(*moment))?;
        state.struck += 1;
        Some(state.faults.remove(at))
    }

    fn strike(&self, line: &Line, fault: Fault) {
        match fault {
            Fault::Cut => self.cut(line),
            Fault::Stall => line.set(Condition::Stalled),
            Fault::Delay(time) => thread::sleep(time),
        }
    }

    fn cut(&self, line: &Line) {
        // Under the lock, so that nobody begins to wait in between.
        let state = self.lock();
        line.set(Condition::Cut);
        drop(state);
        for stream in [&line.client, &line.server] {
            let _closed_already = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    /// Waits until something may be passed on. An error says that it never may.
    fn wait(&self, line: &Line) -> io::Result<()> {
        let mut state = self.lock();
        while !state.over && line.condition() != Condition::Cut {
            if !state.stalled && line.condition() == Condition::Good {
                return Ok(());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl Line {
    fn condition(&self) -> Condition {
        *self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, condition: Condition) {
        *self.condition.lock().unwrap_or_else(PoisonError::into_inner) = condition;
    }
}

fn accept(listener: &TcpListener, target: &str, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.lock().over {
            return;
        }
        // A server that is not there: the client is hung up on.
        let Ok((client, server)) = client.and_then(|client| Ok((client, TcpStream::connect(target)?))) else {
            continue;
        };
        let _slower = client.set_nodelay(true).and(server.set_nodelay(true));
        let line = Arc::new(Line { client, server, condition: Mutex::default() });
        let mut state = shared.lock();
        state.accepted += 1;
        state.lines.push(Arc::clone(&line));
        drop(state);
        for direction in [requests, answers] {
            let (line, shared) = (Arc::clone(&line), Arc::clone(shared));
            thread::spawn(move || {
                let _ended = direction(&line, &shared);
                shared.cut(&line);
            });
        }
    }
}

/// From the client to the server.
fn requests(line: &Line, shared: &Shared) -> io::Result<()> {
    let (mut client, mut server) = (&line.client, &line.server);
    if let Some((_, fault)) = shared.fault(|moment| moment == Moment::Connect) {
        shared.strike(line, fault);
    }
    shared.wait(line)?;
    let mut first = untyped(client)?;
    while is_request_for_encryption(&first) {
        client.write_all(b"N")?;
        first = untyped(client)?;
    }
    server.write_all(&first)?;
    loop {
        let message = typed(client)?;
        let fault = shared.fault(|moment| match moment {
            Moment::Request(text) | Moment::HalfRequest(text) => contains(&message, text),
            Moment::Connect | Moment::Answer(_) | Moment::Row(_) => false,
        });
        let mut rest = message.as_slice();
        if let Some((moment, fault)) = fault {
            if let Moment::HalfRequest(_) = moment {
                let (half, other) = message.split_at(message.len() / 2);
                server.write_all(half)?;
                rest = other;
            }
            shared.strike(line, fault);
        }
        shared.wait(line)?;
        server.write_all(rest)?;
    }
}

/// From the server to the client.
fn answers(line: &Line, shared: &Shared) -> io::Result<()> {
    let (mut client, server) = (&line.client, &line.server);
    let mut rows = 0;
    loop {
        let message = typed(server)?;
        let kind = message[0];
        rows += usize::from(kind == b'D');
        let fault = shared.fault(|moment| match moment {
            Moment::Answer(done) => kind == b'C' && message[5..].starts_with(done.as_bytes()),
            Moment::Row(number) => kind == b'D' && rows == number,
            Moment::Connect | Moment::Request(_) | Moment::HalfRequest(_) => false,
        });
        if let Some((_, fault)) = fault {
            shared.strike(line, fault);
        }
        shared.wait(line)?;
        client.write_all(&message)?;
    }
}

/// A client's first message: its length, and what it wants.
fn untyped(stream: &TcpStream) -> io::Result<Vec<u8>> {
    read_message(stream, 0)
}

/// A message that begins with its type.
fn typed(stream: &TcpStream) -> io::Result<Vec<u8>> {
    read_message(stream, 1)
}

/// The length counts itself, and not the type before it.
fn read_message(mut stream: &TcpStream, before: usize) -> io::Result<Vec<u8>> {
    let mut message = vec![0; before + 4];
    stream.read_exact(&mut message)?;
    let length: [u8; 4] = message[before..].try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    let whole = before + usize::try_from(u32::from_be_bytes(length)).map_err(|_| io::ErrorKind::InvalidData)?;
    message.resize(whole.max(before + 4), 0);
    stream.read_exact(&mut message[before + 4..])?;
    Ok(message)
}

/// For TLS, or for GSSAPI.
fn is_request_for_encryption(first: &[u8]) -> bool {
    let code = |number: u32| first.get(4..) == Some(number.to_be_bytes().as_slice());
    code(80_877_103) || code(80_877_104)
}

fn contains(message: &[u8], text: &str) -> bool {
    message.windows(text.len().max(1)).any(|window| window == text.as_bytes())
}
