//! What is limited, reached.

use super::*;

#[test]
fn an_answered_call_does_not_end_again_at_its_deadline() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    rt.answer(&request, &friend(), "parrot:echo", &word("x"));
    rt.set_connected(false);
    rt.advance(2 * CALL_DEADLINE);
    assert_eq!(ends(&rt), [Ok("{\"text\":\"x\"}".to_owned())]);
}

#[test]
fn a_request_that_could_not_leave_is_no_call_and_never_ends() {
    let mut rt = parrot();
    rt.set_connected(false);
    assert_eq!(call(&mut rt, "x"), Err(CallError::NotSent));
    rt.set_connected(true);
    rt.advance(2 * CALL_DEADLINE);
    assert!(ends(&rt).is_empty());
}

#[test]
fn ids_are_remembered_up_to_a_limit_and_the_oldest_is_forgotten_first() {
    let mut rt = parrot();
    let first = rt.message(&friend(), "parrot:echo", &word("first"));
    rt.deliver(&first);
    for n in 1..IDS_REMEMBERED_MAX {
        rt.advance(Duration::from_millis(5));
        rt.deliver(&rt.message(&friend(), "parrot:echo", &word(&n.to_string())));
    }
    rt.deliver(&first);
    assert_eq!(rt.dropped("duplicate_id"), 1);
    rt.deliver(&rt.message(&friend(), "parrot:echo", &word("one more")));
    rt.deliver(&first);
    assert_eq!(heard(&rt).len(), IDS_REMEMBERED_MAX + 2);
}

#[test]
fn an_id_that_another_key_used_is_no_repeat() {
    let mut rt = parrot();
    let mut theirs = rt.message(&friend(), "parrot:echo", &word("x"));
    rt.deliver(&theirs);
    let mallory = MockRuntime::identity("mallory");
    theirs.from_id = "mallory".to_owned();
    theirs.key = Some(mallory.key);
    let id = theirs.id.clone();
    let mut taken = MockRuntime::sign(&mallory, theirs);
    taken.id = id;
    let text = taken.signable();
    taken.signature = Some(MockCrypto::new(mallory.key).sign(text.as_bytes()));
    rt.deliver(&taken);
    assert_eq!((heard(&rt).len(), rt.dropped("duplicate_id")), (2, 0));
}

#[test]
fn messages_that_wait_to_leave_are_limited() {
    let mut rt = parrot();
    let (to, said) = (friend(), word("x"));
    let waiting = rt.command(|_: &mut Parrot, ctx| {
        let sent = (0..OUTBOX_MAX + 10).map(|_| ctx.send(&to, "parrot:echo", &said));
        sent.filter(|outcome| *outcome == Outcome::Continue).count()
    });
    assert_eq!(waiting, OUTBOX_MAX);
    assert_eq!(rt.dropped("failed"), 10);
}

#[test]
fn a_message_that_nobody_would_read_is_not_sent() {
    let mut rt = parrot();
    let mut send = |length: usize| {
        let said = word(&"a".repeat(length));
        rt.command(|_: &mut Parrot, ctx| ctx.send(&friend(), "parrot:echo", &said))
    };
    assert_eq!(send(SENT_SIZE_MAX - 1_000), Outcome::Continue);
    let Outcome::Fail(why) = send(SENT_SIZE_MAX) else {
        panic!("it was sent");
    };
    assert!(why.starts_with("the message has 65"), "{why}");
    assert!(why.ends_with("at most 65000 are sent"), "{why}");
    assert_eq!(rt.dropped("failed"), 1);
}

#[test]
fn services_that_answer_each_other_for_ever_are_stopped() {
    struct Echo;
    impl Echo {
        fn on_local(&mut self, ctx: &mut Context<'_>, _: &Delivery, said: Word) -> Outcome {
            ctx.emit("parrot:local", &said)
        }
    }
    impl Service for Echo {
        fn name(&self) -> &'static str {
            "echo"
        }
        fn behaviours(&self) -> Vec<Behaviour> {
            vec![Behaviour::local("parrot:local").version(1, Self::on_local)]
        }
    }
    let mut rt = MockRuntime::new("me").with(Echo).started();
    rt.local("parrot:local", &word("again"));
    assert_eq!(rt.dropped("local_loop"), 1);
}

#[test]
fn what_is_said_as_json_is_checked_by_the_kind_and_spelled_canonically() {
    let mut rt = parrot();
    let to = friend();
    let sent = rt.command(|_: &mut Parrot, ctx| {
        [
            ctx.send_json(&to, "parrot:echo", "{ \"other\": 1, \"text\": \"<x>\" }"),
            ctx.send_json(&to, "parrot:echo", "{\"Text\":\"x\"}"),
            ctx.send_json(&to, "parrot:echo", "[]"),
        ]
    });
    assert_eq!(sent[0], Outcome::Continue);
    assert!(matches!(&sent[1], Outcome::Fail(why) if why.contains("\"Text\"")));
    assert!(matches!(&sent[2], Outcome::Fail(why) if why.starts_with("not a JSON object")));
    assert_eq!(rt.emitted()[0].payload, "{\"text\":\"\\u003cx\\u003e\"}");
}

#[test]
fn a_service_can_be_let_speak_by_its_name() {
    let mut rt = parrot();
    let now = rt.now();
    let said = word("hello");
    let mut speak = |name: &str| {
        rt.runtime_mut()
            .speak_as(now, name, |ctx| ctx.emit("parrot:local", &said))
    };
    assert_eq!(speak("parrot"), Some(Outcome::Continue));
    assert_eq!(speak("nobody"), None);
    assert_eq!(heard(&rt), ["local hello"]);
}

#[test]
fn a_flood_of_new_ids_takes_nobodys_key_who_names_none() {
    let mut rt = parrot();
    let gopher = rt.register("gopher");
    rt.advance(Duration::from_secs(1));
    for n in 0..2 * crate::neighbourhood::PEERS_MAX {
        rt.register(&format!("p{n}"));
    }
    let mut message = rt.message(&gopher, "parrot:echo", &word("still known"));
    message.key = None;
    rt.deliver(&message);
    assert_eq!(heard(&rt), ["late still known"]);
}
