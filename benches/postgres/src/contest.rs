//! The rounds in which clients are compared with the raw driver, one case after another on one thread.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::{Builder, Runtime};

use crate::case::{self, Case};
use crate::clients::{RAW, Registration};
use crate::contender::{Contender, Sample};
use crate::options::Options;
use crate::statistics::{Spread, geometric_mean, time};
use crate::table::Table;

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
    /// With the raw driver; the raw driver itself has none.
    pairs: Vec<Pair>,
}

/// Two samples taken one right after the other.
struct Pair {
    raw: Sample,
    peer: Sample,
}

/// Has the clients do each workload a number of times, one after the other. Nothing is measured.
pub(crate) fn repeat(options: &Options, times: usize, clients: &[&Registration], server: &str) -> Result<()> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    for case in case::all().into_iter().filter(|case| options.wants_case(case)) {
        for client in clients {
            (client.enter_contender)(&case, server, &runtime)?.repeat(times)?;
        }
    }
    Ok(())
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options, peers: &[&Registration], server: &str) -> Result<()> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    let cases = case::all().into_iter().filter(|case| options.wants_case(case));
    let mut lines = cases.map(|case| Line::open(case, peers, server, &runtime)).collect::<Result<Vec<_>>>()?;
    if lines.is_empty() {
        return Ok(());
    }
    let sample = Duration::from_millis(if options.quick { 10 } else { 40 });
    for line in &mut lines {
        line.verify()?;
        line.calibrate(sample)?;
    }
    for round in 0..options.rounds {
        eprint!("\rround {} of {}", round + 1, options.rounds);
        for line in &mut lines {
            line.measure(round).with_context(|| line.case.to_string())?;
        }
    }
    eprintln!();
    print(&lines, options.markdown);
    Ok(())
}

impl Line {
    fn open(case: Case, peers: &[&Registration], server: &str, runtime: &Rc<Runtime>) -> Result<Self> {
        let enter = |client: &Registration| Entrant::open(client, &case, server, runtime);
        let raw = enter(&RAW)?;
        let peers = peers.iter().map(|peer| enter(peer)).collect::<Result<_>>()?;
        Ok(Self { case, raw, raw_samples: Vec::new(), peers })
    }

    fn verify(&mut self) -> Result<()> {
        let expected = self.raw.contender.answer()?;
        let (rows, wanted) = (expected.rows(), self.case.rows);
        ensure!(rows == wanted, "{} has {rows} rows instead of {wanted}", self.case);
        for peer in &mut self.peers {
            let place = || format!("{} at {}", peer.name, self.case);
            let answer = peer.contender.answer().with_context(place)?;
            ensure!(answer == expected, "{} does not answer what the raw driver does", place());
        }
        Ok(())
    }

    fn calibrate(&mut self, sample: Duration) -> Result<()> {
        let all = std::iter::once(&mut self.raw).chain(&mut self.peers);
        all.into_iter().try_for_each(|entrant| entrant.contender.calibrate(sample))
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
    fn open(client: &Registration, case: &Case, server: &str, runtime: &Rc<Runtime>) -> Result<Self> {
        let contender = (client.enter_contender)(case, server, runtime)
            .with_context(|| format!("cannot open {} for {case}", client.name))?;
        Ok(Self { name: client.name, contender, pairs: Vec::new() })
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

fn print(lines: &[Line], markdown: bool) {
    let peers = lines.first().map_or(&[][..], |line| &line.peers);
    for (what, of) in [("wall", wall as fn(&Sample) -> f64), ("CPU", cpu)] {
        let mut header = vec![what.to_owned(), "n".to_owned(), "tokio-postgres".to_owned()];
        header.extend(peers.iter().map(|peer| peer.name.to_owned()));
        let mut table = Table::new(header);
        lines.iter().for_each(|line| table.add(row(line, of)));
        table.add(means(lines, peers.len(), of));
        table.print(markdown);
    }
}

fn row(line: &Line, of: fn(&Sample) -> f64) -> Vec<String> {
    let raw = Spread::of(line.raw_samples.iter().map(of)).map_or_else(String::new, |raw| time(raw.median));
    let mut row = vec![line.case.to_string(), line.case.rows.to_string(), raw];
    row.extend(line.peers.iter().map(|peer| peer.ratio(of).map_or_else(String::new, |ratio| ratio.to_string())));
    row
}

fn means(lines: &[Line], peers: usize, of: fn(&Sample) -> f64) -> Vec<String> {
    let mean = |peer: usize| {
        let ratios: Vec<f64> = lines.iter().filter_map(|line| line.peers[peer].ratio(of)).map(|it| it.median).collect();
        if ratios.is_empty() { "-".to_owned() } else { format!("{:.2}", geometric_mean(&ratios)) }
    };
    let mut row = vec!["geometric mean".to_owned(), String::new(), String::new()];
    row.extend((0..peers).map(mean));
    row
}
