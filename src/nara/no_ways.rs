//! What stands in for `ways.rs` without the feature `gateway`: the only way to
//! one peer is its topic on the plaza.

use super::{Config, DIRECT_TOPIC, Effect, MeshStatus, Nara};
use crate::base::{Identity, Instant, Now, Rng};
use crate::runtime::{Crypto, Me};

/// There are none: nothing makes one.
pub(super) enum Ways {}

impl Ways {
    pub(super) fn of(config: &Config, _: &Me, _: &mut Rng) -> Option<Box<Self>> {
        debug_assert!(config.gateway().is_none(), "`set_gateway` refuses each");
        None
    }

    pub(super) fn loads(&self, _: &mut dyn FnMut(&'static str, usize)) {
        match *self {}
    }

    pub(super) fn start(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn stop(&mut self) {
        match *self {}
    }

    pub(super) fn retry_now(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn prove(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn handle_data(&mut self, _: &dyn Crypto, _: Now, _: &[u8]) {
        match *self {}
    }

    pub(super) fn handle_closed(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn handle_timeout(&mut self, _: Instant) {
        match *self {}
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match *self {}
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        match *self {}
    }

    pub(super) fn status(&self) -> MeshStatus {
        match *self {}
    }
}

impl Nara {
    pub(super) fn send_direct(&mut self, _: Now, to: Identity, bytes: Vec<u8>) {
        // Refused only while disconnected, when calls fail by themselves.
        let _ = self
            .session
            .publish(&[DIRECT_TOPIC, to.id.as_str()].concat(), &bytes);
    }

    pub(super) fn turn_mesh(&mut self, _: Now) {}

    pub(super) fn relaunch(&mut self, _: Now) {}
}
