//! Attacks by numbers: identities cost nothing, so many of them may get little.

use super::peer::{Peer, direct};
use super::target::{HOUR, SECOND, Target, of_kind};
use light_nara::base::NaraId;
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

/// A store by somebody who was never here before; what it was told.
fn store(target: &mut Target, who: &Peer) -> String {
    let frame = direct(&who.store(target, "mine"));
    let sent = target.hear(&frame);
    of_kind(&sent, "stash:ack").remove(0).payload
}

#[test]
fn invented_owners_never_fill_the_places_of_those_who_have_been_here() {
    for (mode, places, kept) in [("short", 5, 2), ("medium", 20, 3), ("hog", 50, 3)] {
        let (mut target, honest) = of_mode(mode, ["one", "two", "three"]);
        let mut refused = 0;
        for n in 0..places * 2 {
            target.advance(SECOND);
            let invented = Peer::new(&format!("invented-{n}"));
            refused += usize::from(store(&mut target, &invented).contains("at_capacity"));
        }
        assert_eq!(target.held(), places - kept, "{mode}");
        assert_eq!(refused, places + kept);
        for peer in honest.iter().take(kept) {
            assert!(
                store(&mut target, peer).contains("\"success\":true"),
                "{mode}"
            );
        }
    }
}

#[test]
fn invented_owners_hold_no_place_beyond_an_hour_when_it_is_needed() {
    let (mut target, honest) = of_mode("short", ["one", "two", "three", "four"]);
    for n in 0..5 {
        store(&mut target, &Peer::new(&format!("invented-{n}")));
    }
    let first = store(&mut target, &honest[0]);
    let second = store(&mut target, &honest[1]);
    assert!(first.contains("true") && second.contains("true"));
    assert!(store(&mut target, &honest[2]).contains("at_capacity"));
    for _ in 0..61 {
        stay(&mut target, &honest);
        target.advance(60 * SECOND);
    }
    for peer in &honest[2..] {
        assert!(store(&mut target, peer).contains("\"success\":true"));
    }
    assert!(
        target.holds_for(&honest[0]),
        "whoever stayed keeps its place"
    );
}

#[test]
fn one_key_has_one_place_however_many_owners_it_invents() {
    let (mut target, _) = of_mode("short", []);
    for n in 0..10 {
        target.advance(SECOND);
        let id = NaraId::parse(&format!("invented{n}")).unwrap();
        let invented = Peer::posing_as("attacker", &id, "invented");
        let answer = store(&mut target, &invented);
        assert_eq!(answer.contains("\"success\":true"), n == 0, "{answer}");
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
    let mut target = Target::new();
    target.advance(10 * SECOND);
    let mut heard = 0;
    let mut sent = Vec::new();
    for n in 0..500 {
        let hello = Peer::new(&format!("made-up-{n}")).hey_there(target.wall());
        heard += hello.packet().len();
        sent.extend(target.hear(&hello));
    }
    sent.extend(target.advance(10 * SECOND));
    let said: usize = sent.iter().map(|one| one.packet().len()).sum();
    assert!(said <= 3 * heard, "{said} bytes for {heard}");
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
        store(&mut target, &invented);
    }
    assert_eq!(target.held(), 3);
    target.advance(HOUR / 60);
}
