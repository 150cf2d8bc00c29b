//! The behaviour that every backend owes, on a database in memory and on one in a file.

use orm_core::engine::EngineBuilder;
use orm_sqlite::Sqlite;
use orm_testkit::{Lacks, Opening};

mod memory {
    use super::{EngineBuilder, Lacks, Opening, Sqlite};

    fn open() -> Opening {
        Box::pin(async { (EngineBuilder::new("sqlite::memory:", &[&Sqlite]), Box::new(()) as _) })
    }

    orm_testkit::suite!(open, lacks: [Lacks::ReadingBesideAWriter, Lacks::TwoPhaseCommit]);
}

mod file {
    use super::{EngineBuilder, Lacks, Opening, Sqlite};

    #[expect(clippy::expect_used, reason = "without its folder a test has failed")]
    fn open() -> Opening {
        Box::pin(async {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let url = format!("sqlite://{}", folder.path().join("test.db").display());
            (EngineBuilder::new(url, &[&Sqlite]), Box::new(folder) as _)
        })
    }

    orm_testkit::suite!(open, lacks: [Lacks::TwoPhaseCommit]);
}
