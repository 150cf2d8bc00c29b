//! The rounds in which clients are compared with the raw driver, one case after another on one thread.

use std::{path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::runtime::{Builder, Runtime};

use crate::{
    case::{self, Case},
    clients::{RAW, Registration},
    contender::{Contender, Sample},
    options::Options,
    statistics::{Spread, geometric_mean, time},
    table::Table,
};

/// All that is known about a case.
struct Line {
    case: Case,
    raw: Entrant,
    raw_samples: Vec<Sample>,
    peers: Vec<Entrant>,
}

struct Entrant {
    name: &'static str,
    contender: Box<dyn Contender>,
    /// Per operation.
    allocations: f64,
    /// With the raw driver; the raw driver itself has none.
    pairs: Vec<Pair>,
}

/// Two samples taken one right after the other.
struct Pair {
    raw: Sample,
    peer: Sample,
}

/// Has the clients do each workload a number of times, one after the other. Nothing is measured.
pub(crate) fn repeat(options: &Options, times: usize, clients: &[&Registration], folder: &Path) -> Result<()> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    for case in case::all().into_iter().filter(|case| options.wants_case(case)) {
        for client in clients.iter().filter(|client| (client.does)(&case)) {
            (client.enter_contender)(&case, folder, &runtime)?.repeat(times)?;
        }
    }
    Ok(())
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options, peers: &[&Registration], folder: &Path) -> Result<()> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    let cases = case::all().into_iter().filter(|case| options.wants_case(case));
    let mut lines = cases.map(|case| Line::open(case, peers, folder, &runtime)).collect::<Result<Vec<_>>>()?;
    if lines.is_empty() {
        return Ok(());
    }

    let sample = Duration::from_millis(if options.quick { 2 } else { 10 });
    for line in &mut lines {
        line.verify()?;
        line.make_ready(sample)?;
    }
    for round in 0..options.rounds {
        eprint!("\rround {} of {}", round + 1, options.rounds);
        for line in &mut lines {
            line.measure(round).with_context(|| line.case.to_string())?;
        }
    }
    eprintln!();
    print(&lines, peers, options.markdown);
    Ok(())
}

impl Line {
    fn open(case: Case, peers: &[&Registration], folder: &Path, runtime: &Rc<Runtime>) -> Result<Self> {
        let enter = |client: &Registration| Entrant::open(client, &case, folder, runtime);
        let raw = enter(&RAW)?;
        let able = peers.iter().filter(|peer| (peer.does)(&case));
        let peers = able.map(|peer| enter(peer)).collect::<Result<_>>()?;
        Ok(Self { case, raw, raw_samples: Vec::new(), peers })
    }

    /// None if the client does not do this.
    fn peer(&self, client: &Registration) -> Option<&Entrant> {
        self.peers.iter().find(|peer| peer.name == client.name)
    }

    fn verify(&mut self) -> Result<()> {
        let expected = self.raw.contender.answer()?;
        let rows = expected.rows().unwrap_or(self.case.rows);
        ensure!(rows == self.case.rows, "{} has {rows} rows instead of {}", self.case, self.case.rows);
        for peer in &mut self.peers {
            let answer = peer.contender.answer().with_context(|| format!("{} at {}", peer.name, self.case))?;
            ensure!(answer == expected, "{} at {} does not answer what the raw driver does", peer.name, self.case);
        }
        Ok(())
    }

    fn make_ready(&mut self, sample: Duration) -> Result<()> {
        for entrant in std::iter::once(&mut self.raw).chain(&mut self.peers) {
            entrant.contender.calibrate(sample)?;
            entrant.allocations = entrant.contender.allocations()?;
        }
        Ok(())
    }

    /// Each peer together with the raw driver; who goes first changes from round to round, and so does the order of peers.
    fn measure(&mut self, round: usize) -> Result<()> {
        let count = self.peers.len();
        for place in 0..count {
            let peer = &mut self.peers[(place + round) % count];
            let pair = if round.is_multiple_of(2) {
                let raw = self.raw.contender.sample()?;
                Pair { raw, peer: peer.contender.sample()? }
            } else {
                let sample = peer.contender.sample()?;
                Pair { raw: self.raw.contender.sample()?, peer: sample }
            };
            self.raw_samples.push(pair.raw);
            peer.pairs.push(pair);
        }
        if count == 0 {
            self.raw_samples.push(self.raw.contender.sample()?);
        }
        Ok(())
    }
}

impl Entrant {
    fn open(client: &Registration, case: &Case, folder: &Path, runtime: &Rc<Runtime>) -> Result<Self> {
        let contender = (client.enter_contender)(case, folder, runtime)
            .with_context(|| format!("cannot open {} for {case}", client.name))?;
        Ok(Self { name: client.name, contender, allocations: 0.0, pairs: Vec::new() })
    }

    fn ratio(&self, time: fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.pairs.iter().map(|pair| time(&pair.peer) / time(&pair.raw)))
    }
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu
}

fn wall(sample: &Sample) -> f64 {
    sample.wall
}

fn print(lines: &[Line], peers: &[&Registration], markdown: bool) {
    let mut header = ["workload", "n", "raw CPU", "raw allocations"].map(str::to_owned).to_vec();
    for peer in peers {
        header.extend(["CPU", "wall", "allocations"].map(|what| format!("{} {what}", peer.name)));
    }
    let mut table = Table::new(header);
    for line in lines {
        table.add(row(line, peers));
    }
    table.add(means(lines, peers));
    table.print(markdown);
}

fn row(line: &Line, peers: &[&Registration]) -> Vec<String> {
    let mut row = vec![line.case.to_string(), line.case.rows.to_string()];
    if line.case.has_baseline() {
        let raw = Spread::of(line.raw_samples.iter().map(cpu));
        row.extend([raw.map_or_else(String::new, |raw| time(raw.median)), count(line.raw.allocations)]);
    } else {
        row.extend(["-".to_owned(), "-".to_owned()]);
    }
    for peer in peers {
        row.extend(match line.peer(peer) {
            Some(peer) => [cell(line, peer, cpu), cell(line, peer, wall), count(peer.allocations)],
            None => ["-"; 3].map(str::to_owned),
        });
    }
    row
}

/// The ratio to the raw driver, or the time itself where the raw driver has nothing to compare.
fn cell(line: &Line, peer: &Entrant, of: fn(&Sample) -> f64) -> String {
    if line.case.has_baseline() {
        peer.ratio(of).map_or_else(String::new, |ratio| ratio.to_string())
    } else {
        let spread = Spread::of(peer.pairs.iter().map(|pair| of(&pair.peer)));
        spread.map_or_else(String::new, |spread| time(spread.median))
    }
}

fn means(lines: &[Line], peers: &[&Registration]) -> Vec<String> {
    let mean = |peer: &Registration, of: fn(&Sample) -> f64| {
        let compared = lines.iter().filter(|line| line.case.has_baseline());
        let ratios: Vec<f64> = compared.filter_map(|line| line.peer(peer)?.ratio(of)).map(|it| it.median).collect();
        if ratios.is_empty() { "-".to_owned() } else { format!("{:.2}", geometric_mean(&ratios)) }
    };
    let mut row = vec!["geometric mean".to_owned(), String::new(), String::new(), String::new()];
    for peer in peers {
        row.extend([mean(peer, cpu), mean(peer, wall), String::new()]);
    }
    row
}

/// Allocations per operation: whole when they are.
fn count(value: f64) -> String {
    if (value - value.round()).abs() < 0.005 { format!("{value:.0}") } else { format!("{value:.2}") }
}
