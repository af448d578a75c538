//! What stands in for `foreign.rs` without the feature `gateway`: no way leads
//! to a Go nara, so none is given a copy or asked for one.

use super::confidant::Confidant;
use crate::base::{Identity, Instant};
use crate::runtime::{CallError, CallId, Context, Delivery};

pub(super) struct Foreign;

impl Foreign {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn loads(&self, _: &mut dyn FnMut(&'static str, usize)) {}

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub(super) fn coming<'a>(&'a self, _: &'a Identity) -> impl Iterator<Item = &'a Identity> {
        core::iter::empty()
    }
}

pub(super) fn knows(_: &Context<'_>, _: &Identity, _: &Identity) -> bool {
    false
}

impl Confidant {
    pub(super) fn offer_bare(&mut self, _: &mut Context<'_>, _: &Identity, _: Identity) {}

    pub(super) fn ask_foreign(&mut self, _: &mut Context<'_>) {}

    pub(super) fn ask_some_foreign(&mut self, _: &mut Context<'_>, _: Vec<(Identity, Identity)>) {}

    pub(super) fn end_foreign(
        &mut self,
        _: &mut Context<'_>,
        _: CallId,
        _: Result<&Delivery, CallError>,
    ) -> bool {
        false
    }

    pub(super) fn forget_foreign(&mut self, _: &mut Context<'_>) {}
}
