//! SeaORM and the raw driver on one SQLite: the unit of work and the graph of the SQLite benchmark, measured by its code.

use std::path::Path;

use anyhow::Result;

#[path = "../../src/options.rs"]
mod options;

#[path = "../../src/model.rs"]
mod model;

mod case;

#[path = "../../src/client.rs"]
#[expect(dead_code, reason = "nothing is measured in concurrent tasks")]
mod client;
mod clients;

#[path = "../../src/contender.rs"]
mod contender;
#[path = "../../src/contest.rs"]
mod contest;

#[path = "../../src/statistics.rs"]
mod statistics;
#[path = "../../src/table.rs"]
mod table;

#[global_allocator]
static ALLOCATOR: alloc_counter::AllocCounterSystem = alloc_counter::AllocCounterSystem;

/// Nothing is put there: all databases are in memory.
const FOLDER: &str = "";

fn main() -> Result<()> {
    let Some(options) = options::Options::from_command_line()? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let peers: Vec<_> = clients::PEERS.iter().filter(|peer| options.wants_client(peer.name)).collect();
    if let Some(times) = options.repeat {
        let raw = options.wants_client(clients::RAW.name).then_some(&clients::RAW);
        let clients: Vec<_> = raw.into_iter().chain(peers).collect();
        return contest::repeat(&options, times, &clients, Path::new(FOLDER));
    }
    contest::run(&options, &peers, Path::new(FOLDER))
}
