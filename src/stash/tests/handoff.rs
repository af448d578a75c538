//! Hand-off: several naras on mock runtimes, joined by a test that carries
//! their messages.

use super::*;
use crate::message::{
    CHAIN_LENGTH_MAX, Challenge, Digest, Grant, Granted, Handoff, HandoffReceipt, Link, Proof,
};
use crate::runtime::{Crypto as _, Outgoing, Way};
use sha2::{Digest as _, Sha256};

const SECOND: Duration = Duration::from_secs(1);

/// Naras that hear each other, as long as they are there.
struct Village {
    naras: BTreeMap<String, MockRuntime>,
}

impl Village {
    fn new(names: &[&str]) -> Self {
        let wake = |name: &&str| {
            let rt = MockRuntime::new(name).with(stash(true)).started();
            ((*name).to_owned(), rt)
        };
        let mut village = Self {
            naras: names.iter().map(wake).collect(),
        };
        for name in names {
            for (other, rt) in &mut village.naras {
                if other != name {
                    rt.register(name);
                }
            }
        }
        village
    }

    fn carry(&mut self) {
        loop {
            let sent: Vec<Outgoing> = self
                .naras
                .values_mut()
                .flat_map(MockRuntime::sent)
                .collect();
            if sent.is_empty() {
                return;
            }
            self.post(sent);
        }
    }

    fn post(&mut self, sent: Vec<Outgoing>) {
        for Outgoing { way, bytes } in sent {
            if let Way::Direct { to } = way
                && let Some(rt) = self.naras.get_mut(to.id.as_str())
            {
                rt.deliver(&Message::parse(&bytes).unwrap());
            }
        }
    }

    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.naras.values_mut().for_each(|rt| rt.advance(SECOND));
            self.carry();
        }
    }

    /// Somebody goes, and all others notice.
    fn lose(&mut self, name: &str) -> MockRuntime {
        let gone = self.naras.remove(name).unwrap();
        let who = MockRuntime::identity(name);
        for rt in self.naras.values_mut() {
            rt.mark_gone(&who);
        }
        self.carry();
        gone
    }

    /// Who holds the stash of "owner".
    fn holders(&self) -> Vec<&str> {
        let owner = MockRuntime::identity("owner");
        let holds = |rt: &MockRuntime| rt.service::<Stash>().has_stash_for(&owner);
        let naras = self.naras.iter().filter(|(_, rt)| holds(rt));
        naras.map(|(name, _)| name.as_str()).collect()
    }
}

/// An owner that stored with three of seven, gave its leave, and is away.
fn away() -> (Village, MockRuntime) {
    let mut village = Village::new(&["owner", "a", "b", "c", "d", "e", "f", "g"]);
    set(village.naras.get_mut("owner").unwrap(), "{\"n\":1}");
    village.carry();
    village.pass(1);
    assert_eq!(village.holders().len(), 3);
    let owner = village.lose("owner");
    (village, owner)
}

/// A hand-off as the first holder would send it to "d", taken from the wire.
fn overheard() -> (Village, Message) {
    let (mut village, _) = away();
    let first = village.holders()[0].to_owned();
    village.lose(&first);
    for _ in 0..30 {
        let mut sent = Vec::new();
        for rt in village.naras.values_mut() {
            rt.advance(SECOND);
            sent.extend(rt.emitted());
        }
        if let Some(handoff) = of_kind(&sent, "stash:handoff").pop() {
            return (village, handoff);
        }
    }
    panic!("nobody passed anything on");
}

fn held_by(rt: &MockRuntime) -> bool {
    let owner = MockRuntime::identity("owner");
    rt.service::<Stash>().has_stash_for(&owner)
}

fn receipts(rt: &mut MockRuntime) -> Vec<HandoffReceipt> {
    let sent = of_kind(&rt.emitted(), "stash:receipt");
    let parse = |one: &Message| parse_payload(&one.payload).unwrap();
    sent.iter().map(parse).collect()
}

/// Delivers a changed hand-off to a nara that was not there before. Returns
/// the drop reason it leads to, and checks that nothing was kept or sent but
/// the refusal.
fn refused(handoff: &Message, reason: &str, change: impl FnOnce(&mut Handoff)) {
    let mut rt = MockRuntime::new(&handoff.to_id).with(stash(true)).started();
    rt.advance(Duration::from_secs(40));
    rt.emitted();
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    change(&mut payload);
    let from = MockRuntime::identity(&handoff.from_id);
    let message = rt.message(&from, "stash:handoff", &payload);
    rt.deliver(&message);
    assert_eq!(rt.dropped(reason), 1, "{reason}");
    assert!(!held_by(&rt));
    let sent = receipts(&mut rt);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].held, sent[0].reason.as_str()), (false, reason));
    assert_eq!(rt.service::<Stash>().confidant().refusals(), 1);
}

#[test]
fn an_owner_gives_every_holder_its_leave_and_names_the_others() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    rt.advance(SECOND);
    let grants = of_kind(&rt.emitted(), "stash:grant");
    let mut to: Vec<&str> = grants.iter().map(|one| one.to_id.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["a", "b", "c"]);
    let granted: Granted = parse_payload(&grants[0].payload).unwrap();
    assert_eq!((granted.grant.copies, granted.grant.holders.len()), (3, 3));
    for grant in &grants {
        confirm(&mut rt, grant);
    }
    rt.advance(Duration::from_secs(60));
    assert!(of_kind(&rt.emitted(), "stash:grant").is_empty());
    pass_online(&mut rt, Duration::from_secs(24 * 3600), &["a", "b", "c"]);
    let again = of_kind(&rt.emitted(), "stash:grant");
    assert!(again.len() >= 3, "given anew each day: {}", again.len());
}

/// A holder says that it has its leave.
fn confirm(rt: &mut MockRuntime, grant: &Message) {
    let granted: Granted = parse_payload(&grant.payload).unwrap();
    let receipt = HandoffReceipt {
        request_id: String::new(),
        owner: granted.grant.owner,
        revision: granted.grant.revision,
        held: true,
        reason: String::new(),
        chain: Vec::new(),
        newer: Vec::new(),
    };
    let from = MockRuntime::identity(&grant.to_id);
    rt.answer(grant, &from, "stash:receipt", &receipt);
}

/// Lets time pass while these are online, and acknowledge nothing.
fn pass_online(rt: &mut MockRuntime, by: Duration, here: &[&str]) {
    let end = rt.now().mono + by;
    while rt.now().mono < end {
        rt.advance(Duration::from_secs(60));
        for name in here {
            rt.register(name);
        }
    }
}

#[test]
fn a_leave_that_nobody_confirms_is_given_four_times() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    let mut grants = Vec::new();
    for _ in 0..30 {
        rt.advance(SECOND);
        grants.extend(of_kind(&rt.emitted(), "stash:grant"));
    }
    assert_eq!(grants.len(), 12);
}

#[test]
fn a_leave_that_was_lost_is_given_again_until_it_is_there() {
    let mut village = Village::new(&["owner", "a", "b", "c", "d"]);
    set(village.naras.get_mut("owner").unwrap(), "1");
    village.carry();
    let holder = village.holders()[0].to_owned();
    // The first one gets lost on the way.
    let owner = village.naras.get_mut("owner").unwrap();
    owner.advance(SECOND);
    let sent = owner.sent();
    let is_lost = |one: &Outgoing| matches!(&one.way, Way::Direct { to } if holder == to.id);
    village.post(sent.into_iter().filter(|one| !is_lost(one)).collect());
    village.pass(10);
    let id = MockRuntime::identity("owner");
    let held = &village.naras[&holder].service::<Stash>().confidant().held()[&id];
    assert!(held.custody.grant.is_some());
}

#[test]
fn an_owner_that_goes_gives_its_leave_before_it_is_gone() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    rt.command(|stash: &mut Stash, ctx| stash.stop(ctx));
    assert_eq!(of_kind(&rt.emitted(), "stash:grant").len(), 3);
}

#[test]
fn while_the_owner_is_away_one_holder_replaces_another_that_went() {
    let (mut village, _) = away();
    let before: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    village.lose(&before[0]);
    village.pass(4);
    assert_eq!(village.holders().len(), 3, "one acted, and only one");
    village.pass(60);
    assert_eq!(village.holders().len(), 3);
}

#[test]
fn two_of_three_holders_go_and_an_hour_later_the_memory_comes_back() {
    let (mut village, _) = away();
    let before: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    village.lose(&before[0]);
    village.pass(30);
    village.lose(&before[1]);
    village.pass(3600);
    assert_eq!(village.holders().len(), 3);
    // Those who hold it now are not all those who held it first: the last one
    // of these goes, too, and the chain of those who followed goes on.
    village.lose(&before[2]);
    village.pass(30);
    assert_eq!(village.holders().len(), 3);
    let mut owner = reborn();
    owner.advance(SECOND);
    let now = village.naras.values().next().unwrap().now();
    owner.advance(now.mono - owner.now().mono);
    village.naras.insert("owner".into(), owner);
    for name in village.naras.keys().cloned().collect::<Vec<_>>() {
        if name != "owner" {
            village.naras.get_mut("owner").unwrap().register(&name);
            village.naras.get_mut(&name).unwrap().register("owner");
        }
    }
    village.carry();
    village.pass(3);
    let owner = &village.naras["owner"];
    assert_eq!(data_of(owner).as_deref(), Some("{\"n\":1}"));
    assert_eq!(holders(owner).len(), 3);
}

#[test]
fn a_memory_outlives_any_number_of_generations_of_its_holders() {
    let (mut village, _) = away();
    for n in 0..3 * CHAIN_LENGTH_MAX {
        // A newcomer comes, and the holder that was there first goes.
        let name = format!("newcomer{n}");
        let mut newcomer = MockRuntime::new(&name).with(stash(true)).started();
        let now = village.naras.values().next().unwrap().now();
        newcomer.advance(now.mono - newcomer.now().mono);
        for (other, rt) in &mut village.naras {
            newcomer.register(other);
            rt.register(&name);
        }
        village.naras.insert(name, newcomer);
        let gone = village.holders()[0].to_owned();
        village.lose(&gone);
        village.pass(60);
        assert_eq!(village.holders().len(), 3, "after {n} went");
    }
}

#[test]
fn a_newcomer_that_takes_a_copy_asks_the_holders_whom_it_has_not_met() {
    let (mut village, _) = away();
    let holders: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        if !holders.iter().any(|one| one == name) {
            village.lose(name);
        }
    }
    // It knows nobody yet, and everybody has heard it greet.
    let mut newcomer = MockRuntime::new("zoe").with(stash(true)).started();
    let now = village.naras.values().next().unwrap().now();
    newcomer.advance(now.mono - newcomer.now().mono);
    for rt in village.naras.values_mut() {
        rt.register("zoe");
    }
    village.naras.insert("zoe".into(), newcomer);
    village.lose(&holders[0]);
    village.pass(20);
    let zoe = &village.naras["zoe"];
    assert!(held_by(zoe));
    for name in &holders[1..] {
        let who = MockRuntime::identity(name);
        assert!(zoe.runtime().peers().is_online(&who), "{name}");
    }
}

/// Links of strangers, one behind the other, that lead to `to` under a grant.
fn made_up_chain(handoff: &mut Handoff, length: usize, to: &Identity) -> Identity {
    let stranger = |n: usize| MockRuntime::identity(&format!("stranger{n}"));
    let link = |n: usize| {
        let (by, to) = (
            stranger(n),
            if n + 1 == length {
                *to
            } else {
                stranger(n + 1)
            },
        );
        let text = Link::signed_text(&handoff.grant, &by.key, &to);
        let signature = MockCrypto::new(by.key).sign(text.as_bytes());
        Link {
            by: by.key,
            to,
            signature,
        }
    };
    handoff.chain = (0..length).map(link).collect();
    stranger(length - 1)
}

#[test]
fn a_chain_that_is_cut_brings_a_newcomers_place_and_one_that_could_be_whole_none() {
    let (_, handoff) = overheard();
    let owner = MockRuntime::identity("owner");
    for (length, taken) in [(CHAIN_LENGTH_MAX - 1, false), (CHAIN_LENGTH_MAX, true)] {
        let mut rt = MockRuntime::new("zoe").with(stash(true)).started();
        // The owner has been here for more than an hour, and is away now.
        rt.register("owner");
        rt.advance(Duration::from_secs(4_000));
        rt.mark_gone(&owner);
        let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
        payload.chain.clear();
        let from = made_up_chain(&mut payload, length, &MockRuntime::identity("zoe"));
        let message = rt.message(&from, "stash:handoff", &payload);
        rt.deliver(&message);
        assert_eq!(held_by(&rt), taken, "{length} links");
        assert_eq!(rt.dropped("not_a_holder"), u64::from(!taken));
        if let Some(held) = rt.service::<Stash>().confidant().held().get(&owner) {
            assert!(!held.place.proven, "it could be overheard");
        }
    }
}

#[test]
fn a_receipt_with_a_chain_that_is_cut_counts_where_somebody_in_it_is_known() {
    let (mut village, handoff) = overheard();
    let name = village.holders()[0].to_owned();
    let owner = MockRuntime::identity("owner");
    let others = |rt: &MockRuntime| {
        let held = rt.service::<Stash>().confidant().held().get(&owner);
        held.unwrap().custody.others.clone()
    };
    let mut made_up: Handoff = parse_payload(&handoff.payload).unwrap();
    let zoe = MockRuntime::identity("zoe");
    made_up_chain(&mut made_up, CHAIN_LENGTH_MAX, &zoe);
    let receipt = |chain: &[Link]| HandoffReceipt {
        request_id: String::new(),
        owner,
        revision: made_up.grant.revision,
        held: true,
        reason: String::new(),
        chain: chain.to_vec(),
        newer: Vec::new(),
    };
    let rt = village.naras.get_mut(&name).unwrap();
    let message = rt.message(&zoe, "stash:receipt", &receipt(&made_up.chain));
    rt.deliver(&message);
    assert_eq!(rt.dropped("not_a_holder"), 1);
    assert!(!others(rt).contains(&zoe), "nobody in it is known");
    // The same, and the last link is by a holder that this one knows.
    let known = others(rt).iter().next().cloned().unwrap();
    let mut chain = made_up.chain.clone();
    let last = chain.len() - 1;
    let text = Link::signed_text(&made_up.grant, &chain[last - 1].by, &known);
    let before = MockRuntime::identity(&format!("stranger{}", last - 1));
    chain[last - 1].to = known;
    chain[last - 1].signature = MockCrypto::new(before.key).sign(text.as_bytes());
    let text = Link::signed_text(&made_up.grant, &known.key, &zoe);
    chain[last].by = known.key;
    chain[last].signature = MockCrypto::new(known.key).sign(text.as_bytes());
    let message = rt.message(&zoe, "stash:receipt", &receipt(&chain));
    rt.deliver(&message);
    assert!(others(rt).contains(&zoe));
}

#[test]
fn while_the_owner_is_here_nobody_else_acts() {
    let mut village = Village::new(&["owner", "a", "b", "c", "d", "e"]);
    set(village.naras.get_mut("owner").unwrap(), "1");
    village.carry();
    village.pass(1);
    let first = village.holders()[0].to_owned();
    let who = MockRuntime::identity(&first);
    for (name, rt) in &mut village.naras {
        if name != "owner" && *name != first {
            rt.mark_gone(&who);
        }
    }
    village.pass(60);
    assert_eq!(village.holders().len(), 3);
}

#[test]
fn when_the_first_in_rank_does_nothing_the_next_one_acts() {
    let (mut village, _) = away();
    let before: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    village.lose(&before[0]);
    // One of the two that are left says nothing any more, and is not missed.
    let mute = village.naras.remove(&before[1]);
    village.pass(15);
    assert!(mute.is_some());
    assert_eq!(village.holders().len(), 2);
}

#[test]
fn a_holder_that_stops_passes_on_what_it_holds_before_it_goes() {
    let (mut village, _) = away();
    let first = village.holders()[0].to_owned();
    let rt = village.naras.get_mut(&first).unwrap();
    assert!(rt.command(|stash: &mut Stash, ctx| stash.leave(ctx)));
    village.carry();
    let rt = village.naras.get_mut(&first).unwrap();
    assert!(!rt.service::<Stash>().is_passing_on());
    assert_eq!(village.holders().len(), 4);
    village.lose(&first);
    village.pass(60);
    assert_eq!(village.holders().len(), 3, "the others know of the new one");
}

#[test]
fn a_copy_that_nobody_granted_or_that_was_changed_is_refused() {
    let (_, handoff) = overheard();
    refused(&handoff, "not_a_holder", |one| one.chain.clear());
    refused(&handoff, "not_a_holder", |one| {
        one.chain[0].to = MockRuntime::identity("zoe");
    });
    refused(&handoff, "bad_grant", |one| one.grant.copies = 9);
    refused(&handoff, "bad_grant", |one| one.grant.revision += 1);
    refused(&handoff, "bad_grant", |one| one.grant.until -= 1);
    refused(&handoff, "grant_too_long", |one| one.grant.until += 1);
    refused(&handoff, "bad_store", |one| {
        one.store = one.store.replace("\"ts\":", "\"ts\":1");
    });
    refused(&handoff, "bad_store", |one| one.store = "{}".into());
    refused(&handoff, "bad_store", |one| {
        one.store = one.store.replace("stash:store", "stash:grant");
    });
}

#[test]
fn what_is_overheard_and_played_again_by_a_stranger_is_refused() {
    // Stores that are overheard on the plaza must not fill places.
    let (_, handoff) = overheard();
    let mut rt = MockRuntime::new("zoe").with(stash(true)).started();
    rt.advance(Duration::from_secs(40));
    let mallory = MockRuntime::identity("mallory");
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    let (me, grant) = (MockRuntime::identity("zoe"), payload.grant.clone());
    let text = Link::signed_text(&grant, &mallory.key, &me);
    payload.chain = vec![Link {
        by: mallory.key,
        to: me,
        signature: MockCrypto::new(mallory.key).sign(text.as_bytes()),
    }];
    let message = rt.message(&mallory, "stash:handoff", &payload);
    rt.deliver(&message);
    assert_eq!(rt.dropped("not_a_holder"), 1);
    // Nor the bare store, which is somebody else's.
    let store = Message::parse(payload.store.as_bytes()).unwrap();
    rt.deliver(&store);
    assert_eq!(rt.dropped("not_for_me"), 1);
    assert_eq!(rt.service::<Stash>().stored_count(), 0);
}

#[test]
fn a_tombstone_outlives_the_grants_that_it_ends() {
    let (mut village, handoff) = overheard();
    let rt = village.naras.get_mut(&handoff.to_id).unwrap();
    let owner = MockRuntime::identity("owner");
    let handed: Handoff = parse_payload(&handoff.payload).unwrap();
    let ts = handed.grant.given_at + 1;
    let delete = Delete {
        owner_id: "owner".into(),
        ts,
    };
    let delete = rt.message(&owner, "stash:delete", &delete);
    rt.deliver(&delete);
    let from = MockRuntime::identity(&handoff.from_id);
    let message = rt.message(&from, "stash:handoff", &handed);
    rt.deliver(&message);
    assert_eq!(rt.dropped("deleted"), 1);
    // As long as the grant is good, and then it is not.
    rt.advance(GRANT_FOR - Duration::from_secs(60));
    let message = rt.message(&from, "stash:handoff", &handed);
    rt.deliver(&message);
    assert_eq!(rt.dropped("deleted"), 2);
    rt.advance(Duration::from_secs(120));
    let message = rt.message(&from, "stash:handoff", &handed);
    rt.deliver(&message);
    assert_eq!(rt.dropped("grant_ended"), 1);
    assert!(!held_by(rt));
}

#[test]
fn a_hand_off_older_than_what_is_held_is_refused_with_what_is_held() {
    let (mut village, handoff) = overheard();
    let rt = village.naras.get_mut(&handoff.to_id).unwrap();
    let owner = MockRuntime::identity("owner");
    let ts = rt.now().wall.unix_seconds();
    let newer = rt.message(&owner, "stash:store", &store_of("owner", 100, ts));
    rt.deliver(&newer);
    rt.emitted();
    let from = MockRuntime::identity(&handoff.from_id);
    let handed: Handoff = parse_payload(&handoff.payload).unwrap();
    let message = rt.message(&from, "stash:handoff", &handed);
    rt.deliver(&message);
    assert_eq!(rt.dropped("stale"), 1);
    let receipt = receipts(rt).pop().unwrap();
    assert_eq!(receipt.reason, format!("stale ts={ts}"));
    let held = &rt.service::<Stash>().confidant().held()[&owner];
    assert_eq!(held.sealed.ciphertext, [9; 100]);
}

#[test]
fn copies_that_a_forwarder_only_names_do_not_count_for_long() {
    let (mut village, handoff) = overheard();
    let mut rt = MockRuntime::new(&handoff.to_id).with(stash(true)).started();
    rt.advance(Duration::from_secs(40));
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    payload.holders = ["x", "y"].map(MockRuntime::identity).to_vec();
    let from = MockRuntime::identity(&handoff.from_id);
    for name in ["x", "y", "z"] {
        rt.register(name);
    }
    let message = rt.message(&from, "stash:handoff", &payload);
    rt.deliver(&message);
    assert!(held_by(&rt));
    let mut asked = 0;
    for _ in 0..600 {
        rt.advance(SECOND);
        asked += of_kind(&rt.emitted(), "stash:handoff").len();
    }
    assert!(asked > 0, "x and y are mute, and nothing was passed on");
    village.naras.clear();
}

#[test]
fn a_hand_off_repeated_is_told_to_the_others_once() {
    let (_, handoff) = overheard();
    let mut rt = MockRuntime::new(&handoff.to_id).with(stash(true)).started();
    rt.advance(Duration::from_secs(40));
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    payload.holders = (0..16)
        .map(|n| MockRuntime::identity(&format!("third{n}")))
        .collect();
    let from = MockRuntime::identity(&handoff.from_id);
    for n in 0..5 {
        payload.request_id = format!("again{n}");
        let message = rt.message(&from, "stash:handoff", &payload);
        rt.deliver(&message);
    }
    let told = receipts(&mut rt);
    let answers = told.iter().filter(|one| !one.request_id.is_empty());
    assert_eq!(answers.count(), 5);
    assert!(told.len() <= 5 + 18, "{} receipts", told.len());
}

#[test]
fn a_copy_left_behind_is_not_multiplied() {
    let mut village = Village::new(&["owner", "a", "b", "c", "d", "e", "f", "g", "h"]);
    set(village.naras.get_mut("owner").unwrap(), "1");
    village.carry();
    village.pass(1);
    let left = village.holders()[0].to_owned();
    let cut = village.naras.remove(&left).unwrap();
    set(village.naras.get_mut("owner").unwrap(), "2");
    village.carry();
    village.pass(40);
    let mut cut = cut;
    cut.advance(41 * SECOND);
    cut.emitted();
    village.naras.insert(left.clone(), cut);
    village.lose("owner");
    village.pass(1_800);
    let id = MockRuntime::identity("owner");
    let revision = |rt: &MockRuntime| {
        let held = rt.service::<Stash>().stored_stash(&id)?;
        Some(held.custody.grant.as_ref()?.revision)
    };
    let revisions: Vec<u64> = village.naras.values().filter_map(revision).collect();
    let old = revisions.iter().filter(|one| **one == 1).count();
    assert!(old <= 1, "{revisions:?}");
    assert!(revisions.len() - old >= 3, "{revisions:?}");
}

#[test]
fn whom_the_owner_told_to_let_go_is_not_given_the_same_copy_by_others() {
    let mut village = Village::new(&["owner", "a", "b", "c", "d"]);
    set(village.naras.get_mut("owner").unwrap(), "1");
    village.carry();
    village.pass(1);
    let unwanted = village.holders()[0].to_owned();
    let who = MockRuntime::identity(&unwanted);
    let owner = village.naras.get_mut("owner").unwrap();
    owner
        .command(|stash: &mut Stash, ctx| stash.delete_from(ctx, &who, DEADLINE))
        .unwrap();
    village.carry();
    village.pass(2);
    village.lose("owner");
    let another = village.holders()[0].to_owned();
    village.lose(&another);
    village.pass(60);
    assert!(!village.holders().contains(&unwanted.as_str()));
}

#[test]
fn whoever_stops_finds_one_that_understands_among_many_that_do_not() {
    let (mut village, _) = away();
    let first = village.holders()[0].to_owned();
    let rt = village.naras.get_mut(&first).unwrap();
    for n in 0..10 {
        rt.register(&format!("mute{n}"));
    }
    rt.command(|stash: &mut Stash, ctx| stash.leave(ctx));
    village.carry();
    for _ in 0..50 {
        let naras = village.naras.values_mut();
        naras.for_each(|rt| rt.advance(SECOND / 10));
        village.carry();
    }
    village.naras.remove(&first);
    assert!(village.holders().len() >= 3, "{:?}", village.holders());
}

#[test]
fn a_nara_that_goes_takes_nothing_any_more() {
    let mut rt = newborn(&["alice"]);
    rt.command(|stash: &mut Stash, ctx| stash.leave(ctx));
    let alice = MockRuntime::identity("alice");
    let store = rt.message(&alice, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    assert_eq!(rt.dropped("leaving"), 1);
}

#[test]
fn a_holder_that_was_cut_off_tells_the_others_that_its_copy_is_still_there() {
    let (mut village, _) = away();
    let first = village.holders()[0].to_owned();
    let rt = village.naras.get_mut(&first).unwrap();
    rt.set_connected(false);
    rt.emitted();
    rt.set_connected(true);
    assert_eq!(receipts(rt).len(), 2);
}

#[test]
fn a_link_signed_by_another_or_for_another_is_refused() {
    let (_, handoff) = overheard();
    refused(&handoff, "not_a_holder", |one| {
        one.chain[0].signature = one.grant.signature;
    });
    refused(&handoff, "not_a_holder", |one| {
        // Signed well, and for somebody else.
        let by = one.grant.holders.iter();
        let by = by.clone().find(|who| who.key == one.chain[0].by).unwrap();
        let to = MockRuntime::identity("mallory");
        let text = Link::signed_text(&one.grant, &by.key, &to);
        let signature = MockCrypto::new(by.key).sign(text.as_bytes());
        one.chain[0] = Link {
            by: by.key,
            to,
            signature,
        };
    });
}

#[test]
fn an_older_store_of_the_owner_under_a_newer_grant_is_refused() {
    let (_, handoff) = overheard();
    refused(&handoff, "not_the_granted", |one| {
        let owner = one.grant.owner;
        let signer = MockCrypto::new(owner.key);
        one.grant.sealed = Digest([8; 32]);
        one.grant.signature = signer.sign(one.grant.signed_text().as_bytes());
        let (by, to) = (one.chain[0].by, one.chain[0].to);
        let text = Link::signed_text(&one.grant, &by, &to);
        one.chain[0].signature = MockCrypto::new(by).sign(text.as_bytes());
    });
}

#[test]
fn a_holder_that_lies_about_its_copy_is_counted_no_more() {
    let (mut village, _) = away();
    let holders: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    let rt = village.naras.get_mut(&holders[0]).unwrap();
    let owner = MockRuntime::identity("owner");
    let mut lied_to = 0;
    for _ in 0..120 {
        rt.advance(SECOND);
        for asked in of_kind(&rt.emitted(), "stash:challenge") {
            lied_to += 1;
            let challenge: Challenge = parse_payload(&asked.payload).unwrap();
            let lie = Proof {
                request_id: challenge.request_id,
                held: true,
                revision: 1,
                hash: Digest([1; 32]),
                newer: Vec::new(),
            };
            let liar = MockRuntime::identity(&asked.to_id);
            rt.answer(&asked, &liar, "stash:proof", &lie);
        }
    }
    assert_eq!(lied_to, 2, "each was asked once and not again");
    let held = &rt.service::<Stash>().confidant().held()[&owner];
    let others = [&holders[1], &holders[2]].map(|name| MockRuntime::identity(name));
    assert!(!others.iter().any(|who| held.custody.others.contains(who)));
}

#[test]
fn whoever_only_says_that_it_holds_something_newer_stops_no_passing_on() {
    let (mut village, first) = overheard();
    let rt = village.naras.get_mut(&first.from_id).unwrap();
    let newer = |asked: &Handoff, signer: PublicKey| {
        let mut grant = asked.grant.clone();
        grant.revision += 1;
        grant.signature = MockCrypto::new(signer).sign(grant.signed_text().as_bytes());
        grant
    };
    let refuse = |rt: &mut MockRuntime, message: &Message, newer: Vec<Grant>| {
        let asked: Handoff = parse_payload(&message.payload).unwrap();
        let receipt = HandoffReceipt {
            request_id: asked.request_id,
            owner: asked.grant.owner,
            revision: asked.grant.revision,
            held: false,
            reason: format!("stale ts=1 revision={}", u64::MAX),
            chain: Vec::new(),
            newer,
        };
        let who = MockRuntime::identity(&message.to_id);
        rt.answer(message, &who, "stash:receipt", &receipt);
        rt.advance(SECOND);
        of_kind(&rt.emitted(), "stash:handoff")
    };
    let asked: Handoff = parse_payload(&first.payload).unwrap();
    let liar = MockRuntime::identity(&first.to_id);
    let forged = newer(&asked, liar.key);
    let next = refuse(rt, &first, vec![forged]).pop().unwrap();
    assert_ne!(next.to_id, first.to_id, "the next one is asked");
    let after = refuse(rt, &next, Vec::new()).pop().unwrap();
    let proven = newer(&asked, asked.grant.owner.key);
    assert!(refuse(rt, &after, vec![proven]).is_empty());
    rt.advance(600 * SECOND);
    assert!(of_kind(&rt.emitted(), "stash:handoff").is_empty());
}

#[test]
fn whoever_only_says_that_it_holds_a_copy_is_not_believed() {
    let (mut village, _) = away();
    let first = village.holders()[0].to_owned();
    let rt = village.naras.get_mut(&first).unwrap();
    let mallory = rt.register("mallory");
    let claim = HandoffReceipt {
        request_id: String::new(),
        owner: MockRuntime::identity("owner"),
        revision: 1,
        held: true,
        reason: String::new(),
        chain: Vec::new(),
        newer: Vec::new(),
    };
    let message = rt.message(&mallory, "stash:receipt", &claim);
    rt.deliver(&message);
    assert_eq!(rt.dropped("not_a_holder"), 1);
}

#[test]
fn a_holder_that_lost_its_copy_without_a_word_is_found_out_and_replaced() {
    let (mut village, _) = away();
    let loser = village.holders()[0].to_owned();
    let mut fresh = MockRuntime::new(&loser).with(stash(true)).started();
    for other in ["a", "b", "c", "d", "e", "f", "g"] {
        if other != loser {
            fresh.register(other);
        }
    }
    fresh.advance(village.naras["a"].now().mono - fresh.now().mono);
    village.naras.insert(loser, fresh);
    assert_eq!(village.holders().len(), 2);
    // Each of the two that are left challenges one of two others each time.
    village.pass(10 * COUNT_EVERY.as_secs() as u32);
    assert_eq!(village.holders().len(), 3);
}

#[test]
fn holders_that_have_their_copies_prove_it_and_nothing_is_passed_on() {
    let (mut village, _) = away();
    let before = village.holders().join(" ");
    let mut challenges = 0;
    for _ in 0..10 * COUNT_EVERY.as_secs() {
        let clocks = village.naras.values_mut();
        clocks.for_each(|rt| rt.advance(SECOND));
        let challenge = |one: &Outgoing| one.bytes.windows(15).any(|it| it == b"stash:challenge");
        let sent: Vec<Outgoing> = village
            .naras
            .values_mut()
            .flat_map(MockRuntime::sent)
            .collect();
        challenges += sent.iter().filter(|one| challenge(one)).count();
        village.post(sent);
        village.carry();
    }
    assert!(challenges >= 20, "{challenges} challenges");
    assert_eq!(village.holders().join(" "), before);
}

#[test]
fn whoever_is_named_as_a_holder_and_was_never_there_is_forgotten() {
    let (mut village, handoff) = overheard();
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    let ghosts = (0..10).map(|n| MockRuntime::identity(&format!("ghost{n}")));
    let ghosts: Vec<Identity> = ghosts.collect();
    payload.holders.extend(ghosts.clone());
    let from = MockRuntime::identity(&handoff.from_id);
    let taker = village.naras.get_mut(&handoff.to_id).unwrap();
    let message = taker.message(&from, "stash:handoff", &payload);
    taker.deliver(&message);
    let owner = MockRuntime::identity("owner");
    let named = |village: &Village| {
        let taker = village.naras[&handoff.to_id].service::<Stash>();
        let others = taker.confidant().held()[&owner].custody.others.clone();
        ghosts.iter().filter(|one| others.contains(*one)).count()
    };
    assert_eq!(named(&village), ghosts.len());
    village.pass(8 * COUNT_EVERY.as_secs() as u32);
    assert_eq!(named(&village), 0);
    assert_eq!(village.holders().len(), 3);
}

#[test]
fn those_who_are_asked_at_once_know_of_each_other_and_make_no_more_copies() {
    let (mut village, _) = away();
    let before: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    // Both are seen to go before the one that is left acts, so it asks two.
    village.lose(&before[0]);
    village.lose(&before[1]);
    village.pass(60);
    let holders = village.holders();
    assert_eq!(holders.len(), 3);
    let owner = MockRuntime::identity("owner");
    for holder in &holders {
        let held = village.naras[*holder].service::<Stash>().confidant().held();
        let others = held[&owner].custody.others.iter();
        let others: Vec<&str> = others.map(|who| who.id.as_str()).collect();
        let expected = holders.iter().copied().filter(|one| one != holder);
        assert_eq!(others, expected.collect::<Vec<_>>());
    }
}

#[test]
fn holders_that_do_not_know_of_each_other_do_once_one_asks_another() {
    let (mut village, handoff) = overheard();
    let mut payload: Handoff = parse_payload(&handoff.payload).unwrap();
    let from = MockRuntime::identity(&handoff.from_id);
    let taker = village.naras.get_mut(&handoff.to_id).unwrap();
    let message = taker.message(&from, "stash:handoff", &payload);
    taker.deliver(&message);
    receipts(taker);
    // The same copy once more, from one that knows another holder.
    let zoe = MockRuntime::identity("zoe");
    payload.holders.push(zoe);
    let message = taker.message(&from, "stash:handoff", &payload);
    taker.deliver(&message);
    let sent = taker.emitted();
    let told = of_kind(&sent, "stash:receipt");
    let told: Vec<&str> = told.iter().map(|one| one.to_id.as_str()).collect();
    assert_eq!(told, [handoff.from_id.as_str(), "zoe"]);
}

#[test]
fn a_proof_is_given_to_other_holders_only_and_fits_one_key_and_one_challenge() {
    let (mut village, _) = away();
    let holders: Vec<String> = village.holders().iter().map(|&one| one.into()).collect();
    let owner = MockRuntime::identity("owner");
    let rt = village.naras.get_mut(&holders[0]).unwrap();
    let held = &rt.service::<Stash>().confidant().held()[&owner];
    let (sealed, nonce) = (held.sealed.ciphertext.clone(), held.sealed.nonce);
    let challenge = Challenge {
        request_id: "8CSYtVUMsrR1wQyM".into(),
        owner,
        sealed: super::super::held::digest(&held.sealed),
        challenge: Digest([5; 32]),
    };
    let stranger = MockRuntime::identity("mallory");
    let message = rt.message(&stranger, "stash:challenge", &challenge);
    rt.deliver(&message);
    assert_eq!(rt.dropped("not_a_holder"), 1);
    let other = MockRuntime::identity(&holders[1]);
    let message = rt.message(&other, "stash:challenge", &challenge);
    rt.deliver(&message);
    let proofs = of_kind(&rt.emitted(), "stash:proof");
    let proof: Proof = parse_payload(&proofs[0].payload).unwrap();
    let me = MockRuntime::identity(&holders[0]);
    let text = [&[5; 32], &me.key.0[..], &nonce, &sealed].concat();
    assert_eq!(proof.hash.0, <[u8; 32]>::from(Sha256::digest(text)));
    assert!(proof.held);
}

#[test]
fn nobody_but_the_owner_gives_leave() {
    let (mut village, handoff) = overheard();
    let holder = handoff.from_id.clone();
    let rt = village.naras.get_mut(&holder).unwrap();
    let handed: Handoff = parse_payload(&handoff.payload).unwrap();
    let mut granted = Granted {
        grant: handed.grant,
    };
    let mallory = MockRuntime::identity("mallory");
    granted.grant.holders = vec![mallory];
    let message = rt.message(&mallory, "stash:grant", &granted);
    rt.deliver(&message);
    assert_eq!(rt.dropped("not_the_owner"), 1);
    let owner = MockRuntime::identity("owner");
    let message = rt.message(&owner, "stash:grant", &granted);
    rt.deliver(&message);
    assert_eq!(rt.dropped("bad_grant"), 1);
}

/// What a Go nara does with what it is sent: it keeps any store that the owner
/// signed, and gives it to whoever asks.
#[derive(Default)]
struct Gopher {
    stores: Vec<Message>,
    asked: u32,
}

impl Gopher {
    const NAME: &'static str = "go";

    fn hear(&mut self, rt: &mut MockRuntime, message: &Message) {
        match message.kind.as_str() {
            "stash:store" => self.stores.push(message.clone()),
            "stash:request" => {
                self.asked += 1;
                let request: Request = parse_payload(&message.payload).unwrap();
                let store = self.stores.last();
                let store: Option<Store> = store.map(|one| parse_payload(&one.payload).unwrap());
                let response = Response {
                    owner_id: request.owner_id,
                    request_id: request.request_id,
                    found: store.is_some(),
                    nonce: store
                        .as_ref()
                        .map(|one| one.nonce.clone())
                        .unwrap_or_default(),
                    ciphertext: store.map(|one| one.ciphertext).unwrap_or_default(),
                    stored_at: 0,
                };
                let me = MockRuntime::identity(Self::NAME);
                let mut answer = rt.message(&me, "stash:response", &response);
                answer.key = None;
                answer.in_reply_to.clone_from(&message.id);
                rt.deliver(&answer);
            }
            other => panic!("a Go nara knows no {other}"),
        }
    }

    fn pass(&mut self, village: &mut Village, seconds: u32) {
        for _ in 0..seconds {
            for rt in village.naras.values_mut() {
                rt.advance(SECOND);
            }
            loop {
                let mut others = Vec::new();
                for rt in village.naras.values_mut() {
                    for sent in rt.sent() {
                        if matches!(&sent.way, Way::Direct { to } if to.id.as_str() == Self::NAME) {
                            self.hear(rt, &Message::parse(&sent.bytes).unwrap());
                        } else {
                            others.push(sent);
                        }
                    }
                }
                if others.is_empty() {
                    break;
                }
                village.post(others);
            }
        }
    }
}

/// An owner that is away, held by "a", "b" and "c", and beside them a Go nara
/// that was here when the owner greeted, if it `knows` the owner.
fn beside_a_gopher(knows: bool) -> Village {
    let names = ["owner", "a", "b", "c"];
    let mut village = Village::new(&names);
    set(village.naras.get_mut("owner").unwrap(), "{\"n\":1}");
    village.carry();
    village.pass(1);
    assert_eq!(village.holders().len(), 3);
    let (go, owner) = (
        MockRuntime::identity(Gopher::NAME),
        MockRuntime::identity("owner"),
    );
    for rt in village.naras.values_mut() {
        rt.register(Gopher::NAME);
        rt.advance(SECOND);
        rt.command(|_: &mut Stash, ctx| {
            let now = ctx.now().wall;
            let peers = ctx.peers_mut();
            peers.set_on_the_mesh(true);
            if let Some(peer) = peers.peer_mut(&go) {
                peer.light = Some(false);
                peer.proof = "{}".into();
            }
            if let Some(peer) = peers.peer_mut(&owner).filter(|_| knows) {
                peer.event_time = now;
            }
        });
    }
    village.carry();
    village.lose("owner");
    village
}

#[test]
fn where_no_light_nara_is_left_a_go_nara_gets_the_owners_own_store_and_is_asked_for_it() {
    let mut village = beside_a_gopher(true);
    let mut gopher = Gopher::default();
    gopher.pass(&mut village, 40);
    assert!(gopher.stores.is_empty(), "three hold it");
    village.lose("a");
    gopher.pass(&mut village, 20);
    // One holder asks, stores and asks again; the other finds it there.
    assert_eq!((gopher.stores.len(), gopher.asked), (1, 3));
    let store = &gopher.stores[0];
    let owner = MockRuntime::identity("owner");
    assert_eq!(store.from_id, owner.id.as_str());
    let signature = MockCrypto::new(owner.key).sign(store.signable().as_bytes());
    assert_eq!(store.signature.as_ref().unwrap().0, signature.0);
    // It counts, and each asks for it now and then.
    gopher.pass(&mut village, 600);
    assert_eq!(gopher.stores.len(), 1);
    assert!(
        (5..=7).contains(&gopher.asked),
        "asked {} times",
        gopher.asked
    );
    // What it has lost it gets again, once it was left alone for a while.
    gopher.stores.clear();
    gopher.pass(&mut village, 1_200);
    assert_eq!(gopher.stores.len(), 1);
}

#[test]
fn a_go_nara_that_may_not_know_the_owners_key_gets_nothing() {
    let mut village = beside_a_gopher(false);
    let mut gopher = Gopher::default();
    village.lose("a");
    gopher.pass(&mut village, 60);
    assert_eq!((gopher.stores.len(), gopher.asked), (0, 0));
}
