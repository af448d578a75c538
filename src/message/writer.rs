//! Writes serde's types as Go's `encoding/json` spells them.

use super::reader::{JsonError, RAW};
use super::vector::{Chunk, Special, plain_length};
use core::fmt::{self, Write as _};
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// The text so far.
#[derive(Default)]
pub(super) struct GoJson {
    pub(super) text: String,
    /// Whether the next string is JSON already.
    is_raw: bool,
}

impl GoJson {
    fn shown(&mut self, value: impl fmt::Display) -> Result<(), JsonError> {
        // Writing to a text does not fail.
        let _ = write!(self.text, "{value}");
        Ok(())
    }

    fn open(&mut self, begin: char, end: char) -> Items<'_> {
        self.text.push(begin);
        Items {
            json: self,
            is_first: true,
            end,
        }
    }

    /// An object of one field, which is how a variant that holds something
    /// looks.
    fn variant(&mut self, name: &str, begin: char, end: &'static str) -> Variant<'_> {
        self.text.push('{');
        quoted(&mut self.text, name);
        self.text.push(':');
        self.text.push(begin);
        Variant(
            Items {
                json: self,
                is_first: true,
                end: ' ',
            },
            end,
        )
    }
}

/// A string with the escapes of Go.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let length = plain_length::<WriteSpecial>(rest.as_bytes());
        // All that is special begins a character, so nothing is cut.
        let Some((plain, others)) = rest.split_at_checked(length) else {
            break;
        };
        if others.is_empty() {
            break;
        }
        out.push_str(plain);
        let mut others = others.chars();
        match others.next().unwrap_or_default() {
            c @ ('"' | '\\') => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c @ ('\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => escape(out, c),
            c => out.push(c),
        }
        rest = others.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// What may have to be escaped: all that is no ASCII is looked at, for U+2028
/// and U+2029.
struct WriteSpecial;

impl Special for WriteSpecial {
    #[inline(always)]
    fn is(byte: u8) -> bool {
        matches!(byte, 0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0x80..)
    }

    #[inline(always)]
    fn is_in(chunk: Chunk) -> bool {
        chunk.has_high()
            || chunk.has_below(0x20)
            || [b'"', b'\\', b'<', b'>', b'&']
                .into_iter()
                .any(|byte| chunk.has(byte))
    }
}

/// A number's digits.
pub(crate) fn decimal(out: &mut String, number: u64) {
    if number >= 10 {
        decimal(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// A number's digits, with its sign.
pub(crate) fn signed_decimal(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    decimal(out, number.unsigned_abs());
}

/// A character as `\u` and four digits.
pub(super) fn escape(out: &mut String, c: char) {
    out.push_str("\\u");
    let digits = u32::from(c);
    out.extend(
        (0..4)
            .rev()
            .filter_map(|place| char::from_digit(digits >> (4 * place) & 0xf, 16)),
    );
}

/// The shortest digits that mean the value, as both languages choose them; Go
/// writes the sign of a positive exponent and Rust does not.
fn float<F: fmt::Display + fmt::LowerExp>(out: &mut String, value: &F, size: f64) {
    if !size.is_finite() {
        out.push_str("null");
    } else if size == 0.0 || (1e-6..1e21).contains(&size) {
        let _ = write!(out, "{value}");
    } else {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => {
                let _ = write!(out, "{digits}e+{power}");
            }
            _ => out.push_str(&text),
        }
    }
}

/// The rest of a list or an object.
pub(super) struct Items<'a> {
    json: &'a mut GoJson,
    is_first: bool,
    end: char,
}

impl Items<'_> {
    fn comma(&mut self) {
        if !core::mem::take(&mut self.is_first) {
            self.json.text.push(',');
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.comma();
        value.serialize(&mut *self.json)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), JsonError> {
        self.comma();
        quoted(&mut self.json.text, key);
        self.json.text.push(':');
        value.serialize(&mut *self.json)
    }

    fn close(self) -> Result<(), JsonError> {
        self.json.text.push(self.end);
        Ok(())
    }
}

/// The rest of a variant that holds something.
pub(super) struct Variant<'a>(Items<'a>, &'static str);

impl Variant<'_> {
    fn close(self) -> Result<(), JsonError> {
        self.0.json.text.push_str(self.1);
        Ok(())
    }
}

impl<'a> Serializer for &'a mut GoJson {
    type Ok = ();
    type Error = JsonError;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Variant<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Variant<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), JsonError> {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), JsonError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i16(self, value: i16) -> Result<(), JsonError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i32(self, value: i32) -> Result<(), JsonError> {
        self.serialize_i64(i64::from(value))
    }

    fn serialize_i64(self, value: i64) -> Result<(), JsonError> {
        self.shown(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), JsonError> {
        self.serialize_u64(u64::from(value))
    }

    fn serialize_u16(self, value: u16) -> Result<(), JsonError> {
        self.serialize_u64(u64::from(value))
    }

    fn serialize_u32(self, value: u32) -> Result<(), JsonError> {
        self.serialize_u64(u64::from(value))
    }

    fn serialize_u64(self, value: u64) -> Result<(), JsonError> {
        self.shown(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), JsonError> {
        float(&mut self.text, &value, f64::from(value.abs()));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), JsonError> {
        float(&mut self.text, &value, value.abs());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), JsonError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), JsonError> {
        match core::mem::take(&mut self.is_raw) {
            true => self.text.push_str(text),
            false => quoted(&mut self.text, text),
        }
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), JsonError> {
        bytes.serialize(self)
    }

    fn serialize_none(self) -> Result<(), JsonError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), JsonError> {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), JsonError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), JsonError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        self.is_raw = name == RAW;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        let mut object = self.open('{', '}');
        object.field(variant, value)?;
        object.close()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items<'a>, JsonError> {
        Ok(self.open('[', ']'))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items<'a>, JsonError> {
        Ok(self.open('[', ']'))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Items<'a>, JsonError> {
        Ok(self.open('[', ']'))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Variant<'a>, JsonError> {
        Ok(self.variant(variant, '[', "]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Items<'a>, JsonError> {
        Ok(self.open('{', '}'))
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Items<'a>, JsonError> {
        Ok(self.open('{', '}'))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Variant<'a>, JsonError> {
        Ok(self.variant(variant, '{', "}}"))
    }
}

macro_rules! items {
    ($($of:ident, $method:ident);*) => {$(
        impl $of for Items<'_> {
            type Ok = ();
            type Error = JsonError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
                self.item(value)
            }

            fn end(self) -> Result<(), JsonError> {
                self.close()
            }
        }
    )*};
}

items!(SerializeSeq, serialize_element; SerializeTuple, serialize_element; SerializeTupleStruct, serialize_field);

impl SerializeStruct for Items<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close()
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = JsonError;

    /// Texts, and numbers in quotes, as Go does.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), JsonError> {
        self.comma();
        let at = self.json.text.len();
        key.serialize(&mut *self.json)?;
        match self.json.text.as_bytes().get(at) {
            Some(b'"') => Ok(()),
            Some(b'-' | b'0'..=b'9') => {
                self.json.text.insert(at, '"');
                self.json.text.push('"');
                Ok(())
            }
            _ => Err(JsonError::custom("a key must be a text")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.json.text.push(':');
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close()
    }
}

impl SerializeTupleVariant for Variant<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.0.item(value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close()
    }
}

impl SerializeStructVariant for Variant<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        self.0.field(key, value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_byte_is_found_wherever_it_stands() {
        for before in 0..40 {
            for special in 0..=u8::MAX {
                let mut bytes = vec![b'a'; before];
                bytes.extend([special, b'!', special, 0x1f]);
                bytes.extend([b'a'; 16]);
                let expected = bytes.iter().position(|byte| WriteSpecial::is(*byte));
                assert_eq!(
                    Some(plain_length::<WriteSpecial>(&bytes)),
                    expected,
                    "{special:#x} after {before}"
                );
            }
            let plain = vec![b'a'; before];
            assert_eq!(plain_length::<WriteSpecial>(&plain), before);
        }
    }
}
