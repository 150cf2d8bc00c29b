//! What becomes of the rows that belong to a deleted one: the foreign key says it, the database does it, and the objects of
//! the session follow; or it refuses, and the rows that hold the other are named.

use hashbrown::HashMap;

use super::arena::{Arena, Place, Slot};
use super::flush::holds;
use super::plan::{self, Deleted, Kind, Step};
use super::rows::At;
use super::{Session, keys, kin};
use crate::ast::{ColumnRef, Expr, Lifted, Projection, Select, Statement, TableRef};
use crate::driver::{Flow, Row, RowSink};
use crate::error::{Error, HeldBy, Result};
use crate::expr::{AggregateExpr, Expression, count_all};
use crate::meta::{ForeignKeyMeta, OnAction, TableMeta, describe_key};
use crate::model::{FromRow, KeyValues};
use crate::query::ascending;
use crate::query::row_keys::{equal, key_conditions};
use crate::value::{Value, ValueRef};

/// Deleted objects by arena: their slots, and the step that deleted them.
type Gone = HashMap<usize, Vec<(u32, usize)>>;

/// How many of the rows that hold another one are named.
const NAMED: usize = 5;

impl Session {
    /// The database has deleted, or set to NULL, the rows that belonged to deleted ones; so do their objects, but for
    /// those that were given the key when the row that had it was gone: it is another row's now. Gives the objects whose
    /// key was set to its default, which only the database knows.
    pub(super) fn follow_deletes(
        &mut self,
        mut deleted: Vec<Deleted>,
        given_after: &dyn Fn(Place, u16, usize) -> bool,
    ) -> Result<Vec<Place>> {
        let mut defaulted = Vec::new();
        while !deleted.is_empty() {
            let mut gone: Gone = HashMap::new();
            for Deleted { place, when } in std::mem::take(&mut deleted) {
                gone.entry(usize::from(place.arena)).or_default().push((place.slot, when));
            }
            for child in 0..self.arenas.len() {
                for (Deleted { place, when }, key) in self.children_of(child, &gone)? {
                    let slot = place.slot;
                    let given = key.columns.iter().any(|column| given_after(place, *column, when));
                    let Some(arena) = self.arenas.get_mut(child).filter(|_| !given) else {
                        continue;
                    };
                    match key.on_delete {
                        OnAction::Cascade => {
                            arena.was_deleted(slot);
                            deleted.push(Deleted { place, when });
                        }
                        OnAction::SetNull => {
                            key.columns.iter().try_for_each(|column| arena.follow(slot, *column, ValueRef::Null))?
                        }
                        OnAction::SetDefault => defaulted.push(place),
                        OnAction::NoAction | OnAction::Restrict => {}
                    }
                }
            }
        }
        Ok(defaulted)
    }

    /// The objects of an arena that belonged to deleted ones, and by which foreign key.
    fn children_of(&self, child: usize, gone: &Gone) -> Result<Vec<(Deleted, &'static ForeignKeyMeta)>> {
        let mut children = Vec::new();
        let Some(arena) = self.arenas.get(child) else { return Ok(children) };
        let acts = |key: &&ForeignKeyMeta| !matches!(key.on_delete, OnAction::NoAction | OnAction::Restrict);
        for key in arena.meta.foreign_keys.iter().filter(acts) {
            let target = (key.references)();
            let parents = self.arenas.iter().enumerate().find(|(_, parents)| *parents.meta == *target);
            let Some((number, parents)) = parents else { continue };
            let Some(gone) = gone.get(&number) else { continue };
            let gone = by_hash(parents, gone, key.referenced())?;
            for slot in arena.slots().filter(|slot| arena.slot_state(*slot) == Slot::Persistent) {
                let hash = keys::hash_row(parents.hasher(), arena.values.as_ref(), At::Now(slot), key.columns)?;
                let belongs = |(parent, _): &&(u32, usize)| holds(arena, At::Now(slot), key, parents, At::Now(*parent));
                if let Some((_, when)) = gone.get(&hash).and_then(|parents| parents.iter().find(belongs)) {
                    let place = Place { arena: u16::try_from(child).unwrap_or(u16::MAX), slot };
                    children.push((Deleted { place, when: *when }, key));
                }
            }
        }
        Ok(children)
    }

    /// Reads the objects again whose key the database has set to its default. One that the program has changed since
    /// stays as it is.
    pub(super) async fn read_defaults(&mut self, defaulted: Vec<Place>) -> Result<()> {
        let mut slots: HashMap<u16, Vec<u32>> = HashMap::new();
        for Place { arena, slot } in defaulted {
            slots.entry(arena).or_default().push(slot);
        }
        for (number, slots) in slots {
            let number = usize::from(number);
            let Some(arena) = self.arenas.get(number) else { continue };
            let untouched = |slot: &u32| {
                arena.slot_state(*slot) == Slot::Persistent && arena.note(*slot).is_none_or(|note| note.base.is_none())
            };
            let keys = slots.into_iter().filter(untouched).map(|slot| arena.key_values(At::Now(slot)));
            let keys: Vec<KeyValues> = keys.collect::<Result<_>>()?;
            let table = TableRef { meta: arena.meta, alias: None };
            let columns: Vec<_> =
                table.meta.primary_key.iter().map(|index| ColumnRef { table, index: *index }).collect();
            for condition in key_conditions(&columns, keys, self.line.engine().driver().features()) {
                let select = of_rows(table, vec![Projection::Table(table)], vec![condition]);
                self.read_slots(number, Statement::Select(&select), true).await?;
            }
        }
        Ok(())
    }

    /// Says which rows hold the one that was to be deleted, if that is why the database refused it.
    pub(super) async fn name_holders(&mut self, step: &Step, error: Error) -> Error {
        let Error::ForeignKeyViolation { context, .. } = &error else { return error };
        let Some(handle) = context.handle.filter(|_| step.kind == Kind::Delete) else { return error };
        let place = Place { arena: step.arena, slot: handle.slot };
        let held_by = match self.holders_here(place) {
            Some(held_by) => Some(held_by),
            // That they are not named is no reason to hide why the flush failed.
            None => self.holders_there(place).await.unwrap_or_default(),
        };
        match held_by {
            Some(held_by) => error.held_by(held_by),
            None => error,
        }
    }

    /// The objects of the session that hold another one, or one that would fall with it.
    fn holders_here(&self, place: Place) -> Option<HeldBy> {
        let (mut falling, mut next, mut found) = (vec![place], 0, Vec::new());
        while let Some(place) = falling.get(next).copied() {
            next += 1;
            let Some(parents) = self.arenas.get(usize::from(place.arena)) else { continue };
            for (number, arena) in (0..).zip(&self.arenas) {
                for (foreign_key, key) in keys_to(arena.meta, parents.meta) {
                    let children = kin::children(arena, foreign_key, parents, place).into_iter();
                    let children = children.map(|slot| Place { arena: number, slot });
                    match key.on_delete {
                        OnAction::NoAction | OnAction::Restrict => found.extend(children),
                        OnAction::Cascade => {
                            falling.extend(children.filter(|child| !falling.contains(child)).collect::<Vec<_>>())
                        }
                        OnAction::SetNull | OnAction::SetDefault => {}
                    }
                }
            }
        }
        // What falls as well mostly holds nothing.
        if !found.iter().all(|place| falling.contains(place)) {
            found.retain(|place| !falling.contains(place));
        }
        let described = found.iter().filter_map(|place| {
            let arena = self.arenas.get(usize::from(place.arena))?;
            Some(plan::describe(arena, place.slot))
        });
        let rows: Vec<String> = described.take(NAMED).collect();
        let more = found.len().saturating_sub(rows.len()) as u64;
        (!rows.is_empty()).then_some(HeldBy { rows, more })
    }

    /// The rows of the database that hold another one, by the keys of the models that are known here.
    async fn holders_there(&mut self, place: Place) -> Result<Option<HeldBy>> {
        let Some(arena) = self.arenas.get(usize::from(place.arena)) else { return Ok(None) };
        let mut tables: Vec<&'static TableMeta> = self.arenas.iter().map(|arena| arena.meta).collect();
        for table in arena.meta.relations.iter().map(|relation| (relation.target)()) {
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        let mut asked = Vec::new();
        for meta in tables {
            for (_, key) in keys_to(meta, arena.meta) {
                if matches!(key.on_delete, OnAction::NoAction | OnAction::Restrict) {
                    let value = |column: &u16| keys::value(arena.values.as_ref(), arena.stored(place.slot), *column);
                    let values: KeyValues = key.referenced().iter().map(value).collect::<Result<_>>()?;
                    asked.push((meta, holding(meta, key, &values)));
                }
            }
        }
        let mut found = HeldBy { rows: Vec::new(), more: 0 };
        for (meta, condition) in asked {
            self.ask_holders(meta, condition, &mut found).await?;
        }
        Ok((!found.rows.is_empty()).then_some(found))
    }

    async fn ask_holders(&mut self, meta: &'static TableMeta, condition: Expr, found: &mut HeldBy) -> Result<()> {
        let Some(link) = self.line.link() else { return Ok(()) };
        let table = TableRef { meta, alias: None };
        let count: AggregateExpr<i64> = count_all();
        let select = of_rows(table, vec![Projection::Expr(count.into_tree())], vec![condition.clone()]);
        let mut all = Number(0);
        link.run_as_is(Statement::Select(&select), &mut all).await?;
        let room = NAMED.saturating_sub(found.rows.len()) as u64;
        let named = u64::try_from(all.0).unwrap_or_default().min(room);
        found.more += u64::try_from(all.0).unwrap_or_default() - named;
        if named > 0 {
            let key = meta.primary_key.iter().map(|index| ColumnRef { table, index: *index });
            let key: Vec<Expr> = key.map(Expr::Column).collect();
            let mut select = of_rows(table, key.iter().cloned().map(Projection::Expr).collect(), vec![condition]);
            select.order_by = key.into_iter().map(ascending).collect();
            select.limit = Some(Value::Int(i64::try_from(named).unwrap_or(i64::MAX)));
            link.run_as_is(Statement::Select(&select), &mut Named { meta, rows: &mut found.rows }).await?;
        }
        Ok(())
    }
}

/// The foreign keys of a table that point at another one, numbered.
fn keys_to(
    meta: &'static TableMeta,
    parent: &'static TableMeta,
) -> impl Iterator<Item = (u16, &'static ForeignKeyMeta)> {
    (0..).zip(meta.foreign_keys).filter(|(_, key)| *(key.references)() == *parent)
}

/// The rows of a table that hold these values in a foreign key.
fn holding(meta: &'static TableMeta, key: &ForeignKeyMeta, values: &KeyValues) -> Expr {
    let table = TableRef { meta, alias: None };
    let columns: Vec<ColumnRef> = key.columns.iter().map(|index| ColumnRef { table, index: *index }).collect();
    equal(&columns, values)
}

/// Rows of a table, whatever global filters say.
pub(super) fn of_rows(table: TableRef, projection: Vec<Projection>, filter: Vec<Expr>) -> Select {
    Select { projection, from: Some(table), filter, lifted: Lifted::All, ..Select::default() }
}

/// Deleted objects by the hash of the values that they had in some columns.
fn by_hash(arena: &Arena, gone: &[(u32, usize)], columns: &[u16]) -> Result<HashMap<u32, Vec<(u32, usize)>>> {
    let mut found: HashMap<u32, Vec<(u32, usize)>> = HashMap::new();
    for (slot, when) in gone {
        let hash = keys::hash_row(arena.hasher(), arena.values.as_ref(), At::Now(*slot), columns)?;
        found.entry(hash).or_default().push((*slot, *when));
    }
    Ok(found)
}

struct Number(i64);

impl RowSink for Number {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.0 = FromRow::from_row(row, 0)?;
        Ok(Flow::Continue)
    }
}

/// Rows by their keys.
struct Named<'a> {
    meta: &'static TableMeta,
    rows: &'a mut Vec<String>,
}

impl RowSink for Named<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let key = (0..self.meta.primary_key.len()).map(|index| row.get(index).map_or(Value::Null, ValueRef::to_owned));
        self.rows.push(describe_key(self.meta, key));
        Ok(Flow::Continue)
    }
}
