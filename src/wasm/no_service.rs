//! What stands in for `service.rs` without the feature `services`: none is
//! added, so nothing is told to one or asked by one.

use super::args::Args;
use super::peer::Peer;
use super::words::failure;
use crate::base::Now;
use crate::nara::Nara;
use std::cell::RefCell;

/// Nothing is: nothing makes one.
pub(super) enum Said {}

impl Said {
    pub(super) fn is_message(&self) -> bool {
        match *self {}
    }

    pub(super) fn to_json(&self) -> String {
        match *self {}
    }
}

pub(super) struct Mailbox;

pub(super) type SharedMailbox = RefCell<Mailbox>;

impl Mailbox {
    pub(super) fn shared() -> SharedMailbox {
        RefCell::new(Self)
    }

    pub(super) fn poll(&mut self) -> Option<Said> {
        None
    }
}

/// Refuses whatever an application declares.
pub(super) fn add(nara: Nara, options: &[Args], _: &SharedMailbox) -> Result<Nara, String> {
    if options.iter().any(|line| line.word(0) == "service") {
        let why = "services: this core can have none; light_nara_full_bg.wasm can, given to init";
        return Err(failure("option_invalid", &why));
    }
    Ok(nara)
}

impl Peer {
    pub(super) fn service_command(&mut self, _: Now, _: &Args) -> Result<String, String> {
        Err(failure("option_invalid", &"there is no such command"))
    }
}
