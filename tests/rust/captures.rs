//! Real traffic of four Go naras, replayed: what they published through the
//! session of a whole nara, what they sent each other through runtimes that
//! stand where they stood. No message may be lost from the count.

use light_nara::base::{Identity, Instant, Now, Rng, WallTime};
use light_nara::identity::{OpenError, Signature, verify};
use light_nara::message::{PresenceEvent, SyncEvent, Timestamp};
use light_nara::nara::{Config, Effect, Event, Nara, Newborn};
use light_nara::plaza::Credentials;
use light_nara::runtime::{Context, Crypto, Me, Runtime};
use light_nara::stash::{self, Stash};
use std::collections::BTreeMap;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PLAZA: &str = include_str!("../captures/plaza.log");
const MESH: [&str; 2] = [
    include_str!("../captures/mesh-store.http"),
    include_str!("../captures/mesh-restart.http"),
];

type Counts = BTreeMap<String, usize>;

fn expect(found: &Counts, expected: &[(&str, usize)]) {
    let expected = expected
        .iter()
        .map(|(what, count)| ((*what).to_owned(), *count));
    assert_eq!(*found, expected.collect());
}

/// A line of the log: when, on which topic, what.
fn published() -> Vec<(WallTime, &'static str, &'static str)> {
    let lines = PLAZA.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let at = parts.next().unwrap().replace("+0000", "Z");
        let at = Timestamp::parse(&at).unwrap().wall().unwrap();
        (at, parts.next().unwrap(), parts.next().unwrap())
    });
    lines.collect()
}

fn now(at: WallTime) -> Now {
    let micros = at.unix_nanos() / 1_000;
    Now {
        mono: Instant::from_micros(micros.unsigned_abs()),
        wall: at,
    }
}

/// Everybody who greets in the log, by address.
fn people() -> BTreeMap<String, (Identity, String)> {
    let hellos = published()
        .into_iter()
        .filter(|one| one.1.ends_with("hey_there"));
    let people = hellos.map(|(.., json)| {
        let event = SyncEvent::parse(json.as_bytes()).unwrap();
        let PresenceEvent::HeyThere(hello) = &event.body else {
            panic!("a greeting is no greeting: {json}");
        };
        let name = hello.from.clone();
        (hello.mesh_ip.clone(), (event.identity().unwrap(), name))
    });
    people.collect()
}

/// A PUBLISH at QoS 0 (MQTT 3.1.1, section 3.3).
fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut length = 2 + topic.len() + payload.len();
    let mut packet = vec![0x30];
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend([0, topic.len() as u8]);
    packet.extend(topic.bytes());
    packet.extend(payload);
    packet
}

/// A nara that has just reached the plaza, watched.
fn awake(at: WallTime) -> Nara {
    let config = Config::born(Newborn([7; 32]), None).unwrap();
    let mut nara = Nara::new(config, [8; 32], now(at));
    nara.watch_traffic(true);
    nara.wake(now(at));
    let credentials = Credentials {
        user: "witness".to_owned(),
        password: None,
    };
    nara.handle_opened(now(at), credentials);
    nara.handle_data(now(at), &[0x20, 2, 0, 0]);
    let sent = effects(&mut nara)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Send(bytes) => Some(bytes[0]),
            _ => None,
        });
    assert_eq!(sent.collect::<Vec<_>>(), [0x10, 0x82]);
    // Every topic is granted.
    let topics = nara.topics().len();
    let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
    suback.resize(4 + topics, 0);
    nara.handle_data(now(at), &suback);
    assert_eq!(nara.status(now(at)).connection.state, "online");
    nara
}

fn effects(nara: &mut Nara) -> Vec<Effect> {
    core::iter::from_fn(|| nara.poll_effect()).collect()
}

/// What came of one packet.
fn outcomes(nara: &mut Nara) -> Vec<String> {
    let told = effects(nara).into_iter().filter_map(|effect| match effect {
        Effect::Event(Event::Traffic(one)) if one.incoming => {
            Some(format!("{} {}", one.kind, one.outcome))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn what_go_naras_published_is_heard_by_a_nara_and_each_message_is_accounted_for() {
    let log = published();
    let mut nara = awake(log[0].0);
    effects(&mut nara);
    let mut counts = Counts::new();
    for (at, topic, payload) in &log {
        nara.handle_timeout(now(*at));
        effects(&mut nara);
        nara.handle_data(now(*at), &publish(topic, payload.as_bytes()));
        let outcomes = outcomes(&mut nara);
        assert_eq!(outcomes.len(), 1, "{topic} {payload}");
        *counts.entry(outcomes[0].clone()).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), log.len());
    // Greetings included: what Go naras say is recent by its time.
    expect(
        &counts,
        &[
            ("hey_there handled", 8),
            // The others answer somebody whom this nara has answered already.
            ("howdy handled", 10),
            ("howdy nothing_new", 16),
            ("newspaper handled", 11),
        ],
    );
    let status = nara.status(now(log[log.len() - 1].0));
    assert_eq!(status.peers.len(), people().len());
    assert!(status.peers.iter().all(|peer| peer.presence == "online"));
}

/// Verifies as a nara, but has nobody's key: signs and opens nothing.
struct Bystander;

impl Crypto for Bystander {
    fn sign(&self, _: &[u8]) -> Signature {
        Signature([0; 64])
    }

    fn verify(
        &self,
        key: &light_nara::base::PublicKey,
        text: &[u8],
        signature: &Signature,
    ) -> bool {
        verify(key, text, signature)
    }

    fn seal(&self, _: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        plaintext.to_vec()
    }

    fn open(&self, _: &[u8; 24], _: &[u8]) -> Result<Vec<u8>, OpenError> {
        Err(OpenError)
    }
}

/// A request as it arrived: when, at which address, method and path, body.
struct Arrived {
    at: WallTime,
    address: String,
    what: String,
    body: &'static str,
}

/// Every request, in order of time, and how many marks were passed over.
fn requests(capture: &'static str) -> Vec<Arrived> {
    let marked = capture.split("\n#### ").skip(1);
    let requests = marked.filter_map(|one| {
        let (mark, message) = one.split_once('\n')?;
        let mut words = mark.split(' ');
        let (at, arrow) = (words.next()?, words.next()?);
        if arrow != "<<<" {
            assert!(arrow == ">>>" || at == "file", "{mark}");
            return None;
        }
        let address = words.nth(2)?.strip_suffix(":7433")?.to_owned();
        let (head, body) = message.split_once("\r\n\r\n")?;
        let mut line = head.split(' ');
        let (method, path) = (line.next()?, line.next()?);
        let path = path.split('?').next()?;
        Some(Arrived {
            at: Timestamp::parse(at).unwrap().wall().unwrap(),
            address,
            what: format!("{method} {path}"),
            body: body.trim_end(),
        })
    });
    let mut requests: Vec<Arrived> = requests.collect();
    requests.sort_by_key(|one| one.at);
    requests
}

/// A runtime in the place of one of the Go naras, which knows all the others.
fn in_the_place_of(address: &str, at: WallTime) -> Runtime {
    let people = people();
    let (identity, name) = people[address].clone();
    let me = Me { identity, name };
    let now = now(at);
    let mut runtime = Runtime::new(me, Box::new(Bystander), Rng::from_seed([4; 32]), now);
    let config = stash::Config::new(false);
    runtime.add(Box::new(Stash::new(config, now)));
    runtime.set_connected(now, true);
    runtime.start(now);
    runtime.watch_traffic(true);
    runtime.command(now, |_: &mut Stash, ctx: &mut Context<'_>| {
        for (other, name) in people.values().filter(|(other, _)| *other != identity) {
            ctx.heard(other, name);
        }
    });
    runtime
}

fn replay(capture: &'static str) -> Counts {
    let mut places: BTreeMap<String, Runtime> = BTreeMap::new();
    let mut counts = Counts::new();
    for Arrived {
        at,
        address,
        what,
        body,
    } in requests(capture)
    {
        if what != "POST /mesh/message" {
            *counts.entry(what).or_default() += 1;
            continue;
        }
        let place = places.entry(address.clone());
        let runtime = place.or_insert_with(|| in_the_place_of(&address, at));
        runtime.handle_timeout(now(at));
        while runtime.poll_outgoing().is_some() || runtime.poll_traffic().is_some() {}
        runtime.handle_direct(now(at), body.as_bytes());
        let told = core::iter::from_fn(|| runtime.poll_traffic());
        let told: Vec<_> = told.filter(|one| one.incoming).collect();
        assert_eq!(told.len(), 1, "{body}");
        let outcome = format!("{} {}", told[0].kind, told[0].outcome);
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

#[test]
fn what_go_naras_stored_with_each_other_is_handled_by_a_light_nara_in_their_place() {
    // The stores under no known signature are of strangers whose greeting the
    // log does not have; the request is one in another's name, signed by the
    // attacker. The acks answer stores that were sent from elsewhere.
    let expected = [
        ("GET /api/checkpoints/all", 10),
        ("GET /peer/query", 2),
        ("POST /events/sync", 33),
        ("POST /gossip/zine", 3),
        ("stash:ack late_reply", 6),
        ("stash:request bad_signature", 1),
        ("stash:store bad_signature", 4),
        ("stash:store handled", 12),
    ];
    expect(&replay(MESH[0]), &expected);
}

#[test]
fn what_go_naras_pushed_to_a_restarted_owner_is_handled_in_its_place() {
    let expected = [
        ("GET /api/checkpoints/all", 1),
        ("GET /peer/query", 1),
        ("POST /events/sync", 9),
        // Whoever stands in for the owner has not its keys.
        ("stash:response broken", 48),
        ("stash:store handled", 2),
    ];
    expect(&replay(MESH[1]), &expected);
}
