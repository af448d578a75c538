//! A guest book: a service of one's own in Rust. `docs/services.md` walks
//! through it. `cargo run --example guest_book` shows it on the mock runtime.

use light_nara::base::NaraId;
use light_nara::message::Payload;
use light_nara::runtime::{Behaviour, Context, Delivery, MockRuntime, Outcome, Service};
use light_nara::stash::RecoveredNews;
use serde::{Deserialize, Serialize};

/// What a guest says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Greeting {
    pub(crate) text: String,
}

impl Payload for Greeting {
    const FIELDS: &'static [&'static str] = &["text"];
}

/// What it says since version 2.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MoodyGreeting {
    pub(crate) text: String,
    pub(crate) mood: String,
}

impl Payload for MoodyGreeting {
    const FIELDS: &'static [&'static str] = &["text", "mood"];
}

/// How many greetings the book has.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Thanks {
    pub(crate) guests: usize,
}

impl Payload for Thanks {
    const FIELDS: &'static [&'static str] = &["guests"];
}

/// The book of one nara: who greeted it, with which words.
#[derive(Default)]
pub(crate) struct GuestBook {
    pub(crate) guests: Vec<(NaraId, String)>,
    pub(crate) memory_back_with: Option<usize>,
}

/// A book is full one day.
const GUESTS_MAX: usize = 1_000;

impl GuestBook {
    fn on_greet(&mut self, ctx: &mut Context<'_>, from: &Delivery, said: Greeting) -> Outcome {
        self.write(ctx, from, said.text)
    }

    fn on_moody(&mut self, ctx: &mut Context<'_>, from: &Delivery, said: MoodyGreeting) -> Outcome {
        self.write(ctx, from, format!("{} ({})", said.text, said.mood))
    }

    fn write(&mut self, ctx: &mut Context<'_>, from: &Delivery, text: String) -> Outcome {
        let Some(sender) = &from.sender else {
            return Outcome::Drop("unsigned");
        };
        if self.guests.len() >= GUESTS_MAX {
            return Outcome::Drop("book_full");
        }
        self.guests.push((sender.id, text));
        let guests = self.guests.len();
        ctx.reply(from, "guestbook:thanks", &Thanks { guests })
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
            Behaviour::mesh_request("guestbook:greet")
                .version(1, Self::on_greet)
                .version(2, Self::on_moody),
            Behaviour::mesh_request("guestbook:thanks")
                .version(1, |_: &mut Self, _, _, _: Thanks| Outcome::Continue),
            Behaviour::local("stash:recovered").version(1, Self::on_recovered),
        ]
    }
}

#[allow(dead_code, reason = "the tests take this file in as a module")]
fn main() {
    let mut me = MockRuntime::new("me").with(GuestBook::default()).started();
    let bob = MockRuntime::identity("bob");
    let text = "what a nice plaza".to_owned();
    me.deliver(&me.message(&bob, "guestbook:greet", &Greeting { text }));
    println!("in the book: {:?}", me.service::<GuestBook>().guests);
    println!("the answer: {}", me.emitted()[0].payload);
    me.local("stash:recovered", &RecoveredNews { count: 3 });
    let back = me.service::<GuestBook>().memory_back_with;
    println!("copies of my memory that came back: {back:?}");
}
