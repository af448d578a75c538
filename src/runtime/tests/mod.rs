//! The runtime's promises, each named as a fact, on a service made for them.

mod fresh;
mod limits;

use super::*;
use crate::base::Identity;
use crate::message::Payload;
use core::time::Duration;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    text: String,
}

impl Payload for Word {
    const FIELDS: &'static [&'static str] = &["text"];
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LoudWord {
    text: String,
    loudness: u32,
}

impl Payload for LoudWord {
    const FIELDS: &'static [&'static str] = &["text", "loudness"];
}

fn word(text: &str) -> Word {
    Word {
        text: text.to_owned(),
    }
}

/// Hears and answers words, and writes down what happens.
#[derive(Default)]
struct Parrot {
    heard: Vec<String>,
    ends: Vec<Result<String, CallError>>,
}

impl Parrot {
    fn on_say(&mut self, ctx: &mut Context<'_>, delivery: &Delivery, said: Word) -> Outcome {
        self.heard.push(said.text.clone());
        ctx.reply(delivery, "parrot:echo", &said)
    }

    fn on_loud(&mut self, _: &mut Context<'_>, _: &Delivery, said: LoudWord) -> Outcome {
        self.heard
            .push(format!("{} at {}", said.text, said.loudness));
        Outcome::Continue
    }

    fn on_echo(&mut self, _: &mut Context<'_>, _: &Delivery, said: Word) -> Outcome {
        self.heard.push(format!("late {}", said.text));
        Outcome::Continue
    }

    fn on_fault(&mut self, _: &mut Context<'_>, _: &Delivery, said: Word) -> Outcome {
        Outcome::Fail(format!("cannot bear {}", said.text))
    }

    fn on_local(&mut self, _: &mut Context<'_>, _: &Delivery, said: Word) -> Outcome {
        self.heard.push(format!("local {}", said.text));
        Outcome::Continue
    }

    fn refuse_whispers(delivery: &Delivery) -> Outcome {
        match delivery.payload().contains("psst") {
            true => Outcome::Drop("whispered"),
            false => Outcome::Continue,
        }
    }
}

impl Service for Parrot {
    fn name(&self) -> &'static str {
        "parrot"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request("parrot:say")
                .version(1, Self::on_say)
                .version(2, Self::on_loud)
                .filter(Self::refuse_whispers),
            Behaviour::mesh_request("parrot:echo").version(1, Self::on_echo),
            Behaviour::mesh_request("parrot:rare")
                .version(1, Self::on_echo)
                .rate_limit(2, Duration::from_secs(60)),
            Behaviour::mesh_request("parrot:fault")
                .version(1, Self::on_fault)
                .on_error(ErrorStrategy::Queue),
            Behaviour::mesh_request("parrot:stubborn")
                .version(1, Self::on_echo)
                .on_error(ErrorStrategy::Retry),
            Behaviour::ephemeral("parrot:shout", "nara/plaza/parrot").version(1, Self::on_echo),
            Behaviour::local("parrot:local").version(1, Self::on_local),
        ]
    }

    fn handle_reply(
        &mut self,
        _: &mut Context<'_>,
        _: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        self.ends
            .push(result.map(|delivery| delivery.payload().to_owned()));
    }
}

fn parrot() -> MockRuntime {
    MockRuntime::new("parrot").with(Parrot::default()).started()
}

fn friend() -> Identity {
    MockRuntime::identity("friend")
}

fn heard(rt: &MockRuntime) -> &[String] {
    &rt.service::<Parrot>().heard
}

fn ends(rt: &MockRuntime) -> &[Result<String, CallError>] {
    &rt.service::<Parrot>().ends
}

fn call(rt: &mut MockRuntime, text: &str) -> Result<CallId, CallError> {
    let (to, said) = (friend(), word(text));
    rt.command(|_: &mut Parrot, ctx| {
        ctx.call(&to, "parrot:say", &said, "parrot:echo", CALL_DEADLINE)
    })
}

#[test]
fn a_verified_message_reaches_the_handler_of_its_version() {
    let mut rt = parrot();
    rt.deliver(&rt.message(&friend(), "parrot:say", &word("hello")));
    let mut second = rt.message(
        &friend(),
        "parrot:say",
        &LoudWord {
            text: "x".into(),
            loudness: 3,
        },
    );
    second.version = 2;
    rt.deliver(&second);
    assert_eq!(heard(&rt), ["hello", "x at 3"]);
}

#[test]
fn what_is_emitted_carries_the_highest_version() {
    let mut rt = parrot();
    let to = friend();
    let loud = LoudWord {
        text: "x".into(),
        loudness: 1,
    };
    rt.command(|_: &mut Parrot, ctx| ctx.send(&to, "parrot:say", &loud));
    let sent = rt.emitted().remove(0);
    assert_eq!(
        (sent.version, sent.to_id.as_str(), sent.id.len()),
        (2, "friend", 16)
    );
    assert!(sent.signature.is_some());
}

#[test]
fn each_unwanted_message_is_dropped_with_its_reason_and_reaches_no_handler() {
    let mut rt = parrot();
    let good = rt.message(&friend(), "parrot:say", &word("x"));
    let changed = |change: &dyn Fn(&mut Message)| {
        let mut message = good.clone();
        change(&mut message);
        MockRuntime::sign(&friend(), message)
    };
    let cases = [
        ("unknown_kind", changed(&|m| m.kind = "parrot:sing".into())),
        ("unknown_version", changed(&|m| m.version = 9)),
        ("unknown_version", changed(&|m| m.version = 0)),
        ("not_for_me", changed(&|m| m.to_id = "other".into())),
        (
            "malformed_payload",
            changed(&|m| m.payload = "{\"text\":7}".to_owned()),
        ),
        (
            "malformed_payload",
            changed(&|m| m.payload = "{\"Text\":\"x\"}".to_owned()),
        ),
        (
            "whispered",
            changed(&|m| m.payload = "{\"text\":\"psst\"}".to_owned()),
        ),
    ];
    for (reason, message) in cases {
        let before = rt.dropped(reason);
        rt.deliver(&message);
        assert_eq!(rt.dropped(reason), before + 1, "{reason}");
    }
    let mut unsigned = good.clone();
    unsigned.signature = None;
    let mut tampered = good.clone();
    tampered.payload = "{\"text\":\"other\"}".to_owned();
    for message in [unsigned, tampered] {
        rt.deliver(&message);
    }
    assert_eq!(rt.dropped("bad_signature"), 2);
    assert!(heard(&rt).is_empty());
    rt.deliver(&good);
    assert_eq!(heard(&rt), ["x"]);
}

#[test]
fn a_message_that_names_a_key_which_did_not_sign_it_is_dropped() {
    let mut rt = parrot();
    let mut re_keyed = rt.message(&friend(), "parrot:say", &word("x"));
    re_keyed.key = Some(MockRuntime::identity("mallory").key);
    rt.deliver(&re_keyed);
    assert_eq!((heard(&rt).len(), rt.dropped("bad_signature")), (0, 1));
}

#[test]
fn a_message_in_my_own_name_and_key_is_dropped() {
    let mut rt = parrot();
    let me = MockRuntime::identity("parrot");
    rt.deliver(&rt.message(&me, "parrot:say", &word("x")));
    assert_eq!(rt.dropped("from_myself"), 1);
}

#[test]
fn a_repeated_request_gets_the_same_answer_again_and_is_handled_once() {
    let mut rt = parrot();
    let request = rt.message(&friend(), "parrot:say", &word("hello"));
    rt.deliver(&request);
    rt.deliver(&request);
    let answers = rt.sent();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].bytes, answers[1].bytes);
    assert_eq!(heard(&rt), ["hello"]);
    assert_eq!(rt.dropped("repeated_request"), 1);
}

#[test]
fn a_repeat_of_what_had_no_answer_is_dropped() {
    let mut rt = parrot();
    let message = rt.message(&friend(), "parrot:echo", &word("x"));
    rt.deliver(&message);
    rt.deliver(&message);
    assert_eq!((heard(&rt).len(), rt.dropped("duplicate_id")), (1, 1));
}

#[test]
fn a_sender_over_its_rate_is_not_heard_until_the_span_has_passed() {
    let mut rt = parrot();
    let say = |rt: &mut MockRuntime, text: &str| {
        rt.deliver(&rt.message(&friend(), "parrot:rare", &word(text)));
    };
    for text in ["1", "2", "3"] {
        say(&mut rt, text);
    }
    assert_eq!((heard(&rt).len(), rt.dropped("rate_limited")), (2, 1));
    rt.advance(Duration::from_secs(60));
    say(&mut rt, "4");
    assert_eq!(heard(&rt).len(), 3);
}

#[test]
fn a_verified_reply_completes_its_call_once_and_a_second_one_is_late() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    rt.answer(&request, &friend(), "parrot:echo", &word("x"));
    rt.answer(&request, &friend(), "parrot:echo", &word("again"));
    assert_eq!(ends(&rt), [Ok("{\"text\":\"x\"}".to_owned())]);
    assert_eq!(heard(&rt), ["late again"]);
}

#[test]
fn a_reply_from_the_wrong_peer_or_of_the_wrong_kind_leaves_the_call_pending() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    rt.answer(
        &request,
        &MockRuntime::identity("mallory"),
        "parrot:echo",
        &word("forged"),
    );
    rt.answer(&request, &friend(), "parrot:rare", &word("other kind"));
    let mut unsigned = rt.message(&friend(), "parrot:echo", &word("unsigned"));
    unsigned.in_reply_to.clone_from(&request.id);
    unsigned.signature = None;
    rt.deliver(&unsigned);
    assert!(ends(&rt).is_empty());
    rt.answer(&request, &friend(), "parrot:echo", &word("real"));
    assert_eq!(ends(&rt).len(), 1);
}

#[test]
fn a_call_ends_at_its_deadline_exactly_once() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    rt.advance(CALL_DEADLINE - Duration::from_millis(1));
    assert!(ends(&rt).is_empty());
    rt.advance(Duration::from_millis(1));
    assert_eq!(ends(&rt), [Err(CallError::Timeout)]);
    rt.advance(Duration::from_secs(600));
    assert_eq!(ends(&rt).len(), 1);
}

#[test]
fn a_reply_that_is_read_after_the_deadline_is_late_however_long_nobody_looked() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    rt.oversleep(CALL_DEADLINE);
    rt.answer(&request, &friend(), "parrot:echo", &word("x"));
    assert_eq!(heard(&rt), ["late x"]);
    rt.advance(Duration::from_secs(1));
    assert_eq!(ends(&rt), [Err(CallError::Timeout)]);
}

#[test]
fn a_cancelled_call_never_ends_and_its_reply_is_late() {
    let mut rt = parrot();
    let id = call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    assert!(rt.command(|_: &mut Parrot, ctx| ctx.cancel(id)));
    rt.answer(&request, &friend(), "parrot:echo", &word("x"));
    rt.advance(CALL_DEADLINE);
    assert!(ends(&rt).is_empty());
    assert_eq!(heard(&rt), ["late x"]);
}

#[test]
fn pending_calls_are_limited() {
    let mut rt = parrot();
    for _ in 0..CALLS_MAX {
        call(&mut rt, "x").unwrap();
        rt.emitted();
    }
    assert_eq!(call(&mut rt, "one more"), Err(CallError::TooMany));
    rt.advance(CALL_DEADLINE);
    assert_eq!(ends(&rt).len(), CALLS_MAX);
    assert!(call(&mut rt, "x").is_ok());
}

#[test]
fn a_call_without_a_plaza_fails_at_once() {
    let mut rt = parrot();
    rt.set_connected(false);
    assert_eq!(call(&mut rt, "x"), Err(CallError::NotSent));
}

#[test]
fn two_equal_requests_in_one_tick_have_different_ids() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    call(&mut rt, "x").unwrap();
    let sent = rt.emitted();
    assert_ne!(sent[0].id, sent[1].id);
}

#[test]
fn a_failed_message_is_kept_for_inspection_where_its_behaviour_says_so() {
    let mut rt = parrot();
    for n in 0..=DEAD_LETTERS_MAX {
        rt.deliver(&rt.message(&friend(), "parrot:fault", &word(&n.to_string())));
    }
    let letters = rt.runtime().dead_letters();
    assert_eq!(letters.len(), DEAD_LETTERS_MAX);
    assert_eq!(
        letters[0],
        ("parrot:fault".to_owned(), "cannot bear 1".to_owned())
    );
}

#[test]
fn a_message_that_could_not_leave_is_tried_again_after_1_2_and_4_seconds() {
    let mut rt = parrot();
    rt.set_connected(false);
    let (to, said) = (friend(), word("patience"));
    rt.command(|_: &mut Parrot, ctx| ctx.send(&to, "parrot:stubborn", &said));
    rt.advance(Duration::from_millis(2_999));
    assert!(rt.emitted().is_empty());
    rt.set_connected(true);
    rt.advance(Duration::from_secs(4));
    assert_eq!(rt.emitted().len(), 1);
    rt.advance(Duration::from_secs(60));
    assert!(rt.emitted().is_empty());
}

#[test]
fn an_ephemeral_broadcast_is_neither_signed_nor_verified() {
    let mut rt = parrot();
    let said = word("anybody?");
    rt.command(|_: &mut Parrot, ctx| ctx.emit("parrot:shout", &said));
    let sent = rt.sent().remove(0);
    assert_eq!(
        sent.way,
        Way::Plaza {
            topic: "nara/plaza/parrot".to_owned()
        }
    );
    let message = Message::parse(&sent.bytes).unwrap();
    assert!(message.signature.is_none());
    rt.deliver_plaza("nara/plaza/parrot", &sent.bytes);
    assert_eq!(heard(&rt), ["late anybody?"]);
}

#[test]
fn a_local_message_reaches_every_service_and_never_the_network() {
    #[derive(Default)]
    struct Listener(Vec<String>);
    impl Listener {
        fn on_local(&mut self, _: &mut Context<'_>, _: &Delivery, said: Word) -> Outcome {
            self.0.push(said.text);
            Outcome::Continue
        }
    }
    impl Service for Listener {
        fn name(&self) -> &'static str {
            "listener"
        }
        fn behaviours(&self) -> Vec<Behaviour> {
            vec![Behaviour::local("parrot:local").version(1, Self::on_local)]
        }
    }
    let mut rt = MockRuntime::new("me")
        .with(Parrot::default())
        .with(Listener::default())
        .started();
    let said = word("psst");
    rt.command(|_: &mut Parrot, ctx| ctx.emit("parrot:local", &said));
    assert_eq!(heard(&rt), ["local psst"]);
    assert_eq!(rt.service::<Listener>().0, ["psst"]);
    assert!(rt.sent().is_empty());
    let local = rt.locals().pop().unwrap();
    assert_eq!(
        (local.kind.as_str(), local.from),
        ("parrot:local", "parrot")
    );
}

#[test]
fn log_records_say_which_service_of_which_nara_spoke() {
    let mut rt = parrot();
    rt.command(|_: &mut Parrot, ctx| ctx.log().info("x".repeat(10_000)));
    let record = rt.logs().pop().unwrap();
    assert_eq!((record.service, record.nara.as_str()), ("parrot", "parrot"));
    assert!(record.text.len() < 600);
}

#[test]
fn a_key_that_a_message_names_proves_that_key_and_no_other() {
    let mut rt = parrot();
    let known = rt.register("friend");
    let stranger = Identity {
        id: known.id,
        key: MockRuntime::identity("mallory").key,
    };
    let mut message = rt.message(&stranger, "parrot:say", &word("I am friend"));
    message.in_reply_to = "none".into();
    rt.deliver(&MockRuntime::sign(&stranger, message));
    let claimants: Vec<_> = rt.runtime().peers().claimants(&known.id).cloned().collect();
    assert_eq!(claimants.len(), 2);
    assert!(claimants.contains(&known) && claimants.contains(&stranger));
}

#[test]
fn topics_match_level_by_level() {
    let cases = [
        ("nara/newspaper/+", "nara/newspaper/bob", true),
        ("nara/newspaper/+", "nara/newspaper/bob/x", false),
        ("nara/newspaper/+", "nara/newspaper", false),
        ("nara/plaza/chau", "nara/plaza/chau", true),
        ("nara/plaza/chau", "nara/plaza/howdy", false),
    ];
    for (filter, topic, expected) in cases {
        assert_eq!(topic_matches(filter, topic), expected, "{filter} {topic}");
    }
}

#[test]
fn a_remembered_reply_goes_out_three_times_at_most() {
    let mut rt = parrot();
    let request = rt.message(&friend(), "parrot:say", &word("hello"));
    for _ in 0..10 {
        rt.deliver(&request);
    }
    assert_eq!(rt.sent().len(), 3);
    assert_eq!(
        (rt.dropped("repeated_request"), rt.dropped("duplicate_id")),
        (2, 7)
    );
}

#[test]
fn a_peer_first_heard_by_a_message_is_announced() {
    let mut rt = parrot();
    rt.deliver(&rt.message(&friend(), "parrot:echo", &word("hi")));
    let kinds: Vec<String> = rt.locals().into_iter().map(|local| local.kind).collect();
    assert!(kinds.contains(&"presence:online".to_owned()));
}
