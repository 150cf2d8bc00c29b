//! The behaviour that every backend owes, each case in a schema of its own.

use orm_core::engine::EngineBuilder;
use orm_postgres::Postgres;
use orm_testkit::{Lacks, Opening};

mod server;

fn open() -> Opening {
    Box::pin(async {
        let schema = server::Schema::create().await;
        (EngineBuilder::new(schema.url(), &[&Postgres]), Box::new(schema) as _)
    })
}

orm_testkit::suite!(open, lacks: [Lacks::GoingOnAfterAnError, Lacks::OneLockForAllWriters]);
