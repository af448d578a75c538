//! The recovery gate, and two devices with one soul.

use super::*;
use crate::runtime::Nothing;

#[test]
fn a_set_before_the_memory_is_back_is_refused_and_then_gets_the_next_revision() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let refused = Err(StashError::Recovering);
    let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, "1".into(), DEADLINE));
    assert_eq!(result, Err(StashError::Recovering));
    let result = rt.command(|stash: &mut Stash, ctx| stash.set_stash_data(ctx, "1".into()));
    assert_eq!(result, Err(StashError::Recovering));
    // There is nothing to choose yet.
    assert_eq!(
        rt.command(|stash: &mut Stash, ctx| stash.start_empty(ctx)),
        refused
    );
    for from in ["a", "b", "c"] {
        rt.register(from);
        push(&mut rt, from, &response_of(&me, "\"old\"", 7));
    }
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
    rt.advance(SETTLE_AFTER);
    assert_eq!(gates(&mut rt), ["{\"gate\":\"open\"}"]);
    let operation = set(&mut rt, "\"mine\"");
    assert_eq!(ack_all(&mut rt), 3);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(receipt.revision, 8);
}

#[test]
fn after_a_search_in_vain_the_user_chooses_and_only_then_is_anything_set() {
    let mut rt = reborn();
    rt.register("a");
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(gates(&mut rt), ["{\"gate\":\"undecided\"}"]);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Undecided);
    let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, "1".into(), DEADLINE));
    assert_eq!(result, Err(StashError::Recovering));
    start_empty(&mut rt);
    assert_eq!(gates(&mut rt), ["{\"gate\":\"open\"}"]);
    let operation = set(&mut rt, "1");
    ack_all(&mut rt);
    rt.advance(DEADLINE);
    assert_eq!(ended(&mut rt, operation).unwrap().unwrap().holders.len(), 1);
}

#[test]
fn a_newborn_soul_has_no_gate() {
    let mut rt = newborn(&["a", "b", "c"]);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Open);
    set(&mut rt, "1");
    let emitted = rt.emitted();
    assert_eq!(of_kind(&emitted, "stash:store").len(), 3);
    assert!(of_kind(&emitted, "stash-refresh").is_empty());
}

#[test]
fn a_memory_that_turns_up_while_nothing_was_chosen_opens_the_gate() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    rt.locals();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "late", &response_of(&me, "5", 3));
    rt.advance(SETTLE_AFTER);
    assert_eq!(gates(&mut rt), ["{\"gate\":\"open\"}"]);
    assert_eq!(data_of(&rt).as_deref(), Some("5"));
}

#[test]
fn a_nara_that_wakes_out_of_reach_has_its_whole_time_once_it_is_reached() {
    let mut rt = MockRuntime::new("owner").with(stash(false));
    rt.set_connected(false);
    let mut rt = rt.started();
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Undecided);
    rt.set_connected(true);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Searching);
    assert_eq!(of_kind(&rt.emitted(), "stash-refresh").len(), 1);
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Undecided);
}

#[test]
fn restoring_over_newer_local_data_asks_first() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    start_empty(&mut rt);
    set(&mut rt, "\"written since\"");
    let me = MockRuntime::identity("owner");
    push(&mut rt, "late", &response_of(&me, "\"old\"", 7));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"written since\""));
    let owner = rt.service::<Stash>().owner();
    assert_eq!(owner.beside().map(|one| one.data.as_str()), Some("\"old\""));
    let told = rt
        .locals()
        .into_iter()
        .find(|one| one.kind == "stash:beside");
    assert_eq!(told.unwrap().payload, "{\"version\":7}");
}

#[test]
fn what_is_safe_since_starting_empty_is_not_replaced_by_what_was_there_before() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    start_empty(&mut rt);
    for name in ["a", "b", "c"] {
        rt.register(name);
    }
    let saved = set(&mut rt, "\"written since\"");
    assert_eq!(ack_all(&mut rt), 3);
    assert!(matches!(ended(&mut rt, saved), Some(Ok(_))));
    let me = MockRuntime::identity("owner");
    // The second had gone on while the first was out of reach.
    for (from, revision) in [("late", 7), ("later", 9)] {
        push(&mut rt, from, &response_of(&me, "\"old\"", revision));
        rt.advance(SETTLE_AFTER);
        ack_all(&mut rt);
        assert_eq!(data_of(&rt).as_deref(), Some("\"written since\""));
        let beside = rt.service::<Stash>().owner().beside();
        assert_eq!(beside.map(|one| one.revision), Some(revision));
    }
}

#[test]
fn another_device_with_this_soul_stops_the_storing_until_this_one_goes_on() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    rt.local("presence:elsewhere", &Nothing {});
    rt.local("presence:elsewhere", &Nothing {});
    let told = rt
        .locals()
        .into_iter()
        .filter(|one| one.kind == "elsewhere");
    assert_eq!(told.count(), 1);
    let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, "2".into(), DEADLINE));
    assert_eq!(result, Err(StashError::Elsewhere));
    rt.emitted();
    rt.register("d");
    rt.advance(CHECK_EVERY);
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
    rt.command(|stash: &mut Stash, ctx| stash.go_on(ctx));
    assert_eq!(ack_all(&mut rt), 3);
    assert!(rt.locals().iter().any(|one| one.kind == "stash:go_on"));
}

#[test]
fn what_the_other_device_saved_meanwhile_is_kept_beside_and_never_merged() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"here\"");
    ack_all(&mut rt);
    rt.local("presence:elsewhere", &Nothing {});
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"there\"", 4));
    assert_eq!(data_of(&rt).as_deref(), Some("\"here\""));
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
    rt.command(|stash: &mut Stash, ctx| stash.go_on(ctx));
    // What goes on is the newest everywhere, and the other is not lost.
    let owner = rt.service::<Stash>().owner();
    assert_eq!(owner.memory().map(|one| one.revision), Some(5));
    assert_eq!(
        owner.beside().map(|one| one.data.as_str()),
        Some("\"there\"")
    );
    assert_eq!(ack_all(&mut rt), 3);
}

#[test]
fn ones_own_new_copy_does_not_end_the_search_for_the_old_memory() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    start_empty(&mut rt);
    rt.register("a");
    rt.emitted();
    rt.locals();
    set(&mut rt, "\"new\"");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    ack(&mut rt, &store);
    let stored: Store = parse_payload(&store.payload).unwrap();
    let back = Response {
        owner_id: "owner".into(),
        found: true,
        nonce: stored.nonce,
        ciphertext: stored.ciphertext,
        stored_at: 1,
        ..Response::default()
    };
    push(&mut rt, "a", &back);
    rt.advance(SETTLE_AFTER * 2);
    assert!(recovered_counts(&mut rt).is_empty());
    rt.emitted();
    // The old friend is asked before anything is stored with it.
    rt.register("friend");
    let sent: Vec<String> = rt.emitted().into_iter().map(|one| one.kind).collect();
    assert_eq!(sent[..2], ["stash:request", "stash:store"]);
}

#[test]
fn what_was_set_out_of_reach_is_stored_after_the_holders_were_asked() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"base\"");
    ack_all(&mut rt);
    rt.set_connected(false);
    rt.command(|stash: &mut Stash, ctx| stash.set_stash_data(ctx, "\"on the train\"".into()))
        .unwrap();
    rt.emitted();
    rt.set_connected(true);
    let sent = rt.emitted();
    for holder in ["a", "b", "c"] {
        let to_it: Vec<&str> = sent
            .iter()
            .filter(|one| one.to_id == holder)
            .map(|one| one.kind.as_str())
            .filter(|kind| kind.starts_with("stash:"))
            .collect();
        assert_eq!(to_it, ["stash:request", "stash:store"], "{holder}");
    }
    // Another device had saved something meanwhile: it is kept beside.
    let asked = of_kind(&sent, "stash:request").remove(0);
    let ask: Request = parse_payload(&asked.payload).unwrap();
    let there = Response {
        request_id: ask.request_id,
        ..response_of(&MockRuntime::identity("owner"), "\"at the desk\"", 3)
    };
    let holder = MockRuntime::identity(&asked.to_id);
    rt.answer(&asked, &holder, "stash:response", &there);
    assert_eq!(data_of(&rt).as_deref(), Some("\"on the train\""));
    let owner = rt.service::<Stash>().owner();
    let beside = owner.beside().map(|one| one.data.as_str());
    assert_eq!(beside, Some("\"at the desk\""));
}

#[test]
fn what_another_device_put_on_top_of_what_was_safe_is_taken_over() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"base\"");
    ack_all(&mut rt);
    rt.set_connected(false);
    rt.set_connected(true);
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let ask: Request = parse_payload(&asked.payload).unwrap();
    let there = Response {
        request_id: ask.request_id,
        ..response_of(&MockRuntime::identity("owner"), "\"gone on\"", 2)
    };
    let holder = MockRuntime::identity(&asked.to_id);
    rt.answer(&asked, &holder, "stash:response", &there);
    assert_eq!(data_of(&rt).as_deref(), Some("\"gone on\""));
}

/// What the other device saved, as one of its holders sends it unasked.
fn push_other(rt: &mut MockRuntime, from: &str, data: &str, revision: u64) {
    push(
        rt,
        from,
        &response_of(&MockRuntime::identity("owner"), data, revision),
    );
}

fn beside(rt: &MockRuntime) -> Option<&str> {
    let beside = rt.service::<Stash>().owner().beside();
    beside.map(|memory| memory.data.as_str())
}

#[test]
fn what_another_device_saved_meanwhile_is_kept_beside_whatever_its_revision() {
    // Mine went on to revision 3; the other's is 1, 2 or 3.
    for revision in 1..=3 {
        let mut rt = newborn(&["a", "b", "c"]);
        for data in ["1", "2", "3"] {
            set(&mut rt, data);
            ack_all(&mut rt);
        }
        rt.locals();
        push_other(&mut rt, "d", "\"theirs\"", revision);
        assert_eq!(data_of(&rt).as_deref(), Some("3"));
        assert_eq!(beside(&rt), Some("\"theirs\""));
        let told = rt.locals();
        assert!(told.iter().any(|one| one.kind == "stash:beside"));
        // Mine goes on top of it, with everybody, where it is not there yet.
        let mine = if revision == 3 { 4 } else { 3 };
        let is = |rt: &MockRuntime| rt.service::<Stash>().owner().memory().unwrap().revision;
        assert_eq!(
            (is(&rt), ack_all(&mut rt)),
            (mine, if mine == 4 { 3 } else { 0 })
        );
        assert_eq!(holders(&rt), ["a", "b", "c"]);
        // Played again, it is no news.
        push_other(&mut rt, "e", "\"theirs\"", revision);
        assert_eq!((is(&rt), rt.dropped("stale")), (mine, 1));
        let told = rt.locals();
        assert!(told.iter().all(|one| one.kind != "stash:beside"));
    }
}

#[test]
fn what_was_saved_here_before_is_no_news_when_it_comes_back() {
    let mut rt = newborn(&["a", "b", "c"]);
    let mut copies = Vec::new();
    for n in 0..100 {
        set(&mut rt, &n.to_string());
        ack_all(&mut rt);
        copies.push(given_back(&rt));
    }
    for copy in &copies[..99] {
        push(&mut rt, "a", copy);
        rt.advance(Duration::from_secs(1));
    }
    assert_eq!((beside(&rt), data_of(&rt).as_deref()), (None, Some("99")));
    assert_eq!(
        rt.service::<Stash>().owner().memory().unwrap().revision,
        100
    );
}

#[test]
fn whoever_holds_another_devices_version_does_not_count_as_holding_mine() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"mine\"");
    ack_all(&mut rt);
    assert_eq!(holders(&rt).len(), 3);
    // Nothing may be stored now, so mine keeps its revision.
    rt.local("presence:elsewhere", &Nothing {});
    let me = MockRuntime::identity("owner");
    let who = MockRuntime::identity("a");
    let operation = rt.command(|stash: &mut Stash, ctx| {
        stash.request_from(ctx, &who, Generation::Newest, DEADLINE)
    });
    assert!(operation.is_ok());
    let request = of_kind(&rt.emitted(), "stash:request").remove(0);
    let mut theirs = response_of(&me, "\"theirs\"", 1);
    theirs.request_id = crate::message::parse_payload::<crate::message::Request>(&request.payload)
        .unwrap()
        .request_id;
    rt.answer(&request, &who, "stash:response", &theirs);
    assert_eq!(holders(&rt), ["b", "c"]);
    assert_eq!(beside(&rt), Some("\"theirs\""));
}

#[test]
fn of_two_versions_of_one_revision_a_recovery_takes_the_later_and_keeps_the_other_beside() {
    for order in [["\"1\"", "\"2\""], ["\"2\"", "\"1\""]] {
        let mut rt = reborn();
        for (from, data) in ["a", "b"].into_iter().zip(order) {
            push_other(&mut rt, from, data, 3);
        }
        rt.advance(SETTLE_AFTER);
        assert_eq!(data_of(&rt).as_deref(), Some("\"2\""));
        assert_eq!(beside(&rt), Some("\"1\""));
        assert_eq!(rt.service::<Stash>().recovery().count(), 1);
    }
}

#[test]
fn what_a_search_finds_beside_what_was_set_here_is_not_hidden_by_it() {
    let mut rt = newborn(&["a", "b", "c"]);
    for data in ["1", "2", "3"] {
        set(&mut rt, data);
        ack_all(&mut rt);
    }
    let any = |stash: &mut Stash, ctx: &mut Context<'_>| stash.recover_from_any(ctx, DEADLINE);
    rt.command(any).unwrap();
    let copy = given_back(&rt);
    push(&mut rt, "a", &copy);
    push_other(&mut rt, "d", "\"theirs\"", 2);
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("3"));
    assert_eq!(beside(&rt), Some("\"theirs\""));
}

#[test]
fn a_version_of_the_recovered_revision_that_comes_later_is_kept_beside() {
    let mut rt = reborn();
    for from in ["a", "b", "c"] {
        rt.register(from);
        push_other(&mut rt, from, "\"2\"", 3);
    }
    rt.advance(SETTLE_AFTER);
    for (data, kept) in [("\"1\"", "\"1\""), ("\"3\"", "\"3\""), ("\"1\"", "\"3\"")] {
        push_other(&mut rt, "d", data, 3);
        assert_eq!(data_of(&rt).as_deref(), Some("\"2\""));
        assert_eq!(beside(&rt), Some(kept));
    }
    let told = rt.locals();
    let times = told.iter().filter(|one| one.kind == "stash:beside").count();
    assert_eq!(times, 2);
    assert_eq!(holders(&rt), ["a", "b", "c"]);
}

#[test]
fn a_memory_of_a_go_nara_is_no_older_for_having_no_revision() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    start_empty(&mut rt);
    set(&mut rt, "\"written since\"");
    push_other(&mut rt, "gopher", "\"old\"", 0);
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"written since\""));
    assert_eq!(beside(&rt), Some("\"old\""));
    // And two of them are not of two devices.
    let mut rt = reborn();
    push_other(&mut rt, "a", "\"1\"", 0);
    push_other(&mut rt, "b", "\"2\"", 0);
    rt.advance(SETTLE_AFTER);
    assert_eq!(beside(&rt), None);
}
