//! Giving up on a server that is gone without a word: a machine that fell, a firewall that forgot the connection.
//!
//! ```text
//! requests ──> count those that ask for an answer ──> socket
//! answers  <── count them off, note the time      <── socket
//!                └ something is unanswered, and nothing was heard for too long: the connection ends with an error
//! ```
//!
//! It is done here, below everything else, so that it holds for all that is sent: statements, commits, streams. The error
//! is told as an error of the server, since that is the one way in which it reaches whoever waits for the answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_postgres::tls::{ChannelBinding, TlsStream as WithBinding};

/// A socket whose server is given up on when it is silent for too long.
pub(crate) struct Watched<S> {
    socket: S,
    watch: Option<Watch>,
}

/// What is known of requests and answers.
struct Watch {
    limit: Duration,
    requests: Messages,
    answers: Messages,
    /// Whether the server has said that it is ready. Until then it is `connect_timeout` that counts.
    connected: bool,
    /// Requests without an answer.
    unanswered: u32,
    /// When something last went through, in either direction.
    heard: Instant,
    timer: Pin<Box<Sleep>>,
    given_up: bool,
}

impl<S> Watched<S> {
    /// Without a limit nothing is watched. Must be called on a runtime, for it has the clock.
    pub(crate) fn new(socket: S, limit: Option<Duration>) -> Self {
        let watch = limit.map(|limit| Watch {
            limit,
            // What a client sends first has no type.
            requests: Messages { untyped: true, ..Messages::default() },
            answers: Messages::default(),
            connected: false,
            unanswered: 0,
            heard: Instant::now(),
            timer: Box::pin(sleep(limit)),
            given_up: false,
        });
        Watched { socket, watch }
    }
}

impl Watch {
    fn sent(&mut self, bytes: &[u8]) {
        let unanswered = &mut self.unanswered;
        self.requests.read(bytes, |kind| match kind {
            // Query, and Sync: the end of an extended one.
            b'Q' | b'S' => *unanswered += 1,
            _ => {}
        });
        self.heard = Instant::now();
    }

    fn received(&mut self, bytes: &[u8]) {
        let (connected, unanswered) = (&mut self.connected, &mut self.unanswered);
        self.answers.read(bytes, |kind| match kind {
            // ReadyForQuery. The first one answers no request, but that the client is there.
            b'Z' if !*connected => *connected = true,
            b'Z' => *unanswered = unanswered.saturating_sub(1),
            // CopyInResponse: the Sync that came with the COPY is passed over, and another one follows the data.
            b'G' => *unanswered = unanswered.saturating_sub(1),
            _ => {}
        });
        self.heard = Instant::now();
    }

    /// Whether nothing was heard for too long. If not, the task is woken when that may be so.
    fn is_silent(&mut self, context: &mut Context<'_>) -> bool {
        if !self.connected || self.unanswered == 0 {
            return false;
        }
        let end = self.heard + self.limit;
        // It was set when less was heard, and is not moved before it rings: most of the time nobody looks at it.
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= end {
                return true;
            }
            self.timer.as_mut().reset(end);
        }
        false
    }

    /// The last words of a server that can say none.
    fn give_up(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        self.given_up = true;
        let error = connection_failure(self.limit);
        if !self.answers.is_between_two() || buffer.remaining() < error.len() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        buffer.put_slice(&error);
        Ok(())
    }
}

/// An ErrorResponse.
fn connection_failure(limit: Duration) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C08006\0Mthe server has not answered for {limit:?}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap_or_default();
    [b"E", length.to_be_bytes().as_slice(), fields.as_bytes()].concat()
}

/// Finds where messages begin in bytes that come in pieces.
#[derive(Default)]
struct Messages {
    untyped: bool,
    header: Vec<u8>,
    /// How much of the message is still to come.
    rest: usize,
}

impl Messages {
    fn read(&mut self, mut bytes: &[u8], mut begins: impl FnMut(u8)) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let missing = 5 - usize::from(self.untyped) - self.header.len();
            let (header, other) = bytes.split_at(missing.min(bytes.len()));
            self.header.extend_from_slice(header);
            bytes = other;
            if header.len() == missing {
                begins(self.finish_header());
            }
        }
    }

    /// The type of the message that begins.
    fn finish_header(&mut self) -> u8 {
        let (kind, length) = match self.header.as_slice() {
            [kind, length @ ..] if !self.untyped => (*kind, length),
            length => (0, length),
        };
        let length = length.try_into().map_or(4, u32::from_be_bytes);
        // The length counts itself.
        self.rest = usize::try_from(length).unwrap_or_default().saturating_sub(4);
        self.untyped = false;
        self.header.clear();
        kind
    }

    fn is_between_two(&self) -> bool {
        self.header.is_empty() && self.rest == 0
    }
}

/// Apart from the socket's own ways, so that these are short where nothing is watched.
impl Watch {
    /// Reads, and notes what was heard. A server that was silent for too long is given up on.
    #[inline(never)]
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given_up {
            // The end.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(socket).poll_read(context, buffer) {
            Poll::Pending if self.is_silent(context) => Poll::Ready(self.give_up(buffer)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(read) => {
                self.received(&buffer.filled()[before..]);
                Poll::Ready(read)
            }
        }
    }

    /// Writes, and notes what is to be answered.
    #[inline(never)]
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(socket).poll_write(context, bytes))?;
        self.sent(&bytes[..written]);
        // Sets the timer. What it says is found out by reading.
        let _not_yet = self.is_silent(context);
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Watched { socket, watch } = &mut *self;
        match watch {
            None => Pin::new(socket).poll_read(context, buffer),
            Some(watch) => watch.poll_read(socket, context, buffer),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Watched { socket, watch } = &mut *self;
        match watch {
            None => Pin::new(socket).poll_write(context, bytes),
            Some(watch) => watch.poll_write(socket, context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S: WithBinding + Unpin> WithBinding for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.socket.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn message(kind: &[u8], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("a short one");
        [kind, length.to_be_bytes().as_slice(), body].concat()
    }

    /// A client that has connected, and its server.
    async fn connected() -> (Watched<DuplexStream>, DuplexStream) {
        let (client, mut server) = duplex(1 << 16);
        let mut client = Watched::new(client, Some(LIMIT));
        client.write_all(&message(b"", b"\0\x03\0\0user\0alice\0\0")).await.expect("a start");
        let ready = [message(b"R", &[0; 4]), message(b"Z", b"I")].concat();
        server.write_all(&ready).await.expect("an answer");
        let mut read = vec![0; ready.len()];
        client.read_exact(&mut read).await.expect("an answer");
        (client, server)
    }

    async fn read(client: &mut Watched<DuplexStream>) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 1000];
        let read = client.read(&mut buffer).await?;
        buffer.truncate(read);
        Ok(buffer)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_given_up_on() {
        let (mut client, _server) = connected().await;
        let start = Instant::now();
        client.write_all(&message(b"Q", b"SELECT 1\0")).await.expect("a request");

        let error = String::from_utf8(read(&mut client).await.expect("last words")).expect("text");
        let end = read(&mut client).await.expect("the end");

        assert!(error.contains("C08006") && error.contains("has not answered for 5s"), "{error}");
        assert_eq!((end.len(), start.elapsed()), (0, LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_whom_nothing_is_asked_may_be_silent() {
        let (mut client, mut server) = connected().await;
        for _ in 0..3 {
            client.write_all(&message(b"Q", b"SELECT 1\0")).await.expect("a request");
            server.write_all(&message(b"Z", b"I")).await.expect("an answer");
            read(&mut client).await.expect("an answer");

            let nothing = tokio::time::timeout(LIMIT * 10, read(&mut client)).await;

            assert!(nothing.is_err(), "{nothing:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_a_little_now_and_then_is_waited_for() {
        let (mut client, mut server) = connected().await;
        client.write_all(&[message(b"P", b""), message(b"S", b"")].concat()).await.expect("a request");
        for byte in message(b"D", b"12") {
            tokio::time::sleep(LIMIT / 2).await;
            server.write_all(&[byte]).await.expect("a byte");
            assert_eq!(read(&mut client).await.expect("a byte"), [byte]);
        }
        server.write_all(b"D").await.expect("a byte");
        read(&mut client).await.expect("a byte");

        // Within a message there is no place for another one.
        assert_eq!(read(&mut client).await.expect_err("silence").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_data_waits_for_the_client() {
        let (mut client, mut server) = connected().await;
        client.write_all(&[message(b"E", b""), message(b"S", b"")].concat()).await.expect("a request");
        server.write_all(&message(b"G", &[0; 3])).await.expect("an answer");
        read(&mut client).await.expect("an answer");

        let nothing = tokio::time::timeout(LIMIT * 10, read(&mut client)).await;
        client
            .write_all(&[message(b"d", b"1\n"), message(b"c", b""), message(b"S", b"")].concat())
            .await
            .expect("data");
        let error = read(&mut client).await.expect("last words");

        assert!(nothing.is_err(), "{nothing:?}");
        assert_eq!(error[0], b'E');
    }

    #[test]
    fn messages_are_found_whatever_the_pieces() {
        let all = [message(b"Q", b"SELECT 1\0"), message(b"S", b""), message(b"X", b"\0\0\0\0Q")].concat();
        for size in 1..=all.len() {
            let (mut messages, mut found) = (Messages::default(), Vec::new());
            all.chunks(size).for_each(|piece| messages.read(piece, |kind| found.push(kind)));
            assert_eq!((found.as_slice(), messages.is_between_two()), (b"QSX".as_slice(), true), "{size}");
        }
    }
}
