//! The status that newspapers and howdys carry: ours as the reference spells
//! it, and what is taken from that of others.

use super::json::ObjectWriter;
use super::payload::{Fields, PayloadError};
use super::writer::decimal;
use crate::base::{Identity, NaraId, PublicKey};

/// The longest address that is read, in bytes: a host name and a port fit.
pub const MESH_IP_LENGTH_MAX: usize = 255;

/// The longest word for a memory mode, in bytes.
pub const MODE_LENGTH_MAX: usize = 16;

const FIELDS: &[&str] = &[
    "HostStats",
    "Version",
    "PublicKey",
    "ID",
    "MeshIP",
    "memory_mode",
];

/// The longest version that is read, in bytes.
const VERSION_LENGTH_MAX: usize = 64;

/// How the versions of light naras begin.
const LIGHT: &str = "light-";

/// What a light nara says of itself.
#[derive(Clone, Debug)]
pub struct StatusBuilder {
    /// Who it is.
    pub identity: Identity,
    /// Where it is reached; empty when nowhere.
    pub mesh_ip: String,
    /// The word for how much it holds for others.
    pub memory_mode: &'static str,
    /// For how long it has been up.
    pub uptime_seconds: u64,
    /// The version of the software.
    pub version: &'static str,
}

impl StatusBuilder {
    /// The status for a newspaper, as the reference would write it: without
    /// observations.
    pub fn newspaper(&self) -> String {
        self.wire("null")
    }

    /// The status for a howdy, with observations that are empty but never
    /// null: a reference nara that hears null in one howdy and an object in
    /// the next crashes.
    pub fn howdy(&self) -> String {
        self.wire("{}")
    }

    /// Every field of the reference, most of them at zero.
    fn wire(&self, observations: &str) -> String {
        let mut host = String::from("{\"Uptime\":");
        decimal(&mut host, self.uptime_seconds);
        host.push_str(HOST_STATS);
        ObjectWriter::sized(host.len())
            .text("LicensePlate", "")
            .text("Flair", "")
            .raw("HostStats", &host)
            .raw("Chattiness", "0")
            .raw("Buzz", "0")
            .raw("Observations", observations)
            .text("Trend", "")
            .text("TrendEmoji", "")
            .raw("Personality", PERSONALITY)
            .raw("Aura", AURA)
            .text("Version", self.version)
            .text("PublicUrl", "")
            .base64("PublicKey", &self.identity.key.0)
            .text("ID", self.identity.id.as_str())
            .bool("MeshEnabled", !self.mesh_ip.is_empty())
            .text("MeshIP", &self.mesh_ip)
            .text("transport_mode", "mqtt")
            .text_if_any("memory_mode", self.memory_mode)
            .finish()
    }
}

/// The rest of what the reference says of its host.
const HOST_STATS: &str = ",\"LoadAvg\":0,\"MemAllocMB\":0,\"MemSysMB\":0,\"MemHeapMB\":0,\
    \"MemStackMB\":0,\"NumGoroutines\":0,\"NumGC\":0,\"ProcCPUPercent\":0}";
const PERSONALITY: &str = "{\"Agreeableness\":0,\"Sociability\":0,\"Chill\":0}";
const AURA: &str = "{\"primary\":\"\",\"secondary\":\"\"}";

/// What is believed of another nara's status once its signature fits. A value
/// that makes no sense counts as missing, because most of a status is for show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The key that it claims.
    pub key: Option<PublicKey>,
    /// The id that it claims.
    pub id: Option<NaraId>,
    /// Where it says it is reached; may be empty.
    pub mesh_ip: String,
    /// The word for how much it holds for others; may be empty.
    pub memory_mode: String,
    /// For how long it says it has been up; zero when it does not say.
    pub uptime_seconds: u64,
    /// Whether a light nara wrote it, if its version says.
    pub light: Option<bool>,
}

impl Status {
    /// Reads a status that is in other fields; what is no such object is
    /// wrong with them.
    pub(super) fn read(outside: &mut Fields<'_>, json: &str) -> Self {
        let mut fields = Fields::of(json, FIELDS);
        let uptime_seconds = fields.raw("HostStats").and_then(|json| {
            let mut stats = Fields::of(json, &["Uptime"]);
            let uptime = stats.lenient("Uptime", Fields::u64);
            fields.also(stats);
            uptime
        });
        let version = lenient_text(&mut fields, "Version", VERSION_LENGTH_MAX);
        let status = Self {
            key: fields.lenient("PublicKey", Fields::key),
            id: fields.lenient("ID", Fields::id),
            mesh_ip: lenient_text(&mut fields, "MeshIP", MESH_IP_LENGTH_MAX),
            memory_mode: lenient_text(&mut fields, "memory_mode", MODE_LENGTH_MAX),
            uptime_seconds: uptime_seconds.unwrap_or_default(),
            light: (!version.is_empty()).then(|| version.starts_with(LIGHT)),
        };
        outside.also(fields);
        status
    }

    pub(super) fn parse(json: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of("{}", &[]);
        let status = Self::read(&mut fields, json);
        fields.end()?;
        Ok(status)
    }

    /// Who it claims to be, if it gives both an id and a key.
    pub fn identity(&self) -> Option<Identity> {
        Some(Identity {
            id: self.id?,
            key: self.key?,
        })
    }
}

/// A text that nothing depends on; empty when it is missing or wrong.
pub(super) fn lenient_text(fields: &mut Fields<'_>, name: &'static str, limit: usize) -> String {
    let text = fields.lenient(name, |fields, name| fields.text(name, limit));
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_status_says_what_is_read_from_it() {
        let who = Identity {
            id: NaraId::parse("x").unwrap(),
            key: PublicKey([7; 32]),
        };
        let own = StatusBuilder {
            identity: who,
            mesh_ip: "127.0.0.1:9000".to_owned(),
            memory_mode: "medium",
            uptime_seconds: 77,
            version: "light-0.1.0",
        };
        let status = Status::parse(&own.howdy()).unwrap();
        assert_eq!(status.light, Some(true));
        assert_eq!(status.identity(), Some(who));
        assert_eq!(status.mesh_ip, "127.0.0.1:9000");
        assert_eq!(status.memory_mode, "medium");
        assert_eq!(status.uptime_seconds, 77);
        assert_eq!(Status::parse(&own.newspaper()).unwrap(), status);
    }

    #[test]
    fn a_value_that_makes_no_sense_counts_as_missing() {
        let long = "a".repeat(300);
        let json = format!(
            r#"{{"PublicKey":"x","ID":"a/b","MeshIP":"{long}","memory_mode":5,"HostStats":{{"Uptime":-1}}}}"#
        );
        assert_eq!(Status::parse(&json).unwrap(), Status::default());
        assert!(Status::parse(r#"{"PublicKey":"","PublicKey":""}"#).is_err());
        assert!(Status::parse("[]").is_err());
    }
}
