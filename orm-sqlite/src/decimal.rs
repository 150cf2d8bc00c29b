//! Exact arithmetic on decimals, which SQLite holds as text.

use std::cmp::Ordering;

use orm_core::value::Decimal;

/// Digits after the point that a division adds to those of its operands.
const QUOTIENT_DIGITS: u32 = 6;

/// Compares two texts by the numbers they are: `1.0` equals `1.00`. Of any length, and without reading either.
///
/// What is no number comes after all numbers, in the order of its bytes, for a collation has to order everything.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    match (Digits::of(left), Digits::of(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// The digits of a number that count.
#[derive(PartialEq, Eq)]
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Digits<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let number = !(whole.is_empty() && fraction.is_empty())
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        // Zero has no sign.
        let negative = text.starts_with('-') && !(whole.is_empty() && fraction.is_empty());
        number.then_some(Digits { negative, whole, fraction })
    }

    fn cmp(&self, other: &Digits<'_>) -> Ordering {
        let magnitude = || {
            let longer = self.whole.len().cmp(&other.whole.len());
            longer.then_with(|| self.whole.cmp(other.whole)).then_with(|| self.fraction.cmp(other.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => magnitude(),
            (true, true) => magnitude().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

/// The sum; none if it has more than 38 digits.
pub(crate) fn add(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale().max(right.scale());
    Some(Decimal::new(widened(left, scale)?.checked_add(widened(right, scale)?)?, scale))
}

/// The difference.
pub(crate) fn subtract(left: Decimal, right: Decimal) -> Option<Decimal> {
    add(left, negate(right)?)
}

/// The product.
pub(crate) fn multiply(left: Decimal, right: Decimal) -> Option<Decimal> {
    let mantissa = left.mantissa().checked_mul(right.mantissa())?;
    Some(Decimal::new(mantissa, left.scale().checked_add(right.scale())?))
}

/// The quotient, with six digits after the point more than the operands have, halves rounded away from zero. The
/// divisor is not zero.
pub(crate) fn divide(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale().max(right.scale()).checked_add(QUOTIENT_DIGITS)?;
    // left / 10^l : right / 10^r = (left * 10^(scale + r - l)) / right / 10^scale, and the exponent is positive.
    let power = scale.checked_add(right.scale())?.checked_sub(left.scale())?;
    let dividend = left.mantissa().checked_mul(10i128.checked_pow(power)?)?;
    Some(Decimal::new(rounded_quotient(dividend, right.mantissa())?, scale))
}

/// With at most so many digits after the point, halves rounded away from zero.
pub(crate) fn round(value: Decimal, digits: u32) -> Option<Decimal> {
    match value.scale().checked_sub(digits) {
        None | Some(0) => Some(value),
        Some(surplus) => {
            // More digits than a decimal can have leave nothing of it.
            let rounded = match 10i128.checked_pow(surplus) {
                Some(divisor) => rounded_quotient(value.mantissa(), divisor)?,
                None => 0,
            };
            Some(Decimal::new(rounded, digits))
        }
    }
}

fn rounded_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?.unsigned_abs();
    if rest == 0 || rest < divisor.unsigned_abs().div_ceil(2) {
        return Some(quotient);
    }
    quotient.checked_add(if (dividend < 0) == (divisor < 0) { 1 } else { -1 })
}

/// What a division leaves, with the sign of its left side. The divisor is not zero.
pub(crate) fn remainder(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale().max(right.scale());
    Some(Decimal::new(widened(left, scale)?.checked_rem(widened(right, scale)?)?, scale))
}

fn negate(value: Decimal) -> Option<Decimal> {
    Some(Decimal::new(value.mantissa().checked_neg()?, value.scale()))
}

/// Without its sign.
pub(crate) fn abs(value: Decimal) -> Option<Decimal> {
    if value.mantissa() < 0 { negate(value) } else { Some(value) }
}

/// The mantissa with so many digits after the point.
fn widened(value: Decimal, scale: u32) -> Option<i128> {
    value.mantissa().checked_mul(10i128.checked_pow(scale.checked_sub(value.scale())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Operator = fn(Decimal, Decimal) -> Option<Decimal>;

    fn apply(operator: Operator, left: &str, right: &str) -> String {
        let parse = |text: &str| text.parse().expect("a decimal");
        operator(parse(left), parse(right)).map_or("overflow".into(), |result| result.to_string())
    }

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(apply(add, "0.1", "0.2"), "0.3");
        assert_eq!(apply(add, "1.50", "-2"), "-0.50");
        assert_eq!(apply(subtract, "1", "0.0001"), "0.9999");
        assert_eq!(apply(multiply, "1.10", "-1.1"), "-1.210");
        assert_eq!(apply(remainder, "-7.5", "2"), "-1.5");
    }

    #[test]
    fn quotients_round_halves_away_from_zero() {
        assert_eq!(apply(divide, "1", "3"), "0.333333");
        assert_eq!(apply(divide, "2", "3"), "0.666667");
        assert_eq!(apply(divide, "-2", "3"), "-0.666667");
        assert_eq!(apply(divide, "0.5", "1000000"), "0.0000005");
        assert_eq!(apply(divide, "1", "2000000"), "0.000001");
        assert_eq!(apply(divide, "-1", "2000000"), "-0.000001");
        assert_eq!(apply(divide, "1", "-2000001"), "0.000000");
        assert_eq!(apply(divide, "10", "2.50"), "4.00000000");
    }

    #[test]
    fn numbers_are_rounded_to_so_many_digits() {
        let rounded =
            |text: &str, digits| round(text.parse().expect("a decimal"), digits).map(|value| value.to_string());
        assert_eq!(rounded("2.345", 2).as_deref(), Some("2.35"));
        assert_eq!(rounded("-2.345", 2).as_deref(), Some("-2.35"));
        assert_eq!(rounded("2.344", 2).as_deref(), Some("2.34"));
        assert_eq!(rounded("0.5", 0).as_deref(), Some("1"));
        assert_eq!(rounded("7", 3).as_deref(), Some("7"));
    }

    #[test]
    fn what_does_not_fit_is_told_and_never_wrong() {
        let large = i128::MAX.to_string();
        assert_eq!(apply(add, &large, "1"), "overflow");
        assert_eq!(apply(add, &large, "0.1"), "overflow");
        assert_eq!(apply(multiply, &large, "2"), "overflow");
        assert_eq!(apply(divide, &large, "0.1"), "overflow");
    }

    #[test]
    fn numbers_compare_by_value_and_everything_has_a_place() {
        let ordered = [
            "-10",
            "-9.5",
            "-0.05",
            "0",
            "0.0499",
            "0.05",
            "1",
            "9",
            "10",
            "100000000000000000000000000000000000000000.1",
            "",
            "abc",
        ];
        for (left, a) in ordered.iter().enumerate() {
            for (right, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a, b), left.cmp(&right), "{a} against {b}");
            }
        }
        for (a, b) in [("1.0", "1.00"), ("-0", "0.00"), ("+7", "007."), (".5", "0.50")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} against {b}");
        }
    }
}
