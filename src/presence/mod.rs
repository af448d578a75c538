//! The presence service: greets the plaza, answers greetings, publishes the
//! newspaper, and keeps the neighbourhood true.
//!
//! Formats: wire page, "Plaza". Everything heard is verified before it is
//! believed: a greeting and a farewell under the key that they name, a
//! newspaper under a key that is known, a howdy under its sender's key.

mod following;
mod gone;

pub use gone::{GONE_TOPIC, LOST, PING, PONG};

use crate::base::{ExpiringMap, Gather, Identity, Instant, Now, SortedMap, SortedSet, WallTime};
use crate::message::{HeyThere, Howdy, Newspaper, PresenceEvent, StatusBuilder, SyncEvent};
use crate::neighbourhood::{MemoryMode, Presence as Whereabouts};
use crate::runtime::{
    Behaviour, CallError, CallId, Context, Delivery, Nothing, Outcome, PeerNews, Service,
};
use core::time::Duration;
use following::{Crowd, PASSED_OVER};
use gone::Gone;

/// Where greetings go.
pub const HEY_THERE_TOPIC: &str = "nara/plaza/hey_there";
/// Where farewells go.
pub const CHAU_TOPIC: &str = "nara/plaza/chau";
/// Where greetings are answered.
pub const HOWDY_TOPIC: &str = "nara/plaza/howdy";
/// Where newspapers go, each under its nara's name.
pub const NEWSPAPER_TOPIC: &str = "nara/newspaper/";

/// After a reconnect a nara waits this long at most before it greets, so that
/// a broker that comes back does not hear everybody at once. A nara that wakes
/// by itself greets at once.
pub const GREET_WITHIN: Duration = Duration::from_secs(5);

/// A greeting is repeated within this span. Go naras want it every 4 minutes,
/// and in a hidden page timers fire once a minute.
const GREET_AGAIN: (Duration, Duration) = (Duration::from_secs(150), Duration::from_secs(180));

/// A stranger's newspaper is answered by a greeting, at most this often.
const GREET_STRANGERS_EVERY: Duration = Duration::from_secs(60);

/// Strangers' newspapers go unanswered for so long after each greeting, which
/// they heard too.
const STRANGERS_AFTER: Duration = Duration::from_secs(5);

/// A Go nara stores only with those whose greeting it has heard itself: of a
/// howdy it keeps no id to send to. So whoever came later, and does not greet
/// as light naras do, is greeted once more after so long.
const MEET_AFTER: Duration = Duration::from_secs(5);

/// Newcomers that wait for a greeting at once.
const UNMET_MAX: usize = 256;

/// A greeting is answered after a random wait, unless enough others did.
const HOWDY_WITHIN: Duration = Duration::from_secs(3);

/// The wait before a greeting for somebody who knocked: howdys come in three
/// seconds.
const KNOCK_AFTER: Duration = Duration::from_millis(3_500);

/// So many answers are enough for a newcomer: its confidants and two spares.
const HOWDYS_ENOUGH: u32 = 5;

/// How long the first greeting waits for an address: whoever hears it pushes
/// to the address in it.
const ADDRESS_WITHIN: Duration = Duration::from_secs(2);

/// What proves an address goes with every request to it, in one line, and is
/// kept for every peer. That of a Go nara has about 2 kB.
const PROOF_SIZE_MAX: usize = 4 * 1024;

/// One peer is introduced to at most this often.
const INTRODUCE_EVERY: Duration = Duration::from_secs(5);

/// Newspapers appear in this span.
const NEWSPAPER_EVERY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// The first newspaper follows the greeting, so that the mode is known soon.
const FIRST_NEWSPAPER_WITHIN: Duration = Duration::from_secs(2);

/// How often silence is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Wills and pings of one peer that are heard in [`PINGS_SPAN`].
const PINGS: u32 = 6;

/// The span of [`PINGS`].
const PINGS_SPAN: Duration = Duration::from_secs(60);

/// Newcomers whose answers are counted at once.
const NEWCOMERS_MAX: usize = 256;

/// Answers to newcomers that are remembered, and for how long.
const ANSWERS_MAX: usize = 2_048;
const ANSWERS_FOR: Duration = Duration::from_secs(30);

/// What the newspaper calls this implementation.
const VERSION: &str = concat!("light-", env!("CARGO_PKG_VERSION"));

/// A newcomer that is to be answered.
struct Newcomer {
    who: Identity,
    at: Instant,
    /// Whether it is answered and not followed.
    is_passing: bool,
    /// Whether it is decided when it is due.
    is_undecided: bool,
}

/// The service.
pub struct Presence {
    mode: MemoryMode,
    woken: Now,
    greeted_at: Option<Instant>,
    /// Whether another device lives as this nara, and this one was not told to
    /// go on.
    quiet: bool,
    /// Whether another device was ever noticed.
    met_itself: bool,
    /// When what is to be answered by one more greeting was said, although this
    /// one is quiet.
    last_word: Option<WallTime>,
    /// When the user chose this device: what another said up to then was said
    /// before it gave way.
    chosen_at: Option<WallTime>,
    /// Whether the user chose this device and the other was not told yet.
    goes_on: bool,
    greet_at: Option<Instant>,
    /// Whether it has greeted since the plaza was reached, under the clock that
    /// it goes by.
    settled: bool,
    /// Where the mesh reaches this nara, while a gateway says so.
    address: String,
    /// Until an address is there the first greeting waits, but not long.
    awaits_address: bool,
    /// How long the first greeting waits otherwise.
    first_wait: Duration,
    introduced: ExpiringMap<Identity, ()>,
    newspaper_at: Option<Instant>,
    sweep_at: Option<Instant>,
    strangers_after: Option<Instant>,
    knocks_after: Option<Instant>,
    /// Who greeted since this nara did.
    unmet: SortedSet<Identity>,
    meet_at: Option<Instant>,
    newcomers: SortedMap<String, Newcomer>,
    answers: ExpiringMap<String, u32>,
    answered_by: ExpiringMap<(String, Identity), ()>,
    howdy_seq: i64,
    crowd: Crowd,
    gone: Gone,
}

impl Presence {
    pub(crate) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("introduced", self.introduced.len());
        note("unmet", self.unmet.len());
        note("newcomers", self.newcomers.len());
        note("greetings answered", self.answers.len());
        note("who answered them", self.answered_by.len());
        self.gone.loads(note);
    }

    /// A presence that has said nothing yet.
    pub fn new(mode: MemoryMode, now: Now) -> Self {
        Self {
            mode,
            woken: now,
            greeted_at: None,
            quiet: false,
            met_itself: false,
            last_word: None,
            chosen_at: None,
            goes_on: false,
            greet_at: None,
            settled: false,
            address: String::new(),
            awaits_address: false,
            first_wait: Duration::ZERO,
            introduced: ExpiringMap::new(NEWCOMERS_MAX, INTRODUCE_EVERY),
            newspaper_at: None,
            sweep_at: None,
            strangers_after: None,
            knocks_after: None,
            unmet: SortedSet::new(),
            meet_at: None,
            newcomers: SortedMap::new(),
            answers: ExpiringMap::new(NEWCOMERS_MAX, ANSWERS_FOR),
            answered_by: ExpiringMap::new(ANSWERS_MAX, ANSWERS_FOR),
            howdy_seq: 0,
            crowd: Crowd::default(),
            gone: Gone::new(),
        }
    }

    fn on_connected(&mut self, ctx: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        let now = ctx.now().mono;
        let jitter = match self.greeted_at {
            None if self.awaits_address => ADDRESS_WITHIN,
            None => self.first_wait,
            Some(_) => ctx.rng().between(Duration::ZERO, GREET_WITHIN),
        };
        self.greet_at = Some(now + jitter);
        self.settled = false;
        let wait = ctx.rng().between(Duration::ZERO, FIRST_NEWSPAPER_WITHIN);
        self.newspaper_at = Some(now + jitter + wait);
        self.sweep_at = Some(now + SWEEP_EVERY);
        if jitter.is_zero() {
            self.handle_timeout(ctx);
        }
        Outcome::Continue
    }

    fn on_disconnected(&mut self, _: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        self.greet_at = None;
        self.newspaper_at = None;
        self.newcomers.clear();
        self.unmet.clear();
        Outcome::Continue
    }

    /// Who greeted at another time was not believed, and now greets again.
    fn on_clock_set(&mut self, ctx: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        if ctx.is_connected() && self.greeted_at.is_some() {
            self.settled = false;
            // The user's choice goes by the new time, too.
            self.goes_on |= self.chosen_at.is_some() && !self.quiet;
            self.greet(ctx);
        }
        Outcome::Continue
    }

    /// Says that a gateway will give an address soon.
    pub fn await_address(&mut self) {
        self.awaits_address = true;
    }

    /// Leaves those who are asked something first so long alone, before
    /// everybody hears of this nara.
    pub fn greet_behind(&mut self, wait: Duration) {
        self.first_wait = wait;
    }

    /// Takes the address that the mesh reaches this nara under, empty for
    /// none, and announces it.
    pub fn set_address(&mut self, ctx: &mut Context<'_>, address: &str) {
        if self.address != address {
            address.clone_into(&mut self.address);
            let everybody = ctx.peers().online().map(|(who, _)| *who);
            let before: Vec<Identity> = everybody
                .filter(|who| !ctx.peers().is_reached(who))
                .gather();
            ctx.peers_mut().set_on_the_mesh(!address.is_empty());
            for who in before {
                if ctx.peers().is_reached(&who) {
                    ctx.emit("presence:reached", &PeerNews { who });
                }
            }
            // Lost with the gateway, it is not worth a greeting: ways fall back.
            let is_worth = self.greeted_at.is_some() || self.awaits_address;
            self.awaits_address = false;
            if ctx.is_connected() && is_worth && !address.is_empty() {
                self.greet(ctx);
            }
        }
    }

    /// Somebody who knows nobody yet is to know this nara's key before more is
    /// sent to it.
    fn on_introduce(&mut self, ctx: &mut Context<'_>, _: &Delivery, news: PeerNews) -> Outcome {
        let now = ctx.now().mono;
        let name = ctx.peers().peer(&news.who).map(|peer| peer.name.clone());
        // Light naras name their key in each message.
        if let Some(name) = name.filter(|_| ctx.peers().is_reached(&news.who))
            && ctx
                .peers()
                .peer(&news.who)
                .is_some_and(|peer| peer.light != Some(true))
            && ctx.is_connected()
            && self.introduced.get(now, &news.who).is_none()
        {
            self.introduced.insert(now, news.who, ());
            self.say_howdy(ctx, &name);
        }
        Outcome::Continue
    }

    fn greet(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let last_word = self.last_word.take();
        if self.quiet && last_word.is_none() {
            self.greet_at = None;
            return;
        }
        // The last word is dated by what it answers, so that whoever went on
        // by that knows it for an answer.
        let answered = last_word.map(|heard| heard.next());
        let at = answered.filter(|_| self.quiet).unwrap_or(now.wall);
        if core::mem::take(&mut self.goes_on) {
            self.chosen_at = Some(at.next());
        }
        let (name, identity) = (ctx.me().name.clone(), ctx.me().identity);
        // Without an address of its own, the plaza reaches it by its id.
        let mut event = SyncEvent::hey_there(at, &name, &identity, &self.address);
        let was_settled = core::mem::replace(&mut self.settled, true);
        event.settled = Some(was_settled && Self::knows_many(ctx));
        self.publish_event(ctx, HEY_THERE_TOPIC, event);
        self.greeted_at = Some(now.mono);
        self.unmet.clear();
        self.greet_at = Some(now.mono + ctx.rng().between(GREET_AGAIN.0, GREET_AGAIN.1));
    }

    fn publish_event(&mut self, ctx: &mut Context<'_>, topic: &str, mut event: SyncEvent) {
        event.sig = Some(ctx.crypto().sign(&event.signing_bytes()));
        self.gone.note_said(ctx.now().mono, event.ts);
        ctx.publish(topic, event.to_json().into_bytes());
    }

    fn publish_newspaper(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        self.newspaper_at = Some(now + ctx.rng().between(NEWSPAPER_EVERY.0, NEWSPAPER_EVERY.1));
        // Nobody greets for hours, maybe, and what a crowd was answered is long.
        self.answers.expire(now);
        self.answered_by.expire(now);
        if self.quiet {
            return;
        }
        let newspaper = Newspaper::unsigned(&ctx.me().name, self.status(ctx).newspaper());
        let signature = ctx.crypto().sign(newspaper.signed_text().as_bytes());
        let topic = format!("{NEWSPAPER_TOPIC}{}", ctx.me().name);
        ctx.publish(&topic, newspaper.to_json(&signature).into_bytes());
    }

    fn status(&self, ctx: &Context<'_>) -> StatusBuilder {
        StatusBuilder {
            identity: ctx.me().identity,
            mesh_ip: self.address.clone(),
            memory_mode: self.mode.as_str(),
            uptime_seconds: (ctx.now().mono - self.woken.mono).as_secs(),
            version: VERSION,
        }
    }

    fn hear_event(&mut self, ctx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let Ok(event) = SyncEvent::parse(bytes) else {
            return Outcome::Drop("malformed");
        };
        let Ok(who) = event.identity() else {
            return Outcome::Drop("malformed");
        };
        let Some(signature) = &event.sig else {
            return Outcome::Drop("unsigned");
        };
        let is_hello = matches!(event.body, PresenceEvent::HeyThere(_));
        if is_hello {
            self.crowd.note(ctx.now().mono);
        }
        let is_followed = who == ctx.me().identity || ctx.follows(&who);
        // Whoever knows many asks for nothing, and hears soon of those that it
        // does not know: they greet, too.
        let is_asked = event.settled != Some(true);
        let is_host = is_hello && is_asked && self.is_host(ctx);
        if !is_followed && !is_host {
            return PASSED_OVER;
        }
        if !ctx
            .crypto()
            .verify(&who.key, &event.signing_bytes(), signature)
        {
            return Outcome::Drop("bad_signature");
        }
        if who == ctx.me().identity {
            self.hear_own(ctx, event.ts, matches!(event.body, PresenceEvent::Chau(_)));
            return Outcome::Drop("from_myself");
        }
        let time = WallTime::from_unix_nanos(event.ts);
        // Times only grow, so that an old event cannot be played again.
        if ctx
            .peers()
            .peer(&who)
            .is_some_and(|peer| peer.event_time >= time)
        {
            return Outcome::Drop("old_event");
        }
        if let Err(reason) = ctx.judge(&who, time) {
            return Outcome::Drop(reason);
        }
        match &event.body {
            PresenceEvent::HeyThere(hello) => {
                if is_host {
                    self.expect(ctx, &who, &hello.from, !is_followed);
                }
                if !is_followed {
                    return PASSED_OVER;
                }
                if is_host && event.settled.is_none() && self.unmet.len() < UNMET_MAX {
                    self.unmet.insert(who);
                    self.meet_at.get_or_insert(ctx.now().mono + MEET_AFTER);
                }
                self.hear_hello(ctx, &who, hello, &event)
            }
            PresenceEvent::Chau(_) => self.hear_chau(ctx, &who, time),
        }
    }

    fn hear_hello(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        hello: &HeyThere,
        event: &SyncEvent,
    ) -> Outcome {
        let name = hello.from.as_str();
        let (mesh_ip, time) = (&hello.mesh_ip, WallTime::from_unix_nanos(event.ts));
        self.note_online(ctx, who, name);
        let was_reached = ctx.peers().is_reached(who);
        if let Some(peer) = ctx.peers_mut().peer_mut(who) {
            peer.event_time = time;
            mesh_ip.clone_into(&mut peer.mesh_ip);
            peer.proof = match mesh_ip.as_str() {
                "" => String::new(),
                _ => event.to_json(),
            };
        }
        if !was_reached && ctx.peers().is_reached(who) {
            ctx.emit("presence:reached", &PeerNews { who: *who });
        }
        ctx.emit("presence:hello", &PeerNews { who: *who });
        Outcome::Continue
    }

    /// Answers a newcomer after a while, unless enough others do.
    fn expect(&mut self, ctx: &mut Context<'_>, who: &Identity, name: &str, is_passing: bool) {
        // Who greets anew knows nothing of what its last life was answered.
        self.answers.remove(&name.to_owned());
        if self.newcomers.len() >= NEWCOMERS_MAX || self.newcomers.contains_key(name) {
            return;
        }
        let is_lost = self.is_lost_in_a_crowd(ctx);
        let wait = ctx.rng().between(Duration::ZERO, HOWDY_WITHIN);
        let first = if is_lost {
            HOWDY_WITHIN
        } else {
            Duration::ZERO
        };
        let newcomer = Newcomer {
            who: *who,
            at: ctx.now().mono + first + wait,
            is_passing,
            is_undecided: is_lost,
        };
        self.newcomers.insert(name.to_owned(), newcomer);
    }

    fn hear_chau(&mut self, ctx: &mut Context<'_>, who: &Identity, time: WallTime) -> Outcome {
        let Some(peer) = ctx.peers_mut().peer_mut(who) else {
            return Outcome::Drop("unknown_peer");
        };
        peer.event_time = time;
        peer.presence = Whereabouts::Offline;
        ctx.emit("presence:gone", &PeerNews { who: *who });
        Outcome::Continue
    }

    fn hear_howdy(&mut self, ctx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let Ok(heading) = Howdy::heading(bytes) else {
            return Outcome::Drop("malformed");
        };
        if let Some(why) = self.why_unread(ctx, &heading) {
            return why;
        }
        let Ok(howdy) = heading.howdy() else {
            return Outcome::Drop("malformed");
        };
        let Some(who) = howdy.sender() else {
            return Outcome::Drop("malformed");
        };
        if who == ctx.me().identity {
            return Outcome::Drop("from_myself");
        }
        let text = Howdy::signed_text(&howdy.from, &howdy.to, howdy.seq);
        let Some(signature) = &howdy.signature else {
            return Outcome::Drop("unsigned");
        };
        if !ctx.follows(&who) {
            return PASSED_OVER;
        }
        if !self.is_wanted(ctx, &howdy.to, &who) {
            return Outcome::Drop("nothing_new");
        }
        if !ctx.crypto().verify(&who.key, text.as_bytes(), signature) {
            return Outcome::Drop("bad_signature");
        }
        if has_left(ctx, &who) {
            return Outcome::Drop("has_left");
        }
        // Only peers known before count, and each once: forged answers must
        // not keep the honest ones silent.
        if ctx.peers().is_online(&who) {
            self.note_answer(ctx.now().mono, &howdy.to, &who);
        }
        // Its word about itself is signed by its own key; what it says of its
        // neighbours is not signed at all, and not believed.
        self.note_online(ctx, &who, &howdy.from);
        if let Some(peer) = ctx.peers_mut().peer_mut(&who) {
            peer.light = peer.light.or(howdy.me.light);
        }
        Outcome::Continue
    }

    fn note_answer(&mut self, now: Instant, to: &str, by: &Identity) {
        let answer = (to.to_owned(), *by);
        if self.answered_by.insert(now, answer, ()).is_none() {
            let seen = self.answers.get(now, &to.to_owned()).copied().unwrap_or(0) + 1;
            self.answers.insert(now, to.to_owned(), seen);
            // What more of them say to it is not worth a signature's check.
            if seen >= HOWDYS_ENOUGH {
                self.newcomers.remove(&to.to_owned());
            }
        }
    }

    fn hear_newspaper(&mut self, ctx: &mut Context<'_>, topic: &str, bytes: &[u8]) -> Outcome {
        let name = topic.strip_prefix(NEWSPAPER_TOPIC).unwrap_or_default();
        if name != ctx.me().name && !Self::may_follow(ctx, name) {
            return PASSED_OVER;
        }
        let Ok(newspaper) = Newspaper::parse(bytes) else {
            return Outcome::Drop("malformed");
        };
        if topic.strip_prefix(NEWSPAPER_TOPIC) != Some(newspaper.from.as_str()) {
            return Outcome::Drop("wrong_topic");
        }
        let Some(who) = newspaper.claimed_identity() else {
            return Outcome::Drop("malformed");
        };
        if who == ctx.me().identity {
            return Outcome::Drop("from_myself");
        }
        let Some(signature) = &newspaper.signature else {
            return Outcome::Drop("unsigned");
        };
        if !ctx
            .crypto()
            .verify(&who.key, newspaper.signed_text().as_bytes(), signature)
        {
            return Outcome::Drop("bad_signature");
        }
        // Keys are not taken from a newspaper: a stranger's is answered with a
        // greeting, and its own greeting will tell.
        if ctx.peers().peer(&who).is_none() {
            if !self.is_one_of_many(newspaper.status.light) {
                self.greet_stranger(ctx);
            }
            return Outcome::Drop("stranger");
        }
        if has_left(ctx, &who) {
            return Outcome::Drop("has_left");
        }
        self.note_online(ctx, &who, &newspaper.from);
        let at = ctx.now();
        if let Some(peer) = ctx.peers_mut().peer_mut(&who) {
            // Whoever named its key in a message is a light nara for good.
            if peer.light != Some(true) {
                peer.light = newspaper.status.light.or(peer.light);
            }
            peer.mode = newspaper
                .memory_mode()
                .and_then(MemoryMode::parse)
                .or(peer.mode);
            let before = core::mem::replace(&mut peer.uptime, newspaper.status.uptime_seconds);
            let has_restarted = peer.uptime < before && peer.note_restart(at);
            // Go naras greet once, so whoever came later has this alone. What
            // it greeted with has a time, and goes first.
            let address = newspaper.status.mesh_ip.as_str();
            let mut is_reached = !address.is_empty() && peer.proof.is_empty();
            if is_reached {
                let proof = newspaper.proof();
                is_reached = proof.len() <= PROOF_SIZE_MAX;
                if is_reached {
                    peer.proof = proof;
                    address.clone_into(&mut peer.mesh_ip);
                }
            }
            let who = PeerNews { who };
            if has_restarted {
                // It keeps what it holds in memory, so that is gone.
                ctx.emit("presence:restarted", &who);
            }
            if is_reached {
                ctx.emit("presence:reached", &who);
            }
        }
        Outcome::Continue
    }

    fn greet_stranger(&mut self, ctx: &mut Context<'_>) {
        let wait = ctx.rng().between(Duration::ZERO, GREET_WITHIN);
        let now = ctx.now().mono;
        // Who has just been greeted is about to answer, or has.
        let is_due = |at: Instant| now - at >= STRANGERS_AFTER;
        if self.strangers_after.is_none_or(|at| at <= now) && self.greeted_at.is_some_and(is_due) {
            self.strangers_after = Some(now + GREET_STRANGERS_EVERY);
            self.greet_at = Some(now + wait);
        }
    }

    /// Greets newcomers that may be Go naras, as soon as strangers may be
    /// greeted again.
    fn meet(&mut self, ctx: &mut Context<'_>) {
        let may_be_go = |who: &Identity| {
            let peer = ctx.peers().peer(who);
            peer.is_some_and(|peer| {
                peer.presence == Whereabouts::Online && peer.light != Some(true)
            })
        };
        self.unmet.retain(may_be_go);
        if self.unmet.is_empty() || self.greeted_at.is_none() {
            return;
        }
        let now = ctx.now().mono;
        match self.strangers_after {
            Some(at) if at > now => self.meet_at = Some(at),
            _ => {
                self.strangers_after = Some(now + GREET_STRANGERS_EVERY);
                self.greet(ctx);
            }
        }
    }

    /// Somebody who is not known asked for something, such as a Go nara that
    /// pushes sooner than it says who it is. It pushes again when it is
    /// greeted again, and is known by then.
    pub fn hear_knock(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        // Apart from strangers' newspapers: one that came just before must not
        // keep a memory away for a minute.
        if self.knocks_after.is_none_or(|at| at <= now) && self.greeted_at.is_some() {
            self.knocks_after = Some(now + GREET_STRANGERS_EVERY);
            self.greet_at = Some(now + KNOCK_AFTER);
        }
    }

    /// Somebody asked for something, and proved under its key that it did so
    /// within the last half minute. That is a sign of life, unless it said
    /// chau: Go naras send their last zine behind it.
    pub fn hear_request(&mut self, ctx: &mut Context<'_>, who: &Identity, name: &str) {
        if !has_left(ctx, who) {
            self.note_online(ctx, who, name);
        }
    }

    fn note_online(&self, ctx: &mut Context<'_>, who: &Identity, name: &str) {
        if ctx.heard(who, name) {
            ctx.log().info(format!("{name} is here"));
            ctx.emit("presence:online", &PeerNews { who: *who });
        }
    }

    fn answer_newcomers(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let due: Vec<(String, Newcomer)> = self
            .newcomers
            .extract_if(|_, newcomer| newcomer.at <= now)
            .gather();
        for (name, newcomer) in due {
            let answered = self.answers.get(now, &name).copied().unwrap_or(0);
            if answered < HOWDYS_ENOUGH
                && (newcomer.is_passing || ctx.peers().is_online(&newcomer.who))
                && (!newcomer.is_undecided || self.is_host(ctx))
            {
                self.say_howdy(ctx, &name);
            }
        }
    }

    fn say_howdy(&mut self, ctx: &mut Context<'_>, to: &str) {
        self.howdy_seq += 1;
        let from = ctx.me().name.clone();
        let text = Howdy::signed_text(&from, to, self.howdy_seq);
        let signature = ctx.crypto().sign(text.as_bytes());
        let last_seen = ctx.now().wall.unix_seconds();
        let howdy = Howdy::to_json(
            &from,
            to,
            self.howdy_seq,
            last_seen,
            &self.status(ctx),
            &signature,
        );
        ctx.publish(HOWDY_TOPIC, howdy.into_bytes());
    }

    fn sweep(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.sweep_at = Some(now.mono + SWEEP_EVERY);
        // While the plaza is out of reach, silence says nothing of others.
        if !ctx.is_connected() {
            return;
        }
        for who in ctx.peers_mut().mark_missing(now) {
            ctx.log().info(format!("{} is missing", who.id));
            ctx.emit("presence:gone", &PeerNews { who });
        }
        for who in ctx.peers_mut().restarted_again(now) {
            ctx.emit("presence:restarted", &PeerNews { who });
        }
    }
}

/// Whether somebody said chau. Howdys and newspapers name no time that is
/// signed, so an old one must not bring it back; its next greeting does.
fn has_left(ctx: &Context<'_>, who: &Identity) -> bool {
    let peer = ctx.peers().peer(who);
    peer.is_some_and(|peer| peer.presence == Whereabouts::Offline)
}

impl Service for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::local("plaza:online").version(1, Self::on_connected),
            Behaviour::local("plaza:offline").version(1, Self::on_disconnected),
            Behaviour::local("stash:go_on").version(1, Self::on_go_on),
            Behaviour::local("runtime:own").version(1, Self::on_own),
            Behaviour::protocol(LOST, GONE_TOPIC)
                .version(1, Self::on_lost)
                .rate_limit(PINGS, PINGS_SPAN)
                .signed_ahead(),
            Behaviour::mesh_request(PING)
                .version(1, Self::on_ping)
                .rate_limit(PINGS, PINGS_SPAN),
            Behaviour::mesh_request(PONG).version(1, Self::on_late_pong),
            Behaviour::local("clock:set").version(1, Self::on_clock_set),
            Behaviour::local("presence:introduce").version(1, Self::on_introduce),
        ]
    }

    fn topics(&self) -> Vec<String> {
        let newspapers = format!("{NEWSPAPER_TOPIC}+");
        vec![
            HEY_THERE_TOPIC.into(),
            CHAU_TOPIC.into(),
            HOWDY_TOPIC.into(),
            newspapers,
        ]
    }

    fn start(&mut self, ctx: &mut Context<'_>) {
        self.sweep_at = Some(ctx.now().mono + SWEEP_EVERY);
    }

    fn stop(&mut self, ctx: &mut Context<'_>) {
        let (name, identity) = (ctx.me().name.clone(), ctx.me().identity);
        let event = SyncEvent::chau(ctx.now().wall, &name, &identity);
        self.publish_event(ctx, CHAU_TOPIC, event);
    }

    fn handle_plaza(&mut self, ctx: &mut Context<'_>, topic: &str, bytes: &[u8]) -> Outcome {
        match topic {
            HEY_THERE_TOPIC | CHAU_TOPIC => self.hear_event(ctx, bytes),
            HOWDY_TOPIC => self.hear_howdy(ctx, bytes),
            _ => self.hear_newspaper(ctx, topic, bytes),
        }
    }

    fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let is_due = |at: &mut Instant| *at <= now;
        if self.greet_at.take_if(is_due).is_some() {
            self.greet(ctx);
        }
        if self.newspaper_at.take_if(is_due).is_some() {
            self.publish_newspaper(ctx);
        }
        if self.meet_at.take_if(is_due).is_some() && ctx.is_connected() {
            self.meet(ctx);
        }
        if let Some(at) = self.sweep_at.take_if(is_due) {
            // Whoever slept itself did not hear; the others are heard first.
            if now - at < SWEEP_EVERY {
                self.sweep(ctx);
            } else {
                self.sweep_at = Some(now + SWEEP_EVERY);
            }
        }
        self.answer_newcomers(ctx);
        self.check_gone(ctx);
    }

    fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        self.end_check(ctx, call, result);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let newcomers = self.newcomers.values().map(|newcomer| newcomer.at).min();
        [
            self.greet_at,
            self.newspaper_at,
            self.sweep_at,
            self.meet_at,
            newcomers,
            self.gone.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_gone;
