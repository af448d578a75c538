//! The sealed format: gzip (RFC 1952) of `{"timestamp", "data", "version"}`,
//! padded inside the gzip header to one length, so that a holder learns
//! neither the size of a memory nor how well it compresses.
//!
//! The padding is the header's extra field (RFC 1952, section 2.3.1.1), which
//! every gzip reader skips. Source: wire page, "The older sealed format".

use crate::message::to_go_json;
use core::fmt;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The longest memory, in bytes of UTF-8.
pub const MEMORY_SIZE_MAX: usize = 10_240;

/// The length of every sealed stash, tag included, in bytes.
pub const SEALED_SIZE: usize = 10_240;

/// What a stash may inflate to, in bytes.
pub const INFLATED_SIZE_MAX: usize = 1 << 20;

const TAG_SIZE: usize = 16;
const PLAINTEXT_SIZE: usize = SEALED_SIZE - TAG_SIZE;
const VERSION: u32 = 1;
const LEVEL: u8 = 1;

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

impl Memory {
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

#[derive(Serialize)]
struct Written<'a> {
    timestamp: i64,
    data: &'a RawValue,
    version: u32,
    revision: u64,
}

#[derive(Deserialize)]
struct Read<'a> {
    timestamp: i64,
    #[serde(borrow)]
    data: &'a RawValue,
    version: u32,
    #[serde(default)]
    revision: u64,
}

/// Checks that a text is JSON of a size that fits.
///
/// # Errors
/// [`CodecError::TooLarge`] or [`CodecError::NotJson`].
pub fn check(data: &str) -> Result<(), CodecError> {
    if data.len() > MEMORY_SIZE_MAX {
        return Err(CodecError::TooLarge { size: data.len() });
    }
    parse_json(data).map(|_| ())
}

fn parse_json(data: &str) -> Result<&RawValue, CodecError> {
    serde_json::from_str(data).map_err(|error| CodecError::NotJson {
        what: error.to_string(),
    })
}

/// Writes the plaintext of a seal: exactly [`SEALED_SIZE`] bytes less the tag.
///
/// # Errors
/// When the memory is no JSON or does not fit.
pub fn encode(memory: &Memory) -> Result<Vec<u8>, CodecError> {
    check(&memory.data)?;
    let (timestamp, revision) = (memory.timestamp, memory.revision);
    let written = Written {
        timestamp,
        data: parse_json(&memory.data)?,
        version: VERSION,
        revision,
    };
    let json = to_go_json(&written);
    let room = PLAINTEXT_SIZE - HEADER_SIZE - EXTRA_OVERHEAD - TRAILER_SIZE;
    // No harder than needed to fit: every seal has one length anyway, and even
    // noise in UTF-8 has few enough bits a byte for the lowest level.
    let deflated = compress_to_vec(json.as_bytes(), LEVEL);
    match room.checked_sub(deflated.len()) {
        Some(padding) => Ok(gzip(json.as_bytes(), &deflated, padding)),
        None => Err(CodecError::SealTooLarge {
            size: deflated.len() - room + SEALED_SIZE,
        }),
    }
}

fn gzip(json: &[u8], deflated: &[u8], padding: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(PLAINTEXT_SIZE);
    out.extend(MAGIC);
    // Flags, no modification time, no extra flags, unknown operating system.
    out.extend([FLAG_EXTRA, 0, 0, 0, 0, 0, 255]);
    out.extend((padding as u16 + 4).to_le_bytes());
    out.extend(SUBFIELD_ID);
    out.extend((padding as u16).to_le_bytes());
    out.resize(out.len() + padding, 0);
    out.extend(deflated);
    out.extend(crc32fast::hash(json).to_le_bytes());
    out.extend((json.len() as u32).to_le_bytes());
    out
}

/// Reads the plaintext of a seal: gzip of the envelope, or the raw JSON that
/// today's Go service seals, whose time and revision are unknown.
///
/// # Errors
/// [`CodecError::NoMemory`] or [`CodecError::InflatesTooFar`].
pub fn decode(plaintext: &[u8]) -> Result<Memory, CodecError> {
    if !plaintext.starts_with(&MAGIC[..2]) {
        let data = core::str::from_utf8(plaintext).map_err(|_| CodecError::NoMemory)?;
        parse_json(data).map_err(|_| CodecError::NoMemory)?;
        return Ok(Memory {
            data: data.to_owned(),
            timestamp: 0,
            revision: 0,
        });
    }
    let json = gunzip(plaintext)?;
    let read: Read<'_> = serde_json::from_slice(&json).map_err(|_| CodecError::NoMemory)?;
    if read.version != VERSION {
        return Err(CodecError::NoMemory);
    }
    let data = read.data.get().to_owned();
    Ok(Memory {
        data,
        timestamp: read.timestamp,
        revision: read.revision,
    })
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let body = skip_header(bytes).ok_or(CodecError::NoMemory)?;
    let (deflated, trailer) = body
        .split_at_checked(body.len().wrapping_sub(TRAILER_SIZE))
        .ok_or(CodecError::NoMemory)?;
    let json =
        decompress_to_vec_with_limit(deflated, INFLATED_SIZE_MAX).map_err(|e| match e.status {
            miniz_oxide::inflate::TINFLStatus::HasMoreOutput => CodecError::InflatesTooFar,
            _ => CodecError::NoMemory,
        })?;
    let expected = [
        crc32fast::hash(&json).to_le_bytes(),
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
mod tests {
    use super::*;

    fn memory(data: &str) -> Memory {
        Memory {
            data: data.to_owned(),
            timestamp: 1_768_756_453,
            revision: 7,
        }
    }

    #[test]
    fn every_memory_has_one_length_and_comes_back() {
        for data in ["null", "{\"a\":1}", &format!("\"{}\"", "x".repeat(10_238))] {
            let plaintext = encode(&memory(data)).unwrap();
            assert_eq!(plaintext.len() + TAG_SIZE, SEALED_SIZE);
            assert_eq!(decode(&plaintext).unwrap(), memory(data));
        }
    }

    #[test]
    fn the_data_keeps_its_own_spelling() {
        let data = "{ \"b\" : 1.0,\n \"a\":\"<\\u00f1>\" }";
        assert_eq!(decode(&encode(&memory(data)).unwrap()).unwrap().data, data);
    }

    #[test]
    fn raw_json_of_the_go_service_opens_too() {
        let opened = decode(b"{\"todo\":[1,2]}").unwrap();
        assert_eq!(
            opened,
            Memory {
                data: "{\"todo\":[1,2]}".into(),
                timestamp: 0,
                revision: 0
            }
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_figure() {
        let long = format!("\"{}\"", "x".repeat(10_239));
        assert_eq!(
            encode(&memory(&long)).unwrap_err().to_string(),
            "the memory has 10241 bytes; at most 10240 fit"
        );
    }

    #[test]
    fn even_noise_of_full_length_fits() {
        let mut rng = crate::base::Rng::from_seed([3; 32]);
        let printable = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let ascii = core::iter::repeat_with(|| char::from(rng.below(128) as u8));
        let ascii: String = ascii
            .filter(|c| printable(*c))
            .take(MEMORY_SIZE_MAX - 2)
            .collect();
        let mut rng = crate::base::Rng::from_seed([4; 32]);
        let ideographs = core::iter::repeat_with(|| char::from_u32(0x4e00 + rng.below(0x5000)));
        let ideographs: String = ideographs
            .flatten()
            .take((MEMORY_SIZE_MAX - 2) / 3)
            .collect();
        for noise in [ascii, ideographs] {
            let noise = format!("\"{noise}\"");
            assert!(noise.len() > MEMORY_SIZE_MAX - 3);
            assert_eq!(
                decode(&encode(&memory(&noise)).unwrap()).unwrap().data,
                noise
            );
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_line_and_column() {
        let error = check("{\n  \"a\": }").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the memory is not JSON: expected value at line 2 column 8"
        );
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let zeros = vec![b' '; 4 << 20];
        let bomb = gzip(&zeros, &compress_to_vec(&zeros, 9), 0);
        assert_eq!(decode(&bomb), Err(CodecError::InflatesTooFar));
    }

    #[test]
    fn broken_gzip_is_no_memory() {
        let good = encode(&memory("[1]")).unwrap();
        for cut in [0, 1, 2, 5, 11, 20, good.len() - 1] {
            assert_eq!(
                decode(&good[..cut]),
                Err(CodecError::NoMemory),
                "cut at {cut}"
            );
        }
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(decode(&changed), Err(CodecError::NoMemory));
    }
}
