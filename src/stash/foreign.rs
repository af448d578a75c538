//! Copies with Go naras, which know neither hand-off nor challenge. They take
//! the owner's own store from anybody, if they know the owner's key, and give
//! what they hold to whoever asks. So one is asked what it holds; if that is
//! nothing it gets the copy as the owner signed it, which counts once the same
//! bytes came back.

use super::confidant::Confidant;
use super::held::digest;
use crate::base::{ExpiringMap, Identity, Instant, SortedMap, WallTime};
use crate::message::{Request, Response, parse_payload};
use crate::runtime::{CallError, CallId, Context, Delivery, Sealed};
use core::time::Duration;

/// A store needs two exchanges on the mesh, and is asked for after so long.
const ASK_AFTER: Duration = Duration::from_secs(3);

/// How long a Go nara may take to give a copy back.
const ASK_PATIENCE: Duration = Duration::from_secs(6);

/// A copy is 14 kB on the wire, so each is asked for so often.
const ASK_EVERY: Duration = Duration::from_secs(5 * 60);

/// Copies that were asked for lately and are remembered, and how many are on
/// their way at once.
const ASKED_MAX: usize = 256;
const ON_THEIR_WAY_MAX: usize = 16;

/// A copy of an owner's, with a Go nara.
type Copy = (Identity, Identity);

/// What is on its way to Go naras, or back from them.
pub(super) struct Foreign {
    /// When what was sent is asked for.
    sent: SortedMap<Copy, Instant>,
    /// Who is asked, and whether it gets the store if it has none.
    asked: SortedMap<CallId, (Copy, bool)>,
    asked_lately: ExpiringMap<Copy, ()>,
}

impl Foreign {
    pub(super) fn new() -> Self {
        Self {
            sent: SortedMap::new(),
            asked: SortedMap::new(),
            asked_lately: ExpiringMap::new(ASKED_MAX, ASK_EVERY),
        }
    }

    pub(super) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("copies sent to Go naras", self.sent.len());
        note("Go naras asked", self.asked.len());
        note("Go naras asked lately", self.asked_lately.len());
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sent.values().min().copied()
    }

    /// Who may come to hold this owner's stash soon.
    pub(super) fn coming<'a>(&'a self, owner: &'a Identity) -> impl Iterator<Item = &'a Identity> {
        let asked = self.asked.values().map(|(copy, _)| copy);
        let copies = self.sent.keys().chain(asked);
        copies
            .filter(move |(of, _)| of == owner)
            .map(|(_, with)| with)
    }
}

/// Whether a Go nara must know an owner's key: it was here when the owner
/// greeted last, and has not started anew since.
pub(super) fn knows(ctx: &Context<'_>, go: &Identity, owner: &Identity) -> bool {
    let (Some(go), Some(owner)) = (ctx.peers().peer(go), ctx.peers().peer(owner)) else {
        return false;
    };
    owner.event_time > WallTime::default()
        && go.event_time < owner.event_time
        && go.first_seen.wall < owner.event_time
}

impl Confidant {
    /// Asks a Go nara what it holds of an owner's, to give it the owner's own
    /// store if that is nothing.
    pub(super) fn offer_bare(&mut self, ctx: &mut Context<'_>, owner: &Identity, to: Identity) {
        self.ask_for(ctx, (*owner, to), true);
    }

    fn send_bare(&mut self, ctx: &mut Context<'_>, (owner, to): Copy) {
        let held = self.held().get(&owner);
        let Some(store) = held.and_then(|held| held.store_message(&owner)) else {
            return;
        };
        let text = format!("passing the stash of {} on to {}", owner.id, to.id);
        ctx.log().info(text);
        ctx.forward(&to, "stash:store", store.into_bytes());
        let at = ctx.now().mono + ASK_AFTER;
        self.handoffs.foreign.sent.insert((owner, to), at);
    }

    /// Asks for what was sent, as soon as it can be there.
    pub(super) fn ask_foreign(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        for copy in self.handoffs.foreign.sent.take_keys(|_, at| *at <= now) {
            self.ask_for(ctx, copy, false);
        }
    }

    /// Asks Go naras for the copies that they should have, each now and then.
    pub(super) fn ask_some_foreign(&mut self, ctx: &mut Context<'_>, copies: Vec<Copy>) {
        let now = ctx.now().mono;
        for copy in copies {
            let was_asked = self.handoffs.foreign.asked_lately.get(now, &copy).is_some();
            // Without a way to it nothing is learnt of it.
            if !was_asked && ctx.peers().is_reached(&copy.1) {
                self.ask_for(ctx, copy, false);
            }
        }
    }

    fn ask_for(&mut self, ctx: &mut Context<'_>, copy: Copy, gives: bool) {
        let foreign = &self.handoffs.foreign;
        if foreign.asked.len() + foreign.sent.len() >= ON_THEIR_WAY_MAX {
            return;
        }
        let (owner, of) = &copy;
        let request = Request {
            owner_id: owner.id.to_text(),
            request_id: ctx.rng().request_id(),
        };
        let call = ctx.call(
            of,
            "stash:request",
            &request,
            "stash:response",
            ASK_PATIENCE,
        );
        if let Ok(call) = call {
            let now = ctx.now().mono;
            let foreign = &mut self.handoffs.foreign;
            foreign.asked_lately.insert(now, copy, ());
            foreign.asked.insert(call, (copy, gives));
        }
    }

    /// The end of such a request. Returns whether this call was one.
    pub(super) fn end_foreign(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) -> bool {
        let Some((copy, gives)) = self.handoffs.foreign.asked.remove(&call) else {
            return false;
        };
        let (owner, of) = &copy;
        let response = result
            .ok()
            .and_then(|delivery| parse_payload::<Response>(delivery.payload()).ok())
            .filter(|one| one.owner_id == owner.id);
        // Whatever else it holds of this owner may be newer, and is not replaced.
        if gives && response.as_ref().is_some_and(|one| !one.found) {
            self.send_bare(ctx, copy);
            return true;
        }
        let given = response.filter(|one| one.found).and_then(|one| {
            let nonce = one.nonce.as_slice().try_into().ok()?;
            let ciphertext = one.ciphertext.as_slice().to_vec();
            Some(Sealed { nonce, ciphertext })
        });
        let Some(held) = self.held_mut(owner) else {
            return true;
        };
        if given.is_some_and(|sealed| digest(&sealed) == digest(&held.sealed)) {
            held.custody.note(of);
            return true;
        }
        held.custody.others.remove(of);
        let text = format!("{} does not hold the stash of {}", of.id, owner.id);
        ctx.log().warn(text);
        self.handoffs.turn_away(ctx.now().mono, of);
        self.count_copies(ctx);
        true
    }

    /// What was asked went down with the connection.
    pub(super) fn forget_foreign(&mut self, ctx: &mut Context<'_>) {
        self.handoffs.foreign.sent.clear();
        for call in core::mem::take(&mut self.handoffs.foreign.asked).into_keys() {
            ctx.cancel(call);
        }
    }
}
