//! The state as JSON.

use super::*;

#[test]
fn the_state_survives_a_round_trip_without_plaintext_or_key() {
    let mut rt = newborn(&["a", "b", "c"]);
    for owner in ["alice", "bob"] {
        let from = MockRuntime::identity(owner);
        let store = rt.message(&from, "stash:store", &store_of(owner, 33, 5));
        rt.deliver(&store);
    }
    rt.emitted();
    set(&mut rt, "\"a canary\"");
    ack_all(&mut rt);
    let text = rt.service::<Stash>().marshal_state();
    assert!(!text.contains("canary"));
    assert!(!text.contains(&MockRuntime::identity("owner").key.to_text()));
    let mut restored = stash(true);
    restored.unmarshal_state(&text).unwrap();
    let before = rt.service::<Stash>().confidant().held();
    assert_eq!(restored.confidant().held().len(), 2);
    for (owner, held) in restored.confidant().held() {
        let was = &before[owner];
        assert_eq!((&held.sealed, held.ts), (&was.sealed, was.ts));
        assert_eq!((&held.owner, held.stored_at), (&was.owner, was.stored_at));
    }
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
    assert!(matches!(
        restored.unmarshal_state("{}"),
        Err(StateError::Shape(_))
    ));
}
