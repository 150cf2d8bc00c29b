//! The rounds in which crowds of tasks are compared.

use std::{path::Path, rc::Rc};

use anyhow::{Context, Result};
use tokio::runtime::Builder;

use crate::{
    clients::{RAW, Registration},
    crowd::{Crowd, CrowdSample, WORKERS},
    options::Options,
    statistics::{Spread, time},
    table::Table,
};

struct Entrant {
    name: &'static str,
    crowd: Box<dyn Crowd>,
    samples: Vec<CrowdSample>,
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options, peers: &[&Registration], folder: &Path) -> Result<()> {
    let runtime = Rc::new(Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?);
    let gets = if options.quick { 8_000 } else { 40_000 };
    let mut entrants = Vec::new();
    for client in std::iter::once(&RAW).chain(peers.iter().copied()) {
        let crowd = (client.enter_crowd)(folder, &runtime, gets)
            .with_context(|| format!("cannot open a crowd of {}", client.name))?;
        entrants.push(Entrant { name: client.name, crowd, samples: Vec::new() });
    }
    // Statements are compiled, and threads started, before anything counts.
    for entrant in &mut entrants {
        entrant.crowd.sample()?;
    }
    let count = entrants.len();
    for round in 0..options.rounds {
        eprint!("\rcrowd round {} of {}", round + 1, options.rounds);
        for place in 0..count {
            let entrant = &mut entrants[(place + round) % count];
            entrant.samples.push(entrant.crowd.sample()?);
        }
    }
    eprintln!();
    print(&entrants, options.markdown);
    Ok(())
}

fn print(entrants: &[Entrant], markdown: bool) {
    let header = ["c16", "gets per second", "to raw", "p50", "p99", "CPU per get"];
    let mut table = Table::new(header.map(str::to_owned).to_vec());
    for entrant in entrants {
        table.add(row(entrant, &entrants[0].samples));
    }
    table.print(markdown);
}

fn row(entrant: &Entrant, raw: &[CrowdSample]) -> Vec<String> {
    let samples = &entrant.samples;
    let median = |of: fn(&CrowdSample) -> f64| Spread::of(samples.iter().map(of)).map_or(0.0, |spread| spread.median);
    let ratio = Spread::of(samples.iter().zip(raw).map(|(own, raw)| own.per_second / raw.per_second));
    vec![
        entrant.name.to_owned(),
        format!("{:.1} k", median(|sample| sample.per_second) / 1e3),
        ratio.map_or_else(String::new, |ratio| ratio.to_string()),
        time(median(|sample| sample.p50.as_secs_f64())),
        time(median(|sample| sample.p99.as_secs_f64())),
        time(median(|sample| sample.cpu)),
    ]
}
