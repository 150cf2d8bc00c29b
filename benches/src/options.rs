//! The command line.

use std::env;

use anyhow::{Result, bail};

use crate::{
    case::{self, CROWD, Case, SESSION, Storage},
    clients::{PEERS, RAW},
};

pub(crate) const USAGE: &str = "\
usage: cargo run --release -- [OPTIONS]

  --rounds N        measure in N rounds (15; with --quick 3)
  --only w1,w5      run these workloads only; w1:100 is the one of 100 rows
  --clients diesel  compare these clients with the raw driver
  --quick           short samples and few rounds, to see that all works
  --markdown        print the tables in Markdown
  --repeat N        measure nothing: the raw driver and the clients do each workload N times, for a profiler to watch
  --help            print this text";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) repeat: Option<usize>,
    only: Option<Vec<String>>,
    clients: Option<Vec<String>>,
}

impl Options {
    /// `None` when only help was asked for.
    pub(crate) fn from_command_line() -> Result<Option<Self>> {
        let mut options = Self { rounds: 0, quick: false, markdown: false, repeat: None, only: None, clients: None };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || match arguments.next() {
                Some(value) => Ok(value),
                None => bail!("`{argument}` needs a value\n\n{USAGE}"),
            };
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--only" => options.only = Some(names(&value()?, &workloads())?),
                "--clients" => options.clients = Some(names(&value()?, &clients())?),
                "--repeat" => options.repeat = Some(value()?.parse()?),
                "--quick" => options.quick = true,
                "--markdown" => options.markdown = true,
                "--help" | "-h" => return Ok(None),
                unknown => bail!("`{unknown}` is not an option\n\n{USAGE}"),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 15 };
        }
        Ok(Some(options))
    }

    pub(crate) fn wants_workload(&self, id: &str) -> bool {
        wants(self.only.as_deref(), id)
    }

    pub(crate) fn wants_case(&self, case: &Case) -> bool {
        self.wants_workload(case.id) || self.only.iter().flatten().any(|one| *one == sized(case))
    }

    pub(crate) fn wants_client(&self, name: &str) -> bool {
        wants(self.clients.as_deref(), name)
    }
}

fn wants(chosen: Option<&[String]>, name: &str) -> bool {
    chosen.is_none_or(|chosen| chosen.iter().any(|one| one == name))
}

fn names(list: &str, known: &[String]) -> Result<Vec<String>> {
    for name in list.split(',') {
        if !known.iter().any(|one| one == name) {
            bail!("`{name}` is none of {}", known.join(", "));
        }
    }
    Ok(list.split(',').map(str::to_owned).collect())
}

fn workloads() -> Vec<String> {
    let mut ids: Vec<&str> = case::all().iter().map(|case| case.id).collect();
    ids.dedup();
    ids.extend([CROWD, SESSION]);
    ids.into_iter().map(str::to_owned).chain(case::all().iter().map(sized)).collect()
}

/// A case among those of its workload.
fn sized(case: &Case) -> String {
    match case.storage {
        Storage::Memory => format!("{}:{}", case.id, case.rows),
        Storage::File => format!("{}:file", case.id),
    }
}

fn clients() -> Vec<String> {
    std::iter::once(RAW.name).chain(PEERS.iter().map(|peer| peer.name)).map(str::to_owned).collect()
}
