//! A whole nara with a gateway that the test plays, frame by frame, and a
//! plaza that only listens: what it says where, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::time::Duration;
use light_nara::base::{Identity, Instant, NaraId, Now, WallTime};
use light_nara::identity::{Keys, Signature, Soul, verify};
use light_nara::mesh::{Frame, Headers, IN_FLIGHT_MAX};
use light_nara::message::{
    Ack, Bytes, Howdy, Message, Newspaper, Request, Response, StatusBuilder, Store, SyncEvent,
    Timestamp, to_go_json,
};
use light_nara::nara::{Config, Effect, Event, Nara, Newborn};
use light_nara::neighbourhood::Presence;
use light_nara::plaza::Credentials;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ORIGIN: &str = "wss://gateway.example";
const ADDRESS: &str = "100.64.0.9:4000";
const THEIRS: &str = "100.64.0.1:7433";
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The nara, the time, and what it has said since that was looked at.
struct World {
    nara: Nara,
    micros: u64,
    plaza: Vec<(String, String)>,
    gateway: Vec<Frame>,
    opens: usize,
    closes: usize,
    /// Sets that ended.
    ended: usize,
}

impl World {
    /// A nara that has just woken and reached the plaza.
    fn new() -> Self {
        let config = Config::born(Newborn([9; 32]), None).unwrap();
        let config = config.with_gateway(ORIGIN).unwrap();
        let mut world = Self {
            nara: Nara::new(config, [1; 32], now(1_000_000)),
            micros: 1_000_000,
            plaza: Vec::new(),
            gateway: Vec::new(),
            opens: 0,
            closes: 0,
            ended: 0,
        };
        world.act(|nara, now| nara.wake(now));
        world
    }

    /// One that has an address, too.
    fn attached() -> Self {
        let mut world = Self::new();
        world.attach();
        world
    }

    /// One that knows a Go nara, and where to ask it.
    fn beside(gopher: &Keys) -> Self {
        let mut world = Self::attached();
        world.hear_hello(gopher);
        world.hear_newspaper(gopher);
        world.plaza.clear();
        world.gateway.clear();
        world
    }

    fn now(&self) -> Now {
        now(self.micros)
    }

    fn act(&mut self, run: impl FnOnce(&mut Nara, Now)) {
        let now = self.now();
        run(&mut self.nara, now);
        while let Some(effect) = self.nara.poll_effect() {
            match effect {
                Effect::Open => {
                    let (user, password) = ("test".to_owned(), None);
                    let who = Credentials { user, password };
                    self.nara.handle_opened(now, who);
                }
                Effect::Send(packet) => self.hear_packet(&packet),
                Effect::OpenMesh => self.opens += 1,
                Effect::CloseMesh => self.closes += 1,
                Effect::Event(Event::Set(..)) => self.ended += 1,
                Effect::SendMesh(bytes) => self.gateway.push(Frame::parse(&bytes).unwrap()),
                _ => {}
            }
        }
    }

    fn hear_packet(&mut self, packet: &[u8]) {
        let now = self.now();
        match packet[0] >> 4 {
            1 => self.nara.handle_data(now, &[0x20, 2, 0, 0]),
            12 => self.nara.handle_data(now, &[0xd0, 0]),
            8 => {
                let topics = self.nara.topics().len();
                let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
                suback.resize(4 + topics, 0);
                self.nara.handle_data(now, &suback);
            }
            3 => {
                let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
                let topic = 4 + lengths;
                let end = topic + usize::from(packet[topic - 1]);
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                self.plaza
                    .push((text(&packet[topic..end]), text(&packet[end..])));
            }
            _ => {}
        }
    }

    fn run(&mut self, time: Duration) {
        let end = Instant::from_micros(self.micros) + time;
        while let Some((at, _)) = self.nara.poll_timeout().filter(|(at, _)| *at <= end) {
            self.micros = at.as_micros().max(self.micros);
            self.act(|nara, now| nara.handle_timeout(now));
        }
        self.micros = end.as_micros();
    }

    fn publish(&mut self, topic: &str, payload: &str) {
        let mut rest = vec![(topic.len() >> 8) as u8, topic.len() as u8];
        rest.extend(topic.bytes().chain(payload.bytes()));
        let mut packet = vec![0x30];
        let mut length = rest.len();
        while length >= 0x80 {
            packet.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        packet.push(length as u8);
        packet.extend(rest);
        self.act(|nara, now| nara.handle_data(now, &packet));
    }

    fn hand(&mut self, frame: &Frame) {
        let bytes = frame.to_bytes();
        self.act(|nara, now| nara.handle_mesh_data(now, &bytes));
    }

    fn challenge(&mut self) {
        self.challenge_by("theirs");
    }

    fn challenge_by(&mut self, nonce: &str) {
        self.hand(&Frame {
            nonce: nonce.into(),
            ..Frame::new("challenge")
        });
    }

    fn hand_address(&mut self, address: &str) {
        self.hand(&Frame {
            address: address.into(),
            ..Frame::new("attached")
        });
    }

    fn attach(&mut self) {
        self.challenge();
        self.hand_address(ADDRESS);
    }

    fn hear_hello(&mut self, who: &Keys) {
        self.micros += 1;
        let wall = self.now().wall;
        let mut event = SyncEvent::hey_there(wall, who.name(), who.identity(), THEIRS);
        event.sig = Some(who.sign(&event.signing_bytes()));
        self.publish("nara/plaza/hey_there", &event.to_json());
    }

    fn hear_newspaper(&mut self, who: &Keys) {
        let paper = Newspaper::unsigned(who.name(), status(who).newspaper());
        let signature = who.sign(paper.signed_text().as_bytes());
        let topic = format!("nara/newspaper/{}", who.name());
        self.publish(&topic, &paper.to_json(&signature));
    }

    fn hear_howdy(&mut self, who: &Keys) {
        let to = self.nara.me().name.clone();
        let signature = who.sign(Howdy::signed_text(who.name(), &to, 1).as_bytes());
        let howdy = Howdy::to_json(who.name(), &to, 1, 0, &status(who), &signature);
        self.publish("nara/plaza/howdy", &howdy);
    }

    /// A request that somebody makes at the nara's address, and the answer.
    fn ask(&mut self, who: &Keys, method: &str, path: &str, body: Vec<u8>) -> Frame {
        let wall = self.now().wall;
        let headers = Headers::of_request(who.name(), wall, method, path, |text| who.sign(text));
        self.hand(&Frame {
            n: 7,
            method: method.into(),
            path: path.into(),
            name: headers.name,
            at: headers.timestamp,
            sig: headers.signature,
            body,
            ..Frame::new("request")
        });
        let is_answer = |frame: &Frame| frame.t == "answer" && frame.n == 7;
        let at = self.gateway.iter().position(is_answer).unwrap();
        self.gateway.remove(at)
    }

    /// Answers a request of the nara.
    fn answer(&mut self, asked: &Frame, status: u16, body: &[u8], who: Option<&Keys>) {
        let wall = self.now().wall;
        let headers = who.map_or_else(Headers::default, |who| {
            Headers::of_answer(who.name(), wall, body, |text| who.sign(text))
        });
        self.hand(&Frame {
            n: asked.n,
            status,
            name: headers.name,
            at: headers.timestamp,
            sig: headers.signature,
            body: body.to_vec(),
            ..Frame::new("answer")
        });
    }

    /// What it asks for, and said to the plaza, since that was looked at.
    fn asked(&mut self) -> Vec<Frame> {
        let frames = core::mem::take(&mut self.gateway);
        let requests = frames.into_iter().filter(|frame| frame.t == "request");
        requests.collect()
    }

    fn said(&mut self, topic: &str) -> Vec<Value> {
        let (said, others) = core::mem::take(&mut self.plaza)
            .into_iter()
            .partition(|(on, _)| on == topic);
        self.plaza = others;
        let said: Vec<(String, String)> = said;
        said.iter()
            .map(|(_, text)| serde_json::from_str(text).unwrap())
            .collect()
    }

    fn greetings(&mut self) -> Vec<Value> {
        self.said("nara/plaza/hey_there")
    }

    fn dropped(&self, reason: &str) -> u64 {
        let drops = self.nara.runtime().drops();
        drops
            .filter(|(one, _)| *one == reason)
            .map(|(_, count)| count)
            .sum()
    }

    /// Once whoever is there was met.
    fn set(&mut self, memory: &str) {
        self.run(4 * SECOND);
        self.act(|nara, now| {
            nara.set(now, memory.to_owned(), 10 * SECOND).unwrap();
        });
    }

    /// A message as Go naras sign it.
    fn message(&self, who: &Keys, kind: &str, payload: &str) -> Vec<u8> {
        self.reply(who, &Message::draft(kind, 1, String::new()), kind, payload)
    }

    /// The same in reply to another.
    fn reply(&self, who: &Keys, to: &Message, kind: &str, payload: &str) -> Vec<u8> {
        let mut message = Message::draft(kind, 1, payload.to_owned());
        message.in_reply_to.clone_from(&to.id);
        who.name().clone_into(&mut message.from);
        message.from_id = who.id().to_string();
        message.to_id = self.nara.me().identity.id.to_string();
        message.timestamp = Timestamp::from_wall(self.now().wall);
        message.id = message.computed_id();
        message.signature = Some(who.sign(message.signable().as_bytes()));
        message.to_json().into_bytes()
    }

    fn store(&self, who: &Keys) -> Vec<u8> {
        let store = Store {
            owner_id: who.id().to_string(),
            owner: who.name().into(),
            nonce: Bytes::from(vec![7; 24]),
            ciphertext: Bytes::from(vec![9; 5_000]),
            ts: self.now().wall.unix_seconds(),
        };
        self.message(who, "stash:store", &to_go_json(&store))
    }
}

fn now(micros: u64) -> Now {
    Now {
        mono: Instant::from_micros(micros),
        wall: WallTime::from_unix_nanos(1_768_756_453_000_000_000 + micros as i64 * 1_000),
    }
}

fn gopher() -> Keys {
    Keys::new(&Soul::from_seed([3; 32], "gopher"), "gopher").unwrap()
}

fn status(who: &Keys) -> StatusBuilder {
    StatusBuilder {
        identity: *who.identity(),
        mesh_ip: THEIRS.into(),
        memory_mode: "medium",
        uptime_seconds: 1,
        version: "0.2.0",
    }
}

fn kind(frame: &Frame) -> String {
    Message::parse(&frame.body).unwrap().kind
}

#[test]
fn it_attaches_with_a_text_of_its_own_and_greets_with_its_address_at_once() {
    let mut world = World::new();
    assert!(world.greetings().is_empty(), "it waits for the address");
    world.attach();
    let attach = world.gateway.remove(0);
    let text = [
        "nara:attach:v1",
        ORIGIN,
        "theirs",
        &attach.nonce,
        &attach.key,
    ]
    .join("\n");
    let signature = STANDARD.decode(&attach.sig).unwrap();
    let signature = Signature(signature.try_into().unwrap());
    let key = world.nara.me().identity.key;
    assert_eq!(attach.key, key.to_text());
    assert!(verify(&key, text.as_bytes(), &signature));
    let greetings = world.greetings();
    assert_eq!(greetings.len(), 1);
    assert_eq!(greetings[0]["hey_there"]["MeshIP"], ADDRESS);
    // Go naras cut ids of events to eight characters, and crash at shorter ones.
    assert_eq!(greetings[0]["id"].as_str().unwrap().len(), 32);
}

/// What a gateway makes a nara sign must be no word of it anywhere else.
#[test]
fn no_challenge_makes_it_sign_what_it_could_be_taken_to_say() {
    let key = World::new().nara.me().identity.key;
    let hello = SyncEvent::hey_there(
        World::new().now().wall,
        "tab",
        &World::new().nara.me().identity,
        "",
    );
    let hash = hello.signing_bytes();
    // The bytes that a hey_there signs, as text and as escapes spell them.
    let raw: String = hash.iter().map(|byte| char::from(*byte)).collect();
    let other = format!("nara:attach:v1\nhttps://other:1\n{}", "x".repeat(22));
    let signable = "{\"id\":\"1\",\"kind\":\"stash:delete\"}".to_owned();
    let challenges = [
        raw,
        String::from_utf8_lossy(&hash).into_owned(),
        STANDARD.encode(hash),
        "howdy:tab:other:1".to_owned(),
        signable,
        other,
        "\n".repeat(4),
        String::new(),
        "x".repeat(8_000),
    ];
    for theirs in &challenges {
        let mut world = World::new();
        world.challenge_by(theirs);
        let attach = world.gateway.remove(0);
        let signature = STANDARD.decode(&attach.sig).unwrap();
        let signature = Signature(signature.try_into().unwrap());
        // It begins as nothing else does, with the gateway that was dialled, and
        // ends with a nonce of the nara's own and its key.
        let signed = format!(
            "nara:attach:v1\n{ORIGIN}\n{theirs}\n{}\n{}",
            attach.nonce, attach.key
        );
        assert!(verify(&key, signed.as_bytes(), &signature));
        assert_eq!(attach.nonce.len().clamp(20, 22), attach.nonce.len());
        assert!(
            attach
                .nonce
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        for text in [theirs.as_bytes(), hash.as_slice()] {
            assert!(!verify(&key, text, &signature), "{theirs:?}");
        }
    }
    // Beyond a line of 8 KiB it is no frame, and the gateway is left.
    let mut world = World::new();
    world.challenge_by(&"x".repeat(8_192));
    assert!(world.gateway.is_empty());
    assert_eq!(world.closes, 1);
}

#[test]
fn without_an_address_it_greets_after_two_seconds_and_again_once_it_has_one() {
    let mut world = World::new();
    world.run(2 * SECOND);
    assert_eq!(world.greetings()[0]["hey_there"]["MeshIP"], "");
    world.attach();
    assert_eq!(world.greetings()[0]["hey_there"]["MeshIP"], ADDRESS);
}

#[test]
fn a_challenge_that_comes_twice_is_signed_once() {
    let mut world = World::new();
    for _ in 0..2 {
        world.challenge();
    }
    assert_eq!(world.gateway.len(), 1);
}

#[test]
fn a_gateway_that_gives_what_no_greeting_can_name_is_left() {
    let long = "9".repeat(256);
    for address in ["", "100.64.0.9:4000\n", "\u{0}", &long] {
        let mut world = World::new();
        world.challenge();
        world.hand_address(address);
        assert_eq!(world.closes, 1, "{address:?}");
        world.run(2 * SECOND);
        assert_eq!(world.greetings()[0]["hey_there"]["MeshIP"], "");
    }
}

#[test]
fn a_light_nara_that_refuses_is_asked_by_its_topic_and_not_by_the_older_interface() {
    for status in [401, 404] {
        refuse_as_light_nara(status);
    }
}

fn refuse_as_light_nara(refusal: u16) {
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    let mut world = World::attached();
    world.hear_hello(&other);
    let mut light = status(&other);
    light.version = "light-0.1.0";
    let paper = Newspaper::unsigned("other", light.newspaper());
    let signature = other.sign(paper.signed_text().as_bytes());
    world.publish("nara/newspaper/other", &paper.to_json(&signature));
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    world.answer(&asked[0], 200, b"{}", Some(&other));
    let asked = world.asked();
    assert_eq!(kind(&asked[0]), "stash:store");
    world.answer(&asked[0], refusal, b"", None);
    assert!(world.asked().is_empty());
    let said = world.said(&format!("nara/mesh/{}", other.id()));
    assert_eq!(said[0]["kind"], "stash:store");
}

#[test]
fn a_gateway_that_is_silent_or_talks_nonsense_is_left_and_tried_again_less_and_less_often() {
    let mut world = World::attached();
    world.act(|nara, now| nara.handle_mesh_data(now, b"nonsense"));
    assert_eq!((world.opens, world.closes), (1, 1));
    let address = world.nara.status(world.now()).mesh.address;
    assert_eq!(address, None);
    world.run(2 * SECOND);
    assert_eq!(world.opens, 2);
    // Nobody answers: ten seconds for each try, and a growing wait before it.
    world.run(300 * SECOND);
    assert!((5..=12).contains(&world.opens), "{}", world.opens);

    let mut world = World::attached();
    world.run(74 * SECOND);
    world.hand(&Frame::new("pulse"));
    world.run(74 * SECOND);
    assert_eq!(world.closes, 0);
    world.run(2 * SECOND);
    assert_eq!(world.closes, 1, "silent for 75 s");
}

#[test]
fn a_gateway_that_dies_amid_a_store_ends_it_once_and_what_follows_goes_by_the_plaza() {
    let gopher = gopher();
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    let mut world = World::beside(&gopher);
    let calls = |world: &World| {
        let loads = world.nara.runtime().loads();
        loads.iter().find(|(what, ..)| *what == "calls").unwrap().1
    };
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    world.answer(&asked[0], 200, b"{}", Some(&gopher));
    assert_eq!(kind(&world.asked()[0]), "stash:store");
    assert!(calls(&world) > 0);
    world.act(|nara, now| nara.handle_mesh_closed(now));
    world.run(11 * SECOND);
    assert_eq!(world.ended, 1, "by its deadline");
    world.run(30 * SECOND);
    assert_eq!(
        (calls(&world), world.ended),
        (0, 1),
        "nothing waits any more"
    );
    assert!(world.opens > 1, "the gateway is tried again");
    // Whoever listens on the plaza is asked there.
    let topic = format!("nara/mesh/{}", other.id());
    world.hear_hello(&other);
    let mut light = status(&other);
    light.version = "light-0.1.0";
    let paper = Newspaper::unsigned("other", light.newspaper());
    let signature = other.sign(paper.signed_text().as_bytes());
    world.publish("nara/newspaper/other", &paper.to_json(&signature));
    world.run(15 * SECOND);
    let said = world.said(&topic);
    let is_store = |said: &Value| said["kind"] == "stash:store";
    assert!(said.iter().any(is_store), "{said:?}");
    // And the memory goes to the Go nara as soon as a gateway is back.
    let before = world.opens;
    while world.opens == before && world.micros < 600_000_000 {
        world.run(SECOND);
    }
    world.attach();
    world.hear_hello(&gopher);
    world.asked();
    world.run(60 * SECOND);
    assert!(!world.asked().is_empty());
}

#[test]
fn after_a_page_slept_the_gateway_has_three_seconds_to_show_that_it_is_there() {
    let mut world = World::attached();
    world.act(|nara, now| nara.prove(now));
    assert!(world.gateway.iter().any(|frame| frame.t == "pulse"));
    world.hand(&Frame::new("pulse"));
    world.run(4 * SECOND);
    assert_eq!(world.closes, 0);
    world.act(|nara, now| nara.prove(now));
    world.run(3 * SECOND);
    assert_eq!(world.closes, 1);
    world.act(|nara, now| nara.retry_now(now));
    assert_eq!(world.opens, 2, "and it may be tried at once");
}

#[test]
fn a_memory_goes_to_a_go_nara_only_after_a_small_exchange_that_its_key_signed() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    assert_eq!(asked[0].path, "/events/sync");
    assert!(asked[0].body.len() < 200);
    // Made up, unsigned, or signed by another key: nothing more goes there.
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    for who in [None, Some(&other)] {
        let mut world = World::beside(&gopher);
        world.set("{\"tea\":\"oolong\"}");
        let asked = world.asked();
        world.answer(&asked[0], 200, b"{}", who);
        assert!(world.asked().is_empty());
        assert!(world.plaza.iter().all(|(topic, _)| !topic.contains("mesh")));
    }
    world.answer(&asked[0], 200, b"{}", Some(&gopher));
    let asked = world.asked();
    assert_eq!(asked[0].path, "/mesh/message");
    assert_eq!(kind(&asked[0]), "stash:store");
    let proof: Value = serde_json::from_str(&asked[0].proof).unwrap();
    assert_eq!(proof["hey_there"]["MeshIP"], THEIRS);
}

#[test]
fn namesakes_that_come_later_do_not_keep_a_go_nara_from_the_mesh() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    for (seed, id) in (5..10).zip(["1", "11", "111", "1111", "11111"]) {
        world.micros += 1;
        let other = Keys::new(&Soul::from_seed([seed; 32], "gopher"), "gopher").unwrap();
        let id = NaraId::parse(id).unwrap();
        let key = other.identity().key;
        let wall = world.now().wall;
        let mut event = SyncEvent::hey_there(wall, "gopher", &Identity { id, key }, THEIRS);
        event.sig = Some(other.sign(&event.signing_bytes()));
        world.publish("nara/plaza/hey_there", &event.to_json());
    }
    let answer = world.ask(&gopher, "POST", "/gossip/zine", b"{}".to_vec());
    assert_eq!(answer.status, 200);
}

/// Somebody claims this id under a key of its own, at an address of its own.
fn claim(world: &mut World, id: NaraId) {
    let liar = Keys::new(&Soul::from_seed([5; 32], "liar"), "liar").unwrap();
    let key = liar.identity().key;
    let wall = world.now().wall;
    let mut event = SyncEvent::hey_there(wall, "liar", &Identity { id, key }, "100.64.0.66:1");
    event.sig = Some(liar.sign(&event.signing_bytes()));
    world.publish("nara/plaza/hey_there", &event.to_json());
}

#[test]
fn a_go_nara_whose_id_somebody_else_claims_is_still_asked_at_its_own_address() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    claim(&mut world, gopher.identity().id);
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    let own = asked.iter().find(|one| one.proof.contains(THEIRS)).unwrap();
    world.answer(own, 200, b"{}", Some(&gopher));
    let stored = world.asked();
    assert_eq!(kind(&stored[0]), "stash:store");
    assert!(stored[0].proof.contains(THEIRS));
}

#[test]
fn what_is_for_a_light_nara_does_not_go_to_an_address_that_another_key_claims_for_its_id() {
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    let mut world = World::attached();
    let wall = world.now().wall;
    let mut event = SyncEvent::hey_there(wall, "other", other.identity(), "");
    event.sig = Some(other.sign(&event.signing_bytes()));
    world.publish("nara/plaza/hey_there", &event.to_json());
    claim(&mut world, other.identity().id);
    world.run(4 * SECOND);
    let (who, soon) = (*other.identity(), 10 * SECOND);
    world.act(|nara, now| {
        nara.set(now, "1".to_owned(), soon).unwrap();
        nara.command(now, |stash, ctx| stash.store_with(ctx, &who, soon))
            .unwrap();
    });
    let said = world.said(&format!("nara/mesh/{}", other.id()));
    assert!(said.iter().any(|one| one["kind"] == "stash:store"));
}

#[test]
fn an_answer_that_is_read_after_a_sleep_proves_no_address() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    assert_eq!(asked[0].path, "/events/sync");
    world.micros += 60_000_000;
    world.answer(&asked[0], 200, b"{}", Some(&gopher));
    assert!(world.asked().is_empty());
}

#[test]
fn a_go_nara_that_greeted_before_is_asked_at_the_address_in_its_newspaper() {
    let gopher = gopher();
    let mut world = World::attached();
    world.hear_howdy(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    assert!(world.asked().is_empty(), "nothing proves its address yet");
    assert!(world.plaza.iter().all(|(topic, _)| !topic.contains("mesh")));
    world.hear_newspaper(&gopher);
    let asked = world.asked();
    let proof: Value = serde_json::from_str(&asked[0].proof).unwrap();
    assert_eq!(proof["svc"], "newspaper");
    assert!(proof["status"].as_str().unwrap().contains(THEIRS));
}

#[test]
fn an_address_with_too_long_a_proof_is_not_asked_and_the_link_stays() {
    let gopher = gopher();
    let mut world = World::attached();
    world.hear_howdy(&gopher);
    let long = format!("\"Flair\":\"{}\"", "\\\"".repeat(4_000));
    let text = status(&gopher).newspaper().replace("\"Flair\":\"\"", &long);
    let paper = Newspaper::unsigned("gopher", text);
    let signature = gopher.sign(paper.signed_text().as_bytes());
    world.publish("nara/newspaper/gopher", &paper.to_json(&signature));
    world.set("{\"tea\":\"oolong\"}");
    world.run(10 * SECOND);
    assert!(world.asked().is_empty());
    assert_eq!(world.closes, 0);
    world.hear_newspaper(&gopher);
    world.run(10 * SECOND);
    assert_eq!(world.asked()[0].path, "/events/sync", "a short one will do");
}

#[test]
fn a_restarted_owner_is_told_who_pushes_and_asked_again_while_it_answers_401() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let store = world.store(&gopher);
    assert_eq!(
        world.ask(&gopher, "POST", "/mesh/message", store).status,
        200
    );
    world.run(31 * SECOND);
    world.asked();
    world.said("nara/plaza/howdy");
    world.hear_hello(&gopher);
    let howdies = world.said("nara/plaza/howdy");
    assert_eq!(howdies.len(), 1, "a howdy first");
    assert_eq!(howdies[0]["To"], "gopher");
    assert_eq!(howdies[0]["Me"]["Observations"], serde_json::json!({}));
    assert!(world.asked().is_empty());

    let mut refused = 0;
    for _ in 0..200 {
        world.run(100 * MS);
        for asked in world.asked() {
            refused += 1;
            world.answer(&asked, 401, b"", None);
        }
    }
    assert!((22..=26).contains(&refused), "{refused} times in 12 s");

    // The next greeting, and this time it knows the key after a second.
    world.run(20 * SECOND);
    world.asked();
    world.hear_hello(&gopher);
    let mut paths = Vec::new();
    for n in 0..50 {
        world.run(100 * MS);
        for asked in world.asked() {
            let (status, who) = if n < 10 {
                (401, None)
            } else {
                (200, Some(&gopher))
            };
            paths.push((asked.path.clone(), status));
            world.answer(&asked, status, b"", who);
        }
    }
    let done: Vec<&str> = paths
        .iter()
        .filter(|(_, status)| *status == 200)
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(done, ["/events/sync", "/mesh/message"], "once, and proven");
}

#[test]
fn a_push_that_nothing_answers_is_tried_again_while_its_owner_starts() {
    let gopher = gopher();
    for status in [0, 503] {
        let mut world = World::beside(&gopher);
        let store = world.store(&gopher);
        world.ask(&gopher, "POST", "/mesh/message", store);
        world.run(31 * SECOND);
        world.asked();
        world.hear_hello(&gopher);
        let mut pushed = 0;
        for n in 0..100 {
            world.run(100 * MS);
            for asked in world.asked() {
                if n < 50 {
                    world.answer(&asked, status, b"", None);
                } else {
                    pushed += usize::from(asked.path == "/mesh/message");
                    world.answer(&asked, 200, b"", Some(&gopher));
                }
            }
        }
        assert_eq!(pushed, 1, "after {status}");
    }
}

#[test]
fn a_request_that_nothing_answers_is_made_once() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    world.answer(&asked[0], 0, b"", None);
    world.run(5 * SECOND);
    assert!(world.asked().is_empty());
}

#[test]
fn an_owner_that_greets_often_is_pushed_to_once_in_30_s() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let store = world.store(&gopher);
    world.ask(&gopher, "POST", "/mesh/message", store);
    world.run(31 * SECOND);
    world.asked();
    let mut pushes = Vec::new();
    for n in 0..65 {
        world.hear_hello(&gopher);
        world.run(SECOND);
        for asked in world.asked() {
            if asked.path == "/mesh/message" {
                pushes.push(n);
            }
            world.answer(&asked, 200, b"", Some(&gopher));
        }
    }
    // The last greeting in each span is not forgotten: it may be another start.
    assert_eq!(pushes.len(), 3, "{pushes:?}");
    assert!(pushes.windows(2).all(|two| two[1] - two[0] >= 29));
}

#[test]
fn a_go_nara_that_comes_later_is_greeted_so_that_it_knows_whom_to_store_with() {
    let gopher = gopher();
    let mut world = World::attached();
    world.run(10 * SECOND);
    world.greetings();
    world.hear_hello(&gopher);
    world.hear_newspaper(&gopher);
    world.run(6 * SECOND);
    let greetings = world.greetings();
    assert_eq!(greetings.len(), 1);
    let id = world.nara.me().identity.id.to_string();
    assert_eq!(greetings[0]["hey_there"]["ID"], id);
    assert_eq!(greetings[0]["hey_there"]["MeshIP"], ADDRESS);
    // Another one within the minute waits for its end.
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    world.run(10 * SECOND);
    world.hear_hello(&other);
    world.run(43 * SECOND);
    assert!(world.greetings().is_empty());
    world.run(8 * SECOND);
    assert_eq!(world.greetings().len(), 1);
}

#[test]
fn a_light_nara_that_comes_later_is_not_greeted_beside_the_howdy() {
    let other = Keys::new(&Soul::from_seed([4; 32], "other"), "other").unwrap();
    let mut world = World::attached();
    world.run(10 * SECOND);
    world.greetings();
    world.hear_hello(&other);
    let mut status = status(&other);
    status.version = "light-0.1.0";
    let paper = Newspaper::unsigned("other", status.newspaper());
    let signature = other.sign(paper.signed_text().as_bytes());
    world.publish("nara/newspaper/other", &paper.to_json(&signature));
    world.run(60 * SECOND);
    assert!(world.greetings().is_empty());
    assert_eq!(world.said("nara/plaza/howdy").len(), 1);
}

#[test]
fn a_zine_is_a_sign_of_life_but_not_of_who_said_chau() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let presence = |world: &World| {
        let peers = world.nara.runtime().peers();
        peers.peer(gopher.identity()).unwrap().presence
    };
    for n in 1..=16 {
        world.run(50 * SECOND);
        world.hand(&Frame::new("pulse"));
        if n % 4 == 0 {
            world.ask(&gopher, "POST", "/gossip/zine", b"{}".to_vec());
        }
        assert_eq!(presence(&world), Presence::Online, "after {} s", 50 * n);
    }
    let mut chau = SyncEvent::chau(world.now().wall, gopher.name(), gopher.identity());
    chau.sig = Some(gopher.sign(&chau.signing_bytes()));
    world.publish("nara/plaza/chau", &chau.to_json());
    world.ask(&gopher, "POST", "/gossip/zine", b"{}".to_vec());
    assert_eq!(presence(&world), Presence::Offline);
}

#[test]
fn a_go_nara_hears_no_kind_that_it_does_not_know() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    let mut kinds = Vec::new();
    for _ in 0..300 {
        world.run(100 * MS);
        for asked in world.asked() {
            if asked.path == "/mesh/message" {
                let message = Message::parse(&asked.body).unwrap();
                if message.kind == "stash:store" {
                    let ack = Ack {
                        owner_id: message.from_id.clone(),
                        stored_at: world.now().wall.unix_seconds(),
                        success: true,
                        reason: String::new(),
                    };
                    let ack = world.reply(&gopher, &message, "stash:ack", &to_go_json(&ack));
                    world.ask(&gopher, "POST", "/mesh/message", ack);
                }
                kinds.push(message.kind);
            }
            world.answer(&asked, 200, b"", Some(&gopher));
        }
    }
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "stash:store").count(),
        1
    );
    assert!(
        kinds
            .iter()
            .all(|kind| kind == "stash:store" || kind == "stash:request"),
        "{kinds:?}"
    );
}

#[test]
fn pushes_that_come_again_and_again_cost_nothing() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    world.set("{\"tea\":\"oolong\"}");
    let asked = world.asked();
    world.answer(&asked[0], 200, b"{}", Some(&gopher));
    let asked = world.asked();
    let sent = Message::parse(&asked[0].body).unwrap();
    let store: Value = serde_json::from_str(sent.payload.as_str()).unwrap();
    world.answer(&asked[0], 200, b"", Some(&gopher));
    world.run(60 * SECOND);
    let bytes = |name: &str| Bytes::from(STANDARD.decode(store[name].as_str().unwrap()).unwrap());
    let memory = world.nara.memory().cloned();
    for n in 0..20 {
        world.micros += 1_000;
        let response = Response {
            owner_id: world.nara.me().identity.id.to_string(),
            found: true,
            nonce: bytes("nonce"),
            ciphertext: bytes("ciphertext"),
            stored_at: world.now().wall.unix_seconds() + n,
            ..Response::default()
        };
        let push = world.message(&gopher, "stash:response", &to_go_json(&response));
        world.plaza.clear();
        world.gateway.clear();
        for _ in 0..3 {
            let answer = world.ask(&gopher, "POST", "/mesh/message", push.clone());
            assert_eq!(answer.status, 200);
        }
        assert!(world.plaza.is_empty() && world.gateway.is_empty());
    }
    assert_eq!(world.nara.memory().cloned(), memory);
    assert_eq!(world.dropped("duplicate_id"), 40);
}

#[test]
fn whoever_asks_before_it_is_known_is_greeted_again_once_a_minute() {
    let gopher = gopher();
    let mut world = World::attached();
    world.run(10 * SECOND);
    world.greetings();
    for _ in 0..10 {
        let push = world.message(&gopher, "stash:response", "{}");
        assert_eq!(
            world.ask(&gopher, "POST", "/mesh/message", push).status,
            401
        );
        world.run(SECOND);
    }
    assert_eq!(world.greetings().len(), 1);
    world.run(40 * SECOND);
    assert!(world.greetings().is_empty());
}

#[test]
fn a_zine_and_a_sync_are_answered_with_none_signed() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let key = world.nara.me().identity.key;
    let name = world.nara.me().name.clone();
    for (path, time, sig) in [
        ("/gossip/zine", "created_at", "signature"),
        ("/events/sync", "ts", "sig"),
    ] {
        let body = br#"{"from":"gopher","events":[{"id":"short"}]}"#.to_vec();
        let answer = world.ask(&gopher, "POST", path, body);
        assert_eq!(answer.status, 200);
        let headers = Headers {
            name: answer.name.clone(),
            timestamp: answer.at.clone(),
            signature: answer.sig.clone(),
        };
        assert!(headers.prove_answer(&gopher, &answer.body, &key));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(said["events"], serde_json::json!([]));
        let text = format!("{name}:{}:", said[time]);
        let signature = STANDARD.decode(said[sig].as_str().unwrap()).unwrap();
        let signature = Signature(signature.try_into().unwrap());
        assert!(verify(&key, &Sha256::digest(text), &signature));
    }
    let ping = world.ask(&gopher, "GET", "/ping", Vec::new());
    let said: Value = serde_json::from_slice(&ping.body).unwrap();
    assert_eq!(said["public_key"], key.to_text());
    assert_eq!(said["mesh_ip"], ADDRESS);
}

#[test]
fn whatever_else_is_asked_is_not_found_and_whoever_is_not_known_is_refused() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    for (method, path) in [
        ("GET", "/api/checkpoints/all"),
        ("GET", "/peer/query"),
        ("GET", "/mesh/message"),
        ("PUT", "/stash/store"),
        ("POST", "/"),
        ("OPTIONS", "/mesh/message"),
    ] {
        let answer = world.ask(&gopher, method, path, Vec::new());
        assert_eq!((answer.status, answer.sig.as_str()), (404, ""), "{path}");
    }
    let stranger = Keys::new(&Soul::from_seed([5; 32], "gopher"), "gopher").unwrap();
    for path in [
        "/mesh/message",
        "/events/sync",
        "/gossip/zine",
        "/stash/retrieve",
    ] {
        let answer = world.ask(&stranger, "POST", path, Vec::new());
        assert_eq!(answer.status, 401, "the name alone opens nothing");
    }
    world.run(31 * SECOND);
    let wall = world.now().wall;
    let late = Headers::of_request("gopher", wall, "POST", "/events/sync", |text| {
        gopher.sign(text)
    });
    world.run(31 * SECOND);
    world.gateway.clear();
    world.hand(&Frame {
        n: 1,
        method: "POST".into(),
        path: "/events/sync".into(),
        name: late.name,
        at: late.timestamp,
        sig: late.signature,
        ..Frame::new("request")
    });
    assert_eq!(world.gateway.last().unwrap().status, 401);
}

#[test]
fn a_message_for_another_is_answered_with_200_and_dropped_with_the_reason() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let request = Request {
        owner_id: gopher.id().to_string(),
        request_id: String::new(),
    };
    let bytes = world.message(&gopher, "stash:request", &to_go_json(&request));
    let text = String::from_utf8(bytes).unwrap();
    let mine = world.nara.me().identity.id.to_string();
    let body = text.replace(&mine, "somebody-else").into_bytes();
    assert_eq!(
        world.ask(&gopher, "POST", "/mesh/message", body).status,
        200
    );
    assert_eq!(world.dropped("not_for_me"), 1);
}

#[test]
fn no_more_than_64_requests_are_in_flight() {
    let gopher = gopher();
    let mut world = World::beside(&gopher);
    let who = *gopher.identity();
    let owner_id = world.nara.me().identity.id.to_string();
    world.act(|nara, now| {
        for n in 0..2 * IN_FLIGHT_MAX {
            let request = Request {
                owner_id: owner_id.clone(),
                request_id: n.to_string(),
            };
            let say = |_: &mut light_nara::stash::Stash,
                       ctx: &mut light_nara::runtime::Context<'_>| {
                ctx.send(&who, "stash:request", &request);
            };
            nara.command_on(now, say);
        }
    });
    assert_eq!(world.asked().len(), IN_FLIGHT_MAX);
}
