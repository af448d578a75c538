//! Attacks on what a confidant holds, and on the way it gives it back.

use super::peer::{Peer, direct};
use super::target::{DAY, Frame, HOUR, SECOND, Target, of_kind, response};
use core::time::Duration;
use light_nara::base::WallTime;
use light_nara::identity::Signature;
use light_nara::message::{
    Ack, Delete, Digest, Grant, Granted, Message, Refresh, Request, Store, parse_payload,
};
use light_nara::nara::Config;
use light_nara::stash::{Generation, PUSH_EVERY};
use sha2::{Digest as _, Sha256};
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
fn a_store_that_is_stale_is_told_the_time_and_the_revision_held() {
    let (mut target, victim, _, _) = holding();
    let ts = target.wall().unix_seconds();
    let store = victim.sealed("newest", target.wall());
    let hash = Sha256::new()
        .chain_update(store.nonce.as_slice())
        .chain_update(store.ciphertext.as_slice());
    let mut grant = Grant {
        owner: victim.who,
        revision: 7,
        sealed: Digest(hash.finalize().into()),
        holders: vec![target.nara.me().identity],
        copies: 3,
        given_at: ts,
        until: ts + 86_400,
        signature: Signature([0; 64]),
    };
    grant.signature = victim.signature(&grant.signed_text());
    let given = [
        direct(&victim.says(&target, "stash:store", &store)),
        direct(&victim.says(&target, "stash:grant", &Granted { grant })),
    ];
    target.hear_all(given);
    let mut older = store;
    older.ts = ts - 1;
    let frame = direct(&victim.says(&target, "stash:store", &older));
    let answer = target.refuses(&frame, "stale");
    let ack: Ack = parse_payload(&answer.payload).unwrap();
    assert!(!ack.success);
    assert_eq!(ack.reason, format!("stale ts={ts} revision=7"));
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

/// What came of greetings: when something was pushed, to anybody, and how many
/// bytes were heard and sent, whatever they were.
#[derive(Default)]
struct Pushes {
    at: Vec<WallTime>,
    heard: usize,
    sent: usize,
}

impl Pushes {
    fn count(&mut self, sent: &[Frame]) {
        let pushed = of_kind(sent, "stash:response");
        self.at
            .extend(pushed.iter().filter_map(|one| one.timestamp.wall()));
        self.sent += sent.iter().map(|one| one.packet().len()).sum::<usize>();
    }
}

/// Greets five times a second, for so long.
fn greeted(target: &mut Target, span: Duration, greet: impl Fn(&Target, u128) -> Frame) -> Pushes {
    let mut pushes = Pushes::default();
    for n in 0..span.as_millis() / 200 {
        pushes.count(&target.advance(SECOND / 5));
        let frame = greet(target, n);
        pushes.heard += frame.packet().len();
        pushes.count(&target.hear(&frame));
    }
    pushes.count(&target.advance(SECOND));
    pushes
}

fn refresh(target: &Target, of: &Peer, by: &Peer) -> Message {
    let refresh = Refresh {
        owner_id: of.id().to_owned(),
        owner: of.name.clone(),
    };
    by.draft(target.now(), "", "stash-refresh", &refresh)
}

fn on_plaza(message: &Message) -> Frame {
    Frame::new("nara/plaza/stash_refresh", message.to_json())
}

#[test]
fn a_refresh_that_the_owner_has_not_signed_is_no_word_of_it() {
    let (mut target, victim, attacker, _) = holding();
    target.advance(60 * SECOND);
    // As the reference sends it: 14 kB of each holder were the answer.
    let mut unsigned = refresh(&target, &victim, &victim);
    target.drops(&on_plaza(&unsigned), "bad_signature");
    unsigned.key = Some(victim.who.key);
    target.drops(&on_plaza(&unsigned), "bad_signature");
    let zeros = Message {
        signature: Some(Signature([0; 64])),
        ..unsigned.clone()
    };
    target.drops(&on_plaza(&zeros), "bad_signature");
    // By one that is known, and by one that was never heard before; under the
    // victim's id and key, or with no key named, as Go naras do.
    for by in [&attacker, &Peer::new("never heard before")] {
        for key in [Some(victim.who.key), None] {
            let mut forged = by.sign(unsigned.clone());
            forged.key = key;
            target.drops(&on_plaza(&forged), "bad_signature");
        }
        // Its own word, about the victim's stash.
        let frame = on_plaza(&by.sign(refresh(&target, &victim, by)));
        if by.id() == attacker.id() {
            target.drops(&frame, "not_the_owner");
        }
    }
    // A good one of the victim, changed on its way.
    let good = on_plaza(&victim.sign(refresh(&target, &victim, &victim)));
    let changed = good.with("\"owner\":\"victim\"", "\"owner\":\"viktim\"");
    target.drops(&changed, "bad_signature");
    assert!(target.advance(5 * SECOND).is_empty());
}

#[test]
fn forged_greetings_and_refreshes_bring_no_push() {
    let (mut target, victim, attacker, _) = holding();
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let own = victim.who.key.to_text();
    let other = attacker.who.key.to_text();
    // Greetings under the victim's key that it has not signed.
    for _ in 0..50 {
        target.advance(SECOND / 5);
        let forged = liar.hey_there(target.wall()).with(&other, &own);
        target.drops(&forged, "bad_signature");
    }
    // The attacker's own word, about the victim's stash.
    let (mut target, ..) = holding();
    for n in 0..50 {
        target.advance(SECOND / 20);
        let frame = on_plaza(&attacker.sign(refresh(&target, &victim, &attacker)));
        let reason = if n < 30 {
            "not_the_owner"
        } else {
            "rate_limited"
        };
        target.drops(&frame, reason);
    }
    // The victim's id under another key is another identity: it is greeted,
    // and nothing is held for it.
    let (mut target, ..) = holding();
    let greetings = |target: &Target, _| liar.hey_there(target.wall());
    let refreshes = |target: &Target, _| on_plaza(&liar.sign(refresh(target, &victim, &liar)));
    for pushes in [
        greeted(&mut target, 10 * SECOND, greetings),
        greeted(&mut target, 10 * SECOND, refreshes),
    ] {
        assert_eq!(pushes.at.len(), 0);
        assert!(pushes.sent <= pushes.heard, "{} bytes", pushes.sent);
    }
    target.advance(10 * SECOND);
    // Overheard: the first counts, no copy of it does.
    let honest = on_plaza(&victim.sign(refresh(&target, &victim, &victim)));
    target.hear(&honest);
    let pushed = of_kind(&target.advance(SECOND), "stash:response");
    assert_eq!(pushed.len(), 1);
    for _ in 0..28 {
        target.advance(SECOND);
        target.drops(&honest, "duplicate_id");
    }
    target.advance(2 * SECOND);
    target.drops(&honest, "too_old");
}

#[test]
fn an_owner_that_greets_without_end_is_given_its_own_once_in_thirty_seconds() {
    let (mut target, victim, _, _) = holding();
    target.advance(60 * SECOND);
    let greetings = |target: &Target, n: u128| match n % 2 {
        0 => victim.hey_there(target.wall()),
        _ => on_plaza(&victim.sign(refresh(target, &victim, &victim))),
    };
    let span = 10 * PUSH_EVERY;
    let pushed = greeted(&mut target, span, greetings).at;
    for pair in pushed.windows(2) {
        let gap = pair[1].distance(pair[0]);
        assert!(gap >= PUSH_EVERY, "two pushes within {gap:?}");
    }
    assert!(pushed.len() >= 9, "{} in {span:?}", pushed.len());
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
