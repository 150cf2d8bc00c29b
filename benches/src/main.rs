//! The same work by the raw driver, by this ORM and by its peers, in one process. The README says how to read the tables.

use anyhow::Result;

mod options;

mod model;

mod case;

mod client;
mod clients;

mod contender;
mod contest;

mod crowd;
mod crowd_contest;

mod session;

mod statistics;
mod table;

#[global_allocator]
static ALLOCATOR: alloc_counter::AllocCounterSystem = alloc_counter::AllocCounterSystem;

fn main() -> Result<()> {
    let Some(options) = options::Options::from_command_line()? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let peers: Vec<_> = clients::PEERS.iter().filter(|peer| options.wants_client(peer.name)).collect();
    let folder = tempfile::tempdir()?;
    if let Some(times) = options.repeat {
        let clients: Vec<_> =
            options.wants_client(clients::RAW.name).then_some(&clients::RAW).into_iter().chain(peers).collect();
        return contest::repeat(&options, times, &clients, folder.path());
    }

    contest::run(&options, &peers, folder.path())?;
    if options.wants_workload(case::CROWD) {
        crowd_contest::run(&options, &peers, folder.path())?;
    }
    if options.wants_workload(case::SESSION) {
        session::run(&options, folder.path())?;
    }
    Ok(())
}
