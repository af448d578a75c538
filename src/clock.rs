//! The clock service: asks those whose words seem too old or too new what time
//! it is, so that a nara whose own clock is off finds out.
//!
//! Both kinds are our own; Go naras pass over them. A question is taken at any
//! time, since who asks may be the one that is off. The answer names the
//! question where it is signed, so it is taken, too, and the runtime measures
//! by it as by every other answer.

use crate::base::{ExpiringMap, Gather, Identity, Instant, PublicKey};
use crate::message::Ping;
use crate::runtime::{Behaviour, Context, Delivery, Outcome, PeerNews, Service};
use core::time::Duration;

/// "What time is it?"
pub const ASK: &str = "clock:ask";
/// "It is now," says the message's own time.
pub const TELL: &str = "clock:tell";

/// One peer is asked so often at most.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// And so often by one that goes by its peers' clocks and not by its own: they
/// may have been set since, and then nobody listens to it.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Peers that were asked lately and are remembered; while there are so many
/// nobody else is asked.
const ASKED_MAX: usize = 64;

/// How long an answer may take to be of use.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One peer is answered so often at most.
const TELLS_MAX: u32 = 6;

/// Of all who hear somebody with another time, so many ask on average.
const ASKERS: u32 = 5;

/// The service.
pub struct Clock {
    asked: ExpiringMap<PublicKey, Instant>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            asked: ExpiringMap::new(ASKED_MAX, ASK_EVERY),
        }
    }
}

impl Clock {
    pub(crate) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("clocks asked", self.asked.len());
    }

    fn on_doubt(&mut self, ctx: &mut Context<'_>, _: &Delivery, news: PeerNews) -> Outcome {
        let (now, who) = (ctx.now().mono, news.who);
        self.asked.expire(now);
        let yields = ctx.clock().is_corrected();
        let wait = if yields { ASK_AGAIN_AFTER } else { ASK_EVERY };
        let is_asked = |key: &PublicKey| {
            let at = self.asked.get(now, key);
            at.is_some_and(|at| now - *at < wait)
        };
        if is_asked(&who.key) || self.asked.len() >= ASKED_MAX {
            return Outcome::Drop("asked_already");
        }
        let online = u32::try_from(ctx.peers().online().count()).unwrap_or(u32::MAX);
        if !yields && online > ASKERS && ctx.rng().below(online) >= ASKERS {
            return Outcome::Drop("others_ask");
        }
        // Only those would be asked who seem off, and believed for being many:
        // so somebody else is asked each time.
        let others = ctx.peers().online().map(|(other, _)| other);
        let others = others.filter(|other| **other != who && !is_asked(&other.key));
        let others: Vec<Identity> = others.cloned().gather();
        self.ask(ctx, &who);
        let place = ctx.rng().below(u32::try_from(others.len()).unwrap_or(0));
        if let Some(other) = others.get(place as usize) {
            self.ask(ctx, other);
        }
        Outcome::Continue
    }

    fn ask(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let request_id = ctx.rng().request_id();
        let question = Ping { request_id };
        // Without an answer nothing is known that was not known before.
        if ctx.call(who, ASK, &question, TELL, ANSWER_WITHIN).is_ok() {
            let now = ctx.now().mono;
            self.asked.insert(now, who.key, now);
        }
    }

    fn on_ask(&mut self, ctx: &mut Context<'_>, from: &Delivery, question: Ping) -> Outcome {
        ctx.reply(from, TELL, &question)
    }

    fn on_late_tell(&mut self, _: &mut Context<'_>, _: &Delivery, _: Ping) -> Outcome {
        Outcome::Drop("late_reply")
    }
}

impl Service for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request(ASK)
                .version(1, Self::on_ask)
                .rate_limit(TELLS_MAX, ASK_EVERY)
                .any_time(),
            Behaviour::mesh_request(TELL).version(1, Self::on_late_tell),
            Behaviour::local("clock:doubt").version(1, Self::on_doubt),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::WallTime;
    use crate::message::{Message, Timestamp};
    use crate::runtime::MockRuntime;

    fn rt() -> MockRuntime {
        MockRuntime::new("me").with(Clock::default()).started()
    }

    /// A message of somebody whose clock is off by so many seconds.
    fn off(rt: &MockRuntime, name: &str, kind: &str, request_id: &str, seconds: i64) -> Message {
        let who = MockRuntime::identity(name);
        let request_id = request_id.to_owned();
        let mut message = rt.message(&who, kind, &Ping { request_id });
        let nanos = rt.now().wall.unix_nanos() + seconds * 1_000_000_000;
        message.timestamp = Timestamp::from_wall(WallTime::from_unix_nanos(nanos));
        MockRuntime::sign(&who, message)
    }

    /// Lets a peer with another clock be heard and answer what it is asked.
    fn answer(rt: &mut MockRuntime, name: &str, seconds: i64) {
        rt.deliver(&off(rt, name, TELL, "stray", seconds));
        if seconds == 0 {
            let (who, request_id) = (MockRuntime::identity(name), "r".repeat(16));
            let question = Ping { request_id };
            rt.command(|_: &mut Clock, ctx| {
                ctx.call(&who, ASK, &question, TELL, ANSWER_WITHIN).unwrap()
            });
        }
        let asked = rt.emitted().pop().unwrap();
        assert_eq!((asked.kind.as_str(), asked.to_id.as_str()), (ASK, name));
        let id = asked.payload.split('"').nth(3).unwrap();
        let mut told = off(rt, name, TELL, id, seconds);
        told.in_reply_to = asked.id;
        rt.deliver(&told);
    }

    #[test]
    fn who_seems_off_is_asked_once_a_minute_and_its_answer_is_measured() {
        let mut rt = rt();
        answer(&mut rt, "bob", -300);
        assert_eq!(rt.runtime().clock().offset_ms(), Some(-300_000));
        rt.deliver(&off(&rt, "bob", TELL, "stray again", -900));
        assert!(rt.emitted().is_empty());
    }

    #[test]
    fn a_nara_whose_own_clock_is_off_corrects_it_and_says_so_to_its_services() {
        let mut rt = rt();
        let wrong = rt.now().wall;
        answer(&mut rt, "bob", -300);
        answer(&mut rt, "carol", -301);
        let kinds: Vec<String> = rt.locals().into_iter().map(|local| local.kind).collect();
        assert!(kinds.contains(&"clock:set".to_owned()), "{kinds:?}");
        let now = rt.command(|_: &mut Clock, ctx| ctx.now().wall);
        assert_eq!(now.distance(wrong), Duration::from_secs(300));
        rt.deliver(&off(&rt, "dave", TELL, "at the peers' time", -300));
        rt.deliver(&off(&rt, "dave", TELL, "at the old time", 0));
        let dropped = |reason| rt.dropped(reason);
        // Carol's first word was recent by what Bob alone had said.
        assert_eq!((dropped("late_reply"), dropped("from_the_future")), (2, 1));
        let question = Ping::default();
        let to = MockRuntime::identity("bob");
        rt.command(|_: &mut Clock, ctx| ctx.send(&to, ASK, &question));
        let sent = rt.emitted().pop().unwrap().timestamp.wall().unwrap();
        assert!(sent.distance(now) < Duration::from_secs(1));
    }

    #[test]
    fn whoever_goes_by_its_peers_clocks_asks_them_again_after_ten_seconds() {
        let mut rt = rt();
        answer(&mut rt, "bob", -300);
        answer(&mut rt, "carol", -301);
        rt.advance(Duration::from_secs(9));
        rt.deliver(&off(&rt, "bob", TELL, "its clock was set", 0));
        assert!(rt.emitted().is_empty());
        rt.advance(Duration::from_secs(1));
        rt.deliver(&off(&rt, "bob", TELL, "as it says again", 0));
        let sent = rt.emitted();
        assert!(sent.iter().any(|one| one.kind == ASK && one.to_id == "bob"));
    }

    #[test]
    fn a_question_is_answered_whatever_time_it_names_but_makes_nobody_seem_online() {
        let mut rt = rt();
        let ask = off(&rt, "bob", ASK, "a-random-question", 3_600);
        rt.deliver(&ask);
        let sent = rt.emitted();
        let told = sent.iter().find(|one| one.kind == TELL).unwrap();
        assert!(told.payload.contains("a-random-question"));
        let bob = MockRuntime::identity("bob");
        assert!(!rt.runtime().peers().is_online(&bob));
        assert!(sent.iter().any(|one| one.kind == ASK));
    }

    #[test]
    fn an_old_answer_under_a_new_requests_id_is_dropped_and_not_measured() {
        let mut rt = rt();
        rt.deliver(&off(&rt, "bob", TELL, "stray", -300));
        let asked = rt.emitted().pop().unwrap();
        answer(&mut rt, "carol", 0);
        let mut old = off(&rt, "bob", TELL, "an-older-question", -300);
        old.in_reply_to = asked.id;
        rt.deliver(&old);
        assert_eq!(rt.dropped("too_old"), 2);
        assert_eq!(rt.runtime().clock().offset_ms(), Some(0));
    }
}
