//! The naras, the broker between them, and the time.

use super::faults::Weather;
use super::gateway::{Gateway, Said};
use super::host::{Host, Input, Parcel};
use super::probe::Probe;
use super::vice::{Vice, twist, twist_frame};
use super::{Outcome, Plan};
use light_nara::base::{Identity, Now, Rng};
use light_nara::nara::{Effect, Event, Nara};
use light_nara::plaza::Credentials;
use light_nara::runtime::Local;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::rc::Rc;

pub(super) const SECOND: u64 = 1_000_000;

/// After all is healed everybody must be whole so soon after the last nara
/// reached the plaza and the last loss was noticed.
const WHOLE_WITHIN: u64 = 60 * SECOND;

/// A lost peer is noticed after 5 minutes, and back-off may be a minute.
const HEAL_MAX: u64 = 15 * 60 * SECOND;

/// What tells a nara that it, or a copy, was away, or is older than thought.
const DISTURBANCES: [&str; 5] = [
    "clock:set",
    "plaza:online",
    "presence:gone",
    "presence:restarted",
    "stash:recovered",
];

/// A dozing tab's socket buffers so many messages; then the broker gives up.
const INBOX_MAX: usize = 1_000;

/// Timers that may be due at one moment; a nara whose timer stays due would be
/// called for ever.
const DUE_AT_ONCE_MAX: u32 = 10_000;

/// Log lines that are kept for a failure.
const LOG_MAX: usize = 20_000;

pub(super) enum Happening {
    /// For this host's socket.
    ToHost(usize, u32, Input),
    /// What this host's socket sent.
    ToBroker(usize, u32, Vec<u8>),
    /// What this host's socket to the gateway says.
    ToGateway(usize, u32, Said),
    /// A request to the gateway was not answered in time.
    GatewayTires(u32),
    GatewayIsBack,
    /// A user writes or reads.
    User(usize),
    Start(usize),
    Awake(usize),
    Fault,
    BrokerIsBack,
    BrokerLooks,
    /// This host was cut off, and is not any more.
    Returned(usize),
}

pub(super) struct World {
    plan: Plan,
    pub(super) rng: Rng,
    pub(super) micros: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    pub(super) hosts: Vec<Host>,
    /// When each of them wants to do something next.
    timers: BTreeSet<(u64, usize)>,
    pub(super) weather: Weather,
    pub(super) broker_is_up: bool,
    pub(super) gateway: Gateway,
    pub(super) is_healed: bool,
    /// Until when those who are not on the same side do not reach each other.
    pub(super) split_until: u64,
    /// Whether that ended when all was mended.
    pub(super) is_reunited: bool,
    /// Whether no clock was ever wrong: naras go by each other's for an hour.
    pub(super) clocks_were_right: bool,
    /// Timers that were due at this very moment.
    due_at_once: u32,
    /// When somebody last reached the plaza, or noticed that somebody is gone.
    pub(super) disturbed_at: u64,
    pub(super) overheard: VecDeque<(String, Rc<[u8]>)>,
    /// Owners that an attacker made up.
    pub(super) invented: BTreeSet<Identity>,
    /// The revision inside each seal, by its nonce.
    pub(super) revisions: BTreeMap<[u8; 24], u64>,
    pub(super) outcome: Outcome,
}

/// Runs one seed to its end.
pub(crate) fn run(plan: Plan) -> Outcome {
    let mut world = World::new(plan);
    let result = world.live();
    let probes = world
        .hosts
        .iter()
        .filter_map(|host| host.nara.as_ref()?.service::<Probe>());
    world.outcome.calls += probes.map(|probe| probe.ended).sum::<u64>();
    world.outcome.seconds = world.micros / SECOND;
    world.outcome.failure = result.err().map(|why| {
        let seconds = world.micros / SECOND;
        format!("at {seconds} s of simulated time: {why}")
    });
    world.outcome
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
        let mut rng = Rng::from_seed(seed);
        let mut weather = Weather::draw(&mut rng);
        let gateway = Gateway::draw(&mut rng, &mut weather);
        Self {
            plan,
            rng,
            micros: SECOND,
            order: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            hosts: Vec::new(),
            timers: BTreeSet::new(),
            weather,
            broker_is_up: true,
            gateway,
            is_healed: false,
            split_until: 0,
            is_reunited: false,
            clocks_were_right: true,
            due_at_once: 0,
            disturbed_at: 0,
            overheard: VecDeque::new(),
            invented: BTreeSet::new(),
            revisions: BTreeMap::new(),
            outcome: Outcome {
                trace: 0xcbf2_9ce4_8422_2325,
                ..Outcome::default()
            },
        }
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.plan.naras {
            let host = Host::new(&mut self.rng, self.gateway.exists);
            self.hosts.push(host);
        }
        if self.rng.below(3) > 0 {
            for host in &mut self.hosts {
                host.vice = Vice::draw(&mut self.rng);
            }
        }
        for place in 0..self.plan.naras {
            let vice = self.hosts[place].vice;
            self.note(&format!("{place:3} {vice:?}"));
            let wait = u64::from(self.rng.below(30)) * SECOND;
            self.schedule(wait, Happening::Start(place));
            self.schedule(wait + 60 * SECOND, Happening::User(place));
        }
        let first = self.weather.pause(&mut self.rng);
        self.schedule(60 * SECOND + first, Happening::Fault);
        self.schedule(30 * SECOND, Happening::BrokerLooks);
        self.run_until(self.plan.minutes * 60 * SECOND)?;
        self.heal()?;
        self.become_whole()
    }

    /// Waits until everybody is whole, which must be soon.
    fn become_whole(&mut self) -> Result<(), String> {
        let healed_at = self.micros;
        let mut known_at = healed_at;
        loop {
            self.run_until(self.micros + SECOND)?;
            let Err((why, could_know)) = self.check_whole() else {
                break;
            };
            if could_know {
                known_at = self.micros;
            }
            let late = could_know && self.micros > self.disturbed_at + WHOLE_WITHIN;
            if late || self.micros > healed_at + HEAL_MAX {
                return Err(why);
            }
        }
        let after = |since: u64| self.micros.saturating_sub(since) / SECOND;
        self.outcome.whole_after = known_at.saturating_sub(self.disturbed_at) / SECOND;
        self.outcome.healed_after = after(healed_at);
        Ok(())
    }

    pub(super) fn schedule(&mut self, wait: u64, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse((self.micros + wait, self.order)));
        self.happenings.insert(self.order, what);
    }

    pub(super) fn run_until(&mut self, end: u64) -> Result<(), String> {
        loop {
            let queued = self.queue.peek().map(|Reverse((at, _))| *at);
            let timer = self.next_timer();
            let next = queued.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.micros = self.micros.max(end);
                return Ok(());
            };
            if next > self.micros {
                (self.micros, self.due_at_once) = (next, 0);
            }
            if queued == Some(next) {
                let Some(Reverse((_, order))) = self.queue.pop() else {
                    continue;
                };
                let happening = self.happenings.remove(&order).unwrap();
                self.happen(happening)?;
            } else if let Some((_, place)) = timer {
                self.due_at_once += 1;
                if self.due_at_once > DUE_AT_ONCE_MAX {
                    return Err(format!("nara {place}: its timer stays due"));
                }
                self.act(place, 3, 0, |nara, now| nara.handle_timeout(now))?;
            }
        }
    }

    fn next_timer(&self) -> Option<(u64, usize)> {
        let is_awake = |place: usize| {
            let host = &self.hosts[place];
            host.nara.is_some() && !host.dozes(self.micros)
        };
        let mut timers = self.timers.iter().copied();
        timers.find(|(_, place)| is_awake(*place))
    }

    fn happen(&mut self, what: Happening) -> Result<(), String> {
        match what {
            Happening::ToHost(place, socket, input) => self.reach(place, socket, input),
            Happening::ToBroker(place, socket, packet) => {
                self.hear(place, socket, &packet);
                Ok(())
            }
            Happening::ToGateway(place, socket, said) => {
                self.hear_link(place, socket, said);
                Ok(())
            }
            Happening::GatewayTires(n) => {
                self.tire(n);
                Ok(())
            }
            Happening::GatewayIsBack => {
                self.gateway.is_up = true;
                Ok(())
            }
            Happening::User(place) => self.use_nara(place),
            Happening::Start(place) => self.start(place),
            Happening::Awake(place) => self.awake(place),
            Happening::Fault => self.fault(),
            Happening::Returned(place) => {
                self.returned(place);
                Ok(())
            }
            Happening::BrokerIsBack => {
                self.broker_is_up = true;
                Ok(())
            }
            Happening::BrokerLooks => {
                self.drop_silent();
                self.pulse();
                self.honour();
                self.schedule(30 * SECOND, Happening::BrokerLooks);
                Ok(())
            }
        }
    }

    /// Gives a nara one input, then does what it asks for and looks at it.
    pub(super) fn act(
        &mut self,
        place: usize,
        kind: u8,
        digest: u64,
        run: impl FnOnce(&mut Nara, Now),
    ) -> Result<(), String> {
        let now = self.hosts[place].now(self.micros);
        let Some(nara) = &mut self.hosts[place].nara else {
            return Ok(());
        };
        self.outcome.steps += 1;
        run(nara, now);
        let seen = digest ^ (u64::from(kind) << 8 | place as u64);
        for word in [self.micros, seen] {
            let trace = self.outcome.trace ^ word;
            self.outcome.trace = trace.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        }
        let drained = self.drain(place);
        let host = &mut self.hosts[place];
        let timer = host.nara.as_ref().and_then(Nara::poll_timeout);
        let timer = timer.map(|(at, _)| at.as_micros());
        if host.timer != timer {
            let before = core::mem::replace(&mut host.timer, timer);
            if let Some(before) = before {
                self.timers.remove(&(before, place));
            }
            if let Some(timer) = timer {
                self.timers.insert((timer, place));
            }
        }
        let looked = drained.and_then(|()| self.look(place));
        looked.map_err(|why| format!("nara {place}: {why}"))
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
                    self.check_sent(place, &packet)?;
                    let host = &mut self.hosts[place];
                    let (socket, wait) = (host.socket, host.latency);
                    if let Some(packet) = twist(host, &mut self.rng, packet) {
                        self.schedule(wait, Happening::ToBroker(place, socket, packet));
                    }
                }
                Effect::Close => {
                    let socket = host.socket;
                    host.socket += 1;
                    let wait = host.latency;
                    self.schedule(wait, Happening::ToBroker(place, socket, Vec::new()));
                }
                Effect::OpenMesh => {
                    host.mesh_socket += 1;
                    self.say_to_gateway(place, Said::Opened);
                }
                Effect::SendMesh(frame) => {
                    self.check_sent_to_gateway(place, &frame)?;
                    let host = &mut self.hosts[place];
                    if let Some(frame) = twist_frame(host, &mut self.rng, frame) {
                        self.say_to_gateway(place, Said::Frame(frame));
                    }
                }
                Effect::CloseMesh => {
                    self.say_to_gateway(place, Said::Closed);
                    self.hosts[place].mesh_socket += 1;
                }
                Effect::Event(Event::Set(operation, result)) => {
                    host.end(operation)?;
                    if let Ok(receipt) = result {
                        self.saved(place, &receipt)?;
                    }
                }
                Effect::Event(Event::Saved(receipt)) => self.saved(place, &receipt)?,
                Effect::Event(Event::Recovered(operation, _)) => host.end(operation)?,
                Effect::Event(Event::Asleep) => host.fall_asleep()?,
                Effect::Event(Event::Local(local)) => self.overhear_local(place, &local),
                Effect::Log(record) if self.plan.is_logged => {
                    self.note(&format!("{place:3} {:9} {}", record.service, record.text));
                }
                _ => {}
            }
        }
    }

    /// What a nara tells itself.
    fn overhear_local(&mut self, place: usize, local: &Local) {
        let kind = local.kind.as_str();
        // Two groups that are one again have connections, and hear of each
        // other one by one.
        let is_met = kind == "presence:online" && self.is_reunited;
        if is_met || DISTURBANCES.contains(&kind) {
            self.disturbed_at = self.micros;
        }
        if kind == "presence:restarted" {
            let names = |host: &Host| local.payload.contains(&host.who().key.to_text());
            let who = self.hosts.iter().position(names);
            self.hosts[place]
                .restarts
                .extend(who.map(|who| (who, self.micros)));
        }
    }

    /// Whether nothing gets from one to the other.
    pub(super) fn are_split(&self, one: usize, other: usize) -> bool {
        self.micros < self.split_until && self.hosts[one].side != self.hosts[other].side
    }

    fn say_to_gateway(&mut self, place: usize, said: Said) {
        let host = &self.hosts[place];
        let (socket, wait) = (host.mesh_socket, host.latency);
        self.schedule(wait, Happening::ToGateway(place, socket, said));
    }

    pub(super) fn note(&mut self, line: &str) {
        if self.plan.is_logged {
            if self.outcome.log.len() >= LOG_MAX {
                self.outcome.log.pop_front();
            }
            let seconds = self.micros as f64 / 1e6;
            self.outcome.log.push_back(format!("{seconds:10.3} {line}"));
        }
    }

    pub(super) fn start(&mut self, place: usize) -> Result<(), String> {
        if self.hosts[place].nara.is_some() {
            return Ok(());
        }
        if self.hosts[place].life > 0 {
            self.note_givers(place);
        }
        let seed = self.rng.array();
        self.hosts[place].wake(seed, self.micros);
        self.act(place, 0, 0, |nara, now| nara.wake(now))
    }

    /// Something reaches a host, if it is the socket that it was meant for.
    fn reach(&mut self, place: usize, socket: u32, input: Input) -> Result<(), String> {
        let micros = self.micros;
        let host = &mut self.hosts[place];
        if host.socket_for(&input) != socket || host.nara.is_none() || host.is_cut(micros) {
            return Ok(());
        }
        if host.dozes(micros) {
            if host.inbox.len() < INBOX_MAX {
                host.inbox.push((socket, input));
            }
            return Ok(());
        }
        match input {
            Input::Opened => self.act(place, 1, 0, |nara, now| {
                let (user, password) = ("simulation".to_owned(), None);
                nara.handle_opened(now, Credentials { user, password });
            }),
            Input::Closed => {
                host.socket += 1;
                self.act(place, 2, 0, |nara, now| nara.handle_closed(now, "closed"))
            }
            Input::Data(Parcel { bytes, digest }) => {
                self.act(place, 7, digest, |nara, now| nara.handle_data(now, &bytes))
            }
            Input::MeshClosed => {
                host.mesh_socket += 1;
                self.act(place, 10, 0, |nara, now| nara.handle_mesh_closed(now))
            }
            Input::MeshData(Parcel { bytes, digest }) => {
                self.act(place, 11, digest, |nara, now| {
                    nara.handle_mesh_data(now, &bytes)
                })
            }
        }
    }

    pub(super) fn awake(&mut self, place: usize) -> Result<(), String> {
        if self.hosts[place].dozes(self.micros) {
            return Ok(());
        }
        for (socket, input) in core::mem::take(&mut self.hosts[place].inbox) {
            self.reach(place, socket, input)?;
        }
        Ok(())
    }
}
