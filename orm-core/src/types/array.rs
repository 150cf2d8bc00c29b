//! `Vec<T>` as an array column.
//!
//! A database without arrays keeps them as a JSON array: numbers and truth values as they are, NULL as `null`, bytes as
//! hexadecimal digits, all else as the text that a column of its type holds.

use super::{BindSink, ColumnType, Scalar, SqlType, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{ArrayValue, Compound, Value, ValueRef};

/// A type that an array can have: every type of a column but `u8`, since `Vec<u8>` is a column of bytes, and arrays,
/// which hold no arrays. An `Option` of one may be NULL.
#[diagnostic::on_unimplemented(
    message = "an array column cannot hold `{Self}`",
    label = "not an element of an array",
    note = "`Vec<u8>` is a column of bytes; for nested lists there is `Json<Vec<..>>`; `impl orm::types::Element` for a type whose `Scalar` is written by hand"
)]
pub trait Element: SqlType {}

#[diagnostic::do_not_recommend]
impl<T: Element + Scalar> Element for Option<T> {}

#[diagnostic::do_not_recommend]
impl<T: Element> Scalar for Vec<T> {
    const COLUMN: ColumnType = array_of(&<T::Plain as Scalar>::COLUMN);
    const NAME: &'static str = "Vec<_>";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        let values = self.iter().map(SqlType::to_value).collect();
        sink.bind(ValueRef::Array(&ArrayValue { element: &<T::Plain as Scalar>::COLUMN, values }))
    }

    fn into_value(self) -> Value {
        let values = self.into_iter().map(SqlType::into_value).collect();
        Value::Array(ArrayValue { element: &<T::Plain as Scalar>::COLUMN, values })
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let mut elements = Vec::new();
        let mut element = |value: ValueRef<'_>| {
            elements.push(T::decode_value(value)?);
            Ok(())
        };
        match value {
            ValueRef::Encoded(encoded) if encoded.kind() == Compound::Array => encoded.read(&mut element)?,
            ValueRef::Array(array) => each(&array.values, &mut element)?,
            ValueRef::List(values) => each(values, &mut element)?,
            ValueRef::Text(json) | ValueRef::Json(json) => {
                json_elements(json, <T::Plain as Scalar>::COLUMN, &mut element)?;
            }
            other => return Err(mismatch::<Self>(other)),
        }
        Ok(elements)
    }
}
literal!(@impls [T: Element,], Vec<T>, Vec<T>, Vec<T>, |_| None);

/// A slice stands for an array, as `&str` stands for a `String`.
#[diagnostic::do_not_recommend]
impl<T: Element + Clone> super::Comparable<Vec<T>> for &[T] {
    type Type = Vec<T>;

    fn into_operand(self) -> crate::ast::Expr {
        crate::ast::Expr::Bind(SqlType::into_value(self.to_vec()))
    }
}

const fn array_of(element: &'static ColumnType) -> ColumnType {
    assert!(!matches!(element, ColumnType::Array(_)), "an array holds no arrays: use `Json<Vec<..>>`");
    ColumnType::Array(element)
}

/// What is called for each element.
type Each<'f> = dyn FnMut(ValueRef<'_>) -> Result<(), ValueError> + 'f;

fn each(values: &[Value], element: &mut Each<'_>) -> Result<(), ValueError> {
    values.iter().try_for_each(|value| element(value.borrowed()?))
}

/// Calls the function for each value of a JSON array without arrays and objects in it, which is a column of arrays of
/// such a type where there are none. For backends.
///
/// # Errors
///
/// The text is no such array, and whatever the function gives.
pub fn json_elements(json: &str, column: ColumnType, element: &mut Each<'_>) -> Result<(), ValueError> {
    let mut rest = json.trim().strip_prefix('[').and_then(|json| json.strip_suffix(']')).ok_or_else(malformed)?.trim();
    while !rest.is_empty() {
        let after = match rest.strip_prefix('"') {
            Some(text) => read_text(text, column, element)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                element(word_value(word.trim())?)?;
                after
            }
        };
        rest = match after.trim_start().strip_prefix(',') {
            Some(more) if !more.trim_start().is_empty() => more.trim_start(),
            None if after.trim().is_empty() => "",
            _ => return Err(malformed()),
        };
    }
    Ok(())
}

fn word_value(word: &str) -> Result<ValueRef<'static>, ValueError> {
    Ok(match word {
        "null" => ValueRef::Null,
        "true" => ValueRef::Bool(true),
        "false" => ValueRef::Bool(false),
        number => match number.parse() {
            Ok(integer) => ValueRef::Int(integer),
            Err(_) => ValueRef::Float(number.parse().map_err(|_| malformed())?),
        },
    })
}

/// Reads what follows a quote, and gives what follows the next one.
fn read_text<'t>(text: &'t str, column: ColumnType, element: &mut Each<'_>) -> Result<&'t str, ValueError> {
    let stop = text.find(['"', '\\']).ok_or_else(malformed)?;
    let (plain, after) = text.split_at(stop);
    if let Some(after) = after.strip_prefix('"') {
        text_value(plain, column, element)?;
        return Ok(after);
    }
    let mut unescaped = plain.to_owned();
    let after = unescape(after, &mut unescaped)?;
    text_value(&unescaped, column, element)?;
    Ok(after)
}

fn text_value(text: &str, column: ColumnType, element: &mut Each<'_>) -> Result<(), ValueError> {
    match column {
        ColumnType::Bytes => element(ValueRef::Bytes(&unhex(text)?)),
        // JSON has no infinite numbers.
        ColumnType::Float32 | ColumnType::Float64 => element(ValueRef::Float(text.parse().map_err(|_| malformed())?)),
        _ => element(ValueRef::Text(text)),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, ValueError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or_else(malformed)
}

/// Reads on to the closing quote, and gives what follows it.
fn unescape<'t>(mut text: &'t str, out: &mut String) -> Result<&'t str, ValueError> {
    loop {
        let stop = text.find(['"', '\\']).ok_or_else(malformed)?;
        out.push_str(text.get(..stop).unwrap_or_default());
        let mut letters = text.get(stop..).unwrap_or_default().chars();
        if letters.next() == Some('"') {
            return Ok(letters.as_str());
        }
        out.push(match letters.next().ok_or_else(malformed)? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => escaped_unit(&mut letters)?,
            plain @ ('"' | '\\' | '/') => plain,
            _ => return Err(malformed()),
        });
        text = letters.as_str();
    }
}

/// `\u00e4`, or two of them for what needs more than 16 bits.
fn escaped_unit(letters: &mut std::str::Chars<'_>) -> Result<char, ValueError> {
    let mut unit = || {
        let digits = letters.as_str().get(..4).ok_or_else(malformed)?;
        *letters = letters.as_str().get(4..).unwrap_or_default().chars();
        u16::from_str_radix(digits, 16).map_err(|_| malformed())
    };
    let first = unit()?;
    if let Some(Ok(letter)) = char::decode_utf16([first]).next() {
        return Ok(letter);
    }
    if letters.next() != Some('\\') || letters.next() != Some('u') {
        return Err(malformed());
    }
    let digits = letters.as_str().get(..4).ok_or_else(malformed)?;
    let second = u16::from_str_radix(digits, 16).map_err(|_| malformed())?;
    *letters = letters.as_str().get(4..).unwrap_or_default().chars();
    char::decode_utf16([first, second]).next().and_then(Result::ok).ok_or_else(malformed)
}

fn malformed() -> ValueError {
    ValueError::Malformed { expected: "a JSON array of values" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Result<Vec<String>, ValueError> {
        Vec::decode(ValueRef::Text(json))
    }

    #[test]
    fn arrays_are_read_from_json() {
        assert_eq!(Vec::<i64>::decode(ValueRef::Text("[1, -2,9223372036854775807 ]")), Ok(vec![1, -2, i64::MAX]));
        assert_eq!(Vec::<i32>::decode(ValueRef::Text(" [] ")), Ok(vec![]));
        assert_eq!(
            Vec::<Option<f64>>::decode(ValueRef::Text("[0.5,null,\"-inf\"]")),
            Ok(vec![Some(0.5), None, Some(f64::NEG_INFINITY)])
        );
        assert_eq!(Vec::<bool>::decode(ValueRef::Text("[true,false]")), Ok(vec![true, false]));
        assert_eq!(Vec::<Vec<u8>>::decode(ValueRef::Text("[\"00ff\",\"\"]")), Ok(vec![vec![0, 255], vec![]]));
        assert_eq!(
            texts(r#"["a,b]", "\"\\\/\n\u00e4\ud83e\udd80x", ""]"#),
            Ok(vec!["a,b]".into(), "\"\\/\nä🦀x".into(), String::new()])
        );
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for json in ["", "[", "1", "[1", "[1,]", "[,1]", "[\"a]", "[\"a\" \"b\"]", r#"["\x"]"#, r#"["\ud800"]"#, "{}"] {
            assert!(texts(json).is_err(), "{json}");
        }
        assert_eq!(Vec::<i64>::decode(ValueRef::Text("[null]")), Err(ValueError::Null { expected: "i64" }));
        assert_eq!(Vec::<i8>::decode(ValueRef::Text("[128]")), Err(ValueError::OutOfRange { target: "i8" }));
        assert!(Vec::<Vec<u8>>::decode(ValueRef::Text("[\"0\"]")).is_err());
    }
}
