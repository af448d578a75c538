//! Who is asked to be a confidant, and how many.

use super::*;
use crate::runtime::CALL_DEADLINE;

const DAY: Duration = GROWN_AFTER;

/// A newborn nara that wants so many, with so many peers.
fn wanting(target: usize, spares: usize, peers: usize) -> MockRuntime {
    let mut config = Config::new(true);
    (config.target, config.spares) = (target, spares);
    let stash = Stash::new(config, Now::default());
    let mut rt = MockRuntime::new("owner").with(stash).started();
    for n in 0..peers {
        rt.register(&format!("peer{n}"));
    }
    rt
}

fn asked(rt: &mut MockRuntime) -> Vec<String> {
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores.into_iter().map(|store| store.to_id).collect()
}

fn refuse(rt: &mut MockRuntime, store: &Message, reason: &str) {
    let ack = Ack {
        owner_id: "owner".into(),
        reason: reason.into(),
        ..Ack::default()
    };
    rt.answer(
        store,
        &MockRuntime::identity(&store.to_id),
        "stash:ack",
        &ack,
    );
}

#[test]
fn three_and_two_spares_are_asked_while_the_holders_are_young() {
    let mut rt = wanting(TARGET, SPARES, 9);
    let operation = set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert_eq!(stores.len(), 5);
    // Safe means the three; the spares are no part of the promise.
    stores[..3].iter().for_each(|store| ack(&mut rt, store));
    assert!(rt.service::<Stash>().owner().is_safe());
    assert_eq!(ended(&mut rt, operation).unwrap().unwrap().holders.len(), 3);
    stores[3..].iter().for_each(|store| ack(&mut rt, store));
    let owner = rt.service::<Stash>().owner();
    let spares = owner.spare_holders(rt.runtime().peers(), rt.now());
    assert_eq!(spares.len(), 2);
}

#[test]
fn two_holders_seen_for_a_day_make_spares_unnecessary_and_one_does_not() {
    for (grown, wanted) in [(0, 5), (1, 5), (2, 3), (3, 3)] {
        let mut rt = wanting(TARGET, SPARES, grown);
        rt.advance(DAY);
        for n in 0..6 {
            rt.register(&format!("young{n}"));
        }
        // Those who are grown are named, so that chance has no part in it.
        let old = (0..grown).map(|n| MockRuntime::identity(&format!("peer{n}")));
        let old: Vec<Identity> = old.collect();
        rt.command(|stash: &mut Stash, _| stash.owner.pinned = old);
        set(&mut rt, "1");
        assert_eq!(asked(&mut rt).len(), wanted, "{grown} grown");
        assert_eq!(ack_all(&mut rt), 0);
    }
}

#[test]
fn spares_are_won_later_when_only_the_target_was_there() {
    let mut rt = wanting(TARGET, SPARES, 3);
    set(&mut rt, "1");
    assert_eq!(ack_all(&mut rt), 3);
    rt.register("fourth");
    assert_eq!(asked(&mut rt), ["fourth"]);
}

#[test]
fn target_and_spares_are_as_configured() {
    for (target, spares) in [(1, 0), (1, 2), (3, 0), (5, 1), (7, 2)] {
        let mut rt = wanting(target, spares, 12);
        set(&mut rt, "1");
        let asked = asked(&mut rt);
        assert_eq!(asked.len(), target + spares, "{target} and {spares}");
    }
}

#[test]
fn nobody_asks_itself_even_under_another_key() {
    let mut rt = wanting(TARGET, SPARES, 2);
    rt.register("owner");
    set(&mut rt, "1");
    let mut asked = asked(&mut rt);
    asked.sort();
    assert_eq!(asked, ["peer0", "peer1"]);
}

#[test]
fn who_refused_is_not_asked_for_five_minutes_and_then_again() {
    let mut rt = wanting(1, 0, 1);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    refuse(&mut rt, &store, "at_capacity");
    set(&mut rt, "2");
    rt.advance(REFUSED_FOR - Duration::from_secs(1));
    assert!(asked(&mut rt).is_empty());
    rt.advance(CHECK_EVERY);
    assert_eq!(asked(&mut rt), ["peer0"]);
}

#[test]
fn a_mute_peer_costs_a_second_without_spares_and_nothing_with_them() {
    let mut rt = wanting(3, 0, 4);
    let operation = set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores[1..].iter().for_each(|store| ack(&mut rt, store));
    rt.advance(LOOK_FURTHER_AFTER);
    assert_eq!(ack_all(&mut rt), 1);
    assert!(ended(&mut rt, operation).unwrap().is_ok());

    let mut rt = wanting(3, 2, 5);
    let operation = set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores[2..].iter().for_each(|store| ack(&mut rt, store));
    assert!(ended(&mut rt, operation).unwrap().is_ok());
}

#[test]
fn a_slow_ack_counts_although_another_was_asked_meanwhile() {
    let mut rt = wanting(1, 0, 2);
    set(&mut rt, "1");
    let slow = of_kind(&rt.emitted(), "stash:store").remove(0);
    rt.advance(LOOK_FURTHER_AFTER * 2);
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 1);
    ack(&mut rt, &slow);
    assert_eq!(holders(&rt), [slow.to_id]);
}

#[test]
fn too_few_peers_are_reported_with_wanted_and_found_and_it_goes_on_by_itself() {
    let mut rt = wanting(3, 0, 2);
    set(&mut rt, "1");
    let select = |stash: &mut Stash, ctx: &mut Context<'_>| {
        stash.select_confidants_automatically(ctx, DEADLINE)
    };
    let error = rt.command(select).unwrap_err();
    let (wanted, found) = (3, 2);
    assert_eq!(error, StashError::NotEnoughPeers { wanted, found });
    assert_eq!(ack_all(&mut rt), 2);
    rt.register("third");
    assert_eq!(ack_all(&mut rt), 1);
    let operation = rt.command(select).unwrap();
    let chosen = events(&mut rt).into_iter().find_map(|event| match event {
        Event::Ended(id, Ok(Ending::Chosen(who))) if id == operation => Some(who.len()),
        _ => None,
    });
    assert_eq!(chosen, Some(3));
}

#[test]
fn choosing_before_anything_is_set_tries_nobody_with_a_store() {
    let mut rt = wanting(3, 0, 6);
    rt.command(|stash: &mut Stash, ctx| stash.select_confidants_automatically(ctx, DEADLINE))
        .unwrap();
    let chosen = events(&mut rt).into_iter().find_map(|event| match event {
        Event::Ended(_, Ok(Ending::Chosen(who))) => Some(who),
        _ => None,
    });
    assert!(rt.emitted().is_empty());
    let chosen: Vec<String> = chosen
        .unwrap()
        .iter()
        .map(|who| who.id.to_string())
        .collect();
    set(&mut rt, "1");
    let mut asked = asked(&mut rt);
    asked.sort();
    let mut chosen = chosen;
    chosen.sort();
    assert_eq!(asked, chosen);
}

#[test]
fn everything_ever_stored_opens_to_the_memory() {
    let mut rt = wanting(3, 2, 8);
    set(&mut rt, "\"the memory\"");
    let crypto = MockCrypto::new(MockRuntime::identity("owner").key);
    for store in of_kind(&rt.emitted(), "stash:store") {
        let store: Store = parse_payload(&store.payload).unwrap();
        let nonce = store.nonce.as_slice().try_into().unwrap();
        let plaintext = crate::runtime::Crypto::open(&crypto, &nonce, store.ciphertext.as_slice());
        let opened = codec::decode(&plaintext.unwrap()).unwrap();
        assert_eq!(opened.memory.data, "\"the memory\"");
    }
}

#[test]
fn the_seal_names_those_whom_it_goes_to() {
    let mut rt = wanting(3, 2, 8);
    set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let asked: Vec<&str> = stores.iter().map(|store| store.to_id.as_str()).collect();
    assert_eq!(named_by(&stores[0]), asked);
}

#[test]
fn what_is_set_before_anybody_is_met_waits_for_those_whom_its_seal_will_name() {
    let mut rt = MockRuntime::new("owner").with(stash(true));
    rt.set_connected(false);
    let mut rt = rt.started();
    rt.set_connected(true);
    let operation = set(&mut rt, "1");
    for peer in ["a", "b"] {
        rt.register(peer);
        assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
    }
    rt.register("c");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let mut named = named_by(&stores[0]);
    named.sort_unstable();
    assert_eq!(named, ["a", "b", "c"]);
    for store in &stores {
        ack(&mut rt, store);
    }
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!((receipt.revision, receipt.holders.len()), (1, 3));
}

#[test]
fn where_few_are_met_what_is_set_goes_to_those_soon_or_as_last_words() {
    let wait: fn(&mut MockRuntime) = |rt| rt.advance(Duration::from_secs(4));
    let stop: fn(&mut MockRuntime) =
        |rt| rt.command(|stash: &mut Stash, ctx| Service::stop(stash, ctx));
    for then in [wait, stop] {
        let mut rt = MockRuntime::new("owner").with(stash(true));
        rt.set_connected(false);
        let mut rt = rt.started();
        rt.set_connected(true);
        set(&mut rt, "1");
        rt.register("a");
        assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
        then(&mut rt);
        let stores = of_kind(&rt.emitted(), "stash:store");
        assert_eq!(stores.len(), 1);
        assert_eq!(named_by(&stores[0]), ["a"]);
    }
}

fn named_by(store: &Message) -> Vec<String> {
    let crypto = MockCrypto::new(MockRuntime::identity("owner").key);
    let store: Store = parse_payload(&store.payload).unwrap();
    let nonce = store.nonce.as_slice().try_into().unwrap();
    let plaintext = crate::runtime::Crypto::open(&crypto, &nonce, store.ciphertext.as_slice());
    let named = codec::decode(&plaintext.unwrap()).unwrap().holders;
    named.iter().map(|who| who.id.to_string()).collect()
}

#[test]
fn a_holder_of_something_newer_is_asked_for_it_and_mine_goes_on_top() {
    let mut rt = wanting(1, 0, 1);
    set(&mut rt, "\"mine\"");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    refuse(&mut rt, &store, "stale");
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let request: Request = parse_payload(&asked.payload).unwrap();
    let me = MockRuntime::identity("owner");
    let mut newer = response_of(&me, "\"another\"", 6);
    newer.request_id = request.request_id;
    rt.answer(
        &asked,
        &MockRuntime::identity("peer0"),
        "stash:response",
        &newer,
    );
    let stash = rt.service::<Stash>();
    assert_eq!(stash.stash_data().map(|one| one.revision), Some(7));
    assert_eq!(
        stash.owner().beside().map(|one| one.data.as_str()),
        Some("\"another\"")
    );
    assert_eq!(ack_all(&mut rt), 1);
}

/// It holds the first revision, with a time so many seconds ahead of mine.
fn show_ahead(rt: &mut MockRuntime, asked: &Message, seconds: i64) -> i64 {
    let memory = Memory {
        data: "1".into(),
        timestamp: rt.now().wall.unix_seconds() + seconds,
        revision: 1,
    };
    let me = MockRuntime::identity("owner");
    let plaintext = codec::encode(&memory, &[], Padding::Full).unwrap();
    let sealed = crate::runtime::Crypto::seal(&MockCrypto::new(me.key), [1; 24], &plaintext);
    let request: Request = parse_payload(&asked.payload).unwrap();
    let mut ahead = response_of(&me, "1", 1);
    ahead.request_id = request.request_id;
    ahead.ciphertext = Bytes::from(sealed);
    let peer = MockRuntime::identity("peer0");
    rt.answer(asked, &peer, "stash:response", &ahead);
    memory.timestamp
}

/// An owner whose only holder has just refused its second version as stale, and
/// what that one is asked for.
fn refused_as_stale() -> (MockRuntime, Message) {
    let mut rt = wanting(1, 0, 1);
    set(&mut rt, "1");
    set(&mut rt, "\"second\"");
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    refuse(&mut rt, &store, "stale");
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    (rt, asked)
}

#[test]
fn a_holder_with_a_later_clock_is_not_refused_by_for_ever() {
    let (mut rt, asked) = refused_as_stale();
    let ahead = show_ahead(&mut rt, &asked, 20);
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    let store: Store = parse_payload(&store.payload).unwrap();
    assert!(store.ts >= ahead);
    assert_eq!(data_of(&rt).as_deref(), Some("\"second\""));
}

#[test]
fn a_time_out_of_reach_that_was_seen_once_hides_no_later_one() {
    let (mut rt, asked) = refused_as_stale();
    show_ahead(&mut rt, &asked, 8 * 86_400);
    // Its clock was put right meanwhile, and it took another version.
    rt.advance(SILENT_FOR);
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    refuse(&mut rt, &store, "stale");
    let asked = of_kind(&rt.emitted(), "stash:request").pop().unwrap();
    let ahead = show_ahead(&mut rt, &asked, 20);
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    let store: Store = parse_payload(&store.payload).unwrap();
    assert!(store.ts >= ahead);
}

#[test]
fn where_nobody_else_is_left_the_silent_are_asked_again_when_their_call_ends() {
    let mut rt = wanting(3, 0, 3);
    set(&mut rt, "1");
    assert_eq!(asked(&mut rt).len(), 3);
    rt.advance(PATIENCE);
    assert!(asked(&mut rt).is_empty());
    // All words of a minute were lost; the next ones are not.
    rt.advance(CALL_DEADLINE);
    assert_eq!(ack_all(&mut rt), 3);
    assert!(rt.service::<Stash>().owner().is_safe());
}

#[test]
fn while_others_can_be_asked_the_silent_are_not() {
    let mut rt = wanting(3, 0, 6);
    set(&mut rt, "1");
    let silent = asked(&mut rt);
    rt.advance(PATIENCE);
    let others = of_kind(&rt.emitted(), "stash:store");
    others.iter().for_each(|store| ack(&mut rt, store));
    assert_eq!(others.len(), 3);
    assert!(others.iter().all(|one| !silent.contains(&one.to_id)));
    rt.advance(CALL_DEADLINE);
    assert!(asked(&mut rt).is_empty());
}

#[test]
fn who_says_stale_and_does_not_show_it_is_asked_again() {
    let mut rt = wanting(1, 0, 1);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    refuse(&mut rt, &store, "stale");
    // Its copy is asked for, and that answer is lost.
    assert_eq!(of_kind(&rt.emitted(), "stash:request").len(), 1);
    rt.advance(SILENT_FOR + CHECK_EVERY);
    assert!(ack_all(&mut rt) > 0);
    assert!(rt.service::<Stash>().owner().is_safe());
}

#[test]
fn who_acknowledged_counts_however_many_push_a_copy_that_they_overheard() {
    let mut rt = newborn(&[]);
    set(&mut rt, "1");
    let me = MockRuntime::identity("owner");
    let strangers: Vec<String> = (0..64).map(|n| format!("s{n}")).collect();
    for name in &strangers {
        rt.register(name);
    }
    for _ in 0..80 {
        for store in of_kind(&rt.emitted(), "stash:store") {
            let refusal = Ack {
                owner_id: "owner".into(),
                stored_at: 0,
                success: false,
                reason: "at_capacity".into(),
            };
            let from = MockRuntime::identity(&store.to_id);
            rt.answer(&store, &from, "stash:ack", &refusal);
        }
    }
    for name in &strangers {
        push(&mut rt, name, &response_of(&me, "1", 1));
    }
    rt.emitted();
    for name in ["a", "b", "c"] {
        rt.register(name);
    }
    let mut stores = 0;
    for _ in 0..20 {
        stores += ack_all(&mut rt);
    }
    assert_eq!((stores, holders(&rt).len()), (3, 3));
}

#[test]
fn an_ack_of_the_version_before_does_not_end_a_store_with_somebody() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let first = stores.into_iter().find(|store| store.to_id == "a").unwrap();
    set(&mut rt, "2");
    rt.emitted();
    let a = MockRuntime::identity("a");
    let operation = rt
        .command(|stash: &mut Stash, ctx| stash.store_with(ctx, &a, DEADLINE))
        .unwrap();
    ack(&mut rt, &first);
    assert_eq!(ended(&mut rt, operation), None);
}

#[test]
fn a_holder_of_something_dated_ahead_is_asked_again_once_that_time_has_come() {
    let mut rt = wanting(1, 0, 1);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    refuse(&mut rt, &store, "stale");
    let request = of_kind(&rt.emitted(), "stash:request").remove(0);
    let ask: Request = parse_payload(&request.payload).unwrap();
    let me = MockRuntime::identity("owner");
    let ahead = Memory {
        data: "0".into(),
        timestamp: rt.now().wall.unix_seconds() + 60,
        revision: 1,
    };
    let plaintext = codec::encode(&ahead, &[], Padding::Full).unwrap();
    let sealed = crate::runtime::Crypto::seal(&MockCrypto::new(me.key), [1; 24], &plaintext);
    let response = Response {
        request_id: ask.request_id,
        ciphertext: Bytes::from(sealed),
        ..response_of(&me, "0", 1)
    };
    let who = MockRuntime::identity(&store.to_id);
    rt.answer(&request, &who, "stash:response", &response);
    rt.emitted();
    rt.advance(Duration::from_secs(60));
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    let store: Store = parse_payload(&store.payload).unwrap();
    assert!(store.ts >= ahead.timestamp);
}
