//! The owner's side: who is asked, and what counts.

use super::*;

#[test]
fn three_confidants_are_chosen_and_all_get_the_same_seal() {
    let mut rt = newborn(&["a", "b", "c", "d", "e"]);
    let operation = set(&mut rt, "{\"x\":1}");
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert_eq!(stores.len(), 3);
    let payloads: Vec<Store> = stores
        .iter()
        .map(|store| parse_payload(&store.payload).unwrap())
        .collect();
    assert_eq!(payloads[0].ciphertext.len(), SEALED_SIZE);
    assert!(
        payloads
            .iter()
            .all(|one| one.ciphertext == payloads[0].ciphertext)
    );
    assert!(ended(&mut rt, operation).is_none());
    stores.iter().for_each(|store| ack(&mut rt, store));
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(
        (receipt.revision, receipt.holders.len(), receipt.target),
        (1, 3, 3)
    );
}

#[test]
fn a_refusal_or_a_silence_makes_the_owner_try_the_next() {
    let mut rt = newborn(&["a", "b", "c", "d", "e"]);
    let operation = set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let refusal = Ack {
        owner_id: "owner".into(),
        stored_at: 0,
        success: false,
        reason: "at_capacity".into(),
    };
    rt.answer(
        &stores[0],
        &MockRuntime::identity(&stores[0].to_id),
        "stash:ack",
        &refusal,
    );
    assert_eq!(ack_all(&mut rt), 1);
    ack(&mut rt, &stores[1]);
    rt.advance(PATIENCE);
    assert_eq!(ack_all(&mut rt), 1);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(receipt.holders.len(), 3);
    let unwilling = [&stores[0].to_id, &stores[2].to_id];
    assert!(
        receipt
            .holders
            .iter()
            .all(|who| !unwilling.contains(&&who.id.as_str().to_owned()))
    );
}

#[test]
fn fewer_peers_than_wanted_hold_it_the_receipt_says_so_and_more_are_won_later() {
    let mut rt = newborn(&["a"]);
    let operation = set(&mut rt, "1");
    ack_all(&mut rt);
    rt.advance(DEADLINE);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!((receipt.holders.len(), receipt.target), (1, 3));
    rt.register("b");
    rt.register("c");
    assert_eq!(ack_all(&mut rt), 2);
    let saved = events(&mut rt).into_iter().filter_map(|event| match event {
        Event::Saved(receipt) => Some(receipt.holders.len()),
        _ => None,
    });
    assert_eq!(saved.max(), Some(3));
}

#[test]
fn nobody_there_is_an_error_with_the_figures_and_nothing_is_lost() {
    let mut rt = newborn(&[]);
    let operation = set(&mut rt, "{\"kept\":true}");
    rt.advance(DEADLINE);
    let error = ended(&mut rt, operation).unwrap().unwrap_err();
    assert_eq!(
        error,
        StashError::NotEnoughPeers {
            wanted: 3,
            found: 0
        }
    );
    assert_eq!(data_of(&rt).as_deref(), Some("{\"kept\":true}"));
    rt.register("a");
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 1);
}

#[test]
fn a_confidant_that_leaves_is_replaced_at_once() {
    let mut rt = newborn(&["a", "b", "c", "d"]);
    set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores.iter().for_each(|store| ack(&mut rt, store));
    let gone = MockRuntime::identity(&stores[0].to_id);
    rt.local("presence:gone", &PeerNews { who: gone });
    assert_eq!(ack_all(&mut rt), 1);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
}

#[test]
fn an_ack_that_names_another_store_is_no_ack() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    let stored_at = rt.now().wall.unix_seconds();
    let reason = "anotherstoresid1".to_owned();
    let withheld = Ack {
        owner_id: "owner".into(),
        stored_at,
        success: true,
        reason,
    };
    rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &withheld);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 0);
}

#[test]
fn a_newer_memory_replaces_the_one_that_is_still_on_its_way() {
    let mut rt = newborn(&["a", "b", "c"]);
    let first = set(&mut rt, "1");
    let second = set(&mut rt, "2");
    let all = events(&mut rt);
    assert!(all.contains(&Event::Set(first, Err(StashError::Replaced))));
    ack_all(&mut rt);
    let receipt = ended(&mut rt, second).unwrap().unwrap();
    assert_eq!((receipt.revision, receipt.holders.len()), (2, 3));
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"good\"");
    rt.emitted();
    let long = format!("\"{}\"", "x".repeat(MEMORY_SIZE_MAX));
    for bad in ["{", "", "{\"a\":1}x", &long] {
        let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, bad.into(), DEADLINE));
        assert!(matches!(result, Err(StashError::Codec(_))), "{:.20}", bad);
    }
    assert!(rt.emitted().is_empty());
    assert_eq!(data_of(&rt).as_deref(), Some("\"good\""));
}

#[test]
fn a_confidant_whose_clock_is_behind_counts_if_its_ack_names_the_store() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    let reason = store.id.clone();
    let late = Ack {
        owner_id: "owner".into(),
        stored_at: 5,
        success: true,
        reason,
    };
    rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &late);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 1);
}

#[test]
fn an_ack_of_a_go_nara_counts_by_its_time_and_an_impossible_time_harms_nobody() {
    for (stored_at, counted) in [(i64::MIN, 0), (0, 0), (1_768_756_453, 1), (i64::MAX, 1)] {
        let mut rt = newborn(&["a"]);
        set(&mut rt, "1");
        let store = of_kind(&rt.emitted(), "stash:store").remove(0);
        let ack = Ack {
            owner_id: "owner".into(),
            stored_at,
            success: true,
            reason: String::new(),
        };
        rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &ack);
        let holders = rt.service::<Stash>().owner().current_holders().count();
        assert_eq!(holders, counted, "stored at {stored_at}");
    }
}

#[test]
fn a_version_is_not_dated_before_the_last_one_nor_where_holders_would_refuse_it() {
    for (ahead, expected, revision) in [(-100, 0, 2), (20, 18, 2), (3_600, 0, 3)] {
        let mut rt = reborn();
        let me = MockRuntime::identity("owner");
        let memory = Memory {
            data: "1".into(),
            timestamp: rt.now().wall.unix_seconds() + ahead,
            revision: 1,
        };
        let mut response = response_of(&me, "1", 1);
        let plaintext = codec::encode(&memory, &[], Padding::Full).unwrap();
        let sealed = crate::runtime::Crypto::seal(&MockCrypto::new(me.key), [1; 24], &plaintext);
        response.ciphertext = Bytes::from(sealed);
        push(&mut rt, "a", &response);
        rt.advance(SETTLE_AFTER);
        set(&mut rt, "2");
        let now = rt.now().wall.unix_seconds();
        let memory = rt.service::<Stash>().owner().memory().unwrap();
        assert_eq!(
            (memory.timestamp - now, memory.revision),
            (expected, revision)
        );
    }
}

#[test]
fn a_holder_whose_leaving_was_never_told_does_not_count_for_ever() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    // Strangers push everybody else out of the neighbourhood.
    for n in 0..crate::neighbourhood::PEERS_MAX {
        rt.register(&format!("stranger{n}"));
        rt.emitted();
    }
    rt.advance(CHECK_EVERY);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 0);
    assert!(!of_kind(&rt.emitted(), "stash:store").is_empty());
}

#[test]
fn stores_that_went_down_with_the_connection_are_sent_again_when_it_is_back() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 3);
    rt.set_connected(false);
    rt.set_connected(true);
    assert_eq!(ack_all(&mut rt), 3);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
}
