//! Finding statements that are sent once a row, where one would do for all rows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::driver::Caller;
use crate::error::{Error, Result};

/// What happens when a line of the program reads the same again and again, each time for another key. For development
/// and tests: see [`EngineBuilder::n_plus_one`](super::EngineBuilder::n_plus_one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NPlusOne {
    /// After so many times a warning is written to standard error, once, and to `tracing` if that feature is on.
    Warn(u32),
    /// After so many times each further one is [`Error::NPlusOne`], and is not sent.
    Error(u32),
}

/// How often which line has read what.
#[derive(Debug)]
pub(crate) struct Watch {
    limit: NPlusOne,
    times: Mutex<HashMap<(Caller, String), u32>>,
}

impl Watch {
    pub(crate) fn new(limit: NPlusOne) -> Self {
        Watch { limit, times: Mutex::default() }
    }

    /// Counts what a line is about to read.
    pub(crate) fn count(&self, caller: Caller, what: String) -> Result<()> {
        let mut all = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.entry((caller, what.clone())).or_default();
        *times = times.saturating_add(1);
        let times = *times;
        drop(all);
        let error = || Error::NPlusOne { what, times, caller };
        match self.limit {
            NPlusOne::Error(limit) if times > limit => Err(error()),
            NPlusOne::Warn(limit) if limit.checked_add(1) == Some(times) => {
                warn(&error());
                Ok(())
            }
            NPlusOne::Error(_) | NPlusOne::Warn(_) => Ok(()),
        }
    }
}

fn warn(error: &Error) {
    use std::io::Write as _;
    // A warning that cannot be written is no reason to fail the statement.
    let _ignored = writeln!(std::io::stderr().lock(), "[orm] warning: {error}");
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "orm", "{error}");
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;

    #[test]
    fn a_line_is_told_once_it_reads_the_same_too_often() {
        let (watch, here, there) = (Watch::new(NPlusOne::Error(2)), Location::caller(), Location::caller());

        let results = [here, here, there, here].map(|caller| watch.count(caller, "SELECT 1".into()).is_ok());

        assert_eq!(results, [true, true, true, false]);
        assert!(watch.count(here, "SELECT 2".into()).is_ok());
    }

    #[test]
    fn a_warning_fails_nothing() {
        let (watch, here) = (Watch::new(NPlusOne::Warn(1)), Location::caller());

        assert!((0..5).all(|_| watch.count(here, "SELECT 1".into()).is_ok()));
    }
}
