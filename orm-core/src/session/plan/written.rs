//! [`Written`]: the columns of an operation, in as few bytes as there can be.

use crate::ast::ColumnSet;

/// Columns that are below this number are in one word.
const NEAR: u16 = 64;

/// The columns of a row that are given or set, and those of them that are written as NULL for now.
///
/// Few models have many columns, and few rows stand in a circle: what is rare is in a box, so that the operations of many
/// rows are read twice as fast.
#[derive(Debug, Clone, Default)]
pub(in crate::session) struct Written {
    near: u64,
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Clone, Default)]
struct Rare {
    far: ColumnSet,
    nulls: ColumnSet,
}

impl From<ColumnSet> for Written {
    #[inline]
    fn from(columns: ColumnSet) -> Self {
        let [near, far @ ..] = columns.words();
        let rare = (far != [0; 3]).then(|| {
            let [second, third, fourth] = far;
            Box::new(Rare { far: ColumnSet::of_words([0, second, third, fourth]), nulls: ColumnSet::default() })
        });
        Written { near, rare }
    }
}

impl Written {
    fn far(&self) -> ColumnSet {
        self.rare.as_ref().map_or(ColumnSet::default(), |rare| rare.far)
    }

    /// The columns.
    pub(super) fn set(&self) -> ColumnSet {
        let [_, second, third, fourth] = self.far().words();
        ColumnSet::of_words([self.near, second, third, fourth])
    }

    #[inline]
    pub(in crate::session) fn contains(&self, column: u16) -> bool {
        if column < NEAR { self.near >> column & 1 == 1 } else { self.far().contains(column) }
    }

    #[inline]
    pub(super) fn insert(&mut self, column: u16) {
        if column < NEAR {
            self.near |= 1 << column;
        } else {
            self.rare.get_or_insert_default().far.insert(column);
        }
    }

    pub(super) fn remove(&mut self, column: u16) {
        if column < NEAR {
            self.near &= !(1 << column);
        } else if let Some(rare) = &mut self.rare {
            rare.far.remove(column);
        }
    }

    #[inline]
    pub(in crate::session) fn is_empty(&self) -> bool {
        self.near == 0 && self.far().is_empty()
    }

    /// Whether these are the columns.
    #[inline]
    pub(super) fn are(&self, columns: &ColumnSet) -> bool {
        let [near, far @ ..] = columns.words();
        let known = match &self.rare {
            None => far == [0; 3],
            Some(rare) => rare.far.words()[1..] == far,
        };
        self.near == near && known
    }

    /// Has a column be written as NULL for now.
    pub(super) fn insert_null(&mut self, column: u16) {
        self.rare.get_or_insert_default().nulls.insert(column);
    }

    /// Whether a column is written as NULL for now.
    #[inline]
    pub(in crate::session) fn is_null(&self, column: u16) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.nulls.contains(column))
    }

    /// Whether any column is written as NULL for now.
    #[inline]
    pub(in crate::session) fn has_nulls(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.nulls.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Op;
    use super::*;

    fn of(columns: &[u16]) -> ColumnSet {
        let mut set = ColumnSet::default();
        columns.iter().for_each(|column| set.insert(*column));
        set
    }

    #[test]
    fn near_and_far_columns_are_a_set() {
        for columns in [&[][..], &[0], &[63], &[64], &[3, 63, 64, 127, 128, 255]] {
            let mut written = Written::from(of(columns));
            assert_eq!((written.set(), written.is_empty()), (of(columns), columns.is_empty()));
            assert!(written.are(&of(columns)) && columns.iter().all(|column| written.contains(*column)));
            for column in [1, 65, 254] {
                assert!(!written.contains(column));
                written.insert(column);
                assert!(written.contains(column) && !written.are(&of(columns)));
                written.remove(column);
                assert!(written.are(&of(columns)), "{columns:?} {column}");
            }
            assert_eq!(written.set().iter().collect::<Vec<_>>(), columns);
        }
    }

    #[test]
    fn what_is_null_for_now_stays_a_column() {
        let mut written = Written::from(of(&[2, 70]));
        assert!(!written.has_nulls());
        written.insert_null(70);
        assert_eq!([2, 70].map(|column| written.is_null(column)), [false, true]);
        assert!(written.has_nulls() && written.are(&of(&[2, 70])));
    }

    #[test]
    fn an_operation_is_half_a_cache_line() {
        assert_eq!(size_of::<Op>(), 32);
    }
}
