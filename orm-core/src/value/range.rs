//! [`Range`]: what lies between two values.

use std::ops::Bound;

/// All values from a lower to an upper bound, each of which may be left out; or no value at all.
///
/// A range of a column is made of one of Rust's: `Range::from(1..5)`. As there, one that ends before it begins is empty.
/// See [`RangeBound`](crate::types::RangeBound) for the types that it can have.
///
/// ```
/// use orm::types::Range;
///
/// let teens = Range::from(13..=19);
/// assert_eq!(teens, Range::from(13..20));
/// assert!(teens.contains(&19) && !teens.contains(&20));
/// assert_eq!(teens.to_string(), "[13,20)");
/// assert!(Range::from(5..5).is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range<T> {
    /// None if it is empty.
    bounds: Option<(Bound<T>, Bound<T>)>,
}

impl<T> Range<T> {
    /// The range in which there is nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Range { bounds: None }
    }

    /// The range in which there is everything.
    #[must_use]
    pub const fn full() -> Self {
        Range { bounds: Some((Bound::Unbounded, Bound::Unbounded)) }
    }

    /// A range with these bounds as they are, or an empty one.
    pub(crate) const fn with(bounds: Option<(Bound<T>, Bound<T>)>) -> Self {
        Range { bounds }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bounds.is_none()
    }

    /// The bounds; none if it is empty.
    #[must_use]
    pub fn bounds(&self) -> Option<(Bound<&T>, Bound<&T>)> {
        self.bounds.as_ref().map(|(lower, upper)| (lower.as_ref(), upper.as_ref()))
    }

    /// The first value that could be in it, if there is a lower bound.
    #[must_use]
    pub fn lower(&self) -> Option<&T> {
        self.bounds().and_then(|(lower, _)| within(lower))
    }

    /// The value at which it ends, if there is an upper bound.
    #[must_use]
    pub fn upper(&self) -> Option<&T> {
        self.bounds().and_then(|(_, upper)| within(upper))
    }

    /// The same with each bound turned into another value.
    ///
    /// # Errors
    ///
    /// What `turn` gives.
    pub fn try_map<U, E>(self, mut turn: impl FnMut(T) -> Result<U, E>) -> Result<Range<U>, E> {
        let mut bound = |bound| {
            Ok(match bound {
                Bound::Included(value) => Bound::Included(turn(value)?),
                Bound::Excluded(value) => Bound::Excluded(turn(value)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        Ok(Range { bounds: self.bounds.map(|(lower, upper)| Ok((bound(lower)?, bound(upper)?))).transpose()? })
    }
}

impl<T: PartialOrd> Range<T> {
    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(&self, value: &T) -> bool {
        self.bounds().is_some_and(|bounds| std::ops::RangeBounds::contains(&bounds, value))
    }
}

/// Empty.
impl<T> Default for Range<T> {
    fn default() -> Self {
        Range::empty()
    }
}

/// As PostgreSQL writes it: `[1,5)`, `(,5]`, `empty`.
impl<T: std::fmt::Display> std::fmt::Display for Range<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((lower, upper)) = self.bounds() else { return f.write_str("empty") };
        match lower {
            Bound::Included(value) => write!(f, "[{value},")?,
            Bound::Excluded(value) => write!(f, "({value},")?,
            Bound::Unbounded => f.write_str("(,")?,
        }
        match upper {
            Bound::Included(value) => write!(f, "{value}]"),
            Bound::Excluded(value) => write!(f, "{value})"),
            Bound::Unbounded => f.write_str(")"),
        }
    }
}

fn within<T>(bound: Bound<&T>) -> Option<&T> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}
