//! JSON spelled as Go's `encoding/json` spells it, because signatures cover
//! the text.

use super::vector;
use super::writer::{GoJson, decimal, escape, quoted, signed_decimal};
use crate::base::Identity;
use core::fmt;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest ciphertext of a stash, in bytes, tag included.
pub const CIPHERTEXT_SIZE_MAX: usize = 10_240;

/// The length of a nonce, in bytes; a longer one is not even decoded.
pub const NONCE_SIZE: usize = 24;

/// Writes a value as Go would: no spaces, fields in declared order, `<`, `>`,
/// `&`, U+2028 and U+2029 escaped, floats by Go's rule. Maps must be ordered by
/// key, as `SortedMap` is.
pub fn to_go_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut json = GoJson::default();
    match value.serialize(&mut json) {
        Ok(()) => json.text,
        // Only a map whose keys are no texts, or a failing `Serialize`, gets
        // here; no type of this crate is either.
        Err(_) => "null".to_owned(),
    }
}

/// JSON text without spaces and with the characters escaped that Go escapes;
/// everything else stays as it is spelled.
pub(super) fn compacted(json: &str) -> String {
    let (mut text, mut inside, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escape(&mut text, c),
            c if !inside && c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
        inside ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    text
}

/// Room for the short fields of an object, in bytes.
const OTHERS_SIZE: usize = 512;

/// Writes a JSON object field by field, as Go would.
pub(crate) struct ObjectWriter(String);

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self::sized(0)
    }

    /// One with room for a field of so many bytes, beside some short ones.
    pub(crate) fn sized(size: usize) -> Self {
        let mut text = String::with_capacity(size + OTHERS_SIZE);
        text.push('{');
        Self(text)
    }

    fn name(&mut self, name: &str) -> &mut String {
        self.next();
        quoted(&mut self.0, name);
        self.0.push(':');
        &mut self.0
    }

    /// Divides what comes next from what is there, unless it is the first.
    fn next(&mut self) {
        if !matches!(self.0.as_bytes().last(), Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }

    /// A field whose value is JSON text already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        self.name(name).push_str(json);
        self
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        quoted(self.name(name), text);
        self
    }

    /// A text that is left out when it is empty.
    pub(crate) fn text_if_any(&mut self, name: &str, text: &str) -> &mut Self {
        match text {
            "" => self,
            text => self.text(name, text),
        }
    }

    pub(crate) fn i64(&mut self, name: &str, number: i64) -> &mut Self {
        signed_decimal(self.name(name), number);
        self
    }

    pub(crate) fn u64(&mut self, name: &str, number: u64) -> &mut Self {
        decimal(self.name(name), number);
        self
    }

    pub(crate) fn i64_or_null(&mut self, name: &str, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.i64(name, number),
            None => self.raw(name, "null"),
        }
    }

    pub(crate) fn u64_or_null(&mut self, name: &str, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.u64(name, number),
            None => self.raw(name, "null"),
        }
    }

    pub(crate) fn text_or_null(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.raw(name, "null"),
        }
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    pub(crate) fn bytes(&mut self, name: &str, bytes: &Bytes) -> &mut Self {
        match &bytes.0 {
            Content::Missing => self.raw(name, "null"),
            Content::Decoded(bytes) => self.base64(name, bytes),
            Content::TooLong(text) => self.text(name, text),
        }
    }

    /// Bytes in Base64, none of whose characters is escaped.
    pub(crate) fn base64(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        let out = self.name(name);
        out.push('"');
        out.push_str(&vector::to_base64(bytes));
        out.push('"');
        self
    }

    /// Bytes that are left out when there are none.
    pub(crate) fn base64_if_any(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        match bytes {
            [] => self,
            bytes => self.base64(name, bytes),
        }
    }

    /// The id and the key of an identity.
    pub(crate) fn id_and_key(&mut self, who: &Identity) -> &mut Self {
        self.text("id", who.id.as_str()).base64("key", &who.key.0)
    }

    pub(crate) fn identity(&mut self, name: &str, who: &Identity) -> &mut Self {
        self.object(name, |object| {
            object.id_and_key(who);
        })
    }

    /// An object inside this one, which `write` fills.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(name);
        write(self);
        self.close('}')
    }

    #[inline(never)]
    fn open(&mut self, name: &str) {
        self.name(name).push('{');
    }

    #[inline(never)]
    fn close(&mut self, with: char) -> &mut Self {
        self.0.push(with);
        self
    }

    pub(crate) fn identities(&mut self, name: &str, all: &[Identity]) -> &mut Self {
        self.list(name, all, |one, who| {
            one.id_and_key(who);
        })
    }

    /// A list of objects, each of which `write` fills.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: &[T],
        write: impl Fn(&mut ObjectWriter, &T),
    ) -> &mut Self {
        self.name(name);
        self.items(items, write)
    }

    fn items<T>(&mut self, items: &[T], write: impl Fn(&mut ObjectWriter, &T)) -> &mut Self {
        self.0.push('[');
        for item in items {
            self.next();
            self.0.push('{');
            write(self, item);
            self.close('}');
        }
        self.close(']')
    }

    /// How many bytes it has so far.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn finish(&mut self) -> String {
        let mut text = core::mem::take(&mut self.0);
        text.push('}');
        text
    }
}

/// A list of objects, each of which `write` fills.
#[cfg(target_family = "wasm")]
pub(crate) fn json_list<T>(items: &[T], write: impl Fn(&mut ObjectWriter, &T)) -> String {
    let mut list = ObjectWriter(String::new());
    list.items(items, write);
    list.0
}

/// A text in quotes, as Go would write it.
#[cfg(target_family = "wasm")]
pub(crate) fn json_text(text: &str) -> String {
    let mut json = String::new();
    quoted(&mut json, text);
    json
}

/// A byte string: padded standard Base64 on the wire. Go tells a missing byte
/// string (`null`) from an empty one (`""`), and signatures cover which of the
/// two was written. One over its limit is never decoded; its text is kept, so
/// that the signature can be checked and the sender told what is wrong.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(Content);

#[derive(Clone, Default, PartialEq, Eq)]
enum Content {
    #[default]
    Missing,
    Decoded(Vec<u8>),
    TooLong(String),
}

impl Bytes {
    /// The bytes; none when it is missing or over its limit.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Content::Decoded(bytes) => bytes,
            Content::Missing | Content::TooLong(_) => &[],
        }
    }

    /// The bytes; none when it is missing or over its limit.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Content::Decoded(bytes) => bytes,
            Content::Missing | Content::TooLong(_) => Vec::new(),
        }
    }

    /// How many bytes there are, those over the limit included.
    pub fn len(&self) -> usize {
        match &self.0 {
            Content::Missing => 0,
            Content::Decoded(bytes) => bytes.len(),
            Content::TooLong(text) => decoded_size(text),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long its text is.
    pub(super) fn text_size(&self) -> usize {
        self.len().div_ceil(3) * 4
    }

    /// The bytes of a Base64 text, if it is one.
    pub(super) fn decode(text: &str, limit: usize) -> Option<Self> {
        Some(Self(if decoded_size(text) > limit {
            Content::TooLong(text.to_owned())
        } else {
            Content::Decoded(vector::from_base64(text)?)
        }))
    }
}

/// How many bytes a Base64 text stands for.
fn decoded_size(text: &str) -> usize {
    let padding = text
        .bytes()
        .rev()
        .take(2)
        .take_while(|byte| *byte == b'=')
        .count();
    text.len().div_ceil(4) * 3 - padding
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Decoded(bytes))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Content::Missing => serializer.serialize_unit(),
            Content::Decoded(bytes) => serializer.serialize_str(&vector::to_base64(bytes)),
            Content::TooLong(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in Base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        let bytes = Bytes::decode(text, CIPHERTEXT_SIZE_MAX);
        bytes.ok_or_else(|| E::custom("not padded standard Base64"))
    }

    fn visit_unit<E: Error>(self) -> Result<Bytes, E> {
        Ok(Bytes::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::from_json;
    use std::collections::BTreeMap;

    #[test]
    fn floats_are_spelled_by_the_rule_of_go() {
        let spellings: [(f64, &str); 12] = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e21, "-1.5e+21"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (1.25e-9, "1.25e-9"),
            (5e-324, "5e-324"),
            (-0.000020856611471283707, "-0.000020856611471283707"),
        ];
        for (value, text) in spellings {
            assert_eq!(to_go_json(&value), text);
        }
        assert_eq!(to_go_json(&0.1_f32), "0.1");
        assert_eq!(to_go_json(&1e21_f32), "1e+21");
        assert_eq!(to_go_json(&f64::NAN), "null");
    }

    #[test]
    fn keys_of_maps_are_escaped_as_values_are() {
        let map = BTreeMap::from([("b", 1), ("a<b", 2)]);
        assert_eq!(to_go_json(&map), r#"{"a\u003cb":2,"b":1}"#);
    }

    #[test]
    fn what_is_no_json_object_key_becomes_null() {
        let map = BTreeMap::from([(vec![1], 1)]);
        assert_eq!(to_go_json(&map), "null");
    }

    #[test]
    fn byte_strings_keep_missing_and_empty_apart() {
        for text in ["null", "\"\"", "\"+//+\"", "\"AQ==\""] {
            let bytes: Bytes = from_json(text).unwrap();
            assert_eq!(to_go_json(&bytes), text);
        }
    }

    #[test]
    fn byte_strings_over_the_limit_keep_their_text_and_are_not_decoded() {
        for size in [10_241, 10_242, 10_243, 40_000] {
            let text = to_go_json(&Bytes::from(vec![7; size]));
            let bytes: Bytes = from_json(&text).unwrap();
            assert_eq!((bytes.len(), bytes.as_slice().len()), (size, 0));
            assert_eq!(to_go_json(&bytes), text);
            assert!(bytes.into_vec().is_empty());
        }
        let text = to_go_json(&Bytes::from(vec![7; 10_240]));
        let bytes: Bytes = from_json(&text).unwrap();
        assert_eq!(bytes.as_slice().len(), 10_240);
        let undecodable = format!("\"{}\"", "-".repeat(20_000));
        let bytes: Bytes = from_json(&undecodable).unwrap();
        assert_eq!(bytes.len(), 15_000);
    }

    #[test]
    fn another_base64_is_refused() {
        for text in [
            "\"-__-\"",
            "\"AQ\"",
            "\"AR==\"",
            "\"A Q==\"",
            "\"AQ==\\n\"",
            "\"=\"",
        ] {
            let why = from_json::<Bytes>(text).unwrap_err().to_string();
            assert!(
                why.starts_with("not padded standard Base64"),
                "{text}: {why}"
            );
        }
        assert!(from_json::<Bytes>("[1]").is_err());
    }
}
