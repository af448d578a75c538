//! The status that newspapers and howdys carry: ours as the reference spells
//! it, and what is taken from that of others.

use super::json::to_go_json;
use super::payload::{Fields, PayloadError};
use crate::base::{Identity, NaraId, PublicKey, SortedMap};
use serde::Serialize;

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
        to_go_json(&self.wire(None))
    }

    /// The status for a howdy, with observations that are empty but never
    /// null: a reference nara that hears null in one howdy and an object in
    /// the next crashes.
    pub fn howdy(&self) -> String {
        to_go_json(&self.wire(Some(SortedMap::new())))
    }

    fn wire(&self, observations: Option<SortedMap<String, ()>>) -> Wire<'_> {
        Wire {
            license_plate: "",
            flair: "",
            host_stats: HostStats {
                uptime: self.uptime_seconds,
                ..HostStats::default()
            },
            chattiness: 0,
            buzz: 0,
            observations,
            trend: "",
            trend_emoji: "",
            personality: Personality::default(),
            aura: Aura::default(),
            version: self.version,
            public_url: "",
            public_key: self.identity.key,
            id: &self.identity.id,
            mesh_enabled: !self.mesh_ip.is_empty(),
            mesh_ip: &self.mesh_ip,
            transport_mode: "mqtt",
            memory_mode: self.memory_mode,
        }
    }
}

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
    pub(super) fn parse(json: &str) -> Result<Self, PayloadError> {
        let fields = Fields::parse(json, FIELDS)?;
        let host_stats = fields
            .raw("HostStats")
            .map(|json| Fields::parse(json, &["Uptime"]));
        let uptime = host_stats
            .transpose()?
            .and_then(|stats| stats.lenient("Uptime"));
        Ok(Self {
            key: fields.lenient("PublicKey"),
            id: fields.lenient("ID"),
            mesh_ip: fields
                .text("MeshIP", MESH_IP_LENGTH_MAX)
                .unwrap_or_default(),
            memory_mode: fields
                .text("memory_mode", MODE_LENGTH_MAX)
                .unwrap_or_default(),
            uptime_seconds: uptime.unwrap_or_default(),
            light: fields
                .text("Version", VERSION_LENGTH_MAX)
                .ok()
                .filter(|version| !version.is_empty())
                .map(|version| version.starts_with(LIGHT)),
        })
    }

    /// Who it claims to be, if it gives both an id and a key.
    pub fn identity(&self) -> Option<Identity> {
        Some(Identity {
            id: self.id.clone()?,
            key: self.key?,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    license_plate: &'a str,
    flair: &'a str,
    host_stats: HostStats,
    chattiness: u8,
    buzz: u8,
    observations: Option<SortedMap<String, ()>>,
    trend: &'a str,
    trend_emoji: &'a str,
    personality: Personality,
    aura: Aura<'a>,
    version: &'a str,
    public_url: &'a str,
    public_key: PublicKey,
    #[serde(rename = "ID")]
    id: &'a NaraId,
    mesh_enabled: bool,
    #[serde(rename = "MeshIP")]
    mesh_ip: &'a str,
    #[serde(rename = "transport_mode")]
    transport_mode: &'a str,
    #[serde(rename = "memory_mode", skip_serializing_if = "str::is_empty")]
    memory_mode: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostStats {
    uptime: u64,
    load_avg: u8,
    #[serde(rename = "MemAllocMB")]
    mem_alloc: u8,
    #[serde(rename = "MemSysMB")]
    mem_sys: u8,
    #[serde(rename = "MemHeapMB")]
    mem_heap: u8,
    #[serde(rename = "MemStackMB")]
    mem_stack: u8,
    num_goroutines: u8,
    #[serde(rename = "NumGC")]
    num_gc: u8,
    #[serde(rename = "ProcCPUPercent")]
    proc_cpu_percent: u8,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Personality {
    agreeableness: u8,
    sociability: u8,
    chill: u8,
}

#[derive(Default, Serialize)]
struct Aura<'a> {
    primary: &'a str,
    secondary: &'a str,
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
            identity: who.clone(),
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
