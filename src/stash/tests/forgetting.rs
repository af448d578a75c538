//! Being forgotten, and holding no more than is wanted.

use super::*;
use crate::message::Delete;

fn forget(rt: &mut MockRuntime) -> OperationId {
    rt.command(|stash: &mut Stash, ctx| stash.forget_everywhere(ctx, DEADLINE))
        .unwrap()
}

fn forgotten(rt: &mut MockRuntime, operation: OperationId) -> Option<[Vec<String>; 2]> {
    let names = |who: Vec<Identity>| who.iter().map(|who| who.id.to_string()).collect();
    events(rt).into_iter().find_map(|event| match event {
        Event::Ended(one, Ok(Ending::Forgotten(result))) if one == operation => {
            Some([names(result.forgotten), names(result.may_still_hold)])
        }
        _ => None,
    })
}

fn delete_of(owner: &str, ts: i64) -> Delete {
    Delete {
        owner_id: owner.into(),
        ts,
    }
}

#[test]
fn who_forgot_and_who_may_still_hold_it_are_told_apart() {
    let mut rt = newborn(&["a", "b", "c", "stranger"]);
    set(&mut rt, "\"secret\"");
    ack_all(&mut rt);
    let held = holders(&rt);
    let operation = forget(&mut rt);
    assert!(!rt.service::<Stash>().has_stash_data());
    let asked = of_kind(&rt.emitted(), "stash:delete");
    assert_eq!(asked.len(), 4, "who holds nothing is asked too");
    for one in asked.iter().filter(|one| one.to_id != held[2]) {
        ack(&mut rt, one);
    }
    assert_eq!(forgotten(&mut rt, operation), None);
    rt.advance(DEADLINE);
    let [gone, left] = forgotten(&mut rt, operation).unwrap();
    assert_eq!((gone, left), (held[..2].to_vec(), held[2..].to_vec()));
}

#[test]
fn what_is_set_after_forgetting_is_later_than_the_wish() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    forget(&mut rt);
    let wish: Delete = parse_payload(&of_kind(&rt.emitted(), "stash:delete")[0].payload).unwrap();
    set(&mut rt, "2");
    let store: Store = parse_payload(&of_kind(&rt.emitted(), "stash:store")[0].payload).unwrap();
    assert!(store.ts >= wish.ts);
    let memory = rt.service::<Stash>().stash_data().unwrap();
    assert_eq!(memory.revision, 2);
}

#[test]
fn forgetting_ends_a_search_and_its_gate() {
    let mut rt = reborn();
    rt.register("a");
    forget(&mut rt);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Open);
    rt.emitted();
    rt.advance(RECOVERY_DEADLINE * 12);
    assert!(of_kind(&rt.emitted(), "stash-refresh").is_empty());
}

#[test]
fn nothing_is_forgotten_while_nobody_can_be_told() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    rt.set_connected(false);
    let result = rt.command(|stash: &mut Stash, ctx| stash.forget_everywhere(ctx, DEADLINE));
    assert_eq!(result, Err(StashError::NotConnected));
    assert_eq!(data_of(&rt).as_deref(), Some("1"));
}

#[test]
fn one_peer_that_forgets_is_replaced_and_not_chosen_again() {
    let mut rt = newborn(&["a", "b", "c", "d"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    let who = MockRuntime::identity(&holders(&rt)[0]);
    let operation = rt
        .command(|stash: &mut Stash, ctx| stash.delete_from(ctx, &who, DEADLINE))
        .unwrap();
    let emitted = rt.emitted();
    ack(&mut rt, &of_kind(&emitted, "stash:delete")[0]);
    ack(&mut rt, &of_kind(&emitted, "stash:store")[0]);
    let name = who.id.to_string();
    assert_eq!(
        forgotten(&mut rt, operation).unwrap(),
        [vec![name.clone()], vec![]]
    );
    set(&mut rt, "2");
    rt.advance(REFUSED_FOR * 2);
    let asked = of_kind(&rt.emitted(), "stash:store");
    assert!(asked.iter().all(|store| store.to_id != name));
}

#[test]
fn what_a_partition_doubled_is_let_go_down_to_the_spares() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    let copy = given_back(&rt);
    for more in ["d", "e"] {
        rt.register(more);
        push(&mut rt, more, &copy);
    }
    rt.advance(CHECK_EVERY);
    let asked = of_kind(&rt.emitted(), "stash:delete");
    let names: Vec<&str> = asked.iter().map(|one| one.to_id.as_str()).collect();
    assert_eq!(names, ["d", "e"]);
    asked.iter().for_each(|one| ack(&mut rt, one));
    assert_eq!(holders(&rt).len(), 3);
    // Nobody is asked twice in an hour, and nobody who is wanted.
    rt.advance(CHECK_EVERY * 4);
    assert!(of_kind(&rt.emitted(), "stash:delete").is_empty());
}

#[test]
fn a_delete_by_anyone_but_the_owner_is_refused_and_counted() {
    let mut rt = newborn(&[]);
    let alice = MockRuntime::identity("alice");
    let store = rt.message(&alice, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    let mallory = MockRuntime::identity("mallory");
    let forged = rt.message(&mallory, "stash:delete", &delete_of("alice", 9));
    rt.deliver(&forged);
    assert_eq!(rt.dropped("not_the_owner"), 1);
    assert!(rt.service::<Stash>().has_stash_for(&alice));
    let own = rt.message(&alice, "stash:delete", &delete_of("alice", 5));
    rt.deliver(&own);
    assert!(!rt.service::<Stash>().has_stash_for(&alice));
    let acks = of_kind(&rt.emitted(), "stash:ack");
    let last: Ack = parse_payload(&acks.last().unwrap().payload).unwrap();
    assert_eq!((last.success, last.reason), (true, own.id));
}

#[test]
fn an_overheard_store_does_not_bring_back_what_was_deleted() {
    let mut rt = newborn(&[]);
    let alice = MockRuntime::identity("alice");
    let delete = rt.message(&alice, "stash:delete", &delete_of("alice", 8));
    rt.deliver(&delete);
    for (ts, is_held) in [(7, false), (8, true)] {
        let store = rt.message(&alice, "stash:store", &store_of("alice", 100, ts));
        rt.deliver(&store);
        assert_eq!(rt.service::<Stash>().has_stash_for(&alice), is_held, "{ts}");
    }
    // Nor does an old wish delete what was stored since.
    let old = rt.message(&alice, "stash:delete", &delete_of("alice", 7));
    rt.deliver(&old);
    assert!(rt.service::<Stash>().has_stash_for(&alice));
}
