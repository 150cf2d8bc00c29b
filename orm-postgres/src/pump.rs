//! Keeping a connection going, by whoever waits for it.
//!
//! The driver has a future for each connection, which writes what was sent and hands out what comes. As a task of its
//! own it would be woken for each statement, and would wake whoever waits for the answer: twice a change of tasks, and
//! of threads. So whoever waits polls both, his work and the connection. The task is there for what nobody waits for:
//! what was sent by the way, a server that says goodbye.
//!
//! ```text
//!                         ┌ somebody attends ──> his task: work and connection
//! socket, requests ──> bell
//!                         └ nobody does ───────> the connection's own task
//! ```
//!
//! Invariant: when the connection has something to do, a task is woken that will poll it, or that will say so when it
//! leaves. Both the work and the connection only ever know the bell, so nothing is polled for a change of tasks.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;
use tokio::task::coop;

use crate::connect::Messages;

/// Nobody attends to the connection but its task.
const IDLE: u8 = 0;
/// Somebody does, and is at it.
const POLLING: u8 = 1;
/// Somebody does, and waits.
const WAITING: u8 = 2;
const WHO: u8 = IDLE | POLLING | WAITING;

/// The connection has something to do.
const CONNECTION: u8 = 4;
/// The work that somebody waits for has.
const WORK: u8 = 8;

/// So often work and connection are polled in turn before it is asked whether it is the other tasks' turn.
const ROUNDS: u32 = 4;

/// A connection that is to be kept going.
pub(crate) struct Pump<C = Messages> {
    /// None when it is over.
    connection: Mutex<Option<C>>,
    bell: Arc<Bell>,
    for_connection: Waker,
    for_work: Waker,
}

/// Tells whoever is to know it that there is something to do.
struct Bell {
    state: AtomicU8,
    attendant: AtomicWaker,
    task: AtomicWaker,
}

impl Bell {
    fn ring(&self, what: u8) {
        let before = self.state.fetch_or(what, Ordering::AcqRel);
        match before & WHO {
            IDLE if what == CONNECTION => self.task.wake(),
            // Once is enough.
            WAITING if before == WAITING => self.attendant.wake(),
            _ => {}
        }
    }
}

/// Rings for the connection.
impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring(CONNECTION);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring(CONNECTION);
    }
}

/// Rings for the work.
struct RingsForWork(Arc<Bell>);

impl Wake for RingsForWork {
    fn wake(self: Arc<Self>) {
        self.0.ring(WORK);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.ring(WORK);
    }
}

impl<C: Future + Unpin> Pump<C> {
    pub(crate) fn new(connection: C) -> Arc<Self> {
        // What it was polled with before is none of ours.
        let state = AtomicU8::new(IDLE | CONNECTION);
        let bell = Arc::new(Bell { state, attendant: AtomicWaker::new(), task: AtomicWaker::new() });
        Arc::new(Pump {
            connection: Mutex::new(Some(connection)),
            for_connection: Arc::clone(&bell).into(),
            for_work: Arc::new(RingsForWork(Arc::clone(&bell))).into(),
            bell,
        })
    }

    /// The connection's own task: it is over when the connection is.
    pub(crate) async fn run(self: Arc<Self>) {
        poll_fn(|context| {
            self.bell.task.register(context.waker());
            // Whoever attends polls it, and rings if he leaves something to be done.
            let Some(mut connection) = self.at_hand() else { return Poll::Pending };
            let attended = self.bell.state.load(Ordering::Acquire) & WHO != IDLE;
            let over = if attended {
                connection.is_none()
            } else {
                self.bell.state.fetch_and(!CONNECTION, Ordering::AcqRel);
                self.is_over(&mut connection)
            };
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Somebody is about to attend to the connection.
    pub(crate) fn attendance(self: &Arc<Self>, turn: Turn) -> Attendance<C> {
        Attendance { pump: Arc::clone(self), turn, begun: false }
    }

    /// The connection, unless somebody else polls it right now.
    fn at_hand(&self) -> Option<MutexGuard<'_, Option<C>>> {
        match self.connection.try_lock() {
            Ok(connection) => Some(connection),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Polls the connection.
    fn is_over(&self, connection: &mut Option<C>) -> bool {
        let Some(open) = connection else { return true };
        let over = Pin::new(open).poll(&mut Context::from_waker(&self.for_connection)).is_ready();
        if over {
            *connection = None;
        }
        over
    }
}

impl<C> Pump<C> {
    /// Nobody attends any more.
    pub(crate) fn leave(&self) {
        // What is to do stays noted: somebody may come before the task has its turn.
        if self.bell.state.fetch_and(!WHO, Ordering::AcqRel) & CONNECTION != 0 {
            self.bell.task.wake();
        }
    }
}

impl<C> fmt::Debug for Pump<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").finish_non_exhaustive()
    }
}

pin_project! {
    /// Work during which the connection is kept going.
    pub(crate) struct Attended<F, C = Messages> {
        // Dropped first: what it leaves to be done is told by leaving.
        #[pin]
        work: F,
        attendance: Attendance<C>,
    }
}

/// When a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// After what other tasks have to do, so that requests of many go out one after the other: a server on the same
    /// machine would otherwise take the processor after each.
    AfterOthers,
}

/// Whoever attends to a connection.
pub(crate) struct Attendance<C = Messages> {
    pump: Arc<Pump<C>>,
    turn: Turn,
    /// Whether the work was polled with the bell.
    begun: bool,
}

impl<C> Attendance<C> {
    /// Does some work, and keeps the connection going meanwhile.
    pub(crate) fn to<F: Future>(self, work: F) -> Attended<F, C> {
        Attended { work, attendance: self }
    }
}

fn end<C>(pump: &Pump<C>, begun: &mut bool) {
    if std::mem::take(begun) {
        pump.leave();
    }
}

impl<C> Drop for Attendance<C> {
    fn drop(&mut self) {
        end(&self.pump, &mut self.begun);
    }
}

impl<F: Future, C: Future + Unpin> Future for Attended<F, C> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (mut work, Attendance { pump, turn, begun }) = (this.work, this.attendance);
        let bell = &*pump.bell;
        let mut connection = match pump.at_hand() {
            Some(connection) if connection.is_some() => connection,
            _ => {
                // It is over, or somebody else is at it, and we are woken by the work's own means: the task, or whoever
                // does work of which this is a part.
                end(pump, begun);
                return work.poll(context);
            }
        };
        let first = !std::mem::replace(begun, true);
        if first && *turn == Turn::AfterOthers {
            // What is to do on the connection stays noted, and nobody is woken for it, nor whoever forgot that he waits.
            bell.state.fetch_or(POLLING, Ordering::AcqRel);
            let polled = work.poll(&mut Context::from_waker(&pump.for_work));
            drop(connection);
            match polled {
                Poll::Ready(_) => end(pump, begun),
                Poll::Pending => context.waker().wake_by_ref(),
            }
            return polled;
        }
        let mut to_do = bell.state.swap(POLLING, Ordering::AcqRel);
        if first {
            to_do |= WORK;
        }
        let mut round = 0_u32;
        loop {
            if to_do & CONNECTION != 0 && pump.is_over(&mut connection) {
                // Its task is to end as well. From now on the work is by itself.
                drop(connection);
                end(pump, begun);
                bell.task.wake();
                return work.poll(context);
            }
            if to_do & WORK != 0
                && let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&pump.for_work))
            {
                drop(connection);
                end(pump, begun);
                return Poll::Ready(done);
            }
            if bell.state.load(Ordering::Acquire) == POLLING {
                bell.attendant.register(context.waker());
                let waits = bell.state.compare_exchange(POLLING, WAITING, Ordering::AcqRel, Ordering::Acquire);
                if waits.is_ok() {
                    return Poll::Pending;
                }
            }
            round += 1;
            if round.is_multiple_of(ROUNDS) && !coop::has_budget_remaining() {
                // What is to do stays noted.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            to_do = bell.state.swap(POLLING, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::ready;
    use std::time::Duration;

    use futures_util::future::join;
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::yield_now;

    use super::*;

    /// A connection that answers each request with its double, and how often its polls had something to do.
    struct Doubling {
        requests: mpsc::UnboundedReceiver<(u32, oneshot::Sender<u32>)>,
        answered: Arc<AtomicUsize>,
        by: Arc<Mutex<Vec<Option<tokio::task::Id>>>>,
    }

    impl Future for Doubling {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            while let Some((number, answer)) = ready!(self.requests.poll_recv(context)) {
                self.answered.fetch_add(1, Ordering::Relaxed);
                self.by.lock().expect("no panic").push(tokio::task::try_id());
                let _nobody_waits = answer.send(number * 2);
            }
            Poll::Ready(())
        }
    }

    #[derive(Clone)]
    struct Client {
        requests: mpsc::UnboundedSender<(u32, oneshot::Sender<u32>)>,
        pump: Arc<Pump<Doubling>>,
        answered: Arc<AtomicUsize>,
        by: Arc<Mutex<Vec<Option<tokio::task::Id>>>>,
    }

    impl Client {
        fn open() -> (Client, tokio::task::JoinHandle<()>) {
            let (sender, requests) = mpsc::unbounded_channel();
            let (answered, by) = (Arc::default(), Arc::default());
            let pump = Pump::new(Doubling { requests, answered: Arc::clone(&answered), by: Arc::clone(&by) });
            let task = tokio::spawn(Arc::clone(&pump).run());
            (Client { requests: sender, pump, answered, by }, task)
        }

        async fn double(&self, number: u32) -> Option<u32> {
            let (answer, answered) = oneshot::channel();
            self.requests.send((number, answer)).ok()?;
            answered.await.ok()
        }

        fn attend<F: Future>(&self, turn: Turn, work: F) -> Attended<F, Doubling> {
            self.pump.attendance(turn).to(work)
        }

        fn answered_by(&self) -> Vec<Option<tokio::task::Id>> {
            self.by.lock().expect("no panic").clone()
        }
    }

    /// Polls once.
    async fn once<F: Future>(mut work: Pin<&mut F>) -> Poll<F::Output> {
        poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn whoever_attends_polls_the_connection_himself() {
        let (client, task) = Client::open();
        let working = client.clone();
        let work = tokio::spawn(async move {
            for number in 0..3 {
                assert_eq!(working.attend(Turn::Now, working.double(number)).await, Some(number * 2));
                let later = working.attend(Turn::AfterOthers, working.double(number)).await;
                assert_eq!(later, Some(number * 2));
            }
        });
        let id = work.id();
        work.await.expect("no panic");
        assert_eq!(client.answered_by(), [Some(id); 6]);
        assert!(!task.is_finished());
    }

    #[tokio::test]
    async fn a_request_that_is_written_at_once_needs_no_other_turn() {
        let (client, _task) = Client::open();
        let now = once(pin!(client.attend(Turn::Now, client.double(1)))).await;
        assert_eq!(now, Poll::Ready(Some(2)));
        let mut later = pin!(client.attend(Turn::AfterOthers, client.double(2)));
        assert_eq!(once(later.as_mut()).await, Poll::Pending);
        assert_eq!(client.answered.load(Ordering::Relaxed), 1);
        assert_eq!(later.await, Some(4));
    }

    #[tokio::test]
    async fn what_nobody_attends_to_is_done_by_the_task() {
        let (client, task) = Client::open();
        assert_eq!(client.double(4).await, Some(8));
        assert_eq!(client.answered_by(), [Some(task.id())]);
    }

    #[tokio::test]
    async fn what_is_left_behind_is_done_by_the_task() {
        let (client, task) = Client::open();
        {
            // Sent, and dropped before it was written.
            let mut left = pin!(client.attend(Turn::AfterOthers, client.double(1)));
            assert_eq!(once(left.as_mut()).await, Poll::Pending);
            assert_eq!(client.answered.load(Ordering::Relaxed), 0);
        }
        until(|| client.answered.load(Ordering::Relaxed) == 1).await;
        assert_eq!(client.answered_by(), [Some(task.id())]);
        // Sent by the way, while somebody attends and waits for something else.
        let (ring, rung) = oneshot::channel::<()>();
        let waiting = client.attend(Turn::Now, rung);
        let sending = async {
            yield_now().await;
            assert_eq!(client.double(2).await, Some(4));
            ring.send(()).expect("somebody waits");
        };
        let (rung, ()) = join(waiting, sending).await;
        assert_eq!(rung, Ok(()));
    }

    #[tokio::test]
    async fn work_that_was_forgotten_leaves_the_connection_when_told_so() {
        let (client, task) = Client::open();
        let mut forgotten = Box::pin(client.attend(Turn::Now, std::future::pending::<()>()));
        assert_eq!(once(forgotten.as_mut()).await, Poll::Pending);
        std::mem::forget(forgotten);
        client.pump.leave();
        assert_eq!(client.double(3).await, Some(6));
        assert_eq!(client.answered_by(), [Some(task.id())]);
    }

    #[tokio::test]
    async fn both_end_with_the_connection() {
        let (client, task) = Client::open();
        let Client { requests, pump, .. } = client;
        let (_sender, never) = oneshot::channel::<u32>();
        drop(requests);
        let ended = pump.attendance(Turn::Now).to(tokio::time::timeout(Duration::ZERO, never)).await;
        assert!(ended.is_err());
        task.await.expect("no panic");
        assert_eq!(pump.attendance(Turn::Now).to(async { 1 }).await, 1);
    }

    #[tokio::test]
    async fn work_may_have_attended_work_in_it() {
        let (client, task) = Client::open();
        let outer = async {
            let first = client.attend(Turn::AfterOthers, client.double(1)).await;
            // Waits for something that only another task brings about.
            let (ring, rung) = oneshot::channel();
            tokio::spawn(async move { ring.send(2) });
            let rung = client.attend(Turn::Now, rung).await;
            (first, rung, client.attend(Turn::Now, client.double(3)).await)
        };
        assert_eq!(client.attend(Turn::Now, outer).await, (Some(2), Ok(2), Some(6)));
        assert!(!client.answered_by().contains(&Some(task.id())));
    }

    /// More than a task may do in one turn.
    #[tokio::test]
    async fn much_work_gives_way_to_others() {
        let (client, _task) = Client::open();
        let others = tokio::spawn(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let work = async {
            for number in 0..2000 {
                assert_eq!(client.double(number).await, Some(number * 2));
            }
            others.is_finished()
        };
        assert!(client.attend(Turn::Now, work).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_between_tasks_and_threads() {
        let (client, _task) = Client::open();
        let by_the_way = client.clone();
        let by_the_way = tokio::spawn(async move {
            for number in 0..5000 {
                assert_eq!(by_the_way.double(number).await, Some(number * 2));
            }
        });
        for number in 0..5000 {
            let turn = if number % 2 == 0 { Turn::Now } else { Turn::AfterOthers };
            if number % 3 == 0 {
                let mut dropped = Box::pin(client.attend(turn, client.double(number)));
                let _whatever = once(dropped.as_mut()).await;
            } else {
                assert_eq!(client.attend(turn, client.double(number)).await, Some(number * 2));
            }
        }
        by_the_way.await.expect("no panic");
        until(|| client.answered.load(Ordering::Relaxed) == 10_000).await;
    }

    /// A stream begins its transaction within its own work, and closes its cursor by the way.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_sent_by_the_way_after_work_within_work_is_not_lost() {
        let (client, _task) = Client::open();
        for number in 0..5000 {
            let (answer, answered) = oneshot::channel();
            let outer = client.attend(Turn::AfterOthers, async {
                assert_eq!(client.attend(Turn::AfterOthers, client.double(number)).await, Some(number * 2));
                client.requests.send((number, answer)).expect("the connection is there");
            });
            outer.await;
            assert_eq!(answered.await, Ok(number * 2));
        }
    }
}
