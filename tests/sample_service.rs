//! The sample service of the specification, written outside the crate: what it
//! needs is what `stash` needed, and the mock runtime is enough to test it.

#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use light_nara::base::{Identity, NaraId, Now};
use light_nara::identity::{Keys, Soul};
use light_nara::message::{Bytes, Payload, Store};
use light_nara::runtime::{Behaviour, Context, Delivery, MockRuntime, Outcome, Service};
use light_nara::stash::{Config, RecoveredNews, Stash};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Greeting {
    text: String,
}

impl Payload for Greeting {
    const FIELDS: &'static [&'static str] = &["text"];
}

/// A guest book: whoever greets it is written down, and it notes when this
/// nara's memory is back.
#[derive(Default)]
struct GuestBook {
    guests: Vec<(NaraId, String)>,
    memory_back_with: Option<usize>,
}

impl GuestBook {
    fn on_greeting(&mut self, ctx: &mut Context<'_>, from: &Delivery, said: Greeting) -> Outcome {
        let Some(Identity { id, .. }) = &from.sender else {
            return Outcome::Drop("unsigned");
        };
        self.guests.push((id.clone(), said.text.clone()));
        ctx.reply(from, "guestbook:thanks", &said)
    }

    fn on_recovered(&mut self, _: &mut Context<'_>, _: &Delivery, news: RecoveredNews) -> Outcome {
        self.memory_back_with = Some(news.count);
        Outcome::Continue
    }
}

impl Service for GuestBook {
    fn name(&self) -> &'static str {
        "guestbook"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request("guestbook:greet").version(1, Self::on_greeting),
            Behaviour::mesh_request("guestbook:thanks")
                .version(1, |_: &mut Self, _, _, _: Greeting| Outcome::Continue),
            Behaviour::local("stash:recovered").version(1, Self::on_recovered),
        ]
    }
}

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
