//! Attacks on calls: answers that are none, and requests that come again.

use super::peer::{Peer, direct};
use super::target::{SECOND, Target, of_kind, response};
use core::time::Duration;
use light_nara::message::{Ack, Message, Request, Response};
use light_nara::nara::Config;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An owner that has just asked its only peer to hold its memory, and somebody
/// else who knows the store.
fn asked() -> (Target, Peer, Peer, Message) {
    let mut target = Target::new();
    let [confidant, attacker] = target.meet(["confidant", "attacker"]);
    let chau = attacker.chau(target.wall());
    target.hear(&chau);
    let sent = target.set("{\"tea\":1}").unwrap();
    let store = of_kind(&sent, "stash:store").remove(0);
    assert_eq!(store.to_id, confidant.id());
    (target, confidant, attacker, store)
}

/// The honest ack still counts: the call was left pending.
#[track_caller]
fn is_still_pending(mut target: Target, confidant: &Peer, store: &Message) {
    assert_eq!(target.holders(), 0);
    let ack = confidant.acks(&target, store);
    target.hear(&direct(&ack));
    assert_eq!(target.holders(), 1, "the call had ended");
}

#[test]
fn an_answer_whose_signature_does_not_fit_leaves_the_call_pending() {
    let (mut target, confidant, attacker, store) = asked();
    let honest = confidant.acks(&target, &store);
    let mut unsigned = honest.clone();
    unsigned.signature = None;
    target.drops(&direct(&unsigned), "bad_signature");
    let mut keyless = unsigned.clone();
    keyless.key = None;
    target.drops(&direct(&keyless), "bad_signature");
    let mut forged = attacker.sign(unsigned);
    forged.key = Some(confidant.who.key);
    target.drops(&direct(&forged), "bad_signature");
    is_still_pending(target, &confidant, &store);
}

#[test]
fn an_answer_from_somebody_else_leaves_the_call_pending() {
    let (mut target, confidant, attacker, store) = asked();
    // Known and online again, so that its being heard changes nothing.
    target.advance(SECOND / 10);
    let hello = attacker.hey_there(target.wall());
    target.hear(&hello);
    let other = attacker.acks(&target, &store);
    target.drops(&direct(&other), "late_reply");
    // Under the confidant's id, but with a key of its own.
    let liar = Peer::posing_as("attacker", &confidant.who.id, "confidant");
    let hello = liar.hey_there(target.wall());
    target.hear(&hello);
    let posing = liar.acks(&target, &store);
    target.drops(&direct(&posing), "late_reply");
    is_still_pending(target, &confidant, &store);
}

#[test]
fn an_answer_of_another_kind_or_for_nobody_leaves_the_call_pending() {
    let (mut target, confidant, _, store) = asked();
    let nothing = Response {
        owner_id: "somebody".to_owned(),
        ..Response::default()
    };
    let other = confidant.answers(&target, &store, "stash:response", &nothing);
    target.drops(&direct(&other), "not_my_stash");
    for in_reply_to in ["1111111111111111", ""] {
        let mut stray = confidant.acks(&target, &store);
        in_reply_to.clone_into(&mut stray.in_reply_to);
        target.drops(&direct(&stray), "wrong_answer");
    }
    is_still_pending(target, &confidant, &store);
}

#[test]
fn an_ack_withheld_and_delivered_for_a_later_store_does_not_count_for_it() {
    let (mut target, confidant, _, first) = asked();
    let withheld = confidant.acks(&target, &first);
    let sent = target.set("{\"tea\":2}").unwrap();
    let second = of_kind(&sent, "stash:store").remove(0);
    assert_ne!(first.id, second.id);
    let mut swapped = withheld;
    swapped.in_reply_to.clone_from(&second.id);
    target.drops(&direct(&swapped), "wrong_answer");
    is_still_pending(target, &confidant, &second);
}

#[test]
fn an_ack_for_another_owner_is_no_copy_of_mine() {
    let (mut target, confidant, attacker, store) = asked();
    let mut ack = Ack {
        owner_id: attacker.id().to_owned(),
        stored_at: target.now().wall.unix_seconds(),
        success: true,
        reason: store.id.clone(),
    };
    let wrong = confidant.answers(&target, &store, "stash:ack", &ack);
    target.drops(&direct(&wrong), "wrong_answer");
    // As a Go nara answers, which names no store.
    ack.reason.clear();
    let wrong = confidant.answers(&target, &store, "stash:ack", &ack);
    target.drops(&direct(&wrong), "wrong_answer");
    is_still_pending(target, &confidant, &store);
}

#[test]
fn an_old_answer_with_a_swapped_in_reply_to_ends_no_question() {
    let mut target = Target::new();
    let peers = target.meet(["one", "two", "three"]);
    target.save("{\"tea\":1}", &peers);
    // Each holder is asked to show its copy, one every five minutes.
    let ask = |target: &mut Target| loop {
        let sent = target.advance(SECOND);
        if let Some(asked) = of_kind(&sent, "stash:request").pop() {
            return asked;
        }
    };
    let asked = ask(&mut target);
    let holder = peers.iter().find(|one| one.id() == asked.to_id).unwrap();
    let lost = Response {
        owner_id: target.id().to_owned(),
        request_id: "another-request-1".to_owned(),
        ..Response::default()
    };
    // That it holds nothing, said of another request, is no answer to this.
    let frame = direct(&holder.answers(&target, &asked, "stash:response", &lost));
    target.drops(&frame, "late_reply");
    assert_eq!(target.holders(), 3);
}

#[test]
fn a_request_whose_answer_was_lost_gets_it_again_and_is_handled_once() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let frame = direct(&victim.store(&target, "mine"));
    let first = of_kind(&target.hear(&frame), "stash:ack").remove(0);
    for _ in 0..2 {
        let again = target.refuses_by_memory(&frame, "repeated_request");
        assert_eq!(again, first);
    }
    target.drops(&frame, "duplicate_id");
}

#[test]
fn a_message_played_again_after_thirty_days_or_to_a_nara_that_forgot_is_too_old() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let old = direct(&victim.store(&target, "old"));
    target.hear(&old);
    target.advance(SECOND);
    let new = direct(&victim.store(&target, "newer"));
    target.hear(&new);
    target.refuses_by_memory(&old, "repeated_request");
    target.refuses_by_memory(&old, "repeated_request");
    target.drops(&old, "duplicate_id");
    for days in [1, 30] {
        let config = Config::reborn(&target.soul(), Some("target")).unwrap();
        let mut later = Target::later(config, Duration::from_secs(days * 86_400));
        later.drops(&old, "too_old");
        assert_eq!(later.held(), 0);
    }
    target.doze(30 * super::target::DAY);
    target.advance(5 * SECOND);
    target.drops(&old, "too_old");
}

#[test]
fn two_messages_in_one_tick_are_two() {
    let mut target = Target::new();
    target.meet(["one", "two", "three"]);
    let now = target.now();
    let mut ids = Vec::new();
    for n in 0..5 {
        let sent = target.set(&n.to_string()).unwrap();
        ids.extend(of_kind(&sent, "stash:store").into_iter().map(|one| one.id));
    }
    assert_eq!(target.now(), now);
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), all), (15, 15));
}

#[test]
fn nobody_is_given_what_another_stored() {
    let mut target = Target::new();
    let [victim, attacker] = target.meet(["victim", "attacker"]);
    let frame = direct(&victim.store(&target, "mine"));
    target.hear(&frame);
    let ask = |owner: &Peer| Request {
        owner_id: owner.id().to_owned(),
        request_id: "r".repeat(16),
    };
    let frame = direct(&attacker.says(&target, "stash:request", &ask(&victim)));
    target.drops(&frame, "not_the_owner");
    // And under the victim's key, but not by it.
    let mut forged = attacker.says(&target, "stash:request", &ask(&victim));
    victim.id().clone_into(&mut forged.from_id);
    let mut forged = attacker.sign(forged);
    forged.key = Some(victim.who.key);
    target.drops(&direct(&forged), "bad_signature");
    forged.key = None;
    target.drops(&direct(&forged), "bad_signature");
    // The victim's id under another key is another owner, who holds nothing.
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let frame = direct(&liar.says(&target, "stash:request", &ask(&victim)));
    let sent = target.hear(&frame);
    let answer = response(&of_kind(&sent, "stash:response")[0]);
    assert!(!answer.found && answer.ciphertext.is_empty());
}
