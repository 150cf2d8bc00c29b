//! Medians, ranges, and how they are written.

use std::fmt;

/// The middle of some values, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        Some(Self { median, lowest, highest })
    }
}

/// A ratio: `1.18 (0.77–1.74)`.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}–{})", short(self.median), short(self.lowest), short(self.highest))
    }
}

pub(crate) fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Three digits are all that is known, and more than that.
pub(crate) fn short(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        1e-3.. => (seconds * 1e3, "ms"),
        1e-6.. => (seconds * 1e6, "us"),
        _ => (seconds * 1e9, "ns"),
    };
    format!("{value:.2} {unit}")
}
