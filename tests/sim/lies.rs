//! What a gateway can do that lies. It holds nobody's key, but everything on
//! the mesh goes through it: it may change, repeat, swallow and make up.

use super::world::World;
use light_nara::mesh::{BODY_SIZE_MAX, Frame};

/// What it answers where nobody was asked.
const STATUS: [u16; 6] = [0, 200, 401, 404, 500, 503];

impl World {
    fn is_lied(&mut self) -> bool {
        let lies = self.gateway.lies;
        let is_lied = lies > 0 && self.rng.below(1_000) < lies;
        self.outcome.faults += u64::from(is_lied);
        is_lied
    }

    fn overheard_frame(&mut self, t: &str) -> Option<Frame> {
        let frames = self.gateway.overheard.iter().filter(|one| one.t == t);
        let frames: Vec<&Frame> = frames.collect();
        let at = self.rng.below(frames.len() as u32) as usize;
        frames.get(at).map(|one| (*one).clone())
    }

    fn anybody(&mut self) -> usize {
        self.rng.below(self.hosts.len() as u32) as usize
    }

    /// The address that a nara is told, which may be another's or none.
    pub(super) fn lie_of_address(&mut self, address: String) -> String {
        if !self.is_lied() {
            return address;
        }
        match self.rng.below(4) {
            0 => format!("100.64.0.1:{}", 4_000 + self.rng.below(8)),
            1 => "9".repeat(1 + self.rng.below(4_000) as usize),
            2 => "{\"hey_there\":\n\u{0}\"".to_owned(),
            _ => String::new(),
        }
    }

    /// Does something else with a request. Returns whether it does.
    pub(super) fn lie_of_request(
        &mut self,
        by: (usize, u32, u32),
        to: usize,
        frame: &Frame,
    ) -> bool {
        if !self.is_lied() {
            return false;
        }
        let mut frame = frame.clone();
        match self.rng.below(8) {
            0 => {
                let other = self.anybody();
                self.hand_over(by, other, frame);
            }
            1 => {
                let status = STATUS[self.rng.below(6) as usize];
                self.refuse(by, status);
            }
            2 => {
                if let Some(old) = self.overheard_frame("answer") {
                    self.hand_back(by, old);
                }
            }
            3 => {
                damage(&mut self.rng, &mut frame.body);
                self.hand_over(by, to, frame);
            }
            4 => {
                if let Some(old) = self.overheard_frame("request") {
                    frame.body = old.body;
                }
                self.hand_over(by, to, frame);
            }
            5 => {
                for _ in 0..2 {
                    self.hand_over(by, to, frame.clone());
                }
            }
            6 => {
                if let Some(old) = self.overheard_frame("request") {
                    (frame.name, frame.at, frame.sig) = (old.name, old.at, old.sig);
                }
                self.hand_over(by, to, frame);
            }
            _ => {}
        }
        true
    }

    /// What an answer becomes.
    pub(super) fn lie_of_answer(&mut self, by: (usize, u32, u32), mut frame: Frame) -> Frame {
        if !self.is_lied() {
            return frame;
        }
        match self.rng.below(4) {
            0 => frame.status = STATUS[self.rng.below(6) as usize],
            1 => damage(&mut self.rng, &mut frame.body),
            2 => frame = self.overheard_frame("answer").unwrap_or(frame),
            _ => {
                let (place, socket, n) = by;
                let other = n.wrapping_add(1);
                self.hand_back((place, socket, other), frame.clone());
                self.hand_back(by, frame.clone());
            }
        }
        frame
    }

    /// Says things to a nara that nobody asked it to.
    pub(super) fn invent(&mut self, place: usize, count: u32) {
        for _ in 0..count {
            let n = self.rng.below(1_000);
            let mut frame = match self.rng.below(8) {
                0 => Frame::new("challenge"),
                1 => Frame::new("attached"),
                2 => Frame::new("nonsense"),
                3 => self.overheard_frame("answer").unwrap_or_default(),
                4 => Frame {
                    method: "GET".into(),
                    path: "/ping".into(),
                    ..Frame::new("request")
                },
                5 => Frame {
                    method: "POST".into(),
                    path: "/mesh/message".into(),
                    body: vec![b'x'; self.rng.below(BODY_SIZE_MAX as u32) as usize],
                    ..self.overheard_frame("request").unwrap_or_default()
                },
                6 => Frame {
                    path: "/stash/retrieve".into(),
                    ..self.overheard_frame("request").unwrap_or_default()
                },
                _ => self.overheard_frame("request").unwrap_or_default(),
            };
            (frame.n, frame.proof) = (n, String::new());
            self.tell(place, &frame);
        }
    }
}

fn damage(rng: &mut light_nara::base::Rng, body: &mut Vec<u8>) {
    let at = rng.below(body.len() as u32) as usize;
    match body.get_mut(at) {
        Some(byte) => *byte ^= 1 << rng.below(8),
        None => body.push(b'{'),
    }
}
