//! Attacks on hand-off: copies, leaves and receipts that nobody gave.

use super::peer::{Peer, direct};
use super::target::{DAY, Frame, HOUR, SECOND, Target};
use light_nara::base::{Identity, PublicKey};
use light_nara::identity::Signature;
use light_nara::message::{
    Challenge, Delete, Digest, Grant, Granted, Handoff, HandoffReceipt, Link, Message, Request,
    Store,
};
use light_nara::nara::{Config, Newborn};
use sha2::{Digest as _, Sha256};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What an owner gave out before it went: its store and its leave.
struct Given {
    store: Message,
    grant: Grant,
}

fn digest(store: &Store) -> Digest {
    let hash = Sha256::new()
        .chain_update(store.nonce.as_slice())
        .chain_update(store.ciphertext.as_slice());
    Digest(hash.finalize().into())
}

/// An owner's store with a holder, and its leave for that.
fn give(target: &Target, owner: &Peer, holder: &Peer, memory: &str) -> Given {
    let now = target.now();
    let store = owner.sealed(memory, now.wall);
    let given_at = now.wall.unix_seconds();
    let grant = Grant {
        owner: owner.who,
        revision: 3,
        sealed: digest(&store),
        holders: vec![holder.who],
        copies: 3,
        given_at,
        until: given_at + 7 * 86_400,
        signature: Signature([0; 64]),
    };
    let store = owner.sign(owner.draft(now, holder.id(), "stash:store", &store));
    let grant = signed(owner, grant);
    Given { store, grant }
}

fn signed(by: &Peer, mut grant: Grant) -> Grant {
    grant.signature = by.signature(&grant.signed_text());
    grant
}

fn link(grant: &Grant, by: &Peer, to: &Identity) -> Link {
    Link {
        by: by.who.key,
        to: *to,
        signature: by.signature(&Link::signed_text(grant, &by.who.key, to)),
    }
}

fn pass_on(target: &Target, given: &Given, by: &Peer) -> Handoff {
    let me = &target.nara.me().identity;
    Handoff {
        request_id: "a-request-of-mine".to_owned(),
        store: given.store.to_json(),
        grant: given.grant.clone(),
        chain: vec![link(&given.grant, by, me)],
        holders: vec![by.who],
    }
}

fn frame(target: &Target, by: &Peer, handoff: &Handoff) -> Frame {
    direct(&by.says(target, "stash:handoff", handoff))
}

/// A peer, an owner that is away, its holder, and somebody who overheard all.
fn away() -> (Target, Peer, Peer, Peer, Given) {
    let mut target = Target::new();
    let [owner, holder, attacker] = target.meet(["owner", "holder", "attacker"]);
    let given = give(&target, &owner, &holder, "mine");
    let chau = owner.chau(target.wall());
    target.hear(&chau);
    target.advance(SECOND);
    (target, owner, holder, attacker, given)
}

#[test]
fn what_its_holder_passes_on_is_taken_so_the_rest_of_these_fail_for_their_own_reasons() {
    let (mut target, owner, holder, _, given) = away();
    let handoff = pass_on(&target, &given, &holder);
    let frame = frame(&target, &holder, &handoff);
    target.hear(&frame);
    assert!(target.holds_for(&owner));
}

#[test]
fn whoever_was_not_granted_it_passes_nothing_on() {
    let (mut target, owner, holder, attacker, given) = away();
    let me = target.nara.me().identity;
    let honest = pass_on(&target, &given, &holder);
    let own = link(&given.grant, &attacker, &me);
    let stolen = link(&given.grant, &holder, &attacker.who);
    let forged = Link {
        by: holder.who.key,
        ..link(&given.grant, &attacker, &attacker.who)
    };
    let chains = [
        vec![],
        vec![own.clone()],
        honest.chain.clone(),
        vec![forged, own.clone()],
        // Passed on to the attacker by the holder, and not to me by it.
        vec![stolen.clone()],
        vec![own.clone(), own.clone()],
        vec![stolen.clone(), stolen],
    ];
    for chain in chains {
        let handoff = Handoff {
            chain,
            ..honest.clone()
        };
        let frame = frame(&target, &attacker, &handoff);
        target.refuses(&frame, "not_a_holder");
    }
    assert!(!target.holds_for(&owner));
}

/// A chain of so many links that nobody's holder is in, to somebody.
fn made_up_chain(grant: &Grant, length: usize, to: &Identity) -> (Peer, Vec<Link>) {
    let mut strangers: Vec<Peer> = (0..length)
        .map(|n| Peer::new(&format!("stranger-{n}")))
        .collect();
    let next = strangers.iter().skip(1).map(|one| &one.who).chain([to]);
    let links = strangers.iter().zip(next);
    let chain = links.map(|(by, to)| link(grant, by, to)).collect();
    (strangers.remove(length - 1), chain)
}

/// Chains have a greatest length, and a memory may have been passed on more
/// often. Whoever overheard it can make up such a chain: that gets it what
/// inventing an owner would, and no holder counts it.
#[test]
fn a_made_up_chain_gets_no_more_than_a_newcomers_place() {
    let (mut target, owner, holder, _, given) = away();
    let honest = pass_on(&target, &given, &holder);
    let me = target.nara.me().identity;
    let (sender, chain) = made_up_chain(&given.grant, 15, &me);
    let short = Handoff {
        chain,
        ..honest.clone()
    };
    let hello = sender.hey_there(target.wall());
    target.hear(&hello);
    let refused = frame(&target, &sender, &short);
    target.refuses(&refused, "not_a_holder");
    // With places left, and all of them kept for those who have been here.
    let config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    let mut full = Target::of(config.with_memory_mode("short").unwrap());
    let known = full.meet(["owner", "one", "two", "three"]);
    for _ in 0..61 {
        let hellos = known.each_ref().map(|one| one.hey_there(full.wall()));
        full.hear_all(hellos);
        full.advance(60 * SECOND);
    }
    let given = give(&full, &owner, &holder, "mine");
    let chau = owner.chau(full.wall());
    full.hear(&chau);
    for n in 0..3 {
        let invented = Peer::new(&format!("invented-{n}"));
        let store = direct(&invented.store(&full, "x"));
        full.hear(&store);
    }
    let (sender, chain) = made_up_chain(&given.grant, 16, &me);
    let long = Handoff {
        chain,
        ..pass_on(&full, &given, &holder)
    };
    let outsider = Peer::new("outsider");
    let hellos = [&sender, &outsider].map(|one| one.hey_there(full.wall()));
    full.hear_all(hellos);
    let made_up = frame(&full, &sender, &long);
    full.refuses(&made_up, "at_capacity");
    // The holder itself brings it at once.
    let honest = pass_on(&full, &given, &holder);
    let taken = frame(&full, &holder, &honest);
    full.hear(&taken);
    assert!(full.holds_for(&owner));
    // And nobody is counted as a holder who has a chain of strangers.
    let (_, chain) = made_up_chain(&given.grant, 16, &outsider.who);
    let receipt = HandoffReceipt {
        request_id: String::new(),
        owner: owner.who,
        revision: 3,
        held: true,
        reason: String::new(),
        chain,
        newer: Vec::new(),
    };
    let claim = direct(&outsider.says(&full, "stash:receipt", &receipt));
    full.drops(&claim, "not_a_holder");
}

#[test]
fn a_leave_that_the_owner_did_not_give_or_that_has_ended_is_none() {
    let (mut target, owner, holder, attacker, given) = away();
    let honest = pass_on(&target, &given, &holder);
    let given_at = given.grant.given_at;
    let changed = |change: fn(&mut Grant)| {
        let mut grant = given.grant.clone();
        change(&mut grant);
        grant
    };
    let resigned = |change: fn(&mut Grant)| signed(&owner, changed(change));
    let grants = [
        ("bad_grant", changed(|grant| grant.revision = 9)),
        ("bad_grant", changed(|grant| grant.copies = 9)),
        ("bad_grant", changed(|grant| grant.until += 1 - 2)),
        ("bad_grant", signed(&attacker, given.grant.clone())),
        ("bad_grant", resigned(|grant| grant.copies = 0)),
        ("bad_grant", resigned(|grant| grant.copies = 200)),
        ("grant_too_long", resigned(|grant| grant.until += 1)),
        ("grant_too_long", resigned(|grant| grant.until = i64::MAX)),
        (
            "grant_too_long",
            resigned(|grant| (grant.given_at, grant.until) = (i64::MIN, i64::MAX)),
        ),
        ("grant_too_long", resigned(|grant| grant.given_at += 3_600)),
        (
            "grant_ended",
            resigned(|grant| grant.until = grant.given_at),
        ),
        ("grant_ended", resigned(|grant| grant.until = i64::MIN)),
    ];
    assert!(given_at > 0);
    for (reason, grant) in grants {
        let me = &target.nara.me().identity;
        let chain = vec![link(&grant, &holder, me)];
        let handoff = Handoff {
            grant,
            chain,
            ..honest.clone()
        };
        let frame = frame(&target, &holder, &handoff);
        target.refuses(&frame, reason);
    }
    // Overheard, and played again when the week is over.
    let config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    let mut later = Target::later(config, 8 * DAY);
    later.meet(["holder"]);
    let frame = frame(&later, &holder, &honest);
    later.refuses(&frame, "grant_ended");
}

#[test]
fn a_copy_that_is_not_the_granted_one_or_not_the_owners_is_refused() {
    let (mut target, owner, holder, attacker, given) = away();
    let honest = pass_on(&target, &given, &holder);
    let older = give(&target, &owner, &holder, "an older one");
    let by_another = give(&target, &attacker, &holder, "not the owner's");
    let mut unsigned = given.store.clone();
    unsigned.signature = None;
    let mut request = given.store.clone();
    request.kind = "stash:request".to_owned();
    let stores = [
        ("not_the_granted", older.store.to_json()),
        ("bad_store", by_another.store.to_json()),
        ("bad_store", unsigned.to_json()),
        ("bad_store", request.to_json()),
        ("bad_store", "{}".to_owned()),
        ("bad_store", String::new()),
        ("bad_store", "[".repeat(10_000)),
    ];
    for (reason, store) in stores {
        let handoff = Handoff {
            store,
            ..honest.clone()
        };
        let frame = frame(&target, &holder, &handoff);
        target.refuses(&frame, reason);
    }
    assert!(!target.holds_for(&owner));
}

#[test]
fn my_own_memory_is_not_handed_to_me() {
    let (mut target, _, holder, _, given) = away();
    let mut grant = given.grant.clone();
    grant.owner = target.nara.me().identity;
    let handoff = Handoff {
        grant,
        ..pass_on(&target, &given, &holder)
    };
    let frame = frame(&target, &holder, &handoff);
    target.refuses(&frame, "my_own");
}

#[test]
fn lists_beyond_their_limits_are_not_read() {
    let (mut target, _, holder, _, given) = away();
    let honest = pass_on(&target, &given, &holder);
    let many = Handoff {
        holders: vec![holder.who; 17],
        ..honest.clone()
    };
    let long = Handoff {
        chain: vec![honest.chain[0].clone(); 17],
        ..honest.clone()
    };
    let big = Handoff {
        store: "x".repeat(16_385),
        ..honest
    };
    for handoff in [many, long, big] {
        let frame = frame(&target, &holder, &handoff);
        target.drops(&frame, "malformed_payload");
    }
}

#[test]
fn a_field_twice_or_in_another_case_in_a_leave_or_a_chain_is_refused() {
    let (mut target, owner, holder, _, given) = away();
    let honest = frame(&target, &holder, &pass_on(&target, &given, &holder));
    let grant = Granted {
        grant: given.grant.clone(),
    };
    let granted = direct(&owner.says(&target, "stash:grant", &grant));
    for (field, twice) in [
        ("\"revision\":", "\"revision\":9,\"revision\":"),
        ("\"revision\":", "\"Revision\":9,\"revision\":"),
        ("\"until\":", "\"until\":9,\"until\":"),
        ("\"copies\":", "\"COPIES\":9,\"copies\":"),
        ("\"sealed\":", "\"sealed\":\"\",\"sealed\":"),
    ] {
        target.drops(&honest.with(field, twice), "malformed_payload");
        target.drops(&granted.with(field, twice), "malformed_payload");
    }
    for (field, twice) in [
        ("\"by\":", "\"by\":\"\",\"by\":"),
        ("\"by\":", "\"BY\":\"\",\"by\":"),
        ("\"chain\":", "\"chain\":[],\"chain\":"),
        ("\"grant\":", "\"Grant\":{},\"grant\":"),
    ] {
        target.drops(&honest.with(field, twice), "malformed_payload");
    }
}

/// A peer that held the owner's memory and was told to forget it.
fn buried() -> (Target, Peer, Peer, Given) {
    let (mut target, owner, holder, _, given) = away();
    let hello = owner.hey_there(target.wall());
    target.hear(&hello);
    let store = direct(&owner.store(&target, "mine"));
    target.hear(&store);
    for _ in 0..61 {
        let hellos = [&owner, &holder].map(|one| one.hey_there(target.wall()));
        target.hear_all(hellos);
        target.advance(60 * SECOND);
    }
    forget(&mut target, &owner);
    assert!(!target.holds_for(&owner));
    (target, owner, holder, given)
}

fn forget(target: &mut Target, owner: &Peer) {
    let delete = Delete {
        owner_id: owner.id().to_owned(),
        ts: target.wall().unix_seconds() + 1,
    };
    let frame = direct(&owner.says(target, "stash:delete", &delete));
    target.hear(&frame);
}

#[test]
fn a_memory_that_was_forgotten_is_not_brought_back_by_whoever_kept_it() {
    let (mut target, _, holder, given) = buried();
    let handoff = pass_on(&target, &given, &holder);
    let again = frame(&target, &holder, &handoff);
    target.refuses(&again, "deleted");
    target.doze(6 * DAY);
    target.advance(5 * SECOND);
    // Whoever speaks at all is no Go nara, which would be greeted once more.
    let hello = holder.hey_there(target.wall());
    let asks = Request {
        owner_id: holder.id().to_owned(),
        request_id: String::new(),
    };
    let spoken = direct(&holder.says(&target, "stash:request", &asks));
    target.hear_all([hello, spoken]);
    let again = frame(&target, &holder, &handoff);
    target.refuses(&again, "deleted");
}

#[test]
fn a_flood_of_deletions_does_not_bury_the_tombstone_of_an_owner_that_was_here() {
    let (mut target, _, holder, given) = buried();
    for n in 0..300 {
        // As fast as strangers are heard at all.
        target.advance(SECOND / 50);
        let nobody = Peer::new(&format!("nobody-{n}"));
        let store = direct(&nobody.store(&target, "x"));
        target.hear(&store);
        forget(&mut target, &nobody);
    }
    let handoff = pass_on(&target, &given, &holder);
    let again = frame(&target, &holder, &handoff);
    target.refuses(&again, "deleted");
}

#[test]
fn an_older_copy_replaces_no_newer_one() {
    let (mut target, owner, holder, _, given) = away();
    let handoff = pass_on(&target, &given, &holder);
    target.advance(2 * SECOND);
    let store = direct(&owner.store(&target, "newer"));
    target.hear(&store);
    let old = frame(&target, &holder, &handoff);
    let answer = target.refuses(&old, "stale");
    assert!(answer.payload.contains("stale ts="));
}

#[test]
fn leaves_receipts_and_challenges_of_outsiders_count_for_nothing() {
    let (mut target, owner, holder, attacker, given) = away();
    let handoff = pass_on(&target, &given, &holder);
    let taken = frame(&target, &holder, &handoff);
    target.hear(&taken);
    let grant = signed(&attacker, given.grant.clone());
    let frame = direct(&attacker.says(&target, "stash:grant", &Granted { grant }));
    target.drops(&frame, "not_the_owner");
    let other = give(&target, &attacker, &holder, "nothing that is held");
    let grant = other.grant.clone();
    let frame = direct(&attacker.says(&target, "stash:grant", &Granted { grant }));
    target.drops(&frame, "no_such_store");
    let receipt = |chain: Vec<Link>, revision: u64| HandoffReceipt {
        request_id: String::new(),
        owner: owner.who,
        revision,
        held: true,
        reason: String::new(),
        chain,
        newer: Vec::new(),
    };
    let own = link(&given.grant, &attacker, &attacker.who);
    for (chain, revision, reason) in [
        (vec![], 3, "not_a_holder"),
        (vec![own.clone()], 3, "not_a_holder"),
        (handoff.chain.clone(), 3, "not_a_holder"),
        (vec![], 4, "no_such_store"),
    ] {
        let frame = direct(&attacker.says(&target, "stash:receipt", &receipt(chain, revision)));
        target.drops(&frame, reason);
    }
    let challenge = Challenge {
        request_id: "r".repeat(16),
        owner: owner.who,
        sealed: given.grant.sealed,
        challenge: Digest([1; 32]),
    };
    let frame = direct(&attacker.says(&target, "stash:challenge", &challenge));
    target.drops(&frame, "not_a_holder");
    target.advance(HOUR / 60);
}

#[test]
fn invented_owners_get_no_more_places_by_hand_off_than_by_stores() {
    let mut target = Target::new();
    let [accomplice] = target.meet(["accomplice"]);
    for n in 0..40 {
        target.advance(SECOND);
        let invented = Peer::new(&format!("invented-{n}"));
        let given = give(&target, &invented, &accomplice, "x");
        let handoff = pass_on(&target, &given, &accomplice);
        let frame = frame(&target, &accomplice, &handoff);
        target.hear(&frame);
        assert!(target.held() <= 20);
    }
    assert_eq!(target.held(), 20, "where nobody else waits, all are free");
    assert_eq!(target.dropped("at_capacity"), 20);
    // And under keys that nobody can have.
    let mut given = give(&target, &Peer::new("one more"), &accomplice, "x");
    let mut neutral = [0; 32];
    neutral[0] = 1;
    given.grant.owner.key = PublicKey(neutral);
    given.grant.signature = Signature([0; 64]);
    given.grant.signature.0[0] = 1;
    let handoff = pass_on(&target, &given, &accomplice);
    let frame = frame(&target, &accomplice, &handoff);
    target.refuses(&frame, "bad_grant");
}
