//! The sealed format: gzip (RFC 1952) of `{"timestamp", "data", "version"}`
//! with the revision and the confidants, padded inside the gzip header to one
//! length, so that a holder learns neither the size of a memory nor how well it
//! compresses.
//!
//! The padding is the header's extra field (RFC 1952, section 2.3.1.1), which
//! every gzip reader skips. Source: wire page, "The older sealed format".

use super::deflate::{InflateError, deflate, inflate};
use crate::base::Identity;
use crate::message::{Fields, ObjectWriter, read_identities, whole_value};
use core::fmt;
use core::str::from_utf8;

/// The longest memory, in bytes of UTF-8.
pub const MEMORY_SIZE_MAX: usize = 10_240;

/// The most that a sealed stash may have, and the length of every one under
/// [`Padding::Full`]; tag included, in bytes.
pub const SEALED_SIZE: usize = 10_240;

/// The lengths of sealed stashes under [`Padding::Buckets`], tag included.
pub const BUCKETS: [usize; 4] = [1_024, 2_560, 5_120, SEALED_SIZE];

/// Confidants named inside a seal; what is read beyond that is left out.
pub const NAMED_MAX: usize = 16;

/// What a stash may inflate to, in bytes.
pub const INFLATED_SIZE_MAX: usize = 1 << 20;

const TAG_SIZE: usize = 16;
const VERSION: u32 = 1;

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const HEADER_SIZE: usize = 10;
const TRAILER_SIZE: usize = 8;
/// The extra field: its length, then one subfield of our own with its header.
const EXTRA_OVERHEAD: usize = 2 + 4;
const SUBFIELD_ID: [u8; 2] = *b"ln";

/// A memory, as it stands inside the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The data: any JSON.
    pub data: String,
    /// When it was saved, in seconds since the Unix epoch; 0 when unknown.
    pub timestamp: i64,
    /// Which revision it is: 1 for the first, and only growing; 0 when the
    /// writer knew no revisions.
    pub revision: u64,
}

/// How much of a memory's size its holders learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: every seal has [`SEALED_SIZE`] bytes.
    #[default]
    Full,
    /// Which of [`BUCKETS`] it fits into.
    Buckets,
    /// How many bytes it compresses to.
    None,
}

impl Padding {
    /// Reads the word of a configuration; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "full" => Some(Self::Full),
            "buckets" => Some(Self::Buckets),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// The length that a seal of `size` bytes is padded to.
    fn length(self, size: usize) -> usize {
        match self {
            Self::Full => SEALED_SIZE,
            Self::Buckets => BUCKETS
                .into_iter()
                .find(|bucket| size <= *bucket)
                .unwrap_or(SEALED_SIZE),
            Self::None => size,
        }
    }
}

/// What a plaintext turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The memory.
    pub memory: Memory,
    /// Whom its owner had chosen when it was sealed.
    pub holders: Vec<Identity>,
}

impl Memory {
    /// Whether this is what a Go nara stores to try a confidant, and no memory.
    pub fn is_probe(&self) -> bool {
        // No light nara writes revision 0, so what its user wrote is safe.
        self.revision == 0 && {
            let mut fields = Fields::loose(&self.data, &["test"]);
            let is_probe = fields.string("test") == "probe";
            is_probe && fields.end().is_ok()
        }
    }

    /// What decides between two memories: the revision, then the time, and
    /// then the data itself, so that the order of arrival never does.
    pub fn age_key(&self) -> (u64, i64, &str) {
        (self.revision, self.timestamp, &self.data)
    }
}

/// Why a memory cannot be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The memory is no JSON.
    NotJson {
        /// What is wrong, and where.
        what: String,
    },
    /// The memory has more than [`MEMORY_SIZE_MAX`] bytes.
    TooLarge {
        /// How many it has.
        size: usize,
    },
    /// The memory compresses so badly that its seal would not fit.
    SealTooLarge {
        /// The length the seal would have.
        size: usize,
    },
    /// What was sealed is no memory.
    NoMemory,
    /// What was sealed inflates to more than [`INFLATED_SIZE_MAX`] bytes.
    InflatesTooFar,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { what } => write!(f, "the memory is not JSON: {what}"),
            Self::TooLarge { size } => {
                write!(
                    f,
                    "the memory has {size} bytes; at most {MEMORY_SIZE_MAX} fit"
                )
            }
            Self::SealTooLarge { size } => write!(
                f,
                "the memory takes {size} bytes when compressed and sealed; at most {SEALED_SIZE} fit"
            ),
            Self::NoMemory => f.write_str("what was sealed is no memory"),
            Self::InflatesTooFar => {
                write!(
                    f,
                    "what was sealed inflates to more than {INFLATED_SIZE_MAX} bytes"
                )
            }
        }
    }
}

impl core::error::Error for CodecError {}

const FIELDS: &[&str] = &["timestamp", "data", "version", "revision", "holders"];

/// Checks that a text is JSON of a size that fits.
///
/// # Errors
/// [`CodecError::TooLarge`] or [`CodecError::NotJson`].
pub fn check(data: &str) -> Result<(), CodecError> {
    checked(data).map(|_| ())
}

fn checked(data: &str) -> Result<&str, CodecError> {
    if data.len() > MEMORY_SIZE_MAX {
        return Err(CodecError::TooLarge { size: data.len() });
    }
    whole_value(data).map_err(|error| CodecError::NotJson {
        what: error.to_string(),
    })
}

/// Writes the plaintext of a seal. The holders are left out where they would
/// keep the memory from fitting.
///
/// # Errors
/// When the memory is no JSON or does not fit.
pub fn encode(
    memory: &Memory,
    holders: &[Identity],
    padding: Padding,
) -> Result<Vec<u8>, CodecError> {
    let data = checked(&memory.data)?;
    let (timestamp, revision) = (memory.timestamp, memory.revision);
    let mut object = ObjectWriter::sized(data.len());
    object
        .i64("timestamp", timestamp)
        .raw("data", data)
        .u64("version", u64::from(VERSION))
        .u64("revision", revision);
    let plain = object.size();
    if let named @ [_, ..] = &holders[..holders.len().min(NAMED_MAX)] {
        object.identities("holders", named);
    }
    let mut json = object.finish();
    match gzip(&json, padding) {
        Err(_) if json.len() > plain + 1 => {
            json.truncate(plain);
            json.push('}');
            gzip(&json, padding)
        }
        result => result,
    }
}

fn gzip(json: &str, padding: Padding) -> Result<Vec<u8>, CodecError> {
    let deflated = deflate(json.as_bytes());
    let size = HEADER_SIZE + EXTRA_OVERHEAD + deflated.len() + TRAILER_SIZE + TAG_SIZE;
    match padding.length(size).checked_sub(size) {
        Some(padding) if size <= SEALED_SIZE => Ok(member(json.as_bytes(), &deflated, padding)),
        _ => Err(CodecError::SealTooLarge { size }),
    }
}

fn member(json: &[u8], deflated: &[u8], padding: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(SEALED_SIZE);
    out.extend(MAGIC);
    // Flags, no modification time, no extra flags, unknown operating system.
    out.extend([FLAG_EXTRA, 0, 0, 0, 0, 0, 255]);
    out.extend((padding as u16 + 4).to_le_bytes());
    out.extend(SUBFIELD_ID);
    out.extend((padding as u16).to_le_bytes());
    out.resize(out.len() + padding, 0);
    out.extend(deflated);
    out.extend(crc32(json).to_le_bytes());
    out.extend((json.len() as u32).to_le_bytes());
    out
}

/// Reads the plaintext of a seal: gzip of the envelope, or the raw JSON that
/// today's Go service seals, whose time and revision are unknown.
///
/// # Errors
/// [`CodecError::NoMemory`] or [`CodecError::InflatesTooFar`].
pub fn decode(plaintext: &[u8]) -> Result<Opened, CodecError> {
    if !plaintext.starts_with(&MAGIC[..2]) {
        let data = from_utf8(plaintext).map_err(|_| CodecError::NoMemory)?;
        whole_value(data).map_err(|_| CodecError::NoMemory)?;
        let memory = Memory {
            data: data.to_owned(),
            timestamp: 0,
            revision: 0,
        };
        return Ok(Opened {
            memory,
            holders: Vec::new(),
        });
    }
    let json = gunzip(plaintext)?;
    let json = from_utf8(&json).map_err(|_| CodecError::NoMemory)?;
    let mut fields = Fields::loose(json, FIELDS);
    let memory = Memory {
        data: fields.needed("data").to_owned(),
        timestamp: fields.i64("timestamp"),
        revision: fields.u64("revision"),
    };
    fields.needed("timestamp");
    if fields.u32("version") != VERSION {
        return Err(CodecError::NoMemory);
    }
    // A hint: whatever is wrong with it, the memory is there.
    let holders = fields.raw("holders").map(read_identities);
    let mut holders = holders.and_then(Result::ok).unwrap_or_default();
    holders.truncate(NAMED_MAX);
    fields.end().map_err(|_| CodecError::NoMemory)?;
    Ok(Opened { memory, holders })
}

/// The checksum in gzip's trailer (RFC 1952, section 8). Its tables are computed
/// each time, in some microseconds: stored, as libraries do, it would be one of
/// the largest parts of the module.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let first: [u32; 256] = core::array::from_fn(|at| {
        (0..8).fold(at as u32, |rest, _| {
            rest >> 1 ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 }
        })
    });
    let byte = |word: u32, at: u32| usize::from((word >> (8 * at)) as u8);
    // The same with one more byte of zero behind it.
    let behind = |table: &[u32; 256]| table.map(|crc| first[byte(crc, 0)] ^ crc >> 8);
    let second = behind(&first);
    let third = behind(&second);
    let fourth = behind(&third);
    let (words, rest) = bytes.as_chunks();
    let mut crc = !0;
    for word in words {
        let word = crc ^ u32::from_le_bytes(*word);
        crc = fourth[byte(word, 0)]
            ^ third[byte(word, 1)]
            ^ second[byte(word, 2)]
            ^ first[byte(word, 3)];
    }
    let step = |crc: u32, one: &u8| first[byte(crc, 0) ^ usize::from(*one)] ^ crc >> 8;
    !rest.iter().fold(crc, step)
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let body = skip_header(bytes).ok_or(CodecError::NoMemory)?;
    let (deflated, trailer) = body
        .split_at_checked(body.len().wrapping_sub(TRAILER_SIZE))
        .ok_or(CodecError::NoMemory)?;
    let json = inflate(deflated, INFLATED_SIZE_MAX).map_err(|error| match error {
        InflateError::TooFar => CodecError::InflatesTooFar,
        InflateError::Broken => CodecError::NoMemory,
    })?;
    let expected = [
        crc32(&json).to_le_bytes(),
        (json.len() as u32).to_le_bytes(),
    ]
    .concat();
    if trailer != expected {
        Err(CodecError::NoMemory)
    } else {
        Ok(json)
    }
}

/// The gzip member behind its header, or `None` when there is none.
fn skip_header(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(3)?;
    if !bytes.starts_with(&MAGIC) {
        return None;
    }
    let mut rest = bytes.get(HEADER_SIZE..)?;
    if flags & FLAG_EXTRA != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

#[cfg(test)]
#[path = "tests/codec.rs"]
mod tests;
