//! Reads JSON into serde's types.
//!
//! It is here because serde_json cannot be had without its tables for floats,
//! a tenth of all that a page loads. A number with a fraction is only parsed
//! where a type asks for one.

use super::vector::{Chunk, Special, plain_length};
use core::fmt;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any, ser};
use std::borrow::Cow;

/// How deep lists and objects may lie in each other where a type reads them.
const DEPTH_MAX: u8 = 128;

/// The name by which [`RawJson`] asks for text.
pub(super) const RAW: &str = "$light_nara::RawJson";

/// Why a text is not the JSON that it should be. A pointer, because it is part
/// of whatever reading returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(Box<Wrong>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    why: String,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
}

impl JsonError {
    fn new(why: String) -> Self {
        Self(Box::new(Wrong { why, place: None }))
    }

    /// What is wrong, without the place.
    pub(super) fn why(self) -> String {
        self.0.why
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.why)?;
        match self.0.place {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for JsonError {}

impl de::Error for JsonError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::new(why.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        mismatch("type", found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        mismatch("value", found, expected)
    }
}

/// Serde's own words bring the printing of floats.
fn mismatch(what: &str, found: Unexpected<'_>, expected: &dyn de::Expected) -> JsonError {
    let found = match found {
        Unexpected::Bool(value) => format!("boolean `{value}`"),
        Unexpected::Unsigned(value) => format!("integer `{value}`"),
        Unexpected::Signed(value) => format!("integer `{value}`"),
        Unexpected::Str(_) => "string".to_owned(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "list".to_owned(),
        Unexpected::Map => "object".to_owned(),
        Unexpected::Other(words) => words.to_owned(),
        _ => "number".to_owned(),
    };
    JsonError::new(format!("invalid {what}: {found}, expected {expected}"))
}

impl ser::Error for JsonError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::new(why.to_string())
    }
}

/// JSON text within JSON text, checked and as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    /// The text.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// Writes JSON text as it is.
    pub(crate) fn serialize_text<S: ser::Serializer>(
        text: &str,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(RAW, text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawJson<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<RawJson<'de>, E> {
        Ok(RawJson(text))
    }
}

/// Reads a value that is all of a text.
///
/// # Errors
/// When it is no JSON, or not of this type.
pub fn from_json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, JsonError> {
    let mut json = Json::new(text);
    let value = T::deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// The JSON value that is all of a text, without the spaces around it.
///
/// # Errors
/// When it is no JSON.
pub(crate) fn whole_value(text: &str) -> Result<&str, JsonError> {
    let mut json = Json::new(text);
    let value = json.raw()?;
    json.end()?;
    Ok(value)
}

/// The texts of the items of a list.
///
/// # Errors
/// When it is no list.
#[cfg(target_family = "wasm")]
pub(crate) fn list_items(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut json = Json::new(text);
    let items = json.items()?;
    json.end()?;
    Ok(items)
}

/// The strings of a list.
///
/// # Errors
/// When it is no list, or one of them is none.
#[cfg(target_family = "wasm")]
pub(crate) fn list_strings(text: &str) -> Result<Vec<String>, JsonError> {
    let mut strings = Vec::new();
    for item in list_items(text)? {
        strings.push(Json::new(item).text(&"a string")?.into_owned());
    }
    Ok(strings)
}

/// What of a text is still to be read.
pub(super) struct Json<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

impl<'de> Json<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// An error with its place, in lines and columns from 1.
    #[cold]
    #[inline(never)]
    fn wrong(&self, why: &str) -> JsonError {
        let bytes = self.text.as_bytes();
        let why = if self.at >= bytes.len() {
            "EOF where more should be"
        } else {
            why
        };
        let before = &bytes[..bytes.len().min(self.at + 1)];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.len() - line_start.map_or(0, |at| at + 1);
        JsonError(Box::new(Wrong {
            why: why.to_owned(),
            place: Some((lines + 1, column)),
        }))
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no space; 0 at the end.
    fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
        self.byte()
    }

    fn expect(&mut self, byte: u8, why: &str) -> Result<(), JsonError> {
        if self.peek() != byte {
            return Err(self.wrong(why));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.peek();
        if self.at < self.text.len() {
            return Err(self.wrong("trailing characters"));
        }
        Ok(())
    }

    pub(super) fn open_object(&mut self) -> Result<(), JsonError> {
        self.expect(b'{', "expected an object")
    }

    /// Enters an object; anything else is named.
    pub(super) fn enter_object(&mut self) -> Result<(), JsonError> {
        self.enter(b'{', &"an object")
    }

    /// The texts of a list's items.
    pub(super) fn items(&mut self) -> Result<Vec<&'de str>, JsonError> {
        self.enter(b'[', &"a list")?;
        let mut items = Vec::new();
        let mut is_first = true;
        while self.more(b']', &mut is_first)? {
            items.push(self.raw()?);
        }
        Ok(items)
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'de str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What was read since. An index would panic where it cuts a character,
    /// which it never does, with words that bring Unicode's tables.
    fn since(&self, start: usize) -> &'de str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Whether another item follows, of a list or an object that ends with
    /// `end`; reads the comma or the end.
    fn more(&mut self, end: u8, is_first: &mut bool) -> Result<bool, JsonError> {
        let next = self.peek();
        if next == end {
            self.at += 1;
            return Ok(false);
        }
        if !core::mem::take(is_first) {
            self.expect(b',', "expected a comma or the end")?;
        }
        Ok(true)
    }

    /// The next key of an object, with the colon behind it.
    pub(super) fn next_key(
        &mut self,
        is_first: &mut bool,
    ) -> Result<Option<Cow<'de, str>>, JsonError> {
        if !self.more(b'}', is_first)? {
            return Ok(None);
        }
        if self.peek() != b'"' {
            return Err(self.wrong("key must be a string"));
        }
        let key = self.string()?;
        self.expect(b':', "expected a colon")?;
        Ok(Some(key))
    }

    /// A string, of which the quote is next.
    fn string(&mut self) -> Result<Cow<'de, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut plain = start;
        loop {
            match self.byte() {
                b'"' => {
                    let last = self.since(plain);
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(last),
                        Some(text) => Cow::Owned(text + last),
                    });
                }
                b'\\' => {
                    let text = owned.get_or_insert_default();
                    text.push_str(self.since(plain));
                    self.at += 1;
                    let c = self.escape()?;
                    owned.get_or_insert_default().push(c);
                    plain = self.at;
                }
                0..0x20 => return Err(self.wrong("control character in a string")),
                _ => self.pass_plain(),
            }
        }
    }

    /// Passes over what means itself in a string, which is long where it is
    /// Base64. The end of the text ends it, too.
    fn pass_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += plain_length::<ReadSpecial>(rest);
    }

    /// Passes over a string, in which a surrogate may be alone.
    fn pass_string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    match self.byte() {
                        b'u' => {
                            self.at += 1;
                            self.hex()?;
                        }
                        _ => self.escape().map(|_| ())?,
                    }
                }
                0..0x20 => return Err(self.wrong("control character in a string")),
                _ => self.pass_plain(),
            }
        }
    }

    /// The character that an escape stands for, behind its backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let code = match first {
                    0xd800..0xdc00 if self.rest().starts_with("\\u") => {
                        self.at += 2;
                        let second = self.hex()?.wrapping_sub(0xdc00);
                        if second > 0x3ff {
                            return Err(self.wrong("lone surrogate"));
                        }
                        0x10000 + ((first - 0xd800) << 10) + second
                    }
                    code => code,
                };
                return char::from_u32(code).ok_or_else(|| self.wrong("lone surrogate"));
            }
            _ => {
                self.at -= 1;
                return Err(self.wrong("invalid escape"));
            }
        })
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()).to_digit(16);
            code = code << 4 | digit.ok_or_else(|| self.wrong("invalid escape"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number as it is spelled.
    fn number(&mut self) -> Result<&'de str, JsonError> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.since(start))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.byte().is_ascii_digit() {
            return Err(self.wrong("invalid number"));
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.wrong("expected value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a value, however deep, and returns its text.
    pub(super) fn raw(&mut self) -> Result<&'de str, JsonError> {
        self.peek();
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        let mut is_first = false;
        loop {
            // Here a value follows.
            match self.peek() {
                byte @ (b'{' | b'[') => {
                    self.at += 1;
                    open.push(byte + 2);
                    is_first = true;
                }
                b'"' => self.pass_string()?,
                _ => self.scalar()?,
            }
            // Here one has ended, or a list or an object has begun.
            loop {
                let Some(end) = open.last().copied() else {
                    return Ok(self.since(start));
                };
                let is_item = if end == b'}' {
                    self.next_key(&mut is_first)?.is_some()
                } else {
                    self.more(end, &mut is_first)?
                };
                if is_item {
                    break;
                }
                open.pop();
                is_first = false;
            }
        }
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            _ => self.word("null"),
        }
    }

    fn deeper(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("too deep"));
        }
        Ok(())
    }
}

/// What does not mean itself in a string.
struct ReadSpecial;

impl Special for ReadSpecial {
    #[inline(always)]
    fn is(byte: u8) -> bool {
        matches!(byte, b'"' | b'\\' | 0..0x20)
    }

    #[inline(always)]
    fn is_in(chunk: Chunk) -> bool {
        chunk.has(b'"') || chunk.has(b'\\') || chunk.has_below(0x20)
    }
}

/// A whole number, of 64 bits with a sign or without.
enum Whole {
    Unsigned(u64),
    Signed(i64),
}

impl<'de> Json<'de> {
    fn whole(&mut self) -> Result<Whole, Unexpected<'static>> {
        let digits = self.number().unwrap_or_default();
        let unsigned = digits.parse().map(Whole::Unsigned);
        unsigned
            .or_else(|_| digits.parse().map(Whole::Signed))
            .map_err(|_| Unexpected::Other("number that is no whole one of 64 bits"))
    }

    /// What is there instead of what is expected.
    #[cold]
    #[inline(never)]
    fn mismatched(&mut self, expected: &dyn de::Expected) -> JsonError {
        let found = match self.peek() {
            b'"' => Unexpected::Str(""),
            b'{' => Unexpected::Map,
            b'[' => Unexpected::Seq,
            b't' => Unexpected::Bool(true),
            b'f' => Unexpected::Bool(false),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let found = match self.whole() {
                    Ok(Whole::Unsigned(number)) => Unexpected::Unsigned(number),
                    Ok(Whole::Signed(number)) => Unexpected::Signed(number),
                    Err(found) => found,
                };
                self.at = start;
                found
            }
            _ => Unexpected::Unit,
        };
        match self.raw() {
            Ok(_) => JsonError::invalid_type(found, expected),
            Err(error) => error,
        }
    }

    /// Whether a number is next.
    fn is_number(&mut self) -> bool {
        matches!(self.peek(), b'-' | b'0'..=b'9')
    }

    /// The string that is expected.
    pub(super) fn text(&mut self, expected: &dyn de::Expected) -> Result<Cow<'de, str>, JsonError> {
        match self.peek() {
            b'"' => self.string(),
            _ => Err(self.mismatched(expected)),
        }
    }

    /// The whole number that is expected.
    fn integer(&mut self, expected: &dyn de::Expected) -> Result<Whole, JsonError> {
        if self.is_number() {
            let start = self.at;
            if let Ok(whole) = self.whole() {
                return Ok(whole);
            }
            self.at = start;
        }
        Err(self.mismatched(expected))
    }

    /// The bits of a whole number from `least` to `most`.
    pub(super) fn whole_within(
        &mut self,
        least: i64,
        most: u64,
        kind: &'static str,
    ) -> Result<u64, JsonError> {
        let found = match self.integer(&kind)? {
            Whole::Unsigned(number) if number <= most => return Ok(number),
            Whole::Signed(number) if number >= least => return Ok(number as u64),
            Whole::Unsigned(number) => Unexpected::Unsigned(number),
            Whole::Signed(number) => Unexpected::Signed(number),
        };
        Err(JsonError::invalid_value(found, &kind))
    }

    /// The truth value that is expected.
    pub(super) fn boolean(&mut self, expected: &dyn de::Expected) -> Result<bool, JsonError> {
        match self.peek() {
            b't' => self.word("true").map(|()| true),
            b'f' => self.word("false").map(|()| false),
            _ => Err(self.mismatched(expected)),
        }
    }

    /// Enters the list or the object that is expected.
    fn enter(&mut self, start: u8, expected: &dyn de::Expected) -> Result<(), JsonError> {
        match self.peek() == start {
            true => self.deeper(),
            false => Err(self.mismatched(expected)),
        }
    }
}

/// Each type asks for what it is, and only that is compiled for it; asked for
/// anything, what is there decides.
macro_rules! as_integer {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
            match self.integer(&visitor)? {
                Whole::Unsigned(number) => visitor.visit_u64(number),
                Whole::Signed(number) => visitor.visit_i64(number),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Json<'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'-' | b'0'..=b'9' => self.deserialize_u64(visitor),
            _ => self.deserialize_unit(visitor),
        }
    }

    as_integer! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let value = self.boolean(&visitor)?;
        visitor.visit_bool(value)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match self.peek() {
            b'"' | b'{' | b'[' | b't' | b'f' | b'-' | b'0'..=b'9' => Err(self.mismatched(&visitor)),
            _ => self.word("null").and_then(|()| visitor.visit_unit()),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match self.text(&visitor)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let text = self.text(&visitor)?;
        visitor.visit_string(text.into_owned())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let text = self.text(&visitor)?;
        visitor.visit_str(&text)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.enter(b'{', &visitor)?;
        let value = visitor.visit_map(Items::of(self))?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.enter(b'[', &visitor)?;
        let value = visitor.visit_seq(Items::of(self))?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if !self.is_number() {
            return Err(self.mismatched(&visitor));
        }
        let number = self.number()?.parse();
        visitor.visit_f64(number.map_err(|_| self.wrong("invalid number"))?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if self.peek() == b'n' {
            return self.word("null").and_then(|()| visitor.visit_none());
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        if name == RAW {
            return visitor.visit_borrowed_str(self.raw()?);
        }
        visitor.visit_newtype_struct(self)
    }

    /// An enum is a word; variants that hold something are not read.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let word = String::deserialize(self)?;
        visitor.visit_enum(word.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.raw()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { char bytes byte_buf unit_struct tuple_struct }
}

/// The items of a list, or the fields of an object.
struct Items<'a, 'de> {
    json: &'a mut Json<'de>,
    is_first: bool,
    is_over: bool,
}

impl<'a, 'de> Items<'a, 'de> {
    fn of(json: &'a mut Json<'de>) -> Self {
        Self {
            json,
            is_first: true,
            is_over: false,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, JsonError> {
        if self.is_over || !self.json.more(b']', &mut self.is_first)? {
            self.is_over = true;
            return Ok(None);
        }
        seed.deserialize(&mut *self.json).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, JsonError> {
        match self.json.next_key(&mut self.is_first)? {
            Some(key) => seed.deserialize((&*key).into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonError> {
        seed.deserialize(&mut *self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use serde::de::IgnoredAny;

    const TEXT: &str =
        r#" {"a":[1,-20,0.5e+3,true,false,null,"x\"\\\u00e9\ud83d\ude00é"],"b":{"c":{},"d":[ ]}} "#;

    #[test]
    fn what_is_json_and_what_is_not_is_judged_as_serde_json_does() {
        let mut rng = Rng::from_seed([5; 32]);
        let letters = b"{}[]\",:0-1.e+\\u tfn\n";
        let mut good = 0;
        for _ in 0..20_000 {
            let mut bytes = TEXT.as_bytes().to_vec();
            for _ in 0..rng.below(3) {
                let at = rng.below(bytes.len() as u32) as usize;
                bytes[at] = letters[rng.below(letters.len() as u32) as usize];
            }
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            assert_eq!(from_json::<RawJson<'_>>(&text).is_ok(), theirs, "{text}");
            good += usize::from(theirs);
        }
        assert!((1_000..19_000).contains(&good), "{good} were JSON");
    }

    #[test]
    fn strings_and_numbers_are_read_as_serde_json_does() {
        for text in [
            r#""\u00e9\n\/ \ud83d\ude00""#,
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\u0041""#,
            "\"é\"",
            "\"a\u{7f}\"",
            "\"\t\"",
            "\"",
            "\"\\x\"",
        ] {
            let theirs = serde_json::from_str::<String>(text).ok();
            assert_eq!(from_json::<String>(text).ok(), theirs, "{text}");
        }
        for text in [
            "0",
            "01",
            "-1",
            "9223372036854775807",
            "9223372036854775808",
            "1.0",
            "1e3",
            "-",
        ] {
            let theirs = serde_json::from_str::<i64>(text).ok();
            assert_eq!(from_json::<i64>(text).ok(), theirs, "{text}");
            let theirs = serde_json::from_str::<f64>(text).ok();
            assert_eq!(from_json::<f64>(text).ok(), theirs, "{text}");
        }
    }
}
