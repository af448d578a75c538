//! Reading JSON objects from strangers: within limits, each field at most once
//! and spelled as declared, errors that name the field.

use super::json::{ObjectWriter, compacted};
use super::reader::{Json, JsonError, from_json};
use crate::base::SortedSet;
use core::fmt;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// How many fields an object may have.
pub const FIELDS_MAX: usize = 64;

/// The payload of a kind and version of message.
///
/// A type should take its fields' zero values for those that are missing
/// (`#[serde(default)]`), because the reference does.
pub trait Payload: Serialize + DeserializeOwned + 'static {
    /// The names of its fields on the wire.
    const FIELDS: &'static [&'static str];
}

/// Why a text is not the object that it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// It is no JSON object at all.
    NotObject {
        /// What is wrong.
        why: String,
    },
    /// It has more than [`FIELDS_MAX`] fields.
    TooManyFields,
    /// A field comes twice, and readers differ in which one they take.
    Duplicate {
        /// Which.
        field: String,
    },
    /// A field is spelled in another case, and only some readers take it.
    Spelling {
        /// As it is spelled.
        found: String,
        /// As it should be.
        field: &'static str,
    },
    /// A field's value is missing or not what it should be.
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl PayloadError {
    pub(super) fn field(field: &'static str, why: impl Into<String>) -> Self {
        Self::Field {
            field,
            why: why.into(),
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotObject { why } => write!(f, "not a JSON object: {why}"),
            Self::TooManyFields => write!(f, "more than {FIELDS_MAX} fields"),
            Self::Duplicate { field } => write!(f, "the field {field:?} comes twice"),
            Self::Spelling { found, field } => {
                write!(f, "the field {field:?} is spelled {found:?}")
            }
            Self::Field { field, why } => write!(f, "{field}: {why}"),
        }
    }
}

impl core::error::Error for PayloadError {}

impl Error for PayloadError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::field("payload", why.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::field(field, "missing")
    }
}

/// Reads a payload. Unknown fields are passed over, as the reference does: what
/// is signed is the payload as its type writes it again.
///
/// # Errors
/// When the text is no such payload; the error names the field.
pub fn parse_payload<P: Payload>(text: &str) -> Result<P, PayloadError> {
    Fields::parse(text, P::FIELDS)?.into_typed()
}

/// Writes a payload again that no type describes: its known fields in their
/// order, each as it was spelled, without spaces and with the characters
/// escaped that Go escapes. What is unknown or `null` is left out.
///
/// # Errors
/// When the text is no such payload; the error names the field.
pub fn canonical_fields(
    text: &str,
    known: &'static [&'static str],
) -> Result<String, PayloadError> {
    let fields = Fields::parse(text, known)?;
    let mut object = ObjectWriter::new();
    for name in known {
        if let Some(json) = fields.raw(name) {
            object.raw(name, &compacted(json));
        }
    }
    Ok(object.finish())
}

/// The known fields of an object, each still JSON text.
pub(super) struct Fields<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Fields<'a> {
    pub(super) fn parse(
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<Self, PayloadError> {
        let pairs = pairs(text).map_err(|error| PayloadError::NotObject {
            why: reason(&error),
        })?;
        if pairs.len() > FIELDS_MAX {
            return Err(PayloadError::TooManyFields);
        }
        let mut seen = SortedSet::new();
        let mut fields = Vec::new();
        for (found, value) in &pairs {
            if let Some(field) = spelled(found, known)? {
                fields.push((field, *value));
            }
            if !seen.insert(found.as_ref()) {
                return Err(PayloadError::Duplicate {
                    field: shortened(found),
                });
            }
        }
        // Go takes `null` for a field that is not there.
        fields.retain(|(_, value)| *value != "null");
        Ok(Self(fields))
    }

    /// A field's JSON text, spelled as it came.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| *value)
    }

    /// A field's value, or its type's zero value when it is not there.
    pub(super) fn read<T>(&self, name: &'static str) -> Result<T, PayloadError>
    where
        T: Deserialize<'a> + Default,
    {
        if self.raw(name).is_none() {
            return Ok(T::default());
        }
        self.required(name)
    }

    /// A field's value, which must be there.
    pub(super) fn required<T: Deserialize<'a>>(
        &self,
        name: &'static str,
    ) -> Result<T, PayloadError> {
        let json = self
            .raw(name)
            .ok_or_else(|| PayloadError::field(name, "missing"))?;
        from_json(json).map_err(|error| PayloadError::field(name, reason(&error)))
    }

    /// A text of at most `limit` bytes; empty when it is not there.
    pub(super) fn text(&self, name: &'static str, limit: usize) -> Result<String, PayloadError> {
        let text: String = self.read(name)?;
        if text.len() > limit {
            return Err(PayloadError::field(
                name,
                format!("longer than {limit} bytes"),
            ));
        }
        Ok(text)
    }

    /// A value that nothing depends on: `None` when it is missing or wrong.
    pub(super) fn lenient<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        from_json(self.raw(name)?).ok()
    }

    fn into_typed<P: Payload>(self) -> Result<P, PayloadError> {
        let fields = TypedFields {
            fields: self.0.into_iter(),
            next: None,
        };
        P::deserialize(MapAccessDeserializer::new(fields))
    }
}

/// For fields that hold a text of at most `MAX` bytes.
pub(super) fn bounded<'de, const MAX: usize, D>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX {
        return Err(D::Error::custom(format_args!("longer than {MAX} bytes")));
    }
    Ok(text)
}

/// The known field that a name is; an error when a reader that minds no case
/// would take it for one.
fn spelled(
    found: &str,
    known: &'static [&'static str],
) -> Result<Option<&'static str>, PayloadError> {
    if let Some(field) = known.iter().find(|field| **field == found) {
        return Ok(Some(field));
    }
    let same = |field: &&&str| field.chars().map(folded).eq(found.chars().map(folded));
    known.iter().find(same).map_or(Ok(None), |field| {
        Err(PayloadError::Spelling {
            found: shortened(found),
            field,
        })
    })
}

/// Go folds case by Unicode's simple rule, under which two characters outside
/// ASCII equal letters inside it: long s and the Kelvin sign.
fn folded(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(32).collect()
}

/// What is wrong, without the position within one field's text.
fn reason(error: &JsonError) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((why, _)) => why.to_owned(),
        None => text,
    }
}

/// The fields of an object, each value as it is spelled; at most one more than
/// are allowed.
fn pairs(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, JsonError> {
    let mut json = Json::new(text);
    let mut pairs = Vec::new();
    let mut is_first = true;
    json.open_object()?;
    while let Some(key) = json.next_key(&mut is_first)? {
        let value = json.raw()?;
        if pairs.len() <= FIELDS_MAX {
            pairs.push((key, value));
        }
    }
    json.end()?;
    Ok(pairs)
}

/// Hands fields to a type that deserializes itself, and puts the field's name
/// to whatever goes wrong.
struct TypedFields<'a> {
    fields: std::vec::IntoIter<(&'static str, &'a str)>,
    next: Option<(&'static str, &'a str)>,
}

impl<'de> MapAccess<'de> for TypedFields<'de> {
    type Error = PayloadError;

    fn next_key_seed<K>(&mut self, seed: K) -> Result<Option<K::Value>, PayloadError>
    where
        K: DeserializeSeed<'de>,
    {
        self.next = self.fields.next();
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V>(&mut self, seed: V) -> Result<V::Value, PayloadError>
    where
        V: DeserializeSeed<'de>,
    {
        let Some((name, value)) = self.next.take() else {
            return Err(PayloadError::custom("a value without a name"));
        };
        seed.deserialize(&mut Json::new(value))
            .map_err(|error| PayloadError::field(name, reason(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Sample {
        task: String,
        count: u8,
    }

    impl Payload for Sample {
        const FIELDS: &'static [&'static str] = &["task", "count"];
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Strict {
        task: String,
    }

    impl Payload for Strict {
        const FIELDS: &'static [&'static str] = &["task"];
    }

    fn why(text: &str) -> String {
        parse_payload::<Sample>(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(
            why(r#"{"count":256}"#),
            "count: invalid value: integer `256`, expected u8"
        );
        assert_eq!(
            why(r#"{"task":5}"#),
            "task: invalid type: integer `5`, expected a string"
        );
        assert_eq!(
            why(r#"{"task":"a","task":"a"}"#),
            "the field \"task\" comes twice"
        );
        assert_eq!(why(r#"{"x":1,"x":1}"#), "the field \"x\" comes twice");
        assert_eq!(
            why(r#"{"Count":1}"#),
            "the field \"count\" is spelled \"Count\""
        );
        assert!(why("null").starts_with("not a JSON object: "));
        assert!(why("{} {}").starts_with("not a JSON object: trailing characters"));
        assert!(why("").starts_with("not a JSON object: EOF"));
        assert!(why("{\"task\":\"a\"").starts_with("not a JSON object: EOF"));
        let missing = parse_payload::<Strict>("{\"task\":null}").unwrap_err();
        assert_eq!(missing.to_string(), "task: missing");
    }

    #[test]
    fn a_payload_without_a_type_is_written_in_declared_order_as_it_was_spelled() {
        let known: &[&str] = &["task", "count"];
        let text = "{ \"count\" : { \"a b\" : [ 1.0e3 , \"x \\\" <y>\\\\\" ] }, \"other\":1,\n\"task\": null}";
        let canonical = canonical_fields(text, known).unwrap();
        let expected = r#"{"count":{"a b":[1.0e3,"x \" \u003cy\u003e\\"]}}"#;
        assert_eq!(canonical, expected);
        assert_eq!(canonical_fields(&canonical, known).unwrap(), canonical);
        let spelled = canonical_fields("{\"Count\":1}", known).unwrap_err();
        assert_eq!(
            spelled.to_string(),
            "the field \"count\" is spelled \"Count\""
        );
        // What is typed and what is not write the same.
        let sample = Sample {
            task: "a<b \u{2028}&".to_owned(),
            count: 3,
        };
        let typed = crate::message::to_go_json(&sample);
        let plain = "{\"count\":3,\"task\":\"a<b \u{2028}&\"}";
        assert_eq!(canonical_fields(plain, known).unwrap(), typed);
    }

    #[test]
    fn letters_that_only_unicode_folds_count_as_another_case() {
        assert_eq!(
            why("{\"ta\u{17f}k\":\"a\"}"),
            "the field \"task\" is spelled \"taſk\""
        );
        assert!(why("{\"tas\u{212a}\":\"a\"}").starts_with("the field \"task\" is spelled"));
    }

    #[test]
    fn unknown_fields_and_nulls_are_passed_over() {
        let text = r#"{"other":[[{}]],"count":null,"task":"a\u003cb"}"#;
        let sample: Sample = parse_payload(text).unwrap();
        assert_eq!(
            sample,
            Sample {
                task: "a<b".to_owned(),
                count: 0
            }
        );
    }

    #[test]
    fn the_number_of_fields_has_a_limit() {
        let of = |count: usize| {
            let fields: Vec<String> = (0..count).map(|n| format!("\"f{n}\":{n}")).collect();
            parse_payload::<Sample>(&format!("{{{}}}", fields.join(",")))
        };
        assert!(of(FIELDS_MAX).is_ok());
        assert_eq!(
            of(FIELDS_MAX + 1).unwrap_err().to_string(),
            "more than 64 fields"
        );
    }

    #[test]
    fn deep_nesting_is_an_error_or_passed_over_but_never_a_crash() {
        let deep = "[".repeat(30_000) + &"]".repeat(30_000);
        assert!(parse_payload::<Sample>(&format!("{{\"other\":{deep}}}")).is_ok());
        assert!(parse_payload::<Sample>(&format!("{{\"task\":{deep}}}")).is_err());
        assert!(parse_payload::<Sample>(&"[".repeat(60_000)).is_err());
    }
}
