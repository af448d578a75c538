//! The sample service of the specification, written outside the crate: what it
//! needs is what `stash` needed, and the mock runtime is enough to test it.

#[path = "../../examples/guest_book.rs"]
mod guest_book;

#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use guest_book::{Greeting, GuestBook, MoodyGreeting};
use light_nara::base::Now;
use light_nara::identity::{Keys, Soul};
use light_nara::message::{Bytes, Store};
use light_nara::nara::{Config as LightConfig, Effect, Event, Nara, Newborn};
use light_nara::runtime::{MockRuntime, Outcome};
use light_nara::stash::{Config, Stash};

fn stash() -> Stash {
    Stash::new(Config::new(false), Now::default())
}

#[test]
fn a_store_makes_a_record() {
    let mut rt = MockRuntime::new("me")
        .with(stash())
        .with(GuestBook::default())
        .started();
    let alice = MockRuntime::identity("alice");
    let store = Store {
        owner_id: "alice".into(),
        owner: String::new(),
        nonce: Bytes::from(vec![0; 24]),
        ciphertext: Bytes::from(vec![1, 2, 3]),
        ts: 1,
    };
    rt.deliver(&rt.message(&alice, "stash:store", &store));
    let held = &rt.service::<Stash>().confidant().held()[&alice];
    assert_eq!(held.sealed.ciphertext, [1, 2, 3]);
}

#[test]
fn stash_recovered_reaches_another_services_handler() {
    let mut rt = MockRuntime::new("me")
        .with(stash())
        .with(GuestBook::default())
        .started();
    rt.advance(light_nara::stash::RECOVERY_DEADLINE);
    assert_eq!(rt.service::<GuestBook>().memory_back_with, Some(0));
}

#[test]
fn another_naras_key_cannot_open() {
    let keys = |seed: u8| {
        let (soul, name) = Soul::generated([seed; 32]);
        Keys::new(&soul, &name).expect("a generated soul is bonded to its name")
    };
    let (mine, theirs) = (keys(1), keys(2));
    let sealed = mine.seal([3; 24], b"mine alone");
    assert_eq!(
        mine.open(&[3; 24], &sealed).expect("my own seal opens"),
        b"mine alone"
    );
    assert!(theirs.open(&[3; 24], &sealed).is_err());
}

#[test]
fn a_service_of_ones_own_hears_and_answers() {
    let mut rt = MockRuntime::new("me").with(GuestBook::default()).started();
    let bob = MockRuntime::identity("bob");
    let hello = rt.message(&bob, "guestbook:greet", &Greeting { text: "hi".into() });
    rt.deliver(&hello);
    assert_eq!(
        rt.service::<GuestBook>().guests,
        [(bob.id, "hi".to_owned())]
    );
    assert_eq!(rt.emitted()[0].in_reply_to, hello.id);
}

#[test]
fn each_version_of_a_kind_has_its_own_payload_and_other_versions_are_dropped() {
    let mut rt = MockRuntime::new("me").with(GuestBook::default()).started();
    let bob = MockRuntime::identity("bob");
    let said = MoodyGreeting {
        text: "hi".into(),
        mood: "glad".into(),
    };
    for version in [0, 1, 2, 3] {
        let mut message = rt.message(&bob, "guestbook:greet", &said);
        message.version = version;
        if version == 1 {
            // Version 1 knows no mood, so its signature does not cover one.
            message = rt.message(
                &bob,
                "guestbook:greet",
                &Greeting {
                    text: "hello".into(),
                },
            );
        }
        rt.deliver(&message);
    }
    let said: Vec<&str> = rt
        .service::<GuestBook>()
        .guests
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(said, ["hello", "hi (glad)"]);
    assert_eq!(rt.dropped("unknown_version"), 2);
    rt.deliver(&rt.message(&bob, "guestbook:sing", &Greeting::default()));
    assert_eq!(rt.dropped("unknown_kind"), 1);
}

/// Whole naras, joined by what a broker would do.
#[test]
fn a_service_of_ones_own_joins_a_composed_nara_and_speaks_on_the_plaza() {
    let now = Now::default();
    let config = LightConfig::born(Newborn([1; 32]), None).expect("a newborn has a config");
    let mut nara = Nara::new(config, [2; 32], now).with_service(GuestBook::default());
    assert!(nara.runtime().has_service("guestbook"));
    assert!(
        nara.service::<GuestBook>()
            .is_some_and(|book| book.guests.is_empty())
    );
    nara.wake(now);
    let spoken = nara.speak_as(now, "guestbook", |ctx| {
        ctx.emit_json("guestbook:note", "{}")
    });
    assert_eq!(spoken, Some(Outcome::Continue));
    let written = nara.command_on(now, |book: &mut GuestBook, ctx| {
        book.guests.push((ctx.me().identity.id, "me".to_owned()));
    });
    assert_eq!(written, Some(()));
    let said = core::iter::from_fn(|| nara.poll_effect());
    let notes = said.filter(
        |effect| matches!(effect, Effect::Event(Event::Local(one)) if one.kind == "guestbook:note"),
    );
    assert_eq!(notes.count(), 1);
}
