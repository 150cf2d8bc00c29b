//! The same work on PostgreSQL by tokio-postgres, by this ORM and by its peers, in one process. The README of the folder
//! above says how to read the tables.

use anyhow::{Context, Result};

mod options;

mod model;

mod case;

mod client;
mod clients;

mod contender;
mod contest;

mod crowd;

mod schema;

#[path = "../../src/statistics.rs"]
mod statistics;
#[path = "../../src/table.rs"]
mod table;

fn main() -> Result<()> {
    let Some(options) = options::Options::from_command_line()? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let server = std::env::var("ORM_BENCH_POSTGRES_URL")
        .context("ORM_BENCH_POSTGRES_URL names no server: set it as in postgresql://user@localhost/database")?;
    let peers: Vec<_> = clients::PEERS.iter().filter(|peer| options.wants_client(peer.name)).collect();
    if let Some(times) = options.repeat {
        let raw = options.wants_client(clients::RAW.name).then_some(&clients::RAW);
        let clients: Vec<_> = raw.into_iter().chain(peers).collect();
        contest::repeat(&options, times, &clients, &server)?;
        if options.wants_workload(case::CROWD) {
            crowd::repeat(times, &clients, &server)?;
        }
        return Ok(());
    }

    contest::run(&options, &peers, &server)?;
    if options.wants_workload(case::CROWD) {
        crowd::run(&options, &peers, &server)?;
    }
    Ok(())
}
