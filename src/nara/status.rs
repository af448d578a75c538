//! Everything that a page wants to show, as one plain value.

use super::Nara;
use crate::base::{Gather, Identity, NaraId, Now, SortedMap, WallTime};
use crate::plaza::State;
use crate::stash::{Answer, Gate, Holder, MEMORY_SIZE_MAX, SEALED_SIZE, Stash};
use core::time::Duration;
use serde::Serialize;

/// What is known now. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(
    missing_docs,
    reason = "each field is described once, in www/nara/index.d.ts"
)]
pub struct Status {
    pub id: String,
    pub name: String,
    pub memory_mode: &'static str,
    pub connection: ConnectionStatus,
    pub elsewhere: bool,
    pub conflicts: Vec<PeerName>,
    pub peers: Vec<PeerStatus>,
    pub stash: StashStatus,
    pub confidants: Vec<ConfidantStatus>,
    pub held: HeldStatus,
    pub recovery: RecoveryStatus,
    pub clock: ClockStatus,
    pub mesh: MeshStatus,
    pub drops: SortedMap<&'static str, u64>,
}

/// The clock against those of the peers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct ClockStatus {
    pub offset_ms: Option<i64>,
    pub off: bool,
}

/// The way to the mesh.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "see `Status`")]
pub struct MeshStatus {
    pub state: &'static str,
    pub address: Option<String>,
}

/// The way to the plaza.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct ConnectionStatus {
    pub state: &'static str,
    pub attempt: u32,
    pub retry_at: Option<i64>,
    pub why: Option<String>,
}

/// Somebody, by id and name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "see `Status`")]
pub struct PeerName {
    pub id: String,
    pub name: String,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct PeerStatus {
    pub id: String,
    pub name: String,
    pub key: String,
    pub presence: &'static str,
    pub mode: Option<&'static str>,
    pub first_seen: i64,
    pub last_seen: i64,
}

/// My memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct StashStatus {
    pub version: Option<u64>,
    pub saved_at: Option<i64>,
    pub bytes: usize,
    pub bytes_max: usize,
    pub sealed_bytes: usize,
    pub target: usize,
    pub spares: usize,
    pub safe: bool,
    pub gate: &'static str,
    pub beside: Option<u64>,
    pub holders: Vec<HolderStatus>,
    pub pending: Vec<PeerName>,
}

/// One confidant that acknowledged the newest revision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "see `Status`")]
pub struct HolderStatus {
    pub id: String,
    pub name: String,
    pub version: u64,
    pub at: i64,
}

/// One confidant, asked or won.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct ConfidantStatus {
    pub id: String,
    pub name: String,
    pub presence: &'static str,
    pub state: &'static str,
    pub version: Option<u64>,
    pub at: Option<i64>,
    pub mode: Option<&'static str>,
    pub first_seen: Option<i64>,
    pub verified_at: Option<i64>,
    pub spare: bool,
}

/// What is held for others.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "see `Status`")]
pub struct HeldStatus {
    pub limit: usize,
    pub count: usize,
    pub refusals: u64,
    pub prunings: u64,
    pub stashes: Vec<HeldStash>,
}

/// One stash held for somebody.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct HeldStash {
    pub id: String,
    pub name: String,
    pub bytes: usize,
    pub stored_at: i64,
    pub presence: &'static str,
}

/// The search for my memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct RecoveryStatus {
    pub state: &'static str,
    pub started_at: i64,
    pub took_ms: Option<u64>,
    pub count: usize,
    pub from: Option<PeerName>,
    pub answers: Vec<RecoveryAnswer>,
}

/// What one peer answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "see `Status`")]
pub struct RecoveryAnswer {
    pub id: String,
    pub name: String,
    pub at_ms: u64,
    pub result: &'static str,
    pub version: Option<u64>,
}

pub(super) fn of(nara: &Nara, now: Now) -> Status {
    let me = nara.me();
    let looking = Looking { nara, now };
    let stash = nara.runtime.service::<Stash>();
    Status {
        id: me.identity.id.to_text(),
        name: me.name.clone(),
        memory_mode: nara.config.mode().as_str(),
        connection: looking.connection(),
        elsewhere: stash.is_some_and(Stash::is_elsewhere),
        conflicts: looking.conflicts(),
        peers: looking.peers(),
        stash: stash.map_or_else(StashStatus::nothing, |stash| looking.stash(stash)),
        confidants: stash.map_or_else(Vec::new, |stash| looking.confidants(stash)),
        held: stash.map_or_else(HeldStatus::nothing, |stash| looking.held(stash)),
        recovery: stash.map_or_else(RecoveryStatus::nothing, |stash| looking.recovery(stash)),
        clock: ClockStatus {
            offset_ms: nara.runtime.clock().offset_ms(),
            off: nara.runtime.clock().is_off(),
        },
        mesh: looking.mesh(),
        drops: nara.runtime.drops().collect(),
    }
}

impl StashStatus {
    fn nothing() -> Self {
        Self {
            version: None,
            saved_at: None,
            bytes: 0,
            bytes_max: MEMORY_SIZE_MAX,
            sealed_bytes: SEALED_SIZE,
            target: 0,
            spares: 0,
            safe: false,
            gate: Gate::Open.as_str(),
            beside: None,
            holders: Vec::new(),
            pending: Vec::new(),
        }
    }
}

impl HeldStatus {
    fn nothing() -> Self {
        Self {
            limit: 0,
            count: 0,
            refusals: 0,
            prunings: 0,
            stashes: Vec::new(),
        }
    }
}

impl RecoveryStatus {
    fn nothing() -> Self {
        Self {
            state: "none",
            started_at: 0,
            took_ms: None,
            count: 0,
            from: None,
            answers: Vec::new(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// One look at a nara, at one time.
struct Looking<'a> {
    nara: &'a Nara,
    now: Now,
}

impl Looking<'_> {
    fn connection(&self) -> ConnectionStatus {
        let state = self.nara.session.state();
        let (word, attempt, retry_at) = match state {
            State::Asleep => ("asleep", 0, None),
            State::Online => ("online", 0, None),
            State::Waiting { retry_at, attempt } => {
                let wait =
                    i64::try_from((retry_at - self.now.mono).as_millis()).unwrap_or(i64::MAX);
                (
                    "waiting",
                    attempt,
                    Some(self.now.wall.unix_millis().saturating_add(wait)),
                )
            }
            _ => ("opening", 0, None),
        };
        let why = self.nara.why_disconnected.clone();
        ConnectionStatus {
            state: word,
            attempt,
            retry_at,
            why,
        }
    }

    fn mesh(&self) -> MeshStatus {
        let none = || MeshStatus {
            state: "none",
            address: None,
        };
        self.nara
            .ways
            .as_ref()
            .map_or_else(none, |ways| ways.status())
    }

    fn name(&self, who: &Identity) -> PeerName {
        self.nara.name_of(who)
    }

    fn presence(&self, who: &Identity) -> &'static str {
        let peer = self.nara.runtime.peers().peer(who);
        peer.map_or("missing", |peer| peer.presence.as_str())
    }

    fn peers(&self) -> Vec<PeerStatus> {
        let peers = self.nara.runtime.peers().iter();
        let status = peers.map(|(who, peer)| PeerStatus {
            id: who.id.to_text(),
            name: peer.name.clone(),
            key: who.key.to_text(),
            presence: peer.presence.as_str(),
            mode: peer.mode.map(|mode| mode.as_str()),
            first_seen: peer.first_seen.wall.unix_millis(),
            last_seen: peer.last_seen.wall.unix_millis(),
        });
        status.gather()
    }

    fn stash(&self, stash: &Stash) -> StashStatus {
        let owner = stash.owner();
        let memory = owner.memory();
        StashStatus {
            version: memory.map(|memory| memory.revision),
            saved_at: memory
                .map(|memory| WallTime::from_unix_seconds(memory.timestamp).unix_millis()),
            bytes: memory.map_or(0, |memory| memory.data.len()),
            sealed_bytes: owner.sealed_size().unwrap_or(SEALED_SIZE),
            target: owner.target(),
            spares: owner.spares(),
            safe: owner.is_safe(),
            gate: stash.gate().as_str(),
            beside: owner.beside().map(|memory| memory.revision),
            holders: owner
                .current_holders()
                .map(|(who, one)| self.holder(who, one))
                .gather(),
            pending: owner.pending().map(|who| self.name(who)).gather(),
            ..StashStatus::nothing()
        }
    }

    fn holder(&self, who: &Identity, holder: &Holder) -> HolderStatus {
        let PeerName { id, name } = self.name(who);
        HolderStatus {
            id,
            name,
            version: holder.revision,
            at: holder.at.unix_millis(),
        }
    }

    fn confidants(&self, stash: &Stash) -> Vec<ConfidantStatus> {
        let owner = stash.owner();
        let spare = owner.spare_holders(self.nara.runtime.peers(), self.now);
        let asked = owner.holders().iter().filter(|(_, holder)| holder.asked);
        let holders = asked.map(|(who, holder)| {
            let is_newest = owner.is_holder(who);
            ConfidantStatus {
                version: Some(holder.revision),
                at: Some(holder.at.unix_millis()),
                verified_at: holder.verified_at.map(WallTime::unix_millis),
                spare: spare.contains(who),
                ..self.confidant(who, if is_newest { "acked" } else { "pending" })
            }
        });
        let asked = owner
            .pending()
            .filter(|who| !owner.holders().contains_key(*who));
        let asked = asked.map(|who| {
            let state = owner.turned_away(self.now.mono, who).unwrap_or("pending");
            self.confidant(who, state)
        });
        // Not as a chain, which is more code than both.
        let mut confidants: Vec<ConfidantStatus> = holders.gather();
        confidants.extend(asked);
        confidants
    }

    fn confidant(&self, who: &Identity, state: &'static str) -> ConfidantStatus {
        let PeerName { id, name } = self.name(who);
        let peer = self.nara.runtime.peers().peer(who);
        ConfidantStatus {
            id,
            name,
            presence: self.presence(who),
            state,
            version: None,
            at: None,
            mode: peer.and_then(|peer| peer.mode).map(|mode| mode.as_str()),
            first_seen: peer.map(|peer| peer.first_seen.wall.unix_millis()),
            verified_at: None,
            spare: false,
        }
    }

    /// Ids that more than one key claims, mine among them.
    fn conflicts(&self) -> Vec<PeerName> {
        let me = &self.nara.me().identity;
        let mut before: Option<&NaraId> = None;
        let mut conflicts = Vec::new();
        for (who, _) in self.nara.runtime.peers().iter() {
            let is_second = before == Some(&who.id) || who.id == me.id;
            if is_second {
                conflicts.push(self.name(who));
            }
            before = Some(&who.id);
        }
        conflicts.dedup_by(|a, b| a.id == b.id);
        conflicts
    }

    fn held(&self, stash: &Stash) -> HeldStatus {
        let held = stash
            .confidant()
            .held()
            .iter()
            .map(|(who, held)| HeldStash {
                id: who.id.to_text(),
                name: held.owner.clone(),
                bytes: held.sealed.ciphertext.len(),
                stored_at: WallTime::from_unix_seconds(held.stored_at).unix_millis(),
                presence: self.presence(who),
            });
        let stashes: Vec<HeldStash> = held.gather();
        HeldStatus {
            limit: stash.confidant().limit(),
            refusals: stash.confidant().refusals(),
            prunings: stash.confidant().prunings(),
            count: stashes.len(),
            stashes,
        }
    }

    fn recovery(&self, stash: &Stash) -> RecoveryStatus {
        let recovery = stash.recovery();
        let chosen = recovery.from();
        // Not what is stored now: what somebody answered was the newest then.
        let newest = recovery.newest();
        let answers = recovery.answers().iter().map(|(who, (at, answer))| {
            let PeerName { id, name } = self.name(who);
            let (result, version) = match answer {
                Answer::NotFound => ("not_found", None),
                Answer::Broken => ("broken", None),
                Answer::Probe => ("probe", None),
                Answer::Opened { revision } if Some(who) == chosen => ("chosen", Some(*revision)),
                Answer::Opened { revision } if newest.is_some_and(|newest| *revision < newest) => {
                    ("older", Some(*revision))
                }
                Answer::Opened { revision } => ("opened", Some(*revision)),
            };
            RecoveryAnswer {
                id,
                name,
                at_ms: millis(*at),
                result,
                version,
            }
        });
        RecoveryStatus {
            state: recovery.state().as_str(),
            started_at: recovery.started().wall.unix_millis(),
            took_ms: recovery.took().map(millis),
            count: recovery.count(),
            from: chosen.map(|who| self.name(who)),
            answers: answers.gather(),
        }
    }
}
