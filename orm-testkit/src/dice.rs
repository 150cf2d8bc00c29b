//! Chance that is the same in every run.
//!
//! The numbers are made by a generator of our own from fixed seeds. `ORM_RANDOM_COUNT=50000` has the random cases run so
//! many rounds in place of the usual ones, `ORM_RANDOM_SEED=7` has them begin with another seed.

use crate::{Lacks, TestDb};

/// Splitmix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn number(&mut self, limit: u64) -> i64 {
        i64::try_from(self.below(limit)).unwrap_or_default() + 1
    }

    pub(crate) fn one<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from.get(index).cloned()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or_default();
            items.swap(last, other);
        }
    }
}

/// How many rounds, and the first seed.
pub(crate) fn rounds(db: &TestDb, usual: u64) -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    // A file waits for the disk at every commit.
    let usual = if db.lacks(Lacks::ReadingBesideAWriter) { usual } else { usual / 10 };
    (number("ORM_RANDOM_COUNT").unwrap_or(usual), number("ORM_RANDOM_SEED").unwrap_or(1))
}
