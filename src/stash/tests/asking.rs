//! What the user asks of single peers.

use super::*;

fn store_with(rt: &mut MockRuntime, who: &str) -> OperationId {
    let who = MockRuntime::identity(who);
    rt.command(|stash: &mut Stash, ctx| stash.store_with(ctx, &who, DEADLINE))
        .unwrap()
}

fn request_from(rt: &mut MockRuntime, who: &str) -> OperationId {
    let who = MockRuntime::identity(who);
    rt.command(|stash: &mut Stash, ctx| stash.request_from(ctx, &who, Generation::Newest, DEADLINE))
        .unwrap()
}

fn answered(rt: &mut MockRuntime, operation: OperationId) -> Option<Result<String, StashError>> {
    events(rt).into_iter().find_map(|event| match event {
        Event::Ended(one, Ok(Ending::Memory(memory))) if one == operation => Some(Ok(memory.data)),
        Event::Ended(one, Err(error)) if one == operation => Some(Err(error)),
        _ => None,
    })
}

#[test]
fn one_peer_can_be_asked_to_hold_it_whoever_else_does() {
    let mut rt = newborn(&["a", "b", "c", "d"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    let other = ["a", "b", "c", "d"]
        .into_iter()
        .find(|who| !holders(&rt).contains(&(*who).to_owned()));
    let other = other.unwrap();
    let operation = store_with(&mut rt, other);
    assert_eq!(ack_all(&mut rt), 1);
    assert_eq!(ended(&mut rt, operation).unwrap().unwrap().holders.len(), 4);
    // It was named, so it is never the one too many.
    rt.advance(CHECK_EVERY);
    let let_go = of_kind(&rt.emitted(), "stash:delete");
    assert_eq!(let_go.len(), 1);
    assert_ne!(let_go[0].to_id, other);
    // Whoever holds it already need not be asked.
    let operation = store_with(&mut rt, other);
    assert!(ended(&mut rt, operation).unwrap().is_ok());
}

#[test]
fn one_peers_refusal_silence_and_newer_copy_are_told_apart() {
    let who = MockRuntime::identity("a").id;
    let cases = [
        (
            Some("at_capacity"),
            StashError::Refused {
                who,
                reason: "at_capacity".into(),
            },
        ),
        (Some("stale"), StashError::Stale(who)),
        (None, StashError::NoAnswer(who)),
    ];
    for (reason, error) in cases {
        let mut rt = newborn(&["a"]);
        rt.command(|stash: &mut Stash, ctx| stash.set_stash_data(ctx, "1".into()))
            .unwrap();
        let operation = store_with(&mut rt, "a");
        let store = of_kind(&rt.emitted(), "stash:store").remove(0);
        match reason {
            Some(reason) => {
                let ack = Ack {
                    owner_id: "owner".into(),
                    reason: reason.into(),
                    ..Ack::default()
                };
                rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &ack);
            }
            None => rt.advance(DEADLINE),
        }
        assert_eq!(ended(&mut rt, operation), Some(Err(error)));
    }
}

#[test]
fn named_confidants_come_first_and_others_fill_up() {
    let mut rt = newborn(&["a", "b", "c", "d", "e", "f"]);
    let named = ["e", "f"].map(MockRuntime::identity).to_vec();
    set(&mut rt, "1");
    rt.emitted();
    let operation = rt
        .command(|stash: &mut Stash, ctx| stash.set_confidants(ctx, named.clone(), DEADLINE))
        .unwrap();
    rt.advance(LOOK_FURTHER_AFTER);
    ack_all(&mut rt);
    ended(&mut rt, operation);
    set(&mut rt, "2");
    assert_eq!(ack_all(&mut rt), 3);
    let held = holders(&rt);
    assert!(
        held.contains(&"e".to_owned()) && held.contains(&"f".to_owned()),
        "{held:?}"
    );
    let eight = (0..8)
        .map(|n| MockRuntime::identity(&format!("peer{n}")))
        .collect();
    let result = rt.command(|stash: &mut Stash, ctx| stash.set_confidants(ctx, eight, DEADLINE));
    assert_eq!(result, Err(StashError::TooManyNamed(8)));
}

#[test]
fn one_peer_can_be_asked_for_the_memory() {
    let mut rt = newborn(&["a"]);
    let me = MockRuntime::identity("owner");
    let who = MockRuntime::identity("a");
    let answer = |rt: &mut MockRuntime, response: &Response| {
        let operation = request_from(rt, "a");
        let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
        let ask: Request = parse_payload(&asked.payload).unwrap();
        let response = Response {
            request_id: ask.request_id,
            ..response.clone()
        };
        rt.answer(&asked, &who, "stash:response", &response);
        answered(rt, operation)
    };
    let nothing = Response {
        owner_id: "owner".into(),
        ..Response::default()
    };
    let id = who.id;
    assert_eq!(
        answer(&mut rt, &nothing),
        Some(Err(StashError::NotHeld(id)))
    );
    let mut foreign = response_of(&MockRuntime::identity("mallory"), "1", 1);
    foreign.owner_id = "owner".into();
    assert_eq!(answer(&mut rt, &foreign), Some(Err(StashError::Broken(id))));
    let copy = response_of(&me, "\"held\"", 2);
    assert_eq!(answer(&mut rt, &copy), Some(Ok("\"held\"".into())));
    // What is newer is taken over, and its holder is a confidant.
    assert_eq!(data_of(&rt).as_deref(), Some("\"held\""));
    assert_eq!(holders(&rt), ["a"]);
    let operation = request_from(&mut rt, "a");
    rt.advance(DEADLINE);
    assert_eq!(
        answered(&mut rt, operation),
        Some(Err(StashError::NoAnswer(id)))
    );
}

#[test]
fn an_owner_gets_its_stash_pushed_on_demand() {
    let mut rt = newborn(&[]);
    let alice = MockRuntime::identity("alice");
    let push = |stash: &mut Stash, ctx: &mut Context<'_>| {
        stash.push_to(ctx, &MockRuntime::identity("alice"))
    };
    assert!(!rt.command(push));
    let store = rt.message(&alice, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    rt.emitted();
    assert!(rt.command(push));
    let pushed = of_kind(&rt.emitted(), "stash:response");
    assert_eq!(
        (pushed[0].to_id.as_str(), pushed[0].in_reply_to.as_str()),
        ("alice", "")
    );
    let stash = rt.service::<Stash>();
    assert_eq!((stash.stored_count(), stash.storage_limit()), (1, 20));
    assert!(stash.has_stash_for(&alice));
    assert_eq!(stash.owner_by_id("alice"), Some(&alice));
}

#[test]
fn what_needs_a_memory_or_a_connection_says_so() {
    let mut rt = newborn(&["a"]);
    let who = MockRuntime::identity("a");
    let distribute =
        |stash: &mut Stash, ctx: &mut Context<'_>| stash.distribute_to_confidants(ctx, DEADLINE);
    let store = |stash: &mut Stash, ctx: &mut Context<'_>| stash.store_with(ctx, &who, DEADLINE);
    let request = |stash: &mut Stash, ctx: &mut Context<'_>| {
        stash.request_from(ctx, &who, Generation::Newest, DEADLINE)
    };
    assert_eq!(rt.command(distribute), Err(StashError::NoMemory));
    assert_eq!(rt.command(store), Err(StashError::NoMemory));
    rt.set_connected(false);
    assert_eq!(rt.command(request), Err(StashError::NotConnected));
    set(&mut rt, "1");
    assert_eq!(rt.command(store), Err(StashError::NotConnected));
}

#[test]
fn no_more_than_sixty_four_operations_wait() {
    let mut rt = newborn(&[]);
    for _ in 0..OPERATIONS_MAX {
        recover(&mut rt);
    }
    let result = rt.command(|stash: &mut Stash, ctx| stash.recover(ctx, DEADLINE));
    assert_eq!(result, Err(StashError::TooMany));
    let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, "1".into(), DEADLINE));
    assert_eq!(result, Err(StashError::TooMany));
    assert!(!rt.service::<Stash>().has_stash_data());
    // Each of them ends.
    rt.advance(DEADLINE);
    assert_eq!(events(&mut rt).len(), OPERATIONS_MAX);
    recover(&mut rt);
}

#[test]
fn what_was_cancelled_is_not_told_and_goes_on() {
    let mut rt = newborn(&["a", "b", "c"]);
    let operation = set(&mut rt, "1");
    rt.command(|stash: &mut Stash, _| stash.cancel(operation));
    assert_eq!(ack_all(&mut rt), 3);
    assert!(ended(&mut rt, operation).is_none());
    assert_eq!(holders(&rt).len(), 3);
}
