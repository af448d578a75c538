//! Attacks by numbers: identities cost nothing, so many of them may get little.

use super::peer::{Peer, direct};
use super::target::{SECOND, Target, of_kind};
use light_nara::base::NaraId;
use light_nara::message::{Delete, Request};
use light_nara::nara::{Config, Newborn};
use light_nara::neighbourhood::{FOLLOWED_MAX, PEERS_MAX};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A nara that holds so many, and peers that have been here for an hour.
fn of_mode<const N: usize>(mode: &str, names: [&str; N]) -> (Target, [Peer; N]) {
    let config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    let mut target = Target::of(config.with_memory_mode(mode).unwrap());
    let peers = target.meet(names);
    for _ in 0..61 {
        stay(&mut target, &peers);
        target.advance(60 * SECOND);
    }
    stay(&mut target, &peers);
    (target, peers)
}

fn stay(target: &mut Target, peers: &[Peer]) {
    let hellos: Vec<_> = peers
        .iter()
        .map(|one| one.hey_there(target.wall()))
        .collect();
    target.hear_all(hellos);
}

/// A store that is taken, as the ack says.
#[track_caller]
fn takes(target: &mut Target, who: &Peer) {
    let frame = direct(&who.store(target, "mine"));
    let sent = target.hear(&frame);
    let ack = of_kind(&sent, "stash:ack").remove(0).payload;
    assert!(ack.contains("\"success\":true"), "{ack}");
    assert!(target.holds_for(who));
}

/// A store for which there is no place: refused, counted, and nothing changes.
#[track_caller]
fn turns_away(target: &mut Target, who: &Peer) {
    // Whoever has not spoken yet becomes known by it; so it speaks before.
    let asks = Request {
        owner_id: who.id().to_owned(),
        request_id: String::new(),
    };
    let spoken = direct(&who.says(target, "stash:request", &asks));
    let hello = who.hey_there(target.wall());
    target.hear_all([hello, spoken]);
    let frame = direct(&who.store(target, "mine"));
    target.refuses(&frame, "at_capacity");
}

const MODES: [(&str, usize, usize); 3] = [("short", 5, 2), ("medium", 20, 3), ("hog", 50, 3)];

#[test]
fn invented_owners_never_fill_the_places_of_those_who_have_been_here() {
    for (mode, places, kept) in MODES {
        let (mut target, honest) = of_mode(mode, ["one", "two", "three"]);
        for n in 0..places * 2 {
            target.advance(SECOND);
            let invented = Peer::new(&format!("invented-{n}"));
            if n < places - kept {
                takes(&mut target, &invented);
            } else {
                turns_away(&mut target, &invented);
            }
        }
        assert_eq!(target.held(), places - kept, "{mode}");
        for peer in honest.iter().take(kept) {
            takes(&mut target, peer);
        }
    }
}

#[test]
fn invented_owners_hold_no_place_beyond_an_hour_when_it_is_needed() {
    let (mut target, honest) = of_mode("short", ["one", "two", "three", "four"]);
    for n in 0..3 {
        takes(&mut target, &Peer::new(&format!("invented-{n}")));
    }
    for n in 3..5 {
        turns_away(&mut target, &Peer::new(&format!("invented-{n}")));
    }
    takes(&mut target, &honest[0]);
    takes(&mut target, &honest[1]);
    turns_away(&mut target, &honest[2]);
    for _ in 0..61 {
        stay(&mut target, &honest);
        target.advance(60 * SECOND);
    }
    for peer in &honest[2..] {
        takes(&mut target, peer);
    }
    assert!(
        target.holds_for(&honest[0]),
        "whoever stayed keeps its place"
    );
}

/// New owners every hour, as many as there are places and more, some of which
/// go and come back within the hour. Each day two that have been here for an
/// hour want a place.
#[test]
fn invented_owners_that_come_for_days_keep_nobody_out_who_has_been_here() {
    for (mode, places, days) in [("short", 5, 7), ("medium", 20, 1), ("hog", 50, 1)] {
        let (target, honest) = of_mode(mode, ["one", "two"]);
        let mut target = target.alone();
        for day in 0..days {
            for hour in 0..24 {
                let mut refused = 0;
                for n in 0..places + 3 {
                    let invented = Peer::new(&format!("invented-{day}-{hour}-{n}"));
                    let frame = direct(&invented.store(&target, "x"));
                    let dropped = target.dropped("at_capacity");
                    target.hear(&frame);
                    let is_refused = target.dropped("at_capacity") > dropped;
                    assert_ne!(is_refused, target.holds_for(&invented));
                    refused += usize::from(is_refused);
                    if n == 0 {
                        let (chau, back) = (target.wall(), target.ahead(SECOND));
                        let leaves = [invented.chau(chau), invented.hey_there(back)];
                        target.hear_all(leaves);
                    }
                }
                assert!(refused >= 3, "{mode}: {refused}");
                for part in 0..15 {
                    stay(&mut target, &honest);
                    // Once a day, when no invented one is an hour old.
                    if (hour, part) == (23, 7) {
                        comes_and_goes(&mut target, &honest);
                    }
                    target.advance(240 * SECOND);
                }
            }
        }
    }
}

/// Each finds a place, and gives it back, so that it wants one again.
fn comes_and_goes(target: &mut Target, peers: &[Peer]) {
    for peer in peers {
        takes(target, peer);
    }
    for peer in peers {
        let delete = Delete {
            owner_id: peer.id().to_owned(),
            ts: target.wall().unix_seconds() + 1,
        };
        let frame = direct(&peer.says(target, "stash:delete", &delete));
        target.hear(&frame);
        assert!(!target.holds_for(peer));
    }
}

#[test]
fn one_key_has_one_place_however_many_owners_it_invents() {
    let (mut target, _) = of_mode("short", []);
    for n in 0..10 {
        target.advance(SECOND);
        let id = NaraId::parse(&format!("invented{n}")).unwrap();
        let invented = Peer::posing_as("attacker", &id, "invented");
        if n == 0 {
            takes(&mut target, &invented);
        } else {
            turns_away(&mut target, &invented);
        }
    }
    assert_eq!(target.held(), 1);
}

#[test]
fn a_flood_of_greetings_pushes_out_nobody_who_was_there_before() {
    let mut target = Target::new();
    let honest = target.meet(["one", "two", "three"]);
    target.save("{\"tea\":1}", &honest);
    assert_eq!(target.holders(), 3);
    for n in 0..PEERS_MAX + 100 {
        let flood = Peer::new(&format!("flood-{n}")).hey_there(target.wall());
        target.hear(&flood);
    }
    // As many as are followed, and nobody of the flood is beyond that.
    assert_eq!(target.nara.runtime().peers().len(), FOLLOWED_MAX);
    for peer in &honest {
        assert!(target.sees(peer), "{} was forgotten", peer.name);
    }
    // Nobody else is made a confidant for it.
    let sent = target.advance(60 * SECOND);
    let tried = of_kind(&sent, "stash:store").len();
    assert!(tried <= 20, "{tried} were sent the memory");
    assert_eq!(target.holders(), 3);
}

#[test]
fn a_flood_under_one_id_costs_the_flooder_its_own_keys_only() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    for n in 0..50 {
        let liar = Peer::posing_as(&format!("liar-{n}"), &victim.who.id, "victim");
        let hello = liar.hey_there(target.wall());
        target.hear(&hello);
    }
    // A Go nara names no key: it must be known.
    let mut store = victim.store(&target, "mine");
    store.key = None;
    let known = victim.hey_there(target.wall());
    target.hear(&known);
    target.hear(&direct(&store));
    assert!(target.holds_for(&victim) && target.held() == 1);
}

#[test]
fn nobody_gets_more_than_a_greeting_by_making_up_newcomers() {
    // One, and five hundred, each beside what is said where nobody comes; by a
    // nara that has a memory to store, and knows some whom it might name.
    for count in [1, 500] {
        let mut spans = [0, count].map(|count| {
            let mut target = Target::new();
            let peers = target.meet(["one", "two", "three", "four", "five"]);
            target.save("{\"tea\":1}", &peers);
            target.advance(10 * SECOND);
            let (mut heard, mut sent) = (0, Vec::new());
            for n in 0..count {
                let hello = Peer::new(&format!("made-up-{n}")).hey_there(target.wall());
                heard += hello.packet().len();
                sent.extend(target.hear(&hello));
            }
            sent.extend(target.advance(10 * SECOND));
            let said: usize = sent.iter().map(|one| one.packet().len()).sum();
            (heard, said)
        });
        let (quiet, (heard, said)) = (spans[0].1, core::mem::take(&mut spans[1]));
        let more = said.saturating_sub(quiet);
        assert!(more <= 3 * heard, "{more} bytes for {heard} of {count}");
    }
}

#[test]
fn an_hour_of_being_known_cannot_be_claimed() {
    // Age is what this nara has seen itself: an uptime in a newspaper is not.
    let (mut target, _) = of_mode("short", ["one", "two", "three"]);
    for n in 0..8 {
        let invented = Peer::new(&format!("invented-{n}"));
        let hello = invented.hey_there(target.wall());
        target.hear(&hello);
        target.hear(&invented.newspaper());
        if n < 3 {
            takes(&mut target, &invented);
        } else {
            turns_away(&mut target, &invented);
        }
    }
    assert_eq!(target.held(), 3);
}
