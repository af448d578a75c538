//! The naras, the broker between them, and the time.

use super::broker::{self, CONNACK, Client, PONG, Packet};
use super::faults::{Fault, Weather};
use super::host::{CANARY, Host, Input};
use super::{Outcome, Plan};
use core::time::Duration;
use light_nara::base::Rng;
use light_nara::identity::{Keys, Soul};
use light_nara::nara::{Config, Effect, Event, Nara, Newborn};
use light_nara::plaza::Credentials;
use light_nara::stash::{Gate, Receipt, Stash};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;

const SECOND: u64 = 1_000_000;

/// How long one may wait for a set or a recovery.
const PATIENCE: Duration = Duration::from_secs(20);

/// The broker drops who was silent for one and a half keep-alives.
const SILENCE_MAX: u64 = 180 * SECOND;

/// After all is healed, everybody must be whole within this: a lost peer is
/// noticed after 5 minutes, and back-off may be a minute.
const HEAL: u64 = 15 * 60 * SECOND;

/// A dozing tab's socket buffers so many messages; then the broker gives up.
const INBOX_MAX: usize = 1_000;

/// Messages that an attacker remembers.
const OVERHEARD_MAX: usize = 200;

/// Log lines that are kept for a failure.
const LOG_MAX: usize = 20_000;

enum Happening {
    /// For this host's socket.
    ToHost(usize, u32, Input),
    /// What this host's socket sent.
    ToBroker(usize, u32, Vec<u8>),
    /// A user writes or reads.
    User(usize),
    Start(usize),
    Awake(usize),
    Fault,
    BrokerIsBack,
    BrokerLooks,
}

struct World {
    plan: Plan,
    rng: Rng,
    micros: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    hosts: Vec<Host>,
    weather: Weather,
    broker_is_up: bool,
    is_healed: bool,
    overheard: VecDeque<(String, Rc<[u8]>)>,
    revisions: BTreeMap<[u8; 24], u64>,
    outcome: Outcome,
}

/// Runs one seed to its end.
pub(crate) fn run(plan: Plan) -> Outcome {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
    let mut rng = Rng::from_seed(seed);
    let weather = Weather::draw(&mut rng);
    let mut world = World {
        plan,
        rng,
        micros: SECOND,
        order: 0,
        queue: BinaryHeap::new(),
        happenings: BTreeMap::new(),
        hosts: Vec::new(),
        weather,
        broker_is_up: true,
        is_healed: false,
        overheard: VecDeque::new(),
        revisions: BTreeMap::new(),
        outcome: Outcome {
            trace: 0xcbf2_9ce4_8422_2325,
            ..Outcome::default()
        },
    };
    let result = world.live();
    world.outcome.failure = result.err().map(|why| {
        let seconds = world.micros / SECOND;
        format!("at {seconds} s of simulated time: {why}")
    });
    world.outcome
}

impl World {
    fn live(&mut self) -> Result<(), String> {
        for place in 0..self.plan.naras {
            self.add_host();
            let wait = u64::from(self.rng.below(30)) * SECOND;
            self.schedule(wait, Happening::Start(place));
            self.schedule(wait + 60 * SECOND, Happening::User(place));
        }
        let first = self.weather.pause(&mut self.rng);
        self.schedule(60 * SECOND + first, Happening::Fault);
        self.schedule(30 * SECOND, Happening::BrokerLooks);
        self.run_until(self.plan.minutes * 60 * SECOND)?;
        self.heal()?;
        let healed_at = self.micros;
        loop {
            self.run_until(self.micros + SECOND)?;
            match self.check_whole() {
                Ok(()) => break,
                Err(why) if self.micros > healed_at + HEAL => return Err(why),
                Err(_) => {}
            }
        }
        self.outcome.healed_after = (self.micros - healed_at) / SECOND;
        Ok(())
    }

    fn add_host(&mut self) {
        let born = Config::born(Newborn(self.rng.array()), None).unwrap();
        let soul = born.soul().to_text();
        let parsed = Soul::parse(&soul).unwrap();
        let keys = Keys::new(&parsed, &parsed.generated_name()).unwrap();
        let latency = 1_000 * (u64::from(self.rng.below(80)) + 5);
        self.hosts.push(Host {
            soul,
            keys,
            nara: None,
            life: 0,
            socket: 0,
            client: None,
            latency,
            cut_until: 0,
            dozes_until: 0,
            inbox: Vec::new(),
            skew: 0,
            frozen: None,
            slow: 0,
            busy_until: 0,
            operations: Vec::new(),
            written: BTreeMap::new(),
            saved: None,
            sets: 0,
            held: BTreeMap::new(),
            held_ever: BTreeMap::new(),
        });
    }

    fn schedule(&mut self, wait: u64, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse((self.micros + wait, self.order)));
        self.happenings.insert(self.order, what);
    }

    fn run_until(&mut self, end: u64) -> Result<(), String> {
        loop {
            let queued = self.queue.peek().map(|Reverse((at, _))| *at);
            let timer = self.next_timer();
            let next = queued.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.micros = self.micros.max(end);
                return Ok(());
            };
            self.micros = self.micros.max(next);
            if queued == Some(next) {
                let Some(Reverse((_, order))) = self.queue.pop() else {
                    continue;
                };
                let happening = self.happenings.remove(&order).unwrap();
                self.happen(happening)?;
            } else if let Some((_, place)) = timer {
                self.act(place, 3, &[], |nara, now| nara.handle_timeout(now))?;
            }
        }
    }

    fn next_timer(&self) -> Option<(u64, usize)> {
        let hosts = self.hosts.iter().enumerate();
        let awake = hosts.filter(|(_, host)| !host.dozes(self.micros));
        awake
            .filter_map(|(place, host)| {
                let (at, _) = host.nara.as_ref()?.poll_timeout()?;
                Some((at.as_micros(), place))
            })
            .min()
    }

    fn happen(&mut self, what: Happening) -> Result<(), String> {
        match what {
            Happening::ToHost(place, socket, input) => self.reach(place, socket, input),
            Happening::ToBroker(place, socket, packet) => {
                self.hear(place, socket, &packet);
                Ok(())
            }
            Happening::User(place) => self.use_nara(place),
            Happening::Start(place) => self.start(place),
            Happening::Awake(place) => self.awake(place),
            Happening::Fault => self.fault(),
            Happening::BrokerIsBack => {
                self.broker_is_up = true;
                Ok(())
            }
            Happening::BrokerLooks => {
                self.drop_silent();
                self.schedule(30 * SECOND, Happening::BrokerLooks);
                Ok(())
            }
        }
    }

    /// Gives a nara one input, then does what it asks for and looks at it.
    fn act(
        &mut self,
        place: usize,
        kind: u8,
        bytes: &[u8],
        run: impl FnOnce(&mut Nara, light_nara::base::Now),
    ) -> Result<(), String> {
        let now = self.hosts[place].now(self.micros);
        let Some(nara) = &mut self.hosts[place].nara else {
            return Ok(());
        };
        self.outcome.steps += 1;
        run(nara, now);
        let trace = &mut self.outcome.trace;
        let head = self.micros.to_le_bytes();
        for byte in head.iter().chain(&[place as u8, kind]).chain(bytes) {
            *trace = (*trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.drain(place)?;
        self.look(place)
            .map_err(|why| format!("nara {place}: {why}"))
    }

    fn drain(&mut self, place: usize) -> Result<(), String> {
        loop {
            let host = &mut self.hosts[place];
            let Some(effect) = host.nara.as_mut().and_then(Nara::poll_effect) else {
                return Ok(());
            };
            match effect {
                Effect::Open => {
                    host.socket += 1;
                    let (socket, wait) = (host.socket, host.latency);
                    let input = if self.broker_is_up {
                        Input::Opened
                    } else {
                        Input::Closed
                    };
                    self.schedule(wait, Happening::ToHost(place, socket, input));
                }
                Effect::Send(packet) => {
                    host.check_frame(&packet)?;
                    let is_store = packet
                        .windows(20)
                        .any(|part| part == b"\"kind\":\"stash:store\"");
                    let gate = host.nara.as_ref().and_then(Nara::stash).map(Stash::gate);
                    if is_store && gate != Some(Gate::Open) {
                        return Err(format!("nara {place} stores before its gate is open"));
                    }
                    let (socket, wait) = (host.socket, host.latency);
                    self.schedule(wait, Happening::ToBroker(place, socket, packet));
                }
                Effect::Close => {
                    let socket = host.socket;
                    host.socket += 1;
                    let wait = host.latency;
                    self.schedule(wait, Happening::ToBroker(place, socket, Vec::new()));
                }
                Effect::Event(Event::Set(operation, result)) => {
                    host.end(operation)
                        .map_err(|why| format!("nara {place}: {why}"))?;
                    if let Ok(receipt) = result {
                        self.saved(place, &receipt)?;
                    }
                }
                Effect::Event(Event::Saved(receipt)) => self.saved(place, &receipt)?,
                Effect::Event(Event::Recovered(operation, _)) => {
                    host.end(operation)
                        .map_err(|why| format!("nara {place}: {why}"))?;
                }
                Effect::Log(record) if self.plan.is_logged => {
                    let seconds = self.micros as f64 / 1e6;
                    let line = format!(
                        "{seconds:10.3} {place:3} {:9} {}",
                        record.service, record.text
                    );
                    self.note(line);
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, line: String) {
        if self.plan.is_logged {
            if self.outcome.log.len() >= LOG_MAX {
                self.outcome.log.remove(0);
            }
            self.outcome.log.push(line);
        }
    }

    /// Who is named as a holder did hold it.
    fn saved(&mut self, place: usize, receipt: &Receipt) -> Result<(), String> {
        self.outcome.saved += 1;
        for holder in &receipt.holders {
            let other = self.hosts.iter().find(|host| host.who() == holder);
            let ever = other.and_then(|host| host.held_ever.get(&place));
            if ever.is_none_or(|revision| *revision < receipt.revision) {
                let revision = receipt.revision;
                return Err(format!(
                    "nara {place} counts a copy of {revision} that nobody held"
                ));
            }
        }
        if !receipt.holders.is_empty() {
            self.hosts[place].saved = Some(receipt.revision);
        }
        Ok(())
    }

    /// What must hold after every step.
    fn look(&mut self, place: usize) -> Result<(), String> {
        self.hosts[place].check(self.micros)?;
        let Some(nara) = &self.hosts[place].nara else {
            return Ok(());
        };
        let mut held = BTreeMap::new();
        for (owner, one) in nara.stash().unwrap().confidant().held().iter() {
            let Some(of) = self.hosts.iter().position(|host| host.who() == owner) else {
                return Err("a stash of nobody is held".to_owned());
            };
            let sealed = &one.sealed;
            let revision = match self.revisions.get(&sealed.nonce) {
                Some(revision) => *revision,
                None => {
                    let opened = self.hosts[of].revision_of(&sealed.nonce, &sealed.ciphertext);
                    let revision = opened.ok_or("what is held is not the owner's")?;
                    self.revisions.insert(sealed.nonce, revision);
                    revision
                }
            };
            held.insert(of, (revision, one.ts));
        }
        let host = &mut self.hosts[place];
        for (of, (revision, ts)) in &held {
            if host.held.get(of).is_some_and(|(_, before)| before > ts) {
                return Err(format!("the slot of nara {of} went back to {ts}"));
            }
            // Whoever woke while the newest copy was out of reach goes on from
            // an older one; the holder keeps both.
            let is_fork = host
                .held
                .get(of)
                .is_some_and(|(before, _)| before > revision);
            self.outcome.forks += u64::from(is_fork);
            let ever = host.held_ever.entry(*of).or_default();
            *ever = (*ever).max(*revision);
        }
        host.held = held;
        Ok(())
    }

    fn start(&mut self, place: usize) -> Result<(), String> {
        if self.hosts[place].nara.is_some() {
            return Ok(());
        }
        let seed = self.rng.array();
        let host = &mut self.hosts[place];
        let config = if host.life == 0 {
            let soul = Soul::parse(&host.soul).unwrap();
            Config::born(Newborn(*soul.seed()), None).unwrap()
        } else {
            Config::reborn(&host.soul, None).unwrap()
        };
        host.life += 1;
        host.nara = Some(Nara::new(config, seed, host.now(self.micros)));
        self.act(place, 0, &[], |nara, now| nara.wake(now))
    }

    fn use_nara(&mut self, place: usize) -> Result<(), String> {
        let pause = u64::from(self.rng.below(240) + 30) * SECOND;
        self.schedule(pause, Happening::User(place));
        let host = &self.hosts[place];
        let Some(stash) = host.nara.as_ref().and_then(Nara::stash) else {
            return Ok(());
        };
        if host.dozes(self.micros) {
            return Ok(());
        }
        let is_elsewhere = stash.is_elsewhere();
        let gate = stash.gate();
        let has_copy = self.hosts.iter().any(|one| one.held.contains_key(&place));
        let (saved, until) = (host.saved, self.micros + PATIENCE.as_micros() as u64);
        if is_elsewhere {
            return self.command(place, |stash, ctx| stash.go_on(ctx));
        }
        match gate {
            Gate::Open => {
                let count = host.sets + 1;
                let pad = "x".repeat(self.rng.below(2_000) as usize);
                let data = format!("{{\"{CANARY}\":\"{place}-{count}\",\"pad\":\"{pad}\"}}");
                let mut begun = None;
                let text = data.clone();
                let host = &mut self.hosts[place];
                host.sets = count;
                let now = host.now(self.micros);
                if let Some(nara) = &mut host.nara {
                    begun = nara.set(now, text, PATIENCE).ok();
                }
                if let Some(operation) = begun {
                    let memory = host.nara.as_ref().and_then(Nara::memory);
                    let revision = memory.map_or(0, |memory| memory.revision);
                    host.written.entry(revision).or_default().push(data);
                    host.operations.push((operation, until));
                }
                self.act(place, 4, &[], |_, _| {})
            }
            Gate::Undecided if saved.is_none() || (self.is_healed && !has_copy) => {
                self.outcome.lost += u64::from(saved.is_some());
                self.hosts[place].saved = None;
                self.command(place, |stash, ctx| {
                    let _ = stash.start_empty(ctx);
                })
            }
            _ => {
                let host = &mut self.hosts[place];
                let now = host.now(self.micros);
                let begun = host
                    .nara
                    .as_mut()
                    .and_then(|nara| nara.recover(now, PATIENCE).ok());
                host.operations
                    .extend(begun.map(|operation| (operation, until)));
                self.act(place, 5, &[], |_, _| {})
            }
        }
    }

    fn command(
        &mut self,
        place: usize,
        run: impl FnOnce(&mut Stash, &mut light_nara::runtime::Context<'_>),
    ) -> Result<(), String> {
        self.act(place, 6, &[], |nara, now| {
            nara.command_on(now, run);
        })
    }

    /// Something reaches a host, if it is the socket that it was meant for.
    fn reach(&mut self, place: usize, socket: u32, input: Input) -> Result<(), String> {
        let micros = self.micros;
        let host = &mut self.hosts[place];
        if host.socket != socket || host.nara.is_none() || host.is_cut(micros) {
            return Ok(());
        }
        if host.dozes(micros) {
            if host.inbox.len() < INBOX_MAX {
                host.inbox.push((socket, input));
            }
            return Ok(());
        }
        match input {
            Input::Opened => self.act(place, 1, &[], |nara, now| {
                let (user, password) = ("simulation".to_owned(), None);
                nara.handle_opened(now, Credentials { user, password });
            }),
            Input::Closed => {
                host.socket += 1;
                self.act(place, 2, &[], |nara, now| nara.handle_closed(now, "closed"))
            }
            Input::Data(bytes) => {
                let data = Rc::clone(&bytes);
                self.act(place, 7, &bytes, move |nara, now| {
                    nara.handle_data(now, &data)
                })
            }
        }
    }

    fn awake(&mut self, place: usize) -> Result<(), String> {
        if self.hosts[place].dozes(self.micros) {
            return Ok(());
        }
        for (socket, input) in core::mem::take(&mut self.hosts[place].inbox) {
            self.reach(place, socket, input)?;
        }
        Ok(())
    }

    /// The broker reads one packet; an empty one is the end of the connection.
    fn hear(&mut self, place: usize, socket: u32, packet: &[u8]) {
        let micros = self.micros;
        if !self.broker_is_up || self.hosts[place].is_cut(micros) {
            return;
        }
        if packet.is_empty() {
            return self.drop_client(place);
        }
        match &mut self.hosts[place].client {
            Some(client) => client.last_heard = micros,
            None if packet[0] >> 4 == 1 => {}
            // It was given up for silence and has not heard so.
            None => return self.schedule(0, Happening::ToHost(place, socket, Input::Closed)),
        }
        let answer = match broker::read(packet) {
            Packet::Connect(will) => {
                self.drop_client(place);
                self.hosts[place].client = Some(Client {
                    topics: Vec::new(),
                    will,
                    last_heard: micros,
                });
                CONNACK.to_vec()
            }
            Packet::Subscribe(topics) => {
                let answer = broker::suback(topics.len());
                if let Some(client) = &mut self.hosts[place].client {
                    client.topics = topics;
                }
                answer
            }
            Packet::Publish(topic, payload) => {
                if self.hosts[place].client.is_some() {
                    self.publish(&topic, &payload);
                }
                return;
            }
            Packet::Ping => PONG.to_vec(),
            Packet::Disconnect => {
                self.hosts[place].client = None;
                return;
            }
            Packet::Other => return,
        };
        let wait = self.hosts[place].latency;
        let input = Input::Data(answer.into());
        self.schedule(wait, Happening::ToHost(place, socket, input));
    }

    fn publish(&mut self, topic: &str, payload: &Rc<[u8]>) {
        if self.overheard.len() >= OVERHEARD_MAX {
            self.overheard.pop_front();
        }
        self.overheard
            .push_back((topic.to_owned(), Rc::clone(payload)));
        for place in 0..self.hosts.len() {
            let client = &self.hosts[place].client;
            if !client.as_ref().is_some_and(|client| client.wants(topic)) {
                continue;
            }
            let copies = self.weather.carry(&mut self.rng, payload);
            let is_whole = |(late, one): &(u64, Rc<[u8]>)| *late == 0 && Rc::ptr_eq(one, payload);
            self.outcome.faults += u64::from(copies.len() != 1 || !is_whole(&copies[0]));
            for (late, payload) in copies {
                let host = &mut self.hosts[place];
                host.busy_until = host.busy_until.max(self.micros) + host.slow * 1_000;
                let wait = host.latency + late + (host.busy_until - self.micros);
                let socket = host.socket;
                let packet = broker::publish(topic, &payload);
                let input = Input::Data(packet.into());
                self.schedule(wait, Happening::ToHost(place, socket, input));
            }
        }
    }

    /// A connection ends without a DISCONNECT: its will is published.
    fn drop_client(&mut self, place: usize) {
        let client = self.hosts[place].client.take();
        if let Some((topic, payload)) = client.and_then(|client| client.will) {
            self.publish(&topic, &payload);
        }
    }

    fn drop_silent(&mut self) {
        for place in 0..self.hosts.len() {
            let host = &self.hosts[place];
            let heard = host.client.as_ref().map(|client| client.last_heard);
            if heard.is_some_and(|at| at + SILENCE_MAX < self.micros) {
                let socket = host.socket;
                self.drop_client(place);
                self.schedule(0, Happening::ToHost(place, socket, Input::Closed));
            }
        }
    }

    fn fault(&mut self) -> Result<(), String> {
        if self.is_healed {
            return Ok(());
        }
        let pause = self.weather.pause(&mut self.rng);
        self.schedule(pause, Happening::Fault);
        let Some(fault) = self.weather.next(&mut self.rng) else {
            return Ok(());
        };
        let place = self.rng.below(self.hosts.len() as u32) as usize;
        let seconds = self.micros as f64 / 1e6;
        self.note(format!("{seconds:10.3} {place:3} {fault:?}"));
        let micros = self.micros;
        let host = &mut self.hosts[place];
        match fault {
            Fault::Crash(wait) if host.nara.is_some() => {
                self.outcome.crashes += 1;
                self.end_nara(place);
                self.drop_client(place);
                self.schedule(wait * SECOND, Happening::Start(place));
            }
            Fault::Leave(wait) if host.nara.is_some() && !host.dozes(micros) => {
                // What it says last is still carried; its memory is gone.
                self.act(place, 8, &[], |nara, now| nara.sleep(now))?;
                self.end_nara(place);
                self.schedule(wait * SECOND, Happening::Start(place));
            }
            Fault::Crash(_) | Fault::Leave(_) => {}
            Fault::Cut(time) => host.cut_until = micros + time * SECOND,
            Fault::Doze(time) => {
                host.dozes_until = micros + time * SECOND;
                self.schedule(time * SECOND, Happening::Awake(place));
            }
            Fault::Skew(skew) => (host.skew, host.frozen) = (skew, None),
            Fault::Freeze => host.frozen = Some(host.now(micros).wall.unix_nanos()),
            Fault::Slow(slow) => host.slow = slow,
            Fault::Broker(time) => {
                self.broker_is_up = false;
                for place in 0..self.hosts.len() {
                    self.hosts[place].client = None;
                    let socket = self.hosts[place].socket;
                    self.schedule(1_000, Happening::ToHost(place, socket, Input::Closed));
                }
                self.schedule(time * SECOND, Happening::BrokerIsBack);
            }
            Fault::Replay(count) => {
                for _ in 0..count {
                    let place = self.rng.below(self.overheard.len() as u32) as usize;
                    if let Some((topic, payload)) = self.overheard.get(place).cloned() {
                        self.publish(&topic, &payload);
                    }
                }
            }
            Fault::Flood(count) => {
                let topic = format!("nara/mesh/{}", self.hosts[place].who().id);
                for _ in 0..count {
                    let bytes: [u8; 64] = self.rng.array();
                    self.publish(&topic, &Rc::from(bytes.as_slice()));
                }
            }
        }
        Ok(())
    }

    fn end_nara(&mut self, place: usize) {
        let host = &mut self.hosts[place];
        host.nara = None;
        host.socket += 1;
        host.inbox.clear();
        host.operations.clear();
        host.held.clear();
    }

    /// Everything that was broken works again.
    fn heal(&mut self) -> Result<(), String> {
        self.weather.clear();
        self.is_healed = true;
        self.broker_is_up = true;
        for place in 0..self.hosts.len() {
            let host = &mut self.hosts[place];
            (host.cut_until, host.dozes_until) = (0, self.micros);
            (host.skew, host.frozen, host.slow) = (0, None, 0);
            self.awake(place)?;
            self.start(place)?;
        }
        Ok(())
    }

    /// Whether everybody is whole: its memory is no older than any copy, and
    /// as many as it wants hold it, in truth.
    fn check_whole(&self) -> Result<(), String> {
        for (place, host) in self.hosts.iter().enumerate() {
            let nara = host.nara.as_ref().ok_or("a nara is not there")?;
            let copies = self.hosts.iter().filter_map(|one| one.held.get(&place));
            let newest = copies.map(|(revision, _)| *revision).max();
            let mine = nara.memory().map(|memory| memory.revision);
            if newest > mine {
                return Err(format!(
                    "nara {place} has {mine:?}; {newest:?} is held for it"
                ));
            }
            let Some(memory) = nara.memory() else {
                continue;
            };
            let written = host.written.get(&memory.revision);
            if !written.is_some_and(|all| all.contains(&memory.data)) {
                return Err(format!("nara {place} remembers what was never written"));
            }
            let owner = nara.stash().unwrap().owner();
            let is_newest = |one: &&Host| {
                one.held
                    .get(&place)
                    .is_some_and(|(revision, _)| *revision == memory.revision)
            };
            let copies = self.hosts.iter().filter(is_newest).count();
            let wanted = owner.target().min(self.hosts.len() - 1);
            if !owner.is_safe() || copies < wanted {
                let counted = owner.current_holders().count();
                let (stash, now) = (nara.stash().unwrap(), host.now(self.micros));
                let (gate, is_elsewhere) = (stash.gate(), stash.is_elsewhere());
                let peers = nara.status(now).peers;
                let online = peers.iter().filter(|one| one.presence == "online").count();
                return Err(format!(
                    "nara {place}: {copies} copies, {counted} counted, {wanted} wanted; gate {gate:?}, elsewhere {is_elsewhere}, {online} peers online, {:?}, {:?}",
                    nara.status(now).connection,
                    nara.status(now).confidants
                ));
            }
        }
        Ok(())
    }
}
