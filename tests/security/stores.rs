//! Attacks on what a confidant holds, and on the way it gives it back.

use super::peer::{Peer, direct};
use super::target::{DAY, Frame, HOUR, SECOND, Target, of_kind, response};
use core::time::Duration;
use light_nara::message::{Delete, Refresh, Request, Store};
use light_nara::nara::Config;
use light_nara::stash::{Generation, PUSH_EVERY};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A confidant of the victim, the attacker it also knows, and the store.
fn holding() -> (Target, Peer, Peer, Frame) {
    let mut target = Target::new();
    let [victim, attacker] = target.meet(["victim", "attacker"]);
    let store = direct(&victim.store(&target, "mine"));
    target.hear(&store);
    assert!(target.holds_for(&victim));
    target.advance(SECOND);
    (target, victim, attacker, store)
}

#[test]
fn a_store_for_another_is_refused() {
    let (mut target, victim, attacker, _) = holding();
    let stolen = victim.sealed("not mine", target.wall());
    let frame = direct(&attacker.says(&target, "stash:store", &stolen));
    target.refuses(&frame, "not_the_owner");
    let nobodys = Store {
        owner_id: String::new(),
        ..stolen
    };
    let frame = direct(&attacker.says(&target, "stash:store", &nobodys));
    target.refuses(&frame, "not_the_owner");
}

#[test]
fn a_store_under_anothers_id_takes_a_place_of_its_own_and_touches_no_other() {
    let (mut target, victim, _, _) = holding();
    let before = target.nara.stash().unwrap().confidant().held()[&victim.who].clone();
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let frame = direct(&liar.store(&target, "not mine"));
    target.hear(&frame);
    assert_eq!(target.held(), 2);
    let after = &target.nara.stash().unwrap().confidant().held()[&victim.who];
    assert_eq!(*after, before);
}

#[test]
fn a_store_of_an_older_time_is_refused_with_what_is_held() {
    let (mut target, victim, _, _) = holding();
    let held = target.wall().unix_seconds() - 1;
    let mut older = victim.sealed("older", target.wall());
    older.ts = held - 1;
    let frame = direct(&victim.says(&target, "stash:store", &older));
    let answer = target.refuses(&frame, "stale");
    assert!(answer.payload.contains(&format!("stale ts={held}")));
    older.ts = held + 3_600;
    let frame = direct(&victim.says(&target, "stash:store", &older));
    target.refuses(&frame, "from_the_future");
    older.ts = i64::MAX;
    let frame = direct(&victim.says(&target, "stash:store", &older));
    target.refuses(&frame, "from_the_future");
    older.ts = i64::MIN;
    let frame = direct(&victim.says(&target, "stash:store", &older));
    target.refuses(&frame, "stale");
}

#[test]
fn a_delete_by_another_or_of_another_time_deletes_nothing() {
    let (mut target, victim, attacker, _) = holding();
    let delete = Delete {
        owner_id: victim.id().to_owned(),
        ts: target.wall().unix_seconds() + 1,
    };
    let frame = direct(&attacker.says(&target, "stash:delete", &delete));
    target.drops(&frame, "not_the_owner");
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let mut forged = attacker.says(&target, "stash:delete", &delete);
    victim.id().clone_into(&mut forged.from_id);
    let mut forged = attacker.sign(forged);
    forged.key = Some(victim.who.key);
    target.drops(&direct(&forged), "bad_signature");
    let frame = direct(&liar.says(&target, "stash:delete", &delete));
    target.hear(&frame);
    assert!(target.holds_for(&victim), "it was another identity's");
    // The victim's own, of before its newest store.
    let old = Delete {
        ts: target.wall().unix_seconds() - 60,
        ..delete
    };
    let frame = direct(&victim.says(&target, "stash:delete", &old));
    let sent = target.hear(&frame);
    let ack = of_kind(&sent, "stash:ack").remove(0);
    assert!(ack.payload.contains("stale") && target.holds_for(&victim));
}

#[test]
fn a_store_overheard_and_played_again_brings_nothing_back() {
    let (mut target, victim, _, store) = holding();
    let delete = Delete {
        owner_id: victim.id().to_owned(),
        ts: target.wall().unix_seconds() + 1,
    };
    let frame = direct(&victim.says(&target, "stash:delete", &delete));
    target.hear(&frame);
    assert!(!target.holds_for(&victim));
    // The ack is repeated, the store is not handled.
    target.refuses_by_memory(&store, "repeated_request");
    // Nor is it elsewhere, where it was never sent.
    let mut other = Target::of(Config::born(light_nara::nara::Newborn([3; 32]), None).unwrap());
    let topic = format!("nara/mesh/{}", other.id());
    other.drops(&store.on(&topic), "not_for_me");
    target.advance(60 * SECOND);
    target.drops(&store, "too_old");
    assert!(!target.holds_for(&victim));
    // What the victim itself sealed before its wish is not taken again.
    let mut again = victim.sealed("mine", target.wall());
    again.ts = delete.ts - 1;
    let frame = direct(&victim.says(&target, "stash:store", &again));
    target.refuses(&frame, "stale");
}

#[test]
fn many_stores_in_a_row_do_not_push_out_the_good_generation_before_them() {
    let (mut target, victim, _, _) = holding();
    for n in 0..5 {
        target.advance(SECOND);
        let frame = direct(&victim.store(&target, &format!("wrong turn {n}")));
        target.hear(&frame);
    }
    target.advance(23 * HOUR);
    let request = Request {
        owner_id: victim.id().to_owned(),
        request_id: format!("{}1", Generation::Earlier.prefix()),
    };
    let frame = direct(&victim.says(&target, "stash:request", &request));
    let sent = target.hear(&frame);
    let answer = response(&of_kind(&sent, "stash:response")[0]);
    let nonce = answer.nonce.as_slice().try_into().unwrap();
    let opened = victim.keys.open(nonce, answer.ciphertext.as_slice());
    assert_eq!(opened.unwrap(), b"mine");
}

/// What is pushed to anybody within this span of greetings.
fn pushes(target: &mut Target, span: Duration, greet: impl Fn(&Target) -> Option<Frame>) -> usize {
    let mut sent = Vec::new();
    for _ in 0..span.as_millis() / 200 {
        sent.extend(target.advance(SECOND / 5));
        if let Some(frame) = greet(target) {
            sent.extend(target.hear(&frame));
        }
    }
    let pushed = of_kind(&sent, "stash:response");
    pushed.len()
}

#[test]
fn forged_greetings_and_refreshes_bring_no_push() {
    let (mut target, victim, attacker, _) = holding();
    target.advance(60 * SECOND);
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let own = victim.who.key.to_text();
    let other = attacker.who.key.to_text();
    let refresh = |target: &Target, who: &Peer| {
        let refresh = Refresh {
            owner_id: victim.id().to_owned(),
            owner: "victim".to_owned(),
        };
        let message = who.sign(who.draft(target.now(), "", "stash-refresh", &refresh));
        Frame::new("nara/plaza/stash_refresh", message.to_json())
    };
    let greetings = |target: &Target| Some(liar.hey_there(target.wall()));
    assert_eq!(pushes(&mut target, 10 * SECOND, greetings), 0);
    let greetings = |target: &Target| Some(liar.hey_there(target.wall()).with(&other, &own));
    assert_eq!(pushes(&mut target, 10 * SECOND, greetings), 0);
    for who in [&attacker, &liar] {
        let frames = |target: &Target| Some(refresh(target, who));
        assert_eq!(pushes(&mut target, 10 * SECOND, frames), 0);
    }
    let forged = refresh(&target, &liar).with(&other, &own);
    target.drops(&forged, "rate_limited");
    target.advance(10 * SECOND);
    // Overheard: the first counts, no copy of it does.
    let honest = refresh(&target, &victim);
    assert_eq!(
        pushes(&mut target, 29 * SECOND, |_| Some(honest.clone())),
        1
    );
}

#[test]
fn an_owner_that_greets_without_end_is_given_its_own_once_in_thirty_seconds() {
    let (mut target, victim, _, _) = holding();
    target.advance(60 * SECOND);
    let greetings = |target: &Target| Some(victim.hey_there(target.wall()));
    let span = 10 * PUSH_EVERY;
    let pushed = pushes(&mut target, span, greetings);
    assert!((9..=11).contains(&pushed), "{pushed} in {span:?}");
}

#[test]
fn a_clock_jump_of_eight_days_prunes_nobody() {
    for jump in [8, -8, 400] {
        let (mut target, victim, _, _) = holding();
        let chau = victim.chau(target.wall());
        target.hear(&chau);
        target.set_clock(jump * 86_400);
        target.advance(2 * HOUR);
        assert!(target.holds_for(&victim), "{jump} days");
    }
    // Asleep for eight days, and awake again.
    let (mut target, victim, _, _) = holding();
    let chau = victim.chau(target.wall());
    target.hear(&chau);
    target.doze(8 * DAY);
    target.advance(2 * HOUR);
    assert!(target.holds_for(&victim));
}
