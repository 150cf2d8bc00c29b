//! [`Cache`]: statement text by shape.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::shape::{Binds, Shape, walk};
use super::{Compiled, Prepared, render};
use crate::ast::{Statement, TableRef};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::value::Value;

/// Statement text by shape: bounded, and shared by all connections of a driver.
///
/// Shapes are compared whole, so two statements never share a text by accident of a hash. When the cache is full, the
/// quarter that was not used for longest makes room.
///
/// The texts are those of one dialect: a cache MUST NOT be shared by two.
pub struct Cache {
    texts: Mutex<Texts>,
    capacity: usize,
    compiled: AtomicU64,
}

/// A connection's last statements, for [`Cache::prepare_again`]: the last of each kind that is known ahead, and the last
/// of all others.
#[derive(Debug, Default)]
pub struct LastTexts {
    whole: LastOf,
    by_key: LastOf,
    shape: Shape,
    /// The text of `shape`.
    compiled: Option<Arc<Compiled>>,
    /// Room for the next one's shape.
    room: Shape,
    /// The text of a statement that is not to be remembered.
    not_kept: Option<Arc<Compiled>>,
}

/// The last statement of a kind for which the table decides the text.
type LastOf = Option<(TableRef, Arc<Compiled>)>;

#[derive(Default)]
struct Texts {
    by_shape: HashMap<Box<[u64]>, Entry, BuildHasherDefault<WordHasher>>,
    /// Counts uses: the time by which the least recently used is found.
    clock: u64,
}

struct Entry {
    compiled: Arc<Compiled>,
    last_used: u64,
}

impl Cache {
    /// An empty cache that keeps at most `capacity` texts; 0 keeps none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Cache { texts: Mutex::default(), capacity, compiled: AtomicU64::new(0) }
    }

    /// Makes a statement ready to run. Its text is rendered only if none of its shape is kept.
    ///
    /// # Errors
    ///
    /// As [`compile`](super::compile).
    pub fn prepare<'a>(&self, statement: Statement<'a>, dialect: &dyn Dialect) -> Result<Prepared<'a>> {
        let (mut shape, mut binds) = (Shape::new(), Binds::new());
        walk(&statement, dialect.features(), &mut shape, &mut binds)?;
        let compiled = self.text(statement, dialect, &shape, &binds)?;
        Ok(Prepared::new(statement, compiled, binds))
    }

    /// As [`prepare`](Cache::prepare), for a connection, which remembers its last statements: a program that runs one
    /// again and again then shares no lock with others to find its text, and one that is known ahead is not even walked.
    ///
    /// # Errors
    ///
    /// As [`compile`](super::compile).
    pub fn prepare_again<'a>(
        &self,
        last: &mut LastTexts,
        // By reference, for it is large, and is copied once.
        statement: &Statement<'a>,
        dialect: &dyn Dialect,
    ) -> Result<Prepared<'a>> {
        let mut binds = Binds::new();
        let compiled = self.text_again(last, statement, dialect, &mut binds)?;
        Ok(Prepared::new(*statement, Arc::clone(compiled), binds))
    }

    /// As [`prepare_again`](Cache::prepare_again), with the text where it is remembered, and the statement where it is: to
    /// share the one and to copy the other takes longer than a small part of a small statement.
    ///
    /// # Errors
    ///
    /// As [`compile`](super::compile).
    pub fn prepare_beside<'a>(
        &self,
        last: &'a mut LastTexts,
        statement: &'a Statement<'a>,
        dialect: &dyn Dialect,
    ) -> Result<Prepared<'a>> {
        let mut binds = Binds::new();
        let compiled = self.text_again(last, statement, dialect, &mut binds)?;
        Ok(Prepared::beside(statement, compiled, binds))
    }

    /// The text of a read for which its table decides it: all rows of a table, or the one with a key. The values of the
    /// key are its binds, in their order. None if the statement is something else.
    ///
    /// # Errors
    ///
    /// As [`compile`](super::compile).
    #[inline]
    pub fn known<'l>(
        &self,
        last: &'l mut LastTexts,
        // By reference, for it is large, and is looked at only.
        statement: &Statement<'_>,
        dialect: &dyn Dialect,
    ) -> Result<Option<&'l str>> {
        let (last, table) = match statement {
            Statement::Table(table) => (&mut last.whole, table),
            Statement::ByKey { table, key } if key.len() == table.meta.primary_key.len() => (&mut last.by_key, table),
            _ => return Ok(None),
        };
        Ok(Some(&self.known_text(last, statement, table, dialect)?.sql))
    }

    /// The text of a statement, which is remembered, and its binds. Part of its two callers, of which one is run for
    /// every statement: left to itself, the compiler makes a call of it.
    #[inline(always)]
    fn text_again<'a, 'l>(
        &self,
        last: &'l mut LastTexts,
        statement: &Statement<'a>,
        dialect: &dyn Dialect,
        binds: &mut Binds<'a>,
    ) -> Result<&'l Arc<Compiled>> {
        match statement {
            Statement::Table(table) => return self.known_text(&mut last.whole, statement, table, dialect),
            Statement::ByKey { table, key } if key.len() == table.meta.primary_key.len() => {
                return self.known_text(&mut last.by_key, statement, table, dialect);
            }
            _ => {}
        }
        last.room.clear();
        walk(statement, dialect.features(), &mut last.room, binds)?;
        let compiled = match last.compiled.take() {
            Some(compiled) if last.shape == last.room => compiled,
            other => {
                let compiled = self.text(*statement, dialect, &last.room, binds)?;
                if !self.keeps(*statement) {
                    last.compiled = other;
                    return Ok(last.not_kept.insert(compiled));
                }
                std::mem::swap(&mut last.shape, &mut last.room);
                compiled
            }
        };
        Ok(last.compiled.insert(compiled))
    }

    /// The text of a statement for which the table decides it.
    #[inline]
    fn known_text<'l>(
        &self,
        last: &'l mut LastOf,
        statement: &Statement<'_>,
        table: &TableRef,
        dialect: &dyn Dialect,
    ) -> Result<&'l Arc<Compiled>> {
        let is_of = |known: &TableRef| std::ptr::eq(known.meta, table.meta) && known.alias == table.alias;
        if last.as_ref().is_some_and(|(known, _)| !is_of(known)) {
            *last = None;
        }
        match last {
            // It is left where it is.
            Some((_, compiled)) => Ok(compiled),
            none => Ok(&none.insert((*table, self.prepare(*statement, dialect)?.compiled())).1),
        }
    }

    /// The text of a shape: that which is kept, or a new one.
    fn text(
        &self,
        statement: Statement<'_>,
        dialect: &dyn Dialect,
        shape: &[u64],
        binds: &[&Value],
    ) -> Result<Arc<Compiled>> {
        let keep = self.keeps(statement);
        let known = if keep { self.texts().find(shape) } else { None };
        match known {
            Some(compiled) => Ok(compiled),
            None => self.compile(statement, dialect, keep.then_some(shape), binds),
        }
    }

    /// Whether a text is kept. A CREATE has no shape, and is not run twice.
    fn keeps(&self, statement: Statement<'_>) -> bool {
        self.capacity > 0 && !matches!(statement, Statement::Ddl(_))
    }

    /// How many times a text was rendered.
    pub fn compiled_count(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// Renders without holding the lock, for others need not wait for it, and keeps the text for this shape.
    #[cold]
    fn compile(
        &self,
        statement: Statement<'_>,
        dialect: &dyn Dialect,
        keep: Option<&[u64]>,
        binds: &[&Value],
    ) -> Result<Arc<Compiled>> {
        let compiled = Arc::new(render(statement, dialect, binds, &[])?);
        self.compiled.fetch_add(1, Ordering::Relaxed);
        if let Some(shape) = keep {
            self.texts().insert(shape, Arc::clone(&compiled), self.capacity);
        }
        Ok(compiled)
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        // No panic can leave the map half-changed, so one elsewhere is no reason to stop.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts {
    fn find(&mut self, shape: &[u64]) -> Option<Arc<Compiled>> {
        let entry = self.by_shape.get_mut(shape)?;
        self.clock += 1;
        entry.last_used = self.clock;
        Some(Arc::clone(&entry.compiled))
    }

    fn insert(&mut self, shape: &[u64], compiled: Arc<Compiled>, capacity: usize) {
        if self.by_shape.len() >= capacity {
            self.make_room();
        }
        self.clock += 1;
        self.by_shape.insert(shape.into(), Entry { compiled, last_used: self.clock });
    }

    /// Drops a quarter at once, so that a program with too many shapes does not search for the oldest each time.
    fn make_room(&mut self) {
        let mut uses: Vec<u64> = self.by_shape.values().map(|entry| entry.last_used).collect();
        if !uses.is_empty() {
            let quarter = (uses.len() - 1) / 4;
            let (_, last_to_go, _) = uses.select_nth_unstable(quarter);
            self.by_shape.retain(|_, entry| entry.last_used > *last_to_go);
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("capacity", &self.capacity)
            .field("len", &self.texts().by_shape.len())
            .field("compiled", &self.compiled_count())
            .finish()
    }
}

/// Hashes words, two at a step. Shapes are made of addresses and lengths of the program's own, so nobody can aim at
/// collisions, and a collision costs a comparison only.
#[derive(Default)]
struct WordHasher(u64);

impl WordHasher {
    /// Odd constants with well-spread bits: the digits of pi.
    const FIRST: u64 = 0x243f_6a88_85a3_08d3;
    const SECOND: u64 = 0x1319_8a2e_0370_7345;

    #[inline]
    fn mix(&mut self, pair: [u8; 16]) {
        let (first, second) = halves(u128::from_ne_bytes(pair));
        let (low, high) = halves(u128::from(first ^ Self::FIRST) * u128::from(second ^ Self::SECOND));
        self.0 = self.0.rotate_left(23) ^ low ^ high;
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            self.mix(*pair);
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            self.mix(last);
        }
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn halves(number: u128) -> (u64, u64) {
    (number as u64, (number >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::Select;
    use crate::error::Error;
    use crate::schema::ddl::Ddl;
    use crate::value::Value;

    fn by_id(id: i64) -> Select {
        users_where([eq(user("id"), int(id))])
    }

    fn limited(limit: i64) -> Select {
        Select { limit: Some(Value::Int(limit)), ..select([user("name")]) }
    }

    #[test]
    fn a_statement_of_a_known_shape_is_not_rendered_again() {
        let cache = Cache::new(8);
        let (first, second) = (by_id(1), by_id(2));
        let first = cache.prepare(Statement::Select(&first), &LITE).expect("a statement");
        let second = cache.prepare(Statement::Select(&second), &LITE).expect("a statement");
        assert_eq!(cache.compiled_count(), 1);
        assert_eq!(first.sql(), second.sql());
        assert_eq!(first.binds_for_log(true).to_string(), "[1]");
        assert_eq!(second.binds_for_log(true).to_string(), "[2]");
        assert_eq!(second.binds_for_log(false).to_string(), "[1 value hidden]");
    }

    #[test]
    fn binds_follow_the_text_from_the_cache_as_well() {
        let cache = Cache::new(8);
        let of = |count: i64, age: i64| {
            let floats = (0..count).map(|number| Value::Float(number as f64)).collect();
            // The empty list's operand is bound nowhere, so the order is not the natural one.
            let nothing = in_list(int(77), vec![], true);
            users_where([nothing, in_list(user("id"), floats, false), eq(user("age"), int(age))])
        };
        for count in [9, 12, 16] {
            let select = of(count, 100 + count);
            let prepared = cache.prepare(Statement::Select(&select), &LITE).expect("a statement");
            let last = count - 1;
            let filled = (0..16).map(|number| number.min(last).to_string()).collect::<Vec<_>>().join(", ");
            assert_eq!(prepared.binds_for_log(true).to_string(), format!("[{filled}, {}]", 100 + count));
        }
        assert_eq!(cache.compiled_count(), 1);
    }

    #[test]
    fn a_full_cache_forgets_what_was_not_used_for_longest() {
        let cache = Cache::new(4);
        let prepare =
            |limit| cache.prepare(Statement::Select(&limited(limit)), &LITE).map(|_| ()).expect("a statement");
        (1..=4).for_each(prepare);
        prepare(1);
        prepare(5);
        assert_eq!(cache.compiled_count(), 5);
        (3..=5).chain([1]).for_each(prepare);
        assert_eq!(cache.compiled_count(), 5, "only the second was forgotten");
        (1..1000).for_each(prepare);
        assert!(cache.texts().by_shape.len() <= 4);
    }

    #[test]
    fn small_caches_work() {
        for capacity in [0, 1] {
            let cache = Cache::new(capacity);
            for limit in [1, 2, 1] {
                cache.prepare(Statement::Select(&limited(limit)), &LITE).expect("a statement");
            }
            assert_eq!(cache.compiled_count(), 3);
        }
    }

    #[test]
    fn a_create_is_not_kept() {
        let cache = Cache::new(4);
        for name in ["a", "b"] {
            let drop = Ddl::DropTable(name.into());
            let prepared = cache.prepare(Statement::Ddl(&drop), &LITE).expect("a statement");
            assert_eq!(prepared.sql(), format!("DROP TABLE IF EXISTS \"{name}\""));
        }
        assert_eq!(cache.texts().by_shape.len(), 0);
    }

    #[test]
    fn a_value_that_no_column_can_hold_is_found_when_it_is_bound() {
        let out_of_range = crate::error::ValueError::OutOfRange { target: "a 64-bit integer" };
        let invalid = Value::Invalid(Box::new(out_of_range));
        let select = users_where([eq(user("id"), crate::ast::Expr::Bind(invalid))]);
        let cache = Cache::new(4);
        let prepared = cache.prepare(Statement::Select(&select), &LITE).expect("a statement");
        struct Nowhere;
        impl crate::types::BindSink for Nowhere {
            fn bind(&mut self, _value: crate::value::ValueRef<'_>) -> Result<()> {
                Ok(())
            }
        }
        assert!(matches!(prepared.bind(&mut Nowhere), Err(Error::Bind { .. })));
    }

    #[test]
    fn many_threads_share_a_cache() {
        let cache = Cache::new(16);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for limit in 0..500 {
                        let select = limited((limit + thread) % 20);
                        let prepared = cache.prepare(Statement::Select(&select), &LITE).expect("a statement");
                        assert!(prepared.sql().ends_with(&format!("LIMIT {}", (limit + thread) % 20)));
                    }
                });
            }
        });
    }
}
