//! The unit of work against chance, step by step: random histories of a session beside a plain model of what it should
//! hold.
//!
//! The model is a map of rows for each savepoint and nothing else: it has no identity map, no plan and no undo log. After
//! every step the session is compared with it, and after every commit what a fresh session reads.
//!
//! Every run is the same: see `dice.rs` for how to run others. What a failure says ends with its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use orm::Error;
use orm::prelude::*;
use orm::session::{Nested, Object};

use crate::dice::{Dice, rounds};
use crate::expect::polled;
use crate::{TestDb, TestResult};

/// Somebody, who may have a boss and a nickname that nobody else has.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Person {
    #[model(primary_key)]
    id: i64,
    #[model(check = "label >= 0")]
    label: i64,
    #[model(unique)]
    nick: Option<i64>,
    #[model(belongs_to(boss: Person), on_delete = set_null)]
    boss_id: Option<i64>,
}

/// Something that falls with its owner.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Work {
    #[model(primary_key)]
    id: i64,
    #[model(check = "label >= 0")]
    label: i64,
    #[model(belongs_to(owner: Person), on_delete = cascade)]
    owner_id: i64,
    #[model(version)]
    version: i64,
}

/// Something that falls with the work that it is on.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Stamp {
    #[model(primary_key)]
    id: i64,
    #[model(check = "label >= 0")]
    label: i64,
    #[model(belongs_to(work: Work), on_delete = cascade)]
    work_id: i64,
}

/// Something with a key that means something, and changes.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Sign {
    #[model(primary_key)]
    name: String,
    #[model(check = "label >= 0")]
    label: i64,
    #[model(belongs_to(work: Work), on_delete = set_null)]
    work_id: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Person,
    Work,
    Stamp,
    Sign,
}

impl Kind {
    /// What its parents are.
    fn parent(self) -> Kind {
        match self {
            Kind::Person | Kind::Work => Kind::Person,
            Kind::Stamp | Kind::Sign => Kind::Work,
        }
    }

    fn needs_parent(self) -> bool {
        matches!(self, Kind::Work | Kind::Stamp)
    }
}

/// A row of any kind. Others are named by their numbers in the model.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    kind: Kind,
    label: i64,
    /// What is unique: a person's nickname, a sign's name.
    mark: Option<i64>,
    parent: Option<usize>,
    version: i64,
}

/// What can be read of a row: label, mark, key of the parent, version.
type Facts = (i64, Option<i64>, Option<i64>, i64);

trait Thing: Object {
    fn facts(&self) -> Facts;
    /// The key, as a number.
    fn number(&self) -> i64;
    fn set_label(&mut self, label: i64);
    fn set_parent(&mut self, key: Option<i64>);
}

fn name(mark: Option<i64>) -> String {
    format!("s{}", mark.unwrap_or_default())
}

fn mark(name: &str) -> Option<i64> {
    name.strip_prefix('s').and_then(|number| number.parse().ok())
}

macro_rules! things {
    ($($model:ident: $mark:expr, $parent:ident $some:path, $version:expr, $number:expr;)*) => {
        $(impl Thing for $model {
            fn facts(&self) -> Facts {
                let (mark, version): (fn(&Self) -> Option<i64>, fn(&Self) -> i64) = ($mark, $version);
                (self.label, mark(self), self.$parent.into(), version(self))
            }

            fn number(&self) -> i64 {
                let number: fn(&Self) -> i64 = $number;
                number(self)
            }

            fn set_label(&mut self, label: i64) {
                self.label = label;
            }

            fn set_parent(&mut self, key: Option<i64>) {
                self.$parent = $some(key);
            }
        })*
    };
}

things! {
    Person: |row| row.nick, boss_id Option::from, |_| 0, |row| row.id;
    Work: |_| None, owner_id Option::unwrap_or_default, |row| row.version, |row| row.id;
    Stamp: |_| None, work_id Option::unwrap_or_default, |_| 0, |row| row.id;
    Sign: |row| mark(&row.name), work_id Option::from, |_| 0, |row| mark(&row.name).unwrap_or_default();
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Handle {
    Person(Ref<Person>),
    Work(Ref<Work>),
    Stamp(Ref<Stamp>),
    Sign(Ref<Sign>),
}

impl Handle {
    fn kind(self) -> Kind {
        match self {
            Handle::Person(_) => Kind::Person,
            Handle::Work(_) => Kind::Work,
            Handle::Stamp(_) => Kind::Stamp,
            Handle::Sign(_) => Kind::Sign,
        }
    }
}

/// Does the same with a handle, whatever its kind.
macro_rules! with {
    ($handle:expr, $name:ident => $body:expr) => {
        match $handle {
            Handle::Person($name) => $body,
            Handle::Work($name) => $body,
            Handle::Stamp($name) => $body,
            Handle::Sign($name) => $body,
        }
    };
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    row: Row,
    state: State,
}

/// What the database has at some point, within the transaction.
#[derive(Debug, Clone, Default)]
struct Saved {
    rows: BTreeMap<usize, Row>,
    /// What was deleted since the transaction began.
    gone: BTreeSet<usize>,
}

/// The model.
#[derive(Default)]
struct World {
    handles: Vec<Handle>,
    /// Of each object, once it was inserted.
    keys: Vec<Option<i64>>,
    /// What the session should hold, but for what is gone.
    now: BTreeMap<usize, Known>,
    saved: Saved,
    levels: Vec<Saved>,
    committed: BTreeMap<usize, Row>,
    story: Vec<String>,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Good,
    /// A flush failed: the innermost savepoint is to be undone, or all.
    Lost,
    /// A flush was dropped: all is to be undone.
    Interrupted,
}

impl World {
    fn live(&self, kind: Kind) -> Vec<usize> {
        let wanted = |known: &Known| known.row.kind == kind && known.state != State::Deleted;
        self.now.iter().filter(|(_, known)| wanted(known)).map(|(number, _)| *number).collect()
    }

    fn all_live(&self) -> Vec<usize> {
        [Kind::Person, Kind::Work, Kind::Stamp, Kind::Sign].into_iter().flat_map(|kind| self.live(kind)).collect()
    }

    fn handle(&self, number: usize) -> Outcome<Handle> {
        self.handles.get(number).copied().ok_or_else(|| format!("no object {number}").into())
    }

    fn key(&self, number: usize) -> Option<i64> {
        self.keys.get(number).copied().flatten()
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Row)) {
        if let Some(known) = self.now.get_mut(&number) {
            change(&mut known.row);
        }
    }

    fn is_changed(&self, number: usize, row: &Row) -> bool {
        self.saved.rows.get(&number).is_none_or(|saved| Row { version: row.version, ..saved.clone() } != *row)
    }

    fn add(&mut self, handle: Handle, row: Row) {
        self.now.insert(self.handles.len(), Known { row, state: State::Pending });
        self.handles.push(handle);
        self.keys.push(None);
    }

    /// What is wrong with what a flush would write.
    fn faults(&self) -> BTreeSet<&'static str> {
        let mut faults = BTreeSet::new();
        let mut nicks = BTreeSet::new();
        for (number, Known { row, state }) in self.now.iter().filter(|(_, known)| known.state != State::Deleted) {
            let written = *state == State::Pending || self.is_changed(*number, row);
            if written && row.label < 0 {
                faults.insert("CheckViolation");
            }
            if row.kind == Kind::Person && row.mark.is_some_and(|nick| !nicks.insert(nick)) {
                faults.insert("UniqueViolation");
            }
            if written && row.parent.is_some_and(|parent| !self.now.contains_key(&parent)) {
                faults.insert("ForeignKeyViolation");
            }
        }
        faults
    }

    /// A flush succeeded: everything is written, and the database has done what the keys say.
    fn flushed(&mut self, session: &Session) -> Outcome<()> {
        let mut deleted = Vec::new();
        for (number, known) in std::mem::take(&mut self.now) {
            if known.state == State::Deleted {
                deleted.push(number);
                continue;
            }
            let mut row = known.row;
            if row.kind == Kind::Work && self.is_changed(number, &row) {
                row.version += 1;
            }
            self.saved.rows.insert(number, row);
        }
        while let Some(number) = deleted.pop() {
            self.saved.rows.remove(&number);
            self.saved.gone.insert(number);
            for (child, row) in self.saved.rows.iter_mut().filter(|(_, row)| row.parent == Some(number)) {
                match row.kind.needs_parent() {
                    true => deleted.push(*child),
                    false => row.parent = None,
                }
            }
        }
        self.remember();
        for number in self.now.keys().copied().collect::<Vec<_>>() {
            let key = with!(self.handle(number)?, handle => session.try_index(handle)?.number());
            if let Some(known) = self.keys.get_mut(number) {
                *known = Some(key);
            }
        }
        Ok(())
    }

    /// All is as it was saved.
    fn remember(&mut self) {
        let known = |(number, row): (&usize, &Row)| (*number, Known { row: row.clone(), state: State::Persistent });
        self.now = self.saved.rows.iter().map(known).collect();
    }

    fn committed(&mut self) {
        self.committed = self.saved.rows.clone();
        self.saved.gone.clear();
        self.levels.clear();
    }

    /// The level is undone, and those within it.
    fn undo(&mut self, level: usize) {
        if let Some(saved) = self.levels.get(level) {
            self.saved = saved.clone();
        }
        self.levels.truncate(level);
        self.remember();
    }

    fn undo_all(&mut self) {
        self.saved = Saved { rows: self.committed.clone(), gone: BTreeSet::new() };
        self.levels.clear();
        self.remember();
    }

    /// Compares how a flush ended with how it should have.
    fn settle<T>(&mut self, done: &orm::Result<T>, session: &Session) -> Outcome<End> {
        let faults = self.faults();
        match done {
            Ok(_) if faults.is_empty() => {
                self.flushed(session)?;
                Ok(End::Good)
            }
            Err(error) if faults.contains(error.kind()) => {
                self.tell(format!("refused: {}", error.kind()));
                Ok(End::Lost)
            }
            Ok(_) => Err(format!("it was accepted in spite of {faults:?}").into()),
            Err(error) => Err(format!("{error} where {faults:?} was expected").into()),
        }
    }

    fn tell(&mut self, what: String) {
        self.story.push(format!("{:indent$}{what}", "", indent = 2 * self.levels.len()));
    }

    /// Compares the session with the model.
    fn check(&self, session: &Session) -> Outcome<()> {
        for (number, Known { row, state }) in &self.now {
            let handle = self.handle(*number)?;
            let (found, modified) = with!(handle, handle => (session.state(handle), session.is_modified(handle)));
            let changed = *state != State::Deleted && self.is_changed(*number, row);
            if (found, modified) != (*state, changed) {
                return Err(format!("object {number} is {found:?}, modified {modified}: {state:?} {row:?}").into());
            }
            if *state != State::Deleted {
                self.check_row(session, *number, row)?;
            }
        }
        for number in &self.saved.gone {
            let state = with!(self.handle(*number)?, handle => session.state(handle));
            if state != State::Deleted {
                return Err(format!("object {number} is {state:?}, and was deleted").into());
            }
        }
        let all = self.now.len() + self.saved.gone.len();
        if session.len() != all { Err(format!("{} objects of {all}", session.len()).into()) } else { Ok(()) }
    }

    fn check_row(&self, session: &Session, number: usize, row: &Row) -> Outcome<()> {
        let handle = self.handle(number)?;
        let facts = with!(handle, handle => session.try_index(handle)?.facts());
        let parent = row.parent.map(|parent| self.key(parent).ok_or(parent));
        let key = match parent {
            // It has no key yet: the session knows it by its handle.
            Some(Err(parent)) => {
                let linked = parent_of(session, handle)?;
                if linked != Some(self.handle(parent)?) {
                    return Err(format!("object {number} belongs to {linked:?}, not to {parent}").into());
                }
                facts.2
            }
            Some(Ok(key)) => Some(key),
            None => None,
        };
        let version = if self.key(number).is_some() { row.version } else { facts.3 };
        let expected = (row.label, row.mark, key, version);
        if facts == expected { Ok(()) } else { Err(format!("object {number} is {facts:?}, not {expected:?}").into()) }
    }
}

fn parent_of(session: &Session, handle: Handle) -> orm::Result<Option<Handle>> {
    Ok(match handle {
        Handle::Person(person) => session.parent(person, Person.boss)?.map(Handle::Person),
        Handle::Work(work) => session.parent(work, Work.owner)?.map(Handle::Person),
        Handle::Stamp(stamp) => session.parent(stamp, Stamp.work)?.map(Handle::Work),
        Handle::Sign(sign) => session.parent(sign, Sign.work)?.map(Handle::Work),
    })
}

fn set_parent(session: &mut Session, child: Handle, parent: Option<Handle>) -> orm::Result<()> {
    match (child, parent) {
        (Handle::Person(child), Some(Handle::Person(boss))) => session.set(child, Person.boss, boss),
        (Handle::Person(child), None) => session.set(child, Person.boss, None),
        (Handle::Work(child), Some(Handle::Person(owner))) => session.set(child, Work.owner, owner),
        (Handle::Stamp(child), Some(Handle::Work(work))) => session.set(child, Stamp.work, work),
        (Handle::Sign(child), Some(Handle::Work(work))) => session.set(child, Sign.work, work),
        (Handle::Sign(child), None) => session.set(child, Sign.work, None),
        _ => Err(Error::Statement(format!("{child:?} cannot belong to {parent:?}"))),
    }
}

// The steps. Each tells what it does, does it to the session, and does it to the model.

struct Play<'a> {
    db: &'a TestDb,
    world: World,
    dice: Dice,
}

impl Play<'_> {
    fn pick(&mut self, from: &[usize]) -> Option<usize> {
        self.dice.one(from)
    }

    fn label(&mut self) -> i64 {
        if self.dice.percent(3) { -1 } else { self.dice.number(5) }
    }

    /// A nickname, mostly one that nobody has.
    fn nick(&mut self) -> Option<i64> {
        let taken: BTreeSet<_> = self.world.now.values().filter_map(|known| known.row.mark).collect();
        let nick = self.dice.number(12);
        match self.dice.below(10) {
            0..=2 => None,
            3..=8 if taken.contains(&nick) => None,
            _ => Some(nick),
        }
    }

    /// A name for a sign that is free, though its row may be about to go.
    fn sign(&mut self) -> Option<i64> {
        let name = Some(self.dice.number(8));
        let world = &self.world;
        let taken =
            world.live(Kind::Sign).iter().any(|sign| world.now.get(sign).is_some_and(|sign| sign.row.mark == name));
        let held = world.saved.rows.iter().any(|(number, row)| {
            let going = world.now.get(number).is_some_and(|known| known.state == State::Deleted);
            row.kind == Kind::Sign && row.mark == name && !going
        });
        name.filter(|_| !taken && !held)
    }

    fn parent(&mut self, kind: Kind) -> Option<usize> {
        let parents = self.world.live(kind.parent());
        let wanted = kind.needs_parent() || self.dice.percent(60);
        self.pick(&parents).filter(|_| wanted)
    }

    fn add(&mut self, session: &mut Session) -> Outcome<()> {
        let kind =
            self.dice.one(&[Kind::Person, Kind::Person, Kind::Work, Kind::Stamp, Kind::Sign]).unwrap_or(Kind::Person);
        let parent = self.parent(kind);
        let mark = match kind {
            Kind::Person => self.nick(),
            Kind::Sign => self.sign(),
            Kind::Work | Kind::Stamp => None,
        };
        if (kind.needs_parent() && parent.is_none()) || (kind == Kind::Sign && mark.is_none()) {
            return Ok(());
        }
        let label = self.label();
        let key = parent.and_then(|parent| self.world.key(parent)).filter(|_| self.dice.percent(50));
        let row = Row { kind, label, mark, parent, version: 0 };
        self.world.tell(format!("add {} {row:?}, by key {key:?}", self.world.handles.len()));
        let owner = parent.filter(|_| key.is_none()).map(|parent| self.world.handle(parent)).transpose()?;
        let handle = match (kind, owner) {
            (Kind::Person, _) => Handle::Person(session.add(Person { id: 0, label, nick: mark, boss_id: key })),
            (Kind::Sign, _) => Handle::Sign(session.add(Sign { name: name(mark), label, work_id: key })),
            (Kind::Work, Some(Handle::Person(owner))) => {
                Handle::Work(session.add(Work::builder().label(label).owner(owner)))
            }
            (Kind::Stamp, Some(Handle::Work(work))) => {
                Handle::Stamp(session.add(Stamp::builder().label(label).work(work)))
            }
            (Kind::Work, _) => {
                Handle::Work(session.add(Work { id: 0, label, owner_id: key.unwrap_or_default(), version: 0 }))
            }
            (Kind::Stamp, _) => Handle::Stamp(session.add(Stamp { id: 0, label, work_id: key.unwrap_or_default() })),
        };
        if let (Kind::Person | Kind::Sign, Some(owner)) = (kind, owner) {
            set_parent(session, handle, Some(owner))?;
        }
        self.world.add(handle, row);
        Ok(())
    }

    fn change(&mut self, session: &mut Session) -> Outcome<()> {
        let Some(number) = self.pick(&self.world.all_live()) else { return Ok(()) };
        let label = self.label();
        self.world.tell(format!("label of {number} = {label}"));
        with!(self.world.handle(number)?, handle => session.try_index_mut(handle)?.set_label(label));
        self.world.change(number, |row| row.label = label);
        Ok(())
    }

    fn rename(&mut self, session: &mut Session) -> Outcome<()> {
        let marked = [self.world.live(Kind::Person), self.world.live(Kind::Sign)].concat();
        let Some(number) = self.pick(&marked) else { return Ok(()) };
        match self.world.handle(number)? {
            Handle::Person(person) => {
                let nick = self.nick();
                self.world.tell(format!("nick of {number} = {nick:?}"));
                session[person].nick = nick;
                self.world.change(number, |row| row.mark = nick);
            }
            Handle::Sign(sign) => {
                let Some(mark) = self.sign() else { return Ok(()) };
                self.world.tell(format!("name of {number} = s{mark}"));
                session[sign].name = name(Some(mark));
                self.world.change(number, |row| row.mark = Some(mark));
            }
            Handle::Work(_) | Handle::Stamp(_) => {}
        }
        Ok(())
    }

    fn link(&mut self, session: &mut Session) -> Outcome<()> {
        let Some(number) = self.pick(&self.world.all_live()) else { return Ok(()) };
        let child = self.world.handle(number)?;
        let kind = self.world.now.get(&number).map_or(Kind::Person, |known| known.row.kind);
        let parent = self.parent(kind);
        if kind.needs_parent() && parent.is_none() {
            return Ok(());
        }
        let key = parent.and_then(|parent| self.world.key(parent)).filter(|_| self.dice.percent(50));
        self.world.tell(format!("parent of {number} = {parent:?}, by key {key:?}"));
        match key {
            Some(_) => with!(child, child => session.try_index_mut(child)?.set_parent(key)),
            None => set_parent(session, child, parent.map(|parent| self.world.handle(parent)).transpose()?)?,
        }
        self.world.change(number, |row| row.parent = parent);
        Ok(())
    }

    fn delete(&mut self, session: &mut Session) -> Outcome<()> {
        let Some(number) = self.pick(&self.world.now.keys().copied().collect::<Vec<_>>()) else { return Ok(()) };
        let pending = self.world.now.get(&number).is_some_and(|known| known.state == State::Pending);
        if pending && self.world.now.values().any(|known| known.row.parent == Some(number)) {
            // Those that wait for its key would be an error of the next flush.
            return Ok(());
        }
        self.world.tell(format!("delete {number}"));
        with!(self.world.handle(number)?, handle => session.delete(handle)?);
        if pending {
            self.world.now.remove(&number);
        } else if let Some(known) = self.world.now.get_mut(&number) {
            known.state = State::Deleted;
        }
        Ok(())
    }

    async fn refresh(&mut self, session: &mut Session) -> Outcome<()> {
        let Some(number) = self.pick(&self.world.all_live()) else { return Ok(()) };
        self.world.tell(format!("refresh {number}"));
        let done = with!(self.world.handle(number)?, handle => session.refresh(handle).await);
        match (self.world.saved.rows.get(&number).cloned(), done) {
            (Some(saved), Ok(())) => self.world.change(number, |row| *row = saved),
            (None, Err(Error::Statement(_))) => {}
            (saved, done) => return Err(format!("{done:?} of a refresh of {saved:?}").into()),
        }
        Ok(())
    }

    async fn flush(&mut self, session: &mut Session) -> Outcome<End> {
        self.world.tell("flush".into());
        let done = session.flush().await;
        self.world.settle(&done, session)
    }

    /// A flush that is dropped after a few polls, if it has not come to its end by then.
    async fn drop_flush(&mut self, session: &mut Session) -> Outcome<End> {
        let polls = usize::try_from(self.dice.below(6))?;
        self.world.tell(format!("flush dropped after {polls} polls"));
        let done = match polled(polls, session.flush()).await {
            Some(done) => done,
            None => session.flush().await,
        };
        match done {
            Err(Error::Interrupted { .. }) => Ok(End::Interrupted),
            done => self.world.settle(&done, session),
        }
    }

    /// Belongs to what is deleted already, which the database refuses.
    async fn dangle(&mut self, session: &mut Session) -> Outcome<End> {
        let end = self.flush(session).await?;
        let kind = |number: &usize| self.world.handles.get(*number).map(|handle| handle.kind());
        let may = |number: &usize| matches!(kind(number), Some(Kind::Person | Kind::Work));
        let gone: Vec<usize> = self.world.saved.gone.iter().copied().filter(may).collect();
        let (Some(parent), End::Good) = (self.dice.one(&gone), end) else { return Ok(end) };
        // Its key may be in use again.
        let key = self.world.key(parent);
        if key.is_none() || self.world.now.keys().any(|number| self.world.key(*number) == key) {
            return Ok(end);
        }
        let kind = self.world.handle(parent)?.kind();
        let of_kind = |number: &usize| self.world.now.get(number).is_some_and(|known| known.row.kind.parent() == kind);
        let children: Vec<usize> = self.world.all_live().into_iter().filter(of_kind).collect();
        let Some(child) = self.dice.one(&children) else { return Ok(end) };
        self.world.tell(format!("parent of {child} = {parent}, which is gone"));
        set_parent(session, self.world.handle(child)?, Some(self.world.handle(parent)?))?;
        self.world.change(child, |row| row.parent = Some(parent));
        self.flush(session).await
    }

    /// Asks for all rows.
    async fn query(&mut self, session: &mut Session) -> Outcome<End> {
        let end = self.flush(session).await?;
        if end == End::Good {
            self.world.tell("query".into());
            let found = all(session).await?;
            let known: Vec<Handle> =
                self.world.now.keys().map(|number| self.world.handle(*number)).collect::<Outcome<_>>()?;
            if found.len() != known.len() || !known.iter().all(|handle| found.contains(handle)) {
                return Err(format!("{found:?} was found of {known:?}").into());
            }
        }
        Ok(end)
    }

    /// Lets an object go and reads it again.
    async fn forget(&mut self, session: &mut Session) -> Outcome<End> {
        let end = self.flush(session).await?;
        let Some(number) = self.pick(&self.world.all_live()).filter(|_| end == End::Good) else { return Ok(end) };
        self.world.tell(format!("forget {number}"));
        with!(self.world.handle(number)?, handle => session.expunge(handle));
        self.read_again(session, number).await?;
        Ok(end)
    }

    async fn read_again(&mut self, session: &mut Session, number: usize) -> Outcome<()> {
        let (old, key) = (self.world.handle(number)?, self.world.key(number).unwrap_or_default());
        let new = match old {
            Handle::Person(_) => Handle::Person(session.get_one(Person, key).await?),
            Handle::Work(_) => Handle::Work(session.get_one(Work, key).await?),
            Handle::Stamp(_) => Handle::Stamp(session.get_one(Stamp, key).await?),
            Handle::Sign(_) => {
                let mark = self.world.saved.rows.get(&number).and_then(|row| row.mark);
                Handle::Sign(session.get_one(Sign, name(mark)).await?)
            }
        };
        if let Some(handle) = self.world.handles.get_mut(number) {
            *handle = new;
        }
        Ok(())
    }

    /// What was read after something was written leaves when that is undone: then it is read again.
    async fn read_what_left(&mut self, session: &mut Session) -> Outcome<()> {
        for number in self.world.now.keys().copied().collect::<Vec<_>>() {
            if !with!(self.world.handle(number)?, handle => session.contains(handle)) {
                self.read_again(session, number).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, session: &mut Session) -> Outcome<End> {
        self.world.tell("commit".into());
        let done = session.commit().await;
        let end = self.world.settle(&done, session)?;
        if end == End::Good {
            self.world.committed();
            self.compare_with_a_fresh_session().await?;
        }
        Ok(end)
    }

    async fn roll_back(&mut self, session: &mut Session) -> Outcome<End> {
        self.world.tell("rollback".into());
        session.rollback().await?;
        self.world.undo_all();
        self.read_what_left(session).await?;
        Ok(End::Good)
    }

    /// What a fresh session sees is what the model says.
    async fn compare_with_a_fresh_session(&mut self) -> Outcome<()> {
        let mut fresh = Session::new(self.db);
        let mut found = BTreeMap::new();
        for handle in all(&mut fresh).await? {
            let (key, facts) = with!(handle, handle => (fresh[handle].number(), fresh[handle].facts()));
            found.insert((handle.kind(), key), facts);
        }
        let mut expected = BTreeMap::new();
        for (number, row) in &self.world.committed {
            let key = self.world.key(*number).unwrap_or_default();
            let parent = row.parent.and_then(|parent| self.world.key(parent));
            let facts = (row.label, row.mark, parent, row.version);
            expected.insert((row.kind, key), facts);
        }
        if found == expected { Ok(()) } else { Err(format!("committed is {found:?}, not {expected:?}").into()) }
    }

    async fn step(&mut self, session: &mut Session) -> Outcome<End> {
        match self.dice.below(100) {
            0..=25 => self.add(session)?,
            26..=41 => self.change(session)?,
            42..=51 => self.rename(session)?,
            52..=63 => self.link(session)?,
            64..=75 => self.delete(session)?,
            76..=79 => self.refresh(session).await?,
            80..=86 => return self.flush(session).await,
            87..=88 => return self.drop_flush(session).await,
            89 => return self.dangle(session).await,
            90..=91 => return self.query(session).await,
            92..=93 => return self.forget(session).await,
            94..=97 => return self.commit(session).await,
            _ => return self.roll_back(session).await,
        }
        Ok(End::Good)
    }

    /// Some steps, with savepoints among them.
    fn steps<'a>(
        &'a mut self,
        session: &'a mut Session,
        count: u64,
        depth: u32,
    ) -> Pin<Box<dyn Future<Output = Outcome<End>> + Send + 'a>> {
        Box::pin(async move {
            for _ in 0..count {
                let mut end = match depth < 3 && self.dice.percent(6) {
                    true => self.savepoint(session, depth).await?,
                    false => self.step(session).await?,
                };
                if end != End::Good {
                    self.check_that_it_is_lost(session, end).await?;
                    if depth > 0 {
                        return Ok(end);
                    }
                    end = self.roll_back(session).await?;
                }
                debug_assert_eq!(end, End::Good);
                self.world.check(session)?;
            }
            Ok(End::Good)
        })
    }

    /// Nothing goes on until it is undone, and objects can be read.
    async fn check_that_it_is_lost(&mut self, session: &mut Session, end: End) -> Outcome<()> {
        let refused = session.flush().await;
        let fits = match refused {
            Err(Error::Aborted { .. }) => end == End::Lost,
            Err(Error::Interrupted { .. }) => end == End::Interrupted,
            _ => false,
        };
        for number in self.world.now.keys() {
            let readable = with!(self.world.handle(*number)?, handle => session.try_index(handle).is_ok());
            if !readable && end == End::Lost {
                return Err(format!("object {number} cannot be read").into());
            }
        }
        if fits { Ok(()) } else { Err(format!("{refused:?} where it is {end:?}").into()) }
    }

    async fn savepoint(&mut self, session: &mut Session, depth: u32) -> Outcome<End> {
        self.world.tell("savepoint".into());
        let nested = match session.begin_nested().await {
            Ok(nested) => nested,
            Err(error) => return self.world.settle::<()>(&Err(error), &Session::new(self.db)),
        };
        self.world.settle(&Ok(()), &nested)?;
        let level = self.world.levels.len();
        self.world.levels.push(self.world.saved.clone());
        let (mut end, kept) = self.within(nested, depth).await?;
        // A commit or a rollback of everything has ended it, too.
        let open = self.world.levels.len() > level;
        if let Some(kept) = kept {
            end = self.world.settle(&kept, session)?;
            if end == End::Good {
                self.world.levels.truncate(level);
                return Ok(end);
            }
        }
        if open {
            self.world.undo(level);
        }
        if open && end != End::Interrupted {
            self.read_what_left(session).await?;
            end = End::Good;
        }
        Ok(end)
    }

    /// What is done in a savepoint, and how that ends: with what keeping it gave, if it was to be kept.
    async fn within(&mut self, mut nested: Nested<'_>, depth: u32) -> Outcome<(End, Option<orm::Result<()>>)> {
        let count = self.dice.below(9);
        let end = self.steps(&mut nested, count, depth + 1).await?;
        match self.dice.below(3) {
            0 if end == End::Good => {
                self.world.tell("release".into());
                return Ok((end, Some(nested.commit().await)));
            }
            1 => {
                self.world.tell("rollback to savepoint".into());
                let done = nested.rollback().await;
                let lost = matches!(done, Err(Error::Interrupted { .. })) && end == End::Interrupted;
                if done.is_err() && !lost {
                    return Err(format!("{done:?} of a rollback to a savepoint").into());
                }
            }
            _ => {
                self.world.tell("drop of savepoint".into());
                drop(nested);
            }
        }
        Ok((end, None))
    }
}

/// All objects of a database.
async fn all(session: &mut Session) -> orm::Result<Vec<Handle>> {
    let mut all: Vec<Handle> = session.query(Person).all().await?.into_iter().map(Handle::Person).collect();
    all.extend(session.query(Work).all().await?.into_iter().map(Handle::Work));
    all.extend(session.query(Stamp).all().await?.into_iter().map(Handle::Stamp));
    all.extend(session.query(Sign).all().await?.into_iter().map(Handle::Sign));
    Ok(all)
}

/// A history that begins with what the one before has left.
async fn history(play: &mut Play<'_>) -> Outcome<()> {
    let mut session = Session::new(play.db);
    let found = all(&mut session).await?;
    let mut world = World::default();
    for handle in &found {
        let (key, (label, mark, _, version)) =
            with!(*handle, handle => (session.try_index(handle)?.number(), session.try_index(handle)?.facts()));
        world.add(*handle, Row { kind: handle.kind(), label, mark, parent: None, version });
        world.keys.pop();
        world.keys.push(Some(key));
    }
    for (number, handle) in found.iter().enumerate() {
        let parent = parent_of(&session, *handle)?.and_then(|parent| found.iter().position(|other| *other == parent));
        world.change(number, |row| row.parent = parent);
    }
    let rows = world.now.iter().map(|(number, known)| (*number, known.row.clone())).collect();
    world.saved.rows = rows;
    world.committed();
    world.remember();
    play.world = world;
    play.world.check(&session)?;
    play.steps(&mut session, 40, 0).await?;
    Ok(())
}

pub async fn random_histories_are_what_a_plain_model_says(db: &TestDb) -> TestResult {
    db.create_all(schema![Person, Work, Stamp, Sign]).await?;
    let (count, first) = rounds(db, 1_000);
    let mut play = Play { db, world: World::default(), dice: Dice(0) };
    for seed in first..first + count {
        play.dice = Dice(seed);
        if let Err(error) = history(&mut play).await {
            return Err(format!("{error}\n{}\nof seed {seed}", play.world.story.join("\n")).into());
        }
        if seed % 8 == 0 {
            // Histories that follow each other are hard to repeat; they begin anew now and then.
            db.execute(delete(Sign).all_rows()).await?;
            db.execute(delete(Person).all_rows()).await?;
        }
        db.log.take();
    }
    Ok(())
}
