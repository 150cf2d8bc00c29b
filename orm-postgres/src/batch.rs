//! Gets of rows of one table that are asked for at the same moment are one statement.
//!
//! Whoever has a connection for a get gives way to other tasks before he sends, if others are at work. A get that comes
//! meanwhile and is of the same table takes no connection, but joins him: the server reads both rows at once, which takes it
//! little longer than one.
//!
//! ```text
//! first get:   takes a connection ─> opens a batch ─> gives way ┬ nobody joined: sends by himself
//! second get:                              joins, and starts a task ─> gives way ─> sends ─> a row for each
//! third get:                                           joins ┘
//! ```
//!
//! Invariants: from the moment that somebody joins, connection and batch are the task's, so nobody waits for a future that
//! its owner does not poll, or has dropped. Nothing is under way when the connection goes back to the pool. All of a batch
//! read one table, outside of transactions: none waits for a lock for which it would not have waited by itself.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::TryStreamExt;
use orm_core::ast::{self, TableRef};
use orm_core::boxed;
use orm_core::error::Result;
use orm_core::model::KeyValues;
use orm_core::value::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row, Statement};

use crate::connection::Failure;
use crate::error;
use crate::pool::{Lent, Shared};
use crate::value::Bound;

/// So many gets at most are in a batch. Its statement has as many places, so that it has one text, whoever comes.
const LARGEST: usize = 8;

/// The batches that may be joined. On a cache line of their own: every get writes to it.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Batches(Mutex<Open>);

#[derive(Default)]
struct Open {
    batches: Vec<Batch>,
    /// How many were opened.
    count: u64,
}

/// Gets that are sent together.
struct Batch {
    number: u64,
    table: TableRef,
    gets: Vec<Get>,
    /// The connection, until somebody joins.
    lent: Option<Lent>,
}

struct Get {
    key: KeyValues,
    /// Until it is answered.
    answer: Option<oneshot::Sender<Answer>>,
}

impl Get {
    fn new(key: &[Value]) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        (Get { key: key.into(), answer: Some(answer) }, answered)
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(to) = self.answer.take() {
            let _gone = to.send(answer);
        }
    }
}

/// What has come of a get in a batch.
pub(crate) enum Answer {
    Row(Option<Row>),
    /// Something went wrong. That may be another's trouble, and a read can be run again: by itself a get has its own trouble,
    /// or none. Whoever had the connection has it back.
    None(Option<Lent>),
}

impl Batch {
    /// Whether a get may join. One of the same row may not, for a row that has come is given to one.
    fn has_room(&self, table: TableRef, key: &[Value]) -> bool {
        let is_of_table = std::ptr::eq(self.table.meta, table.meta) && self.table.alias == table.alias;
        is_of_table && self.gets.len() < LARGEST && self.gets.iter().all(|get| get.key[..] != *key)
    }
}

impl Batches {
    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in it can be half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the batch that is open for a table, if one is. The answer is there to be waited for.
    pub(crate) fn join(&self, table: TableRef, key: &[Value]) -> Option<oneshot::Receiver<Answer>> {
        let mut open = self.lock();
        let batch = open.batches.iter_mut().find(|batch| batch.has_room(table, key))?;
        // Without a runtime there is nobody for the task.
        let runtime = batch.lent.as_ref().map(|_| Handle::try_current()).transpose().ok()?;
        let (get, answered) = Get::new(key);
        batch.gets.push(get);
        if let (Some(runtime), Some(lent)) = (runtime, batch.lent.take()) {
            let number = batch.number;
            drop(open);
            runtime.spawn(run(number, lent));
        }
        Some(answered)
    }

    /// Takes a batch away, so that nobody joins it any more.
    fn close(&self, number: u64, is_meant: impl Fn(&Batch) -> bool) -> Option<Batch> {
        let mut open = self.lock();
        let place = open.batches.iter().position(|batch| batch.number == number)?;
        is_meant(open.batches.get(place)?).then(|| open.batches.swap_remove(place))
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("open", &self.lock().batches.len()).finish_non_exhaustive()
    }
}

/// A batch for whoever opened it. Dropped, it is closed, unless somebody joined it.
pub(crate) struct Opened {
    shared: Arc<Shared>,
    number: u64,
    is_open: bool,
    answered: oneshot::Receiver<Answer>,
}

impl Opened {
    /// Opens a batch with the first get.
    pub(crate) fn new(lent: Lent, table: TableRef, key: &[Value]) -> Option<Self> {
        let shared = Arc::clone(lent.shared()?);
        let (first, answered) = Get::new(key);
        let mut open = shared.batches.lock();
        open.count += 1;
        let number = open.count;
        open.batches.push(Batch { number, table, gets: vec![first], lent: Some(lent) });
        drop(open);
        Some(Opened { shared, number, is_open: true, answered })
    }

    /// Waits for whoever joins, and then for the answer. If nobody does, the connection comes back.
    pub(crate) async fn answer(mut self) -> Answer {
        give_way().await;
        match self.withdraw() {
            Some(lent) => Answer::None(Some(lent)),
            None => (&mut self.answered).await.unwrap_or(Answer::None(None)),
        }
    }

    /// The connection, unless somebody has joined.
    fn withdraw(&mut self) -> Option<Lent> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        self.shared.batches.close(self.number, |batch| batch.lent.is_some())?.lent
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.withdraw());
    }
}

/// Other tasks have their turn.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What ends the text of a get whose key is one column.
const ONE_KEY: &str = " = $1";

/// Whether gets of this statement can be one, and their rows be told apart by the bytes of their keys.
pub(crate) fn can_be_one(table: TableRef, sql: &str, statement: &Statement) -> bool {
    let ([place], [of_value]) = (table.meta.primary_key, statement.params()) else { return false };
    let Some(column) = statement.columns().get(usize::from(*place)) else { return false };
    let is_told = match *column.type_() {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::UUID => of_value == column.type_(),
        Type::TEXT | Type::VARCHAR => matches!(*of_value, Type::TEXT | Type::VARCHAR),
        _ => false,
    };
    is_told && sql.ends_with(ONE_KEY)
}

/// The text of a batch, from that of one get.
fn text_of(get: &str) -> Option<String> {
    let mut sql = get.strip_suffix(ONE_KEY)?.to_owned();
    for place in 1..=LARGEST {
        sql.push_str(if place == 1 { " IN ($" } else { ", $" });
        sql.push_str(&place.to_string());
    }
    sql.push(')');
    Some(sql)
}

/// Sends a batch, and hands out the rows.
async fn run(number: u64, mut lent: Lent) {
    give_way().await;
    let Some(mut batch) = lent.shared().and_then(|shared| shared.batches.close(number, |_| true)) else { return };
    let keys: Vec<KeyValues> = batch.gets.iter_mut().map(|get| std::mem::take(&mut get.key)).collect();
    let found = match unless_all_left(&mut batch.gets, find(&mut lent, batch.table, &keys)).await {
        Some(found) => found.unwrap_or_default(),
        // What is under way is stopped where the connection comes back.
        None => return,
    };
    let lent = match found.first() {
        // Before they are told: whoever asks for the next one has it.
        Some(Found::Row(_) | Found::NoRow) => {
            drop(lent);
            None
        }
        Some(Found::Unknown) | None => Some(lent),
    };
    for (get, row) in batch.gets.iter_mut().zip(found) {
        match row {
            Found::Row(row) => get.answer(Answer::Row(Some(row))),
            Found::NoRow => get.answer(Answer::Row(None)),
            Found::Unknown => {}
        }
    }
    if let (Some(first), Some(lent)) = (batch.gets.first_mut(), lent) {
        first.answer(Answer::None(Some(lent)));
    }
}

/// What is known of a get.
enum Found {
    Row(Row),
    NoRow,
    /// There may be a row whose key is equal, and written otherwise.
    Unknown,
}

/// Reads the rows of keys, in their order.
async fn find(lent: &mut Lent, table: TableRef, keys: &[KeyValues]) -> Result<Vec<Found>, Failure> {
    let ([place], Some(first)) = (table.meta.primary_key, keys.first()) else { return Err(error::lost().into()) };
    let sql = text_of(lent.compile(ast::Statement::ByKey { table, key: first })?.sql()).ok_or_else(error::lost)?;
    let live = lent.live()?;
    let attendance = live.attendance(true);
    let work = async {
        let statement = match live.statements.find(&sql) {
            Some(statement) => statement,
            None => live.prepare_typed(&sql, &[]).await?,
        };
        // The places that are left have the first key again.
        let values = keys.iter().chain(std::iter::repeat(first)).flatten().take(LARGEST);
        let bound = Bound::of_values(values, statement.params())?;
        live.depart();
        let rows = all_rows(&live.client, &statement, &bound).await;
        live.arrive(rows.as_ref().err());
        if rows.as_ref().is_err_and(error::is_stale) {
            live.statements.forget(&sql);
        }
        let is_text = !matches!(statement.params(), [Type::INT2 | Type::INT4 | Type::INT8 | Type::UUID, ..]);
        Ok(assigned(rows?, usize::from(*place), keys.len(), &bound, is_text))
    };
    attendance.to(work).await
}

async fn all_rows(client: &Client, statement: &Statement, bound: &Bound) -> Result<Vec<Row>, tokio_postgres::Error> {
    let mut rows = pin!(Box::into_pin(boxed(|| client.query_raw(statement, bound.binds()))).await?);
    let mut all = Vec::with_capacity(LARGEST);
    while let Some(row) = rows.try_next().await? {
        all.push(row);
    }
    Ok(all)
}

/// The row of each key.
fn assigned(rows: Vec<Row>, place: usize, keys: usize, bound: &Bound, is_text: bool) -> Vec<Found> {
    let mut found: Vec<Found> = (0..keys).map(|_| Found::NoRow).collect();
    for row in rows {
        let Ok(Bytes(key)) = row.try_get(place) else { continue };
        let of = (0..keys).find(|number| bound.value(*number).and_then(|bind| bind.bytes) == Some(key));
        // A key has one row; a view may have more.
        if let Some(one) = of.and_then(|of| found.get_mut(of)) {
            *one = Found::Row(row);
        }
    }
    if is_text {
        // Texts may be equal by their collation.
        found.iter_mut().filter(|one| matches!(one, Found::NoRow)).for_each(|one| *one = Found::Unknown);
    }
    found
}

/// A value as the server sends it.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_type: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Bytes(bytes))
    }

    fn accepts(_type: &Type) -> bool {
        true
    }
}

/// Waits for something as long as there is somebody who waits for an answer.
async fn unless_all_left<T>(gets: &mut [Get], work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        let mut waiting = gets.iter_mut().filter_map(|get| get.answer.as_mut());
        if waiting.all(|answer| answer.poll_closed(context).is_ready()) { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
