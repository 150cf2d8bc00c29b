//! Decimals in PostgreSQL's binary form: digits to the base of 10,000, and the place of the first one.

use bytes::{BufMut, BytesMut};
use orm_core::error::ValueError;
use orm_core::value::Decimal;

const NEGATIVE: u16 = 0x4000;
const BASE: u128 = 10_000;
/// Digits of a decimal in one of the base.
const WIDTH: u32 = 4;

/// Writes a decimal with all of its digits.
pub(crate) fn write(decimal: Decimal, out: &mut BytesMut) -> Result<(), ValueError> {
    let too_long =
        || ValueError::OutOfRange { target: "PostgreSQL, whose decimals have 16,383 digits after the point" };
    let scale = i16::try_from(decimal.scale()).map_err(|_| too_long())?;
    let absolute = decimal.mantissa().unsigned_abs();
    let (whole, fraction) = match 10_u128.checked_pow(decimal.scale()) {
        Some(point) => (absolute / point, absolute % point),
        None => (0, absolute),
    };
    // The last ones first.
    let mut digits = fraction_digits(fraction, decimal.scale());
    let places_after = digits.len();
    let mut rest = whole;
    while rest > 0 {
        digits.push(digit(rest % BASE));
        rest /= BASE;
    }
    let places_before = digits.len() - places_after;
    digits.reverse();
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let significant = digits.get(leading..digits.len() - trailing).unwrap_or_default();
    let count = |number: usize| i16::try_from(number).map_err(|_| too_long());
    let weight = if significant.is_empty() { 0 } else { count(places_before)? - 1 - count(leading)? };
    out.put_i16(count(significant.len())?);
    out.put_i16(weight);
    out.put_u16(if decimal.mantissa() < 0 { NEGATIVE } else { 0 });
    out.put_i16(scale);
    significant.iter().for_each(|digit| out.put_i16(*digit));
    Ok(())
}

/// The digits behind the point, the last ones first.
fn fraction_digits(fraction: u128, scale: u32) -> Vec<i16> {
    let (mut digits, mut rest) = (Vec::with_capacity(16), fraction);
    let odd = scale % WIDTH;
    if odd > 0 {
        let part = 10_u128.pow(odd);
        digits.push(digit(rest % part * 10_u128.pow(WIDTH - odd)));
        rest /= part;
    }
    for _ in 0..scale / WIDTH {
        digits.push(digit(rest % BASE));
        rest /= BASE;
    }
    digits
}

fn digit(number: u128) -> i16 {
    i16::try_from(number).unwrap_or_default()
}

/// Reads a decimal with all of its digits and its scale.
pub(crate) fn read(bytes: &[u8]) -> Result<Decimal, ValueError> {
    let malformed = || ValueError::Malformed { expected: "a decimal number" };
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let mut next = || words.next().ok_or_else(malformed);
    let (count, weight, sign, scale) = (next()?, next()?.cast_signed(), next()?, next()?);
    if sign != 0 && sign != NEGATIVE {
        return Err(ValueError::OutOfRange { target: "a decimal number: it is NaN or infinite" });
    }
    // How many decimal digits stand behind the last digit that is sent, up to the scale.
    let last = WIDTH.cast_signed() * (i32::from(weight) - i32::from(count) + 1);
    let missing = last + i32::from(scale);
    let mut mantissa: u128 = 0;
    for number in 1..=count {
        let digit = u128::from(next()?);
        let surplus = if number == count && missing < 0 { missing.unsigned_abs() } else { 0 };
        mantissa = appended(mantissa, digit, surplus).ok_or_else(too_large)?;
    }
    if missing > 0 && mantissa > 0 {
        let zeros = 10_u128.checked_pow(missing.unsigned_abs()).ok_or_else(too_large)?;
        mantissa = mantissa.checked_mul(zeros).ok_or_else(too_large)?;
    }
    let mantissa = i128::try_from(mantissa).map_err(|_| too_large())?;
    Ok(Decimal::new(if sign == NEGATIVE { -mantissa } else { mantissa }, u32::from(scale)))
}

/// The number with a digit of the base behind it, of which the last `surplus` decimal ones are beyond the scale.
fn appended(mantissa: u128, digit: u128, surplus: u32) -> Option<u128> {
    let kept = WIDTH.checked_sub(surplus)?;
    mantissa.checked_mul(10_u128.pow(kept))?.checked_add(digit / 10_u128.pow(surplus))
}

fn too_large() -> ValueError {
    ValueError::OutOfRange { target: "a decimal number: it has 38 digits at most" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> BytesMut {
        let mut out = BytesMut::new();
        write(text.parse().expect("a decimal"), &mut out).expect("digits");
        out
    }

    #[test]
    fn decimals_come_back_with_every_digit_and_their_scale() {
        for text in [
            "0",
            "0.00",
            "1",
            "10000",
            "12.50",
            "-12.50",
            "0.05",
            "-0.00000005",
            "100000000.00010",
            "170141183460469231731687303715884105727",
            "-1.70141183460469231731687303715884105727",
            "0.00000000000000000000000000000000000000000000000001",
        ] {
            assert_eq!(read(&bytes(text)).map(|decimal| decimal.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn digits_are_those_of_the_protocol() {
        // Two digits, the first one before the point, positive, two decimal digits after the point.
        assert_eq!(bytes("12.50").as_ref(), [0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88]);
        assert_eq!(bytes("0.00").as_ref(), [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(bytes("-10000").as_ref(), [0, 1, 0, 1, 0x40, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_is_no_decimal_or_too_long_is_refused() {
        assert!(read(&[0, 0, 0, 0, 0xc0, 0, 0, 0]).is_err());
        assert!(read(&[0, 1, 0, 0]).is_err());
        assert!(read(&[0, 1, 0, 30, 0, 0, 0, 0, 0, 1]).is_err());
    }
}
