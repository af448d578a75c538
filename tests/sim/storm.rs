//! What goes wrong in the world, and how all of it heals.

use super::faults::Fault;
use super::host::{Host, Input};
use super::vice::{Vice, speak};
use super::world::{Happening, SECOND, World};
use core::time::Duration;
use light_nara::base::{Rng, WallTime};
use light_nara::identity::{Keys, Soul};
use light_nara::message::{Refresh, Request, Store};
use std::rc::Rc;

impl World {
    pub(super) fn fault(&mut self) -> Result<(), String> {
        if self.is_healed {
            return Ok(());
        }
        let pause = self.weather.pause(&mut self.rng);
        self.schedule(pause, Happening::Fault);
        let Some(fault) = self.weather.next(&mut self.rng) else {
            return Ok(());
        };
        let place = self.rng.below(self.hosts.len() as u32) as usize;
        self.note(&format!("{place:3} {fault:?}"));
        let micros = self.micros;
        self.outcome.mishaps += u64::from(!matches!(fault, Fault::Crash(_)));
        self.clocks_were_right &= !matches!(fault, Fault::Skew(_) | Fault::Freeze);
        let host = &mut self.hosts[place];
        match fault {
            Fault::Crash(wait) => self.crash(place, wait),
            Fault::Leave(wait) if host.nara.is_some() && !host.dozes(micros) => {
                // What it says last is still carried; its memory is gone.
                self.act(place, 8, 0, |nara, now| nara.sleep(now))?;
                if !self.hosts[place].is_asleep {
                    return Err(format!("nara {place}: it sleeps and does not say so"));
                }
                // What was begun has ended with that, so nothing of it ends later.
                self.act(place, 3, 0, |nara, mut now| {
                    now.mono = now.mono + Duration::from_secs(60);
                    nara.handle_timeout(now);
                })?;
                self.outcome.calls += self.hosts[place].end_nara(micros);
                self.schedule(wait * SECOND, Happening::Start(place));
            }
            Fault::Leave(_) => {}
            Fault::Cut(time) => {
                host.cut_until = micros + time * SECOND;
                self.schedule(time * SECOND, Happening::Returned(place));
            }
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
                        self.publish(None, &topic, &payload);
                    }
                }
            }
            Fault::Flood(count) => self.flood(place, count),
            Fault::Forge(count) => self.forge(place, count),
            Fault::Crowd(count) => self.crowd(place, count),
            Fault::Split(time) => {
                for place in 0..self.hosts.len() {
                    self.hosts[place].side = self.rng.below(2) == 0;
                }
                self.split_until = micros + time * SECOND;
            }
            Fault::Gateway(time) => {
                self.end_gateway();
                self.schedule(time * SECOND, Happening::GatewayIsBack);
            }
            Fault::Unhook => {
                self.gateway.troubled_at = micros;
                self.unhook(place);
            }
            Fault::Drag(slow) => {
                self.gateway.slow = slow * 1_000;
                self.gateway.troubled_at = micros;
            }
            Fault::Invent(count) => {
                self.gateway.troubled_at = micros;
                self.invent(place, count);
            }
        }
        Ok(())
    }

    fn crash(&mut self, place: usize, wait: u64) {
        if self.hosts[place].nara.is_none() {
            return;
        }
        self.outcome.crashes += 1;
        self.outcome.calls += self.hosts[place].end_nara(self.micros);
        self.drop_client(place);
        self.unhook(place);
        self.schedule(wait * SECOND, Happening::Start(place));
    }

    /// A host is back that was cut off. Often just then somebody starts again
    /// whose newest copy it missed: it is told of two revisions at once.
    pub(super) fn returned(&mut self, place: usize) {
        if self.is_healed || self.hosts[place].is_cut(self.micros) || self.rng.below(2) == 0 {
            return;
        }
        let held = self.hosts[place].held.iter();
        let is_outdated = |(of, (revision, _)): &(&usize, &(u64, i64))| {
            let held = |one: &Host| one.held.get(of).map(|(newer, _)| *newer);
            self.hosts
                .iter()
                .filter_map(held)
                .any(|one| one > *revision)
        };
        let outdated = held.filter(is_outdated).map(|(of, _)| *of);
        let outdated: Vec<usize> = outdated.collect();
        let at = self.rng.below(outdated.len() as u32) as usize;
        if let Some(of) = outdated.get(at) {
            let wait = u64::from(self.rng.below(3)) + 1;
            self.note(&format!("{of:3} Crash({wait}), as {place} is back"));
            self.crash(*of, wait);
        }
    }

    /// A peer with that vice sends signed messages, anybody else nonsense.
    fn flood(&mut self, place: usize, count: u32) {
        let to = *self.hosts[place].who();
        let floods = |host: &Host| host.vice == Vice::Floods;
        let flooder = self.hosts.iter().position(floods);
        let nonsense = format!("nara/mesh/{}", to.id);
        for _ in 0..count {
            let Some(from) = flooder.filter(|from| *from != place) else {
                let bytes: [u8; 64] = self.rng.array();
                self.publish(None, &nonsense, &Rc::from(bytes.as_slice()));
                continue;
            };
            let keys = &self.hosts[from].keys;
            let owner_id = keys.id().as_str().to_owned();
            let at = self.true_time();
            let request_id = hex::encode(self.rng.array::<12>());
            let (topic, payload) = match self.rng.below(3) {
                0 => speak(
                    keys,
                    &to,
                    at,
                    "stash:store",
                    &store(&mut self.rng, owner_id, at),
                ),
                1 => {
                    let owner = String::new();
                    let refresh = Refresh { owner_id, owner };
                    let (_, payload) = speak(keys, &to, at, "stash-refresh", &refresh);
                    ("nara/plaza/stash_refresh".to_owned(), payload)
                }
                _ => {
                    let request = Request {
                        owner_id,
                        request_id,
                    };
                    speak(keys, &to, at, "stash:request", &request)
                }
            };
            self.publish(None, &topic, &payload);
        }
    }

    /// Messages under invented ids, or under those of others, with signatures
    /// of another key.
    fn forge(&mut self, place: usize, count: u32) {
        let to = *self.hosts[place].who();
        for _ in 0..count {
            let liar = invent(&mut self.rng);
            let invented = invent(&mut self.rng).id().as_str().to_owned();
            let other = self.rng.below(self.hosts.len() as u32) as usize;
            let is_invented = self.rng.below(2) == 0;
            let claimed = if is_invented {
                invented.clone()
            } else {
                self.hosts[other].who().id.as_str().to_owned()
            };
            let request = Request {
                owner_id: claimed.clone(),
                request_id: hex::encode(self.rng.array::<12>()),
            };
            let at = self.true_time();
            let kind = [
                "stash:request",
                "clock:ask",
                "presence:ping",
                "stash-refresh",
            ];
            let kind = kind[self.rng.below(4) as usize];
            let is_refresh = kind == "stash-refresh";
            let (topic, payload) = if is_refresh {
                let refresh = Refresh {
                    owner_id: claimed.clone(),
                    owner: String::new(),
                };
                let (_, payload) = speak(&liar, &to, at, kind, &refresh);
                ("nara/plaza/stash_refresh".to_owned(), payload)
            } else {
                speak(&liar, &to, at, kind, &request)
            };
            // Only the id is exchanged: neither name nor signature fit it.
            let text = String::from_utf8_lossy(&payload).into_owned();
            let mut text = text.replace(liar.id().as_str(), &claimed);
            if self.rng.below(2) == 0 {
                let key = self.hosts[other].who().key.to_text();
                text = text.replace(&liar.identity().key.to_text(), &key);
            } else {
                text = text.replace("\"signature\":\"", "\"signature\":\"AAAA");
            }
            let is_reached = |(other, _): &(usize, &mut Host)| is_refresh || *other == place;
            for (_, host) in self.hosts.iter_mut().enumerate().filter(is_reached) {
                if is_invented {
                    host.unproven.entry(invented.clone()).or_default().from += text.len();
                }
            }
            self.publish(None, &topic, &text.into_bytes().into());
        }
    }

    /// Owners that nobody has heard of store, and never come back.
    fn crowd(&mut self, place: usize, count: u32) {
        let to = *self.hosts[place].who();
        for _ in 0..count {
            let owner = invent(&mut self.rng);
            let at = self.true_time();
            let owner_id = owner.id().as_str().to_owned();
            let store = store(&mut self.rng, owner_id, at);
            let (topic, payload) = speak(&owner, &to, at, "stash:store", &store);
            let id = owner.id().as_str().to_owned();
            let stranger = self.hosts[place].unproven.entry(id).or_default();
            stranger.has_key = true;
            stranger.from += payload.len();
            self.publish(None, &topic, &payload);
            self.invented.insert(*owner.identity());
        }
    }

    fn true_time(&self) -> WallTime {
        super::host::true_time(self.micros)
    }

    /// Everything that was broken works again, apart from peers with a vice.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.weather.clear();
        self.is_healed = true;
        self.broker_is_up = true;
        self.is_reunited = self.micros < self.split_until;
        self.split_until = self.micros;
        self.end_gateway();
        self.gateway.heal();
        self.disturbed_at = self.micros;
        for place in 0..self.hosts.len() {
            let host = &mut self.hosts[place];
            (host.cut_until, host.dozes_until) = (0, self.micros);
            (host.skew, host.frozen, host.slow) = (0, None, 0);
            host.busy_until = 0;
            self.awake(place)?;
            self.start(place)?;
        }
        Ok(())
    }
}

fn invent(rng: &mut Rng) -> Keys {
    let (soul, name) = Soul::generated(rng.array());
    Keys::new(&soul, &name).unwrap()
}

fn store(rng: &mut Rng, owner_id: String, at: WallTime) -> Store {
    let ciphertext: Vec<u8> = (0..320).flat_map(|_| rng.array::<32>()).collect();
    Store {
        owner_id,
        owner: String::new(),
        nonce: rng.array::<24>().to_vec().into(),
        ciphertext: ciphertext.into(),
        ts: at.unix_seconds(),
    }
}
