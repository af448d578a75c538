//! The broker: it reads what naras send and carries it to whoever listens.

use super::broker::{self, CONNACK, Client, PONG, Packet};
use super::host::{Input, Parcel};
use super::world::{Happening, SECOND, World};
use std::rc::Rc;

/// The broker drops who was silent for one and a half keep-alives.
const SILENCE_MAX: u64 = 180 * SECOND;

/// Messages that an attacker remembers.
const OVERHEARD_MAX: usize = 200;

impl World {
    /// The broker reads one packet; an empty one is the end of the connection.
    pub(super) fn hear(&mut self, place: usize, socket: u32, packet: &[u8]) {
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
                self.hosts[place].connected_at = micros;
                answer
            }
            Packet::Publish(topic, payload) => {
                if self.hosts[place].client.is_some() {
                    self.publish(Some(place), &topic, &payload);
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

    /// Carries a message to whoever listens; an attacker reaches everybody.
    pub(super) fn publish(&mut self, from: Option<usize>, topic: &str, payload: &Rc<[u8]>) {
        if self.overheard.len() >= OVERHEARD_MAX {
            self.overheard.pop_front();
        }
        self.overheard
            .push_back((topic.to_owned(), Rc::clone(payload)));
        let mut whole: Option<Parcel> = None;
        for place in 0..self.hosts.len() {
            let client = &self.hosts[place].client;
            if !client.as_ref().is_some_and(|client| client.wants(topic))
                || from.is_some_and(|from| self.are_split(from, place))
            {
                continue;
            }
            let copies = self.weather.carry(&mut self.rng, payload);
            let is_whole = |(late, one): &(u64, Rc<[u8]>)| *late == 0 && Rc::ptr_eq(one, payload);
            self.outcome.faults += u64::from(copies.len() != 1 || !is_whole(&copies[0]));
            for (late, copy) in copies {
                let parcel = if Rc::ptr_eq(&copy, payload) {
                    whole
                        .get_or_insert_with(|| broker::publish(topic, payload).into())
                        .clone()
                } else {
                    broker::publish(topic, &copy).into()
                };
                let host = &mut self.hosts[place];
                host.busy_until = host.busy_until.max(self.micros) + host.slow * 1_000;
                let wait = host.latency + late + (host.busy_until - self.micros);
                let socket = host.socket;
                self.schedule(wait, Happening::ToHost(place, socket, Input::Data(parcel)));
            }
        }
    }

    /// A connection ends without a DISCONNECT: its will is published.
    pub(super) fn drop_client(&mut self, place: usize) {
        let client = self.hosts[place].client.take();
        if let Some((topic, payload)) = client.and_then(|client| client.will) {
            self.publish(Some(place), &topic, &payload);
        }
    }

    pub(super) fn drop_silent(&mut self) {
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
}
