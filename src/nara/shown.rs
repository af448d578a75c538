//! A status as JSON, as `www/nara/index.d.ts` describes it.

use super::status::{
    ConfidantStatus, HeldStatus, HolderStatus, PeerName, PeerStatus, RecoveryStatus, StashStatus,
    Status,
};
use crate::message::ObjectWriter;

impl Status {
    /// It as JSON. It stays a function of its own: an engine compiles one when
    /// it is first called, and a nara that wakes does not call this.
    #[inline(never)]
    pub fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("id", &self.id)
            .text("name", &self.name)
            .text("memoryMode", self.memory_mode)
            .object("connection", |object| {
                object
                    .text("state", self.connection.state)
                    .u64("attempt", u64::from(self.connection.attempt))
                    .i64_or_null("retryAt", self.connection.retry_at)
                    .text_or_null("why", self.connection.why.as_deref());
            })
            .bool("elsewhere", self.elsewhere)
            .list("conflicts", &self.conflicts, PeerName::write)
            .list("peers", &self.peers, PeerStatus::write)
            .object("stash", |object| self.stash.write(object))
            .list("confidants", &self.confidants, ConfidantStatus::write)
            .object("held", |object| self.held.write(object))
            .object("recovery", |object| self.recovery.write(object))
            .object("clock", |object| {
                object
                    .i64_or_null("offsetMs", self.clock.offset_ms)
                    .bool("off", self.clock.off);
            })
            .object("mesh", |object| {
                object
                    .text("state", self.mesh.state)
                    .text_or_null("address", self.mesh.address.as_deref());
            })
            .object("drops", |object| {
                for (reason, count) in &self.drops {
                    object.u64(reason, *count);
                }
            })
            .finish()
    }
}

impl PeerName {
    pub(crate) fn write(object: &mut ObjectWriter, one: &Self) {
        object.text("id", &one.id).text("name", &one.name);
    }
}

impl PeerStatus {
    fn write(object: &mut ObjectWriter, one: &Self) {
        object
            .text("id", &one.id)
            .text("name", &one.name)
            .text("key", &one.key)
            .text("presence", one.presence)
            .text_or_null("mode", one.mode)
            .i64("firstSeen", one.first_seen)
            .i64("lastSeen", one.last_seen);
    }
}

impl StashStatus {
    fn write(&self, object: &mut ObjectWriter) {
        object
            .u64_or_null("version", self.version)
            .i64_or_null("savedAt", self.saved_at)
            .u64("bytes", self.bytes as u64)
            .u64("bytesMax", self.bytes_max as u64)
            .u64("sealedBytes", self.sealed_bytes as u64)
            .u64("target", self.target as u64)
            .u64("spares", self.spares as u64)
            .bool("safe", self.safe)
            .text("gate", self.gate)
            .u64_or_null("beside", self.beside)
            .list("holders", &self.holders, HolderStatus::write)
            .list("pending", &self.pending, PeerName::write);
    }
}

impl HolderStatus {
    fn write(object: &mut ObjectWriter, one: &Self) {
        object
            .text("id", &one.id)
            .text("name", &one.name)
            .u64("version", one.version)
            .i64("at", one.at);
    }
}

impl ConfidantStatus {
    fn write(object: &mut ObjectWriter, one: &Self) {
        object
            .text("id", &one.id)
            .text("name", &one.name)
            .text("presence", one.presence)
            .text("state", one.state)
            .u64_or_null("version", one.version)
            .i64_or_null("at", one.at)
            .text_or_null("mode", one.mode)
            .i64_or_null("firstSeen", one.first_seen)
            .i64_or_null("verifiedAt", one.verified_at)
            .bool("spare", one.spare);
    }
}

impl HeldStatus {
    fn write(&self, object: &mut ObjectWriter) {
        object
            .u64("limit", self.limit as u64)
            .u64("count", self.count as u64)
            .u64("refusals", self.refusals)
            .u64("prunings", self.prunings)
            .list("stashes", &self.stashes, |object, one| {
                object
                    .text("id", &one.id)
                    .text("name", &one.name)
                    .u64("bytes", one.bytes as u64)
                    .i64("storedAt", one.stored_at)
                    .text("presence", one.presence);
            });
    }
}

impl RecoveryStatus {
    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("state", self.state)
            .i64("startedAt", self.started_at)
            .u64_or_null("tookMs", self.took_ms)
            .u64("count", self.count as u64);
        match &self.from {
            Some(from) => object.object("from", |object| PeerName::write(object, from)),
            None => object.raw("from", "null"),
        };
        object.list("answers", &self.answers, |object, one| {
            object
                .text("id", &one.id)
                .text("name", &one.name)
                .u64("atMs", one.at_ms)
                .text("result", one.result)
                .u64_or_null("version", one.version);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::{
        ClockStatus, ConnectionStatus, HeldStash, MeshStatus, RecoveryAnswer,
    };
    use super::*;
    use crate::base::SortedMap;
    use crate::message::to_go_json;

    fn status(is_there: bool) -> Status {
        let text = |text: &str| text.to_owned();
        let name = || PeerName {
            id: text("x"),
            name: text("\"<y>\""),
        };
        let some = |number| is_there.then_some(number);
        Status {
            id: text("i"),
            name: text("n"),
            memory_mode: "short",
            connection: ConnectionStatus {
                state: "waiting",
                attempt: 3,
                retry_at: is_there.then_some(-4),
                why: is_there.then(|| text("w")),
            },
            elsewhere: is_there,
            conflicts: vec![name(), name()],
            peers: vec![PeerStatus {
                id: text("p"),
                name: text("q"),
                key: text("k"),
                presence: "online",
                mode: is_there.then_some("hog"),
                first_seen: 5,
                last_seen: 6,
            }],
            stash: StashStatus {
                version: some(7),
                saved_at: is_there.then_some(8),
                bytes: 9,
                bytes_max: 10,
                sealed_bytes: 11,
                target: 12,
                spares: 13,
                safe: is_there,
                gate: "open",
                beside: some(14),
                holders: vec![HolderStatus {
                    id: text("h"),
                    name: text("o"),
                    version: u64::MAX,
                    at: i64::MIN,
                }],
                pending: Vec::new(),
            },
            confidants: vec![ConfidantStatus {
                id: text("c"),
                name: text("d"),
                presence: "missing",
                state: "acked",
                version: some(15),
                at: is_there.then_some(16),
                mode: is_there.then_some("medium"),
                first_seen: is_there.then_some(17),
                verified_at: is_there.then_some(18),
                spare: is_there,
            }],
            held: HeldStatus {
                limit: 19,
                count: 20,
                refusals: 21,
                prunings: 22,
                stashes: vec![HeldStash {
                    id: text("s"),
                    name: text("t"),
                    bytes: 23,
                    stored_at: 24,
                    presence: "online",
                }],
            },
            recovery: RecoveryStatus {
                state: "found",
                started_at: 25,
                took_ms: some(26),
                count: 27,
                from: is_there.then(name),
                answers: vec![RecoveryAnswer {
                    id: text("a"),
                    name: text("b"),
                    at_ms: 28,
                    result: "chosen",
                    version: some(29),
                }],
            },
            clock: ClockStatus {
                offset_ms: is_there.then_some(-30),
                off: is_there,
            },
            mesh: MeshStatus {
                state: "none",
                address: is_there.then(|| text("127.0.0.1")),
            },
            drops: SortedMap::from([("a", 31), ("b", 32)]),
        }
    }

    #[test]
    fn serde_would_write_a_status_the_same() {
        for status in [status(true), status(false)] {
            assert_eq!(status.to_json(), to_go_json(&status));
        }
    }
}
