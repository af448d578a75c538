//! Reading JSON objects from strangers: within limits, each field at most once
//! and spelled as declared, errors that name the field.

use super::json::{Bytes, ObjectWriter, compacted, to_go_json};
use super::reader::{Json, JsonError};
use super::time::Timestamp;
use crate::base::{Identity, NaraId, PublicKey, base64};
use crate::identity::Signature;
use core::any::Any;
use core::fmt;
use serde::Serialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess};
use std::borrow::Cow;

/// How many fields an object may have.
pub const FIELDS_MAX: usize = 64;

/// How many most of them have at most.
const FIELDS_USUAL: usize = 16;

/// The payload of a kind and version of message.
///
/// A type should take its fields' zero values for those that are missing
/// (`#[serde(default)]`), because the reference does.
///
/// The types of this crate read and write themselves, field by field: what
/// serde makes of each type is the larger part of a module.
pub trait Payload: Serialize + DeserializeOwned + 'static {
    /// The names of its fields on the wire.
    const FIELDS: &'static [&'static str];

    /// Reads it. See [`parse_payload`].
    ///
    /// # Errors
    /// When the text is no such payload; the error names the field.
    fn parse(text: &str) -> Result<Self, PayloadError> {
        Fields::parse(text, Self::FIELDS)?.into_typed()
    }

    /// [`Payload::parse`] of whoever does not know the type.
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    fn parse_boxed(text: &str) -> Result<Box<dyn Any>, PayloadError> {
        Ok(Box::new(Self::parse(text)?))
    }

    /// Writes it as Go would.
    fn to_json(&self) -> String {
        to_go_json(self)
    }
}

/// What reads and writes itself, field by field. It is read where it stands and
/// never moved: so little of a module is made anew for each type.
pub(crate) trait ByField: Any {
    /// One of which nothing is read yet.
    fn blank() -> Self
    where
        Self: Sized;

    /// Reads its fields, in the order of the wire.
    fn read(&mut self, fields: &mut Fields<'_>);

    /// Writes its fields, in the order of the wire.
    fn write(&self, object: &mut ObjectWriter);

    /// About how many bytes its longest field takes, if that is many.
    fn size(&self) -> usize {
        0
    }
}

/// Reads what has these fields.
pub(crate) fn read_fields(
    into: &mut dyn ByField,
    known: &'static [&'static str],
    text: &str,
) -> Result<(), PayloadError> {
    let mut fields = Fields::of(text, known);
    into.read(&mut fields);
    fields.end()
}

/// The same behind a pointer.
pub(crate) fn read_boxed(
    mut into: Box<dyn ByField>,
    known: &'static [&'static str],
    text: &str,
) -> Result<Box<dyn Any>, PayloadError> {
    read_fields(&mut *into, known, text)?;
    Ok(into)
}

/// Writes an object.
pub(crate) fn write_fields(from: &dyn ByField) -> String {
    let mut object = ObjectWriter::sized(from.size());
    from.write(&mut object);
    object.finish()
}

/// Makes payloads of types that are [`ByField`], each with its fields' names.
macro_rules! payloads_by_field {
    ($($name:ident: $($field:literal),*;)*) => {$(
        impl $crate::message::Payload for $name {
            const FIELDS: &'static [&'static str] = &[$($field),*];

            fn parse(text: &str) -> Result<Self, $crate::message::PayloadError> {
                let mut payload = <Self as $crate::message::ByField>::blank();
                $crate::message::read_fields(&mut payload, Self::FIELDS, text)?;
                Ok(payload)
            }

            fn parse_boxed(
                text: &str,
            ) -> Result<Box<dyn core::any::Any>, $crate::message::PayloadError> {
                let payload = Box::new(<Self as $crate::message::ByField>::blank());
                $crate::message::read_boxed(payload, Self::FIELDS, text)
            }

            fn to_json(&self) -> String {
                $crate::message::write_fields(self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = $crate::message::Payload::to_json(self);
                $crate::message::RawJson::serialize_text(&text, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = $crate::message::RawJson::deserialize(deserializer)?;
                $crate::message::parse_payload(text.get()).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

pub(crate) use payloads_by_field;

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
            Self::Duplicate { field } => write!(f, "the field \"{field}\" comes twice"),
            Self::Spelling { found, field } => {
                write!(f, "the field \"{field}\" is spelled \"{found}\"")
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
    P::parse(text)
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
///
/// What goes wrong while they are read is kept until the end, the first of it:
/// so each field is one call, and no branch.
pub(crate) struct Fields<'a> {
    known: Vec<(&'static str, &'a str)>,
    missing: Missing,
    wrong: Option<PayloadError>,
}

/// What it means that a field is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// It has its zero value.
    Zero,
    /// An error of the object.
    Wrong,
    /// An error of the field that the object stands in.
    WrongInside,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<Self, PayloadError> {
        let pairs = pairs(text).map_err(|error| PayloadError::NotObject { why: error.why() })?;
        if pairs.len() > FIELDS_MAX {
            return Err(PayloadError::TooManyFields);
        }
        let mut fields = Vec::with_capacity(known.len());
        for (at, (found, value)) in pairs.iter().enumerate() {
            if let Some(field) = spelled(found, known)? {
                fields.push((field, *value));
            }
            // They are few, and most differ in their lengths.
            if pairs[..at].iter().any(|(before, _)| before == found) {
                return Err(PayloadError::Duplicate {
                    field: shortened(found),
                });
            }
        }
        // Go takes `null` for a field that is not there.
        fields.retain(|(_, value)| *value != "null");
        Ok(Self {
            known: fields,
            missing: Missing::Zero,
            wrong: None,
        })
    }

    /// The known fields; those that are missing have their zero value.
    pub(crate) fn of(text: &'a str, known: &'static [&'static str]) -> Self {
        Self::parse(text, known).unwrap_or_else(|error| Self {
            known: Vec::new(),
            missing: Missing::Zero,
            wrong: Some(error),
        })
    }

    /// None of them may be missing.
    pub(crate) fn need_all(&mut self) {
        self.missing = Missing::Wrong;
    }

    /// The known fields of an object inside an object, of which none may be
    /// missing, or be there in another case; what else is there does not
    /// matter.
    fn inside(text: &'a str, known: &'static [&'static str]) -> Self {
        Self::collected(text, known, Missing::WrongInside)
    }

    /// The known fields of an object that is no message: their zero values
    /// where they are missing, and whatever else is there does not matter.
    pub(crate) fn loose(text: &'a str, known: &'static [&'static str]) -> Self {
        Self::collected(text, known, Missing::Zero)
    }

    fn collected(text: &'a str, known: &'static [&'static str], missing: Missing) -> Self {
        let mut fields = Self {
            known: Vec::new(),
            missing,
            wrong: None,
        };
        if let Err(error) = fields.collect(&mut Json::new(text), known) {
            fields.fail("payload", error.why());
        }
        fields
    }

    fn collect(
        &mut self,
        json: &mut Json<'a>,
        known: &'static [&'static str],
    ) -> Result<(), JsonError> {
        json.enter_object()?;
        let mut is_first = true;
        while let Some(key) = json.next_key(&mut is_first)? {
            let value = json.raw()?;
            let Some(name) = known.iter().find(|name| **name == key) else {
                if self.missing == Missing::WrongInside
                    && let Err(error) = spelled(&key, known)
                {
                    self.fail("payload", error.to_string());
                }
                continue;
            };
            if self.raw(name).is_some() {
                self.fail(name, ["duplicate field `", name, "`"].concat());
            }
            self.known.push((name, value));
        }
        json.end()
    }

    /// A field's JSON text, spelled as it came.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.known
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| *value)
    }

    /// Notes what is wrong with a field.
    pub(crate) fn fail(&mut self, field: &'static str, why: String) {
        self.wrong.get_or_insert(PayloadError::Field { field, why });
    }

    /// The first thing that was wrong, if anything was.
    pub(crate) fn end(self) -> Result<(), PayloadError> {
        self.wrong.map_or(Ok(()), Err)
    }

    fn value(&mut self, name: &'static str) -> Option<Json<'a>> {
        let text = self.raw(name);
        match self.missing {
            _ if text.is_some() => {}
            Missing::Zero => {}
            Missing::Wrong => self.fail(name, "missing".to_owned()),
            Missing::WrongInside => self.fail(name, ["missing field `", name, "`"].concat()),
        }
        text.map(Json::new)
    }

    /// A field's JSON text, which must be there.
    pub(crate) fn needed(&mut self, name: &'static str) -> &'a str {
        self.raw(name).unwrap_or_else(|| {
            self.fail(name, "missing".to_owned());
            "null"
        })
    }

    /// A string, empty when it is not there.
    pub(crate) fn string(&mut self, name: &'static str) -> Cow<'a, str> {
        let Some(mut json) = self.value(name) else {
            return Cow::Borrowed("");
        };
        json.text(&"a string").unwrap_or_else(|error| {
            self.fail(name, error.why());
            Cow::Borrowed("")
        })
    }

    /// A text of at most `limit` bytes; empty when it is not there.
    pub(crate) fn text(&mut self, name: &'static str, limit: usize) -> String {
        let text = self.string(name);
        if text.len() > limit {
            self.fail(name, format!("longer than {limit} bytes"));
        }
        text.into_owned()
    }

    /// The same, read to where it belongs.
    #[inline(never)]
    pub(crate) fn text_into(&mut self, name: &'static str, into: &mut String, limit: usize) {
        *into = self.text(name, limit);
    }

    /// A text that must be there.
    pub(super) fn needed_text(&mut self, name: &'static str, limit: usize) -> String {
        let text = self.text(name, limit);
        if text.is_empty() {
            self.fail(name, "missing".to_owned());
        }
        text
    }

    /// A whole number that one of this type can be.
    pub(crate) fn i64(&mut self, name: &'static str) -> i64 {
        self.whole(name, i64::MIN, i64::MAX as u64, "i64") as i64
    }

    /// A whole number that one of this type can be.
    pub(crate) fn u64(&mut self, name: &'static str) -> u64 {
        self.whole(name, 0, u64::MAX, "u64")
    }

    /// A whole number that one of this type can be.
    pub(crate) fn u32(&mut self, name: &'static str) -> u32 {
        self.whole(name, 0, u64::from(u32::MAX), "u32") as u32
    }

    /// A whole number that one of this type can be.
    pub(crate) fn u16(&mut self, name: &'static str) -> u16 {
        self.whole(name, 0, u64::from(u16::MAX), "u16") as u16
    }

    /// A whole number that one of this type can be.
    pub(crate) fn u8(&mut self, name: &'static str) -> u8 {
        self.whole(name, 0, u64::from(u8::MAX), "u8") as u8
    }

    /// The bits of a whole number.
    fn whole(&mut self, name: &'static str, least: i64, most: u64, kind: &'static str) -> u64 {
        let read = self
            .value(name)
            .map(|mut json| json.whole_within(least, most, kind));
        match read {
            Some(Ok(number)) => number,
            None => 0,
            Some(Err(error)) => {
                self.fail(name, error.why());
                0
            }
        }
    }

    /// Whether something is so.
    pub(crate) fn bool(&mut self, name: &'static str) -> bool {
        let read = self.value(name).map(|mut json| json.boolean(&"a boolean"));
        match read {
            Some(Ok(value)) => value,
            None => false,
            Some(Err(error)) => {
                self.fail(name, error.why());
                false
            }
        }
    }

    /// Bytes, of which a longer text than of `limit` is not decoded.
    pub(crate) fn bytes(&mut self, name: &'static str, limit: usize) -> Bytes {
        let Some(mut json) = self.value(name).filter(|json| json.rest() != "null") else {
            return Bytes::default();
        };
        let text = json.text(&"bytes in Base64");
        let bytes = text.map_err(|error| error.why()).and_then(|text| {
            Bytes::decode(&text, limit).ok_or_else(|| "not padded standard Base64".to_owned())
        });
        bytes.unwrap_or_else(|why| {
            self.fail(name, why);
            Bytes::default()
        })
    }

    /// The same, read to where they belong.
    #[inline(never)]
    pub(crate) fn bytes_into(&mut self, name: &'static str, into: &mut Bytes, limit: usize) {
        *into = self.bytes(name, limit);
    }

    /// Exactly so many bytes in padded standard Base64, left as they are where
    /// they may be missing and are.
    pub(crate) fn fixed(&mut self, name: &'static str, bytes: &mut [u8]) {
        if self.raw(name).is_none() && self.missing == Missing::Zero {
            return;
        }
        let text = self.string(name);
        // A longer text need not be decoded.
        let is_right = text.len() == bytes.len().div_ceil(3) * 4;
        match base64::decode(&text) {
            Some(decoded) if is_right && decoded.len() == bytes.len() => {
                bytes.copy_from_slice(&decoded);
            }
            _ => {
                let size = bytes.len();
                self.fail(name, format!("not {size} bytes in padded standard Base64"));
            }
        }
    }

    /// A string that must be there.
    fn needed_string(&mut self, name: &'static str) -> Cow<'a, str> {
        let text = self.string(name);
        if text.is_empty() {
            self.needed(name);
        }
        text
    }

    /// A key that must be there.
    pub(crate) fn key(&mut self, name: &'static str) -> PublicKey {
        let text = self.needed_string(name);
        PublicKey::parse(&text).unwrap_or_else(|| {
            self.fail(name, "the public key is not 32 bytes in Base64".to_owned());
            Identity::NOBODY.key
        })
    }

    /// A signature; `None` when it is missing or empty.
    pub(super) fn signature(&mut self, name: &'static str) -> Option<Signature> {
        if self.text(name, 88).is_empty() {
            return None;
        }
        let mut signature = Signature([0; 64]);
        self.fixed(name, &mut signature.0);
        Some(signature)
    }

    /// A signature that must be there.
    pub(super) fn needed_signature(&mut self, name: &'static str) -> Option<Signature> {
        let signature = self.signature(name);
        if signature.is_none() {
            self.fail(name, "missing".to_owned());
        }
        signature
    }

    /// A nara's id that must be there.
    pub(crate) fn id(&mut self, name: &'static str) -> NaraId {
        let text = self.needed_string(name);
        NaraId::parse(&text).unwrap_or_else(|error| {
            self.fail(name, error.to_string());
            Identity::NOBODY.id
        })
    }

    /// An identity that must be there.
    #[inline(never)]
    pub(crate) fn identity(&mut self, name: &'static str) -> Identity {
        let mut who = Identity::NOBODY;
        self.object(name, IDENTITY_FIELDS, &mut who);
        who
    }

    /// At most `limit` identities.
    pub(crate) fn identities(&mut self, name: &'static str, limit: usize) -> Vec<Identity> {
        self.list(name, limit, IDENTITY_FIELDS)
    }

    /// A time that must be there.
    pub(super) fn timestamp(&mut self, name: &'static str) -> Timestamp {
        self.needed(name);
        let text = self.string(name);
        Timestamp::parse(&text).unwrap_or_else(|error| {
            self.fail(name, error.to_string());
            Timestamp::ZERO
        })
    }

    /// An object inside this one, which must be there.
    pub(crate) fn object(
        &mut self,
        name: &'static str,
        known: &'static [&'static str],
        into: &mut dyn ByField,
    ) {
        let text = self.value(name).map_or("{}", |json| json.rest());
        self.read_inside(name, text, known, into);
    }

    fn read_inside(
        &mut self,
        name: &'static str,
        text: &str,
        known: &'static [&'static str],
        into: &mut dyn ByField,
    ) {
        let mut inside = Fields::inside(text, known);
        into.read(&mut inside);
        // What is wrong inside a field is wrong with it.
        if let Some(PayloadError::Field { why, .. }) = inside.wrong {
            self.fail(name, why);
        }
    }

    /// A list of at most `limit` objects.
    pub(crate) fn list<T: ByField>(
        &mut self,
        name: &'static str,
        limit: usize,
        known: &'static [&'static str],
    ) -> Vec<T> {
        let mut list = Vec::new();
        for text in self.items(name, limit) {
            let mut one = T::blank();
            self.read_inside(name, text, known, &mut one);
            list.push(one);
        }
        list
    }

    /// What is wrong with these is wrong with those, too.
    pub(crate) fn also(&mut self, others: Fields<'_>) {
        self.wrong = self.wrong.take().or(others.wrong);
    }

    /// The texts of a list's items, of which there may be at most `limit`.
    pub(crate) fn items(&mut self, name: &'static str, limit: usize) -> Vec<&'a str> {
        let items = self.value(name).map(|mut json| json.items());
        match items {
            None => Vec::new(),
            Some(Ok(items)) if items.len() <= limit => items,
            Some(Ok(_)) => {
                self.fail(name, format!("more than {limit}"));
                Vec::new()
            }
            Some(Err(error)) => {
                self.fail(name, error.why());
                Vec::new()
            }
        }
    }

    /// A value that nothing depends on: `None` when it is missing or wrong.
    pub(super) fn lenient<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> T,
    ) -> Option<T> {
        self.raw(name)?;
        let before = self.wrong.take();
        let value = read(self, name);
        core::mem::replace(&mut self.wrong, before)
            .is_none()
            .then_some(value)
    }

    fn into_typed<P: Payload>(self) -> Result<P, PayloadError> {
        let fields = TypedFields {
            fields: self.known.into_iter(),
            next: None,
        };
        P::deserialize(MapAccessDeserializer::new(fields))
    }
}

const IDENTITY_FIELDS: &[&str] = &["id", "key"];

impl ByField for Identity {
    fn blank() -> Self {
        Self::NOBODY
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        self.id = fields.id("id");
        self.key = fields.key("key");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.id_and_key(self);
    }
}

/// The identities of a list, as many as there are.
///
/// # Errors
/// When the text is no list, or one of them is none.
pub(crate) fn read_identities(text: &str) -> Result<Vec<Identity>, PayloadError> {
    let mut fields = Fields {
        known: vec![("identities", text)],
        missing: Missing::Wrong,
        wrong: None,
    };
    let identities = fields.identities("identities", usize::MAX);
    fields.end()?;
    Ok(identities)
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

/// A stranger's text, as far as an error shows it.
fn shortened(name: &str) -> String {
    let shown = name.chars().filter(|c| !c.is_control());
    shown.take(32).collect()
}

/// The fields of an object, each value as it is spelled; at most one more than
/// are allowed.
fn pairs(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, JsonError> {
    let mut json = Json::new(text);
    let mut pairs = Vec::with_capacity(FIELDS_USUAL);
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
            .map_err(|error| PayloadError::field(name, error.why()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

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
