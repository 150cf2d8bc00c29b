//! Loading related objects into a session: `query(..).with(..)` and [`Session::load`].
//!
//! One statement for each relation, whatever the number of objects. Rows that the session has are the objects that it has;
//! what an object belongs to is not asked for if it is here.

use std::collections::HashMap;
use std::panic::Location;

use super::arena::{Arena, Parent, Place, Slot};
use super::relations::{ArenaOf, Gathered, Known, View};
use super::rows::At;
use super::{Object, Ref, Session, detached, keys, kin};
use crate::ast::{ColumnRef, Expr, Join, JoinKind, Lifted, Projection, Reads, Select, Statement, TableRef};
use crate::driver::Caller;
use crate::error::{Error, Result};
use crate::model::KeyValues;
use crate::query::row_keys::{key_bytes, key_conditions};
use crate::query::{Related, Wanted, first_of_each};
use crate::relation::{Meeting, Relation, Route};

/// A relation that a session can load, with those that are to be loaded with it.
#[diagnostic::on_unimplemented(
    message = "a session cannot load `{Self}`",
    label = "expected a relation such as `User.posts`, or `User.posts.filter(..).with(..)`",
    note = "columns of related rows are for `engine.fetch_all(select(..).with(..))`, which gives plain values"
)]
pub trait SessionLoad {
    /// The model that it leads from.
    type From: Object;

    /// What is to be loaded.
    #[doc(hidden)]
    fn into_spec(self) -> Spec;
}

/// Relations that a session can load, one after the other.
pub trait SessionLoads {
    /// Adds what is to be loaded.
    #[doc(hidden)]
    fn add_specs(self, specs: &mut Vec<Spec>);
}

impl SessionLoads for () {
    fn add_specs(self, _specs: &mut Vec<Spec>) {}
}

impl<First: SessionLoads, Last: SessionLoad> SessionLoads for (First, Last) {
    fn add_specs(self, specs: &mut Vec<Spec>) {
        self.0.add_specs(specs);
        specs.push(self.1.into_spec());
    }
}

/// A relation to be loaded, its types forgotten.
#[doc(hidden)]
#[derive(Debug)]
pub struct Spec {
    known: Known,
    /// Whether the objects themselves have the keys.
    own: bool,
    meeting: std::result::Result<Meeting, String>,
    target: TableRef,
    arena: ArenaOf,
    between: Option<ArenaOf>,
    select: Select,
    per_row: Option<u64>,
    /// Whether all related rows are asked for.
    whole: bool,
    nested: Vec<Spec>,
}

#[diagnostic::do_not_recommend]
impl<F: Object, T: Object, Kind: Gathered> SessionLoad for Relation<F, T, Kind> {
    type From = F;

    fn into_spec(self) -> Spec {
        self.into_related().into_spec()
    }
}

#[diagnostic::do_not_recommend]
impl<F: Object, T: Object, Kind: Gathered, Row: Send + 'static, Nested: SessionLoads> SessionLoad
    for Related<F, T, Kind, Row, Nested>
{
    type From = F;

    fn into_spec(self) -> Spec {
        let Wanted { relation, ast: select, per_row, nested } = self.into_wanted();
        let (own, foreign_key) = match relation.route() {
            Route::Own(key) => (true, key),
            Route::Theirs(key) | Route::Through { from: key, .. } => (false, key),
        };
        let mut spec = Spec {
            known: Known { holder: Kind::holder::<F, T>(), foreign_key },
            own,
            meeting: relation.meeting().map_err(|error| error.to_string()),
            target: relation.target(),
            arena: Session::arena_number::<T>,
            between: Kind::between(),
            whole: per_row.is_none() && select.filter.is_empty() && select.joins.is_empty(),
            select,
            per_row,
            nested: Vec::new(),
        };
        nested.add_specs(&mut spec.nested);
        let Spec { select, nested, .. } = &mut spec;
        nested.iter_mut().for_each(|spec| spec.lift(&select.lifted));
        spec
    }
}

/// Objects for which the database is asked, each with the key to ask by.
type Asked = Vec<(u32, KeyValues)>;

impl Session {
    /// Loads what is related to objects that are here, by one statement for each relation. What was loaded in this
    /// transaction is not asked for again.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// # session.add(User::builder().name("Al").email("a@example.com").posts([Post::builder().title("Hello")]));
    /// # session.commit().await?;
    /// # let mut session = Session::new(&engine);
    /// let users = session.query(User).all().await?;
    /// session.load(&users, User.posts.with(Post.author)).await?;
    /// assert_eq!(session.related(users[0], User.posts)?.len(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] if one of them is not in this session; any other of [`Error`].
    #[track_caller]
    pub fn load<L: SessionLoad>(&mut self, handles: &[Ref<L::From>], relation: L) -> impl Future<Output = Result<()>> {
        self.load_from(handles, relation.into_spec(), Location::caller())
    }

    async fn load_from<T: Object>(&mut self, handles: &[Ref<T>], spec: Spec, caller: Caller) -> Result<()> {
        self.check()?;
        if handles.iter().any(|handle| self.place(*handle).is_none()) {
            return Err(detached::<T>());
        }
        if let [_only] = handles {
            let between = T::TABLE.model;
            let what = || format!("what is related to one `{between}` in `{}`", spec.target.meta.model);
            self.open(None).await?.watch_key(caller, what)?;
        }
        self.load_all(handles, std::slice::from_ref(&spec), false).await
    }

    pub(super) async fn load_all<T: Object>(&mut self, found: &[Ref<T>], specs: &[Spec], refresh: bool) -> Result<()> {
        if specs.is_empty() || found.is_empty() {
            return Ok(());
        }
        let number = self.arena_number::<T>();
        let slots: Vec<u32> = found.iter().map(|handle| handle.slot()).collect();
        self.load_related(number, slots, specs, refresh).await
    }

    async fn load_related(&mut self, number: usize, slots: Vec<u32>, specs: &[Spec], refresh: bool) -> Result<()> {
        for spec in specs {
            let (child, children) = self.load_one(number, &slots, spec, refresh).await?;
            if !spec.nested.is_empty() && !children.is_empty() {
                Box::pin(self.load_related(child, children, &spec.nested, refresh)).await?;
            }
        }
        Ok(())
    }

    /// Loads one relation. Gives the arena of the related objects, and where they are.
    async fn load_one(
        &mut self,
        number: usize,
        slots: &[u32],
        spec: &Spec,
        refresh: bool,
    ) -> Result<(usize, Vec<u32>)> {
        let meeting = spec.meeting.clone().map_err(Error::Statement)?;
        let child = (spec.arena)(self);
        let between = spec.between.map(|between| between(self));
        // What is related may have been changed here, and not be written yet.
        self.flush_for(|| Reads::of(&spec.select)).await?;
        let unwritten = between.is_some_and(|between| self.arenas.get(between).is_some_and(Arena::is_dirty));
        if unwritten && self.autoflush {
            Box::pin(self.flush_before_query()).await?;
        }
        let (asked, mut children) = self.to_ask(number, slots, spec, &meeting, (child, between), refresh)?;
        let columns = spec.columns(&meeting);
        let keys = asked.iter().map(|(_slot, key)| key.clone()).collect();
        let features = self.line.engine().driver().features();
        let mut holders = Vec::new();
        for condition in key_conditions(&columns, keys, features) {
            let select = spec.statement(&meeting, &columns, condition);
            match between {
                None => {
                    let read = self.read_slots(child, Statement::Select(&select), refresh).await?;
                    children.extend(&read);
                    holders.extend(read);
                }
                Some(between) => {
                    let [read, rows] = self.read_pairs([child, between], Statement::Select(&select), refresh).await?;
                    children.extend(read);
                    holders.extend(rows);
                }
            }
        }
        if !spec.own {
            self.note_whole(number, asked, spec, &meeting, between.unwrap_or(child), &holders)?;
        }
        children.sort_unstable();
        children.dedup();
        Ok((child, children))
    }

    /// The objects for which the database is to be asked, each with the key to ask by, and what is known of the others.
    fn to_ask(
        &self,
        number: usize,
        slots: &[u32],
        spec: &Spec,
        meeting: &Meeting,
        (child, between): (usize, Option<usize>),
        refresh: bool,
    ) -> Result<(Asked, Vec<u32>)> {
        let (mut asked, mut known) = (Vec::new(), Vec::new());
        let (Some(arena), Some(children)) = (self.arenas.get(number), self.arenas.get(child)) else {
            return Ok((asked, known));
        };
        let holders = self.arenas.get(between.unwrap_or(child));
        let (departures, view) = (holders.map_or(0, Arena::departures), self.view(spec));
        let open = self.line.in_transaction();
        let is_fresh = |slot| {
            let parent = (slot, arena.generation(slot));
            open && self.loaded.is_fresh(spec.known, parent, (departures, &view))
        };
        for slot in slots.iter().copied() {
            if arena.slot_state(slot) == Slot::Pending {
                // The database has no row that belongs to it. What it belongs to itself may be as new as it is.
                let waits = |parent: &&Parent| spec.own && parent.foreign_key == spec.known.foreign_key;
                let parent = arena.waits_for(slot).iter().find(waits);
                known.extend(parent.map(|parent| parent.place.slot));
                if parent.is_some() || !spec.own {
                    continue;
                }
            }
            let at = if spec.own { At::Now(slot) } else { arena.stored(slot) };
            let key = |column: &u16| keys::value(arena.values.as_ref(), at, *column);
            let key: KeyValues = meeting.own.iter().map(key).collect::<Result<_>>()?;
            if key.iter().any(crate::value::Value::is_null) {
                continue;
            }
            let present = match spec.own {
                true => children.find_now(meeting.theirs, &key).into_iter().collect(),
                false if is_fresh(slot) && !refresh => self.known_kin(number, slot, spec, meeting, (child, between))?,
                false => {
                    asked.push((slot, key));
                    continue;
                }
            };
            match present.as_slice() {
                [] if spec.own => asked.push((slot, key)),
                _ if refresh => asked.push((slot, key)),
                present => known.extend(present),
            }
        }
        Ok((asked, known))
    }

    /// The related objects that were loaded before, from which further relations lead on.
    fn known_kin(
        &self,
        number: usize,
        slot: u32,
        spec: &Spec,
        meeting: &Meeting,
        (child, between): (usize, Option<usize>),
    ) -> Result<Vec<u32>> {
        let (Some(parents), Some(children)) = (self.arenas.get(number), self.arenas.get(child)) else {
            return Ok(Vec::new());
        };
        let Some(holders) = self.arenas.get(between.unwrap_or(child)).filter(|_| !spec.nested.is_empty()) else {
            return Ok(Vec::new());
        };
        let place = Place { arena: u16::try_from(number).unwrap_or(u16::MAX), slot };
        let found = kin::children(holders, spec.known.foreign_key, parents, place);
        let Some(through) = meeting.through else { return Ok(found) };
        let mut targets = Vec::new();
        for row in found {
            let value = |column: &u16| keys::value(holders.values.as_ref(), At::Now(row), *column);
            let key: KeyValues = through.to.iter().map(value).collect::<Result<_>>()?;
            targets.extend(children.find_now(meeting.theirs, &key));
        }
        Ok(targets)
    }

    /// What a relation that is loaded now sees of the database.
    fn view(&self, spec: &Spec) -> View {
        let filters = self.line.engine().filters().len();
        View { clock: self.clock.now, filters, lifted: spec.select.lifted.clone() }
    }

    /// Notes that all rows that belong to these objects were read, and in which order.
    fn note_whole(
        &mut self,
        number: usize,
        asked: Asked,
        spec: &Spec,
        meeting: &Meeting,
        holder: usize,
        rows: &[u32],
    ) -> Result<()> {
        if !spec.whole {
            return Ok(());
        }
        let Some(holders) = self.arenas.get_mut(holder) else { return Ok(()) };
        holders.watch(spec.known.foreign_key);
        let columns = meeting.through.map_or(meeting.theirs, |through| through.from);
        let mut orders: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
        for slot in rows.iter().copied() {
            let value = |column: &u16| keys::value(holders.values.as_ref(), holders.stored(slot), *column);
            let key: KeyValues = columns.iter().map(value).collect::<Result<_>>()?;
            orders.entry(key_bytes(&key)).or_default().push(slot);
        }
        let departures = holders.departures();
        let view = self.view(spec);
        let Some(arena) = self.arenas.get(number) else { return Ok(()) };
        for (slot, key) in asked {
            let order = orders.get(&key_bytes(&key)).cloned().unwrap_or_default();
            self.loaded.insert(spec.known, (slot, arena.generation(slot)), order, (departures, view.clone()));
        }
        Ok(())
    }
}

impl Spec {
    /// Lifts what is lifted from the query that loads it.
    pub(super) fn lift(&mut self, lifted: &Lifted) {
        self.select.lifted.merge(lifted);
        self.nested.iter_mut().for_each(|spec| spec.lift(lifted));
    }

    /// The columns by which related rows are asked for.
    fn columns(&self, meeting: &Meeting) -> Vec<ColumnRef> {
        let (table, columns) = match meeting.through {
            None => (self.target, meeting.theirs),
            Some(through) => (TableRef { meta: through.table, alias: None }, through.from),
        };
        columns.iter().map(|index| ColumnRef { table, index: *index }).collect()
    }

    fn statement(&self, meeting: &Meeting, columns: &[ColumnRef], condition: Expr) -> Select {
        let mut select = self.select.clone();
        if let Some(through) = meeting.through {
            let between = TableRef { meta: through.table, alias: None };
            let pairs = through.to.iter().zip(meeting.theirs).map(|(own, theirs)| {
                let column = |table, index: &u16| Expr::Column(ColumnRef { table, index: *index });
                let sides = (column(between, own), column(self.target, theirs));
                Expr::Binary(crate::ast::BinaryOp::Eq, Box::new(sides))
            });
            let on = Some(Expr::And(pairs.collect()));
            select.joins.insert(0, Join { kind: JoinKind::Inner, table: between, left: Some(self.target), on });
            select.projection.push(Projection::Table(between));
        }
        select.filter.push(condition);
        let Some(rows) = self.per_row else { return select };
        let first = if meeting.through.is_some() { self.target.meta.columns.len() } else { 0 };
        let theirs: Vec<usize> = columns.iter().map(|column| first + usize::from(column.index)).collect();
        first_of_each(select, columns, &theirs, rows)
    }
}
