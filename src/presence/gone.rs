//! Who is gone without a word, and who else is me.
//!
//! The broker publishes a nara's will when its connection breaks. A will is a
//! hint and never a fact: it may be old, or played again by anybody. Whoever
//! is meant and still there greets; whoever hears it and hears nothing of the
//! other asks it, and only its silence makes it missing.

use super::Presence;
use crate::base::{ExpiringMap, Gather, ID_LENGTH_MAX, Identity, Instant, SortedMap, WallTime};
use crate::message::Ping;
use crate::neighbourhood::Presence as Whereabouts;
use crate::runtime::{CallError, CallId, Context, Delivery, Nothing, Outcome, OwnNews, PeerNews};
use core::time::Duration;

/// Where wills are published. Go naras do not listen there.
pub const GONE_TOPIC: &str = "nara/plaza/gone";

/// The kind of a will.
pub const LOST: &str = "presence:lost";

/// "Are you there?"
pub const PING: &str = "presence:ping";
/// "I am."
pub const PONG: &str = "presence:pong";

/// Whoever is meant by a will may speak up for so long before it is asked, so
/// that not everybody asks.
const SPEAK_UP_WITHIN: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_millis(1_900));

/// How long it may take to answer. With the wait before, at most 5 s.
const PONG_WITHIN: Duration = Duration::from_secs(3);

/// One peer is checked so often at most.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Peers that are checked at once, or were not long ago.
const CHECKS_MAX: usize = 256;

/// Events of one's own that are remembered: brokers send them back.
const SAID_MAX: usize = 64;
const SAID_FOR: Duration = Duration::from_secs(10 * 60);

/// A nara that is called gone greets so often at most.
const SPEAK_UP_EVERY: Duration = Duration::from_secs(5);

/// Whom to check, and what was said by this nara itself.
pub(super) struct Gone {
    due: SortedMap<Identity, (Instant, Instant)>,
    asked: SortedMap<CallId, (Identity, String)>,
    checked: ExpiringMap<Identity, ()>,
    said: ExpiringMap<i64, ()>,
    spoke_up: Option<Instant>,
}

impl Gone {
    pub(super) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("checks due", self.due.len());
        note("checks asked", self.asked.len());
        note("checked", self.checked.len());
        note("wills said", self.said.len());
    }

    pub(super) fn new() -> Self {
        Self {
            due: SortedMap::new(),
            asked: SortedMap::new(),
            checked: ExpiringMap::new(CHECKS_MAX, CHECK_EVERY),
            said: ExpiringMap::new(SAID_MAX, SAID_FOR),
            spoke_up: None,
        }
    }

    /// Remembers an event of one's own by its time, which no other has.
    pub(super) fn note_said(&mut self, now: Instant, ts: i64) {
        self.said.insert(now, ts, ());
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.values().map(|(_, at)| *at).min()
    }
}

impl Presence {
    /// The broker says that somebody's connection broke.
    pub(super) fn on_lost(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Delivery,
        _: Nothing,
    ) -> Outcome {
        let Some(who) = &from.sender else {
            return Outcome::Drop("unsigned");
        };
        let now = ctx.now().mono;
        if !ctx.peers().is_online(who) {
            return Outcome::Drop("not_online");
        }
        self.gone.checked.expire(now);
        if self.gone.checked.get(now, who).is_some() || self.gone.checked.len() >= CHECKS_MAX {
            return Outcome::Drop("checked_already");
        }
        self.gone.checked.insert(now, *who, ());
        let wait = ctx.rng().between(SPEAK_UP_WITHIN.0, SPEAK_UP_WITHIN.1);
        self.gone.due.insert(*who, (now, now + wait));
        Outcome::Continue
    }

    /// Asks those who have not spoken up.
    pub(super) fn check_gone(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let due = self.gone.due.extract_if(|_, (_, at)| *at <= now);
        for (who, (since, _)) in due.gather() {
            let peer = ctx.peers().peer(&who);
            let is_doubted = |at: Instant| at <= since && ctx.peers().is_online(&who);
            if !peer.is_some_and(|peer| is_doubted(peer.last_seen.mono)) {
                continue;
            }
            let request_id = ctx.rng().request_id();
            let ping = Ping {
                request_id: request_id.clone(),
            };
            // What cannot be asked cannot be judged.
            if let Ok(call) = ctx.call(&who, PING, &ping, PONG, PONG_WITHIN) {
                self.gone.asked.insert(call, (who, request_id));
            }
        }
    }

    pub(super) fn on_ping(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Delivery,
        ping: Ping,
    ) -> Outcome {
        if ping.request_id.len() > ID_LENGTH_MAX {
            return Outcome::Drop("malformed_payload");
        }
        ctx.reply(from, PONG, &ping)
    }

    pub(super) fn on_late_pong(&mut self, _: &mut Context<'_>, _: &Delivery, _: Ping) -> Outcome {
        Outcome::Drop("late_reply")
    }

    /// The end of a check: whoever is silent is gone. Whoever answered was
    /// heard, whatever it said.
    pub(super) fn end_check(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        let Some((who, _)) = self.gone.asked.remove(&call) else {
            return;
        };
        if result.is_ok() || !ctx.is_connected() || !ctx.peers().is_online(&who) {
            return;
        }
        if let Some(peer) = ctx.peers_mut().peer_mut(&who) {
            peer.presence = Whereabouts::Missing;
        }
        ctx.log().info(format!("{} is gone without a word", who.id));
        ctx.emit("presence:gone", &PeerNews { who });
    }

    /// A runtime message that only this nara can have signed came, and it has
    /// not sent it. Once the user chose this device, only a greeting says that
    /// another was chosen after it: whoever gave way may still ask around.
    pub(super) fn on_own(&mut self, ctx: &mut Context<'_>, _: &Delivery, own: OwnNews) -> Outcome {
        if own.kind == LOST {
            self.speak_up(ctx);
            return Outcome::Continue;
        }
        if self.chosen_at.is_none() {
            self.judge_own(ctx, WallTime::from_unix_nanos(own.sent_at));
        }
        Outcome::Continue
    }

    /// The same for a greeting or a farewell, whose signature was checked.
    pub(super) fn hear_own(&mut self, ctx: &mut Context<'_>, ts: i64, is_chau: bool) {
        if self.gone.said.get(ctx.now().mono, &ts).is_some() {
            return;
        }
        let time = WallTime::from_unix_nanos(ts);
        if !is_chau {
            return self.judge_own(ctx, time);
        }
        if self.is_of_now(ctx, time) {
            self.speak_up(ctx);
        }
    }

    /// The user chose this device: it greets, and the other hears it.
    pub(super) fn on_go_on(&mut self, ctx: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        self.quiet = false;
        self.goes_on = true;
        if ctx.is_connected() {
            self.greet(ctx);
        }
        Outcome::Continue
    }

    fn is_of_now(&self, ctx: &Context<'_>, time: WallTime) -> bool {
        let now = ctx.now();
        // By the clock of now: the one it woke by may have been put right since.
        let woken_at = || now.wall.before(now.mono - self.woken.mono);
        ctx.clock().judge(time).is_ok() && time > self.chosen_at.unwrap_or_else(woken_at)
    }

    fn judge_own(&mut self, ctx: &mut Context<'_>, time: WallTime) {
        if self.is_of_now(ctx, time) {
            // Whoever was not told to go on is quiet, so that it is not taken
            // for a third one by the one that does.
            // The first time it greets once more, for the other to hear.
            if !core::mem::replace(&mut self.met_itself, true) {
                self.last_word = Some(time);
                self.greet_at = Some(ctx.now().mono + core::time::Duration::from_secs(1));
            }
            self.quiet = true;
            ctx.emit("presence:elsewhere", &Nothing {});
        }
    }

    /// Others are told that this nara is gone, and it is not.
    fn speak_up(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let lately = |at: Instant| now - at < SPEAK_UP_EVERY;
        if ctx.is_connected() && !self.gone.spoke_up.is_some_and(lately) {
            self.gone.spoke_up = Some(now);
            self.greet(ctx);
        }
    }
}
