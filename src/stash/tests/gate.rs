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
