//! The confidant's side: sealed stashes of others, held in memory only.

use super::codec::SEALED_SIZE;
use crate::base::{ExpiringMap, Identity, Instant, SortedMap};
use crate::message::{Ack, Bytes, Delete, Request, Response, Store};
use crate::neighbourhood::MemoryMode;
use crate::runtime::{Context, Delivery, Outcome, Sealed};
use core::time::Duration;

/// A returning owner gets its stash after a random wait in this span, so that
/// its confidants do not all speak at once.
pub const PUSH_AFTER: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_millis(600));

/// At most one push to an owner within this span.
pub const PUSH_EVERY: Duration = Duration::from_secs(30);

/// A signed refresh proves that the owner itself asks, so it is answered
/// sooner than a mere greeting.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// Owners whose wish to be forgotten is remembered, and for how long: what they
/// stored before could be overheard and played again.
const TOMBSTONES_MAX: usize = 256;
const TOMBSTONES_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Owners whose last push is remembered.
const PUSHES_REMEMBERED_MAX: usize = 256;

/// A stash held for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The owner's name, as it says.
    pub owner: String,
    /// What this nara cannot read.
    pub sealed: Sealed,
    /// The owner's time of the store, in seconds since the Unix epoch.
    pub ts: i64,
    /// When it came, in seconds since the Unix epoch.
    pub stored_at: i64,
}

/// Everything held for others: one place for each identity, so that whoever
/// claims somebody's id with another key has a place of its own at most.
pub struct Confidant {
    mode: MemoryMode,
    held: SortedMap<Identity, Held>,
    pushes: SortedMap<Identity, Instant>,
    greeted: ExpiringMap<Identity, ()>,
    refreshed: ExpiringMap<Identity, ()>,
    tombstones: ExpiringMap<Identity, i64>,
}

impl Confidant {
    pub(super) fn new(mode: MemoryMode) -> Self {
        Self {
            mode,
            held: SortedMap::new(),
            pushes: SortedMap::new(),
            greeted: ExpiringMap::new(PUSHES_REMEMBERED_MAX, PUSH_EVERY),
            refreshed: ExpiringMap::new(PUSHES_REMEMBERED_MAX, REFRESH_EVERY),
            tombstones: ExpiringMap::new(TOMBSTONES_MAX, TOMBSTONES_FOR),
        }
    }

    /// How many stashes fit.
    pub fn limit(&self) -> usize {
        self.mode.stash_limit()
    }

    /// What is held, by owner.
    pub fn held(&self) -> &SortedMap<Identity, Held> {
        &self.held
    }

    pub(super) fn restore(&mut self, owner: Identity, held: Held) {
        if self.held.len() < self.limit() {
            self.held.insert(owner, held);
        }
    }

    /// Takes a store and acknowledges it, or says why not.
    pub(super) fn handle_store(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        store: Store,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        let stored_at = ctx.now().wall.unix_seconds();
        let forgotten = self.tombstones.get(ctx.now().mono, sender);
        let refusal = if forgotten.is_some_and(|ts| store.ts < *ts) {
            Some("stale")
        } else {
            self.place(sender, store, stored_at, &delivery.message.from)
                .err()
        };
        let ack = Ack {
            owner_id: sender.id.as_str().to_owned(),
            stored_at: if refusal.is_none() { stored_at } else { 0 },
            success: refusal.is_none(),
            // On success the store's id: it binds this signed ack to that store.
            reason: refusal.map_or_else(|| delivery.message.id.clone(), str::to_owned),
        };
        ctx.reply(delivery, "stash:ack", &ack);
        match refusal {
            None => {
                let text = format!("holding the stash of {}", delivery.message.from);
                ctx.log().info(text);
                Outcome::Continue
            }
            Some(reason) => Outcome::Drop(reason),
        }
    }

    fn place(
        &mut self,
        sender: &Identity,
        store: Store,
        stored_at: i64,
        name: &str,
    ) -> Result<(), &'static str> {
        if store.owner_id != sender.id.as_str() {
            return Err("not_the_owner");
        }
        if store.ciphertext.len() > SEALED_SIZE {
            return Err("stash_too_large");
        }
        if store.ciphertext.is_empty() {
            return Err("no_ciphertext");
        }
        let nonce: [u8; 24] = store.nonce.as_slice().try_into().map_err(|_| "bad_nonce")?;
        match self.held.get(sender) {
            Some(held) if store.ts < held.ts => return Err("stale"),
            None if self.held.len() >= self.limit() => return Err("at_capacity"),
            _ => {}
        }
        let sealed = Sealed {
            nonce,
            ciphertext: store.ciphertext.into_vec(),
        };
        let held = Held {
            owner: name.to_owned(),
            sealed,
            ts: store.ts,
            stored_at,
        };
        self.held.insert(sender.clone(), held);
        Ok(())
    }

    /// Forgets an owner's stash at its wish.
    pub(super) fn handle_delete(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        delete: Delete,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if delete.owner_id != sender.id.as_str() {
            return Outcome::Drop("not_the_owner");
        }
        let newer = |held: &Held| held.ts > delete.ts;
        let is_stale = self.held.get(sender).is_some_and(newer);
        if !is_stale {
            self.tombstones
                .insert(ctx.now().mono, sender.clone(), delete.ts);
            self.pushes.remove(sender);
            if self.held.remove(sender).is_some() {
                let text = format!("{} wants its stash forgotten", delivery.message.from);
                ctx.log().info(text);
            }
        }
        let reason = if is_stale {
            "stale"
        } else {
            &delivery.message.id
        };
        let ack = Ack {
            owner_id: delete.owner_id,
            stored_at: 0,
            success: !is_stale,
            reason: reason.to_owned(),
        };
        ctx.reply(delivery, "stash:ack", &ack)
    }

    /// Gives an owner its own stash back.
    pub(super) fn handle_request(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        request: Request,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if request.owner_id != sender.id.as_str() {
            return Outcome::Drop("not_the_owner");
        }
        let response = response(sender, self.held.get(sender), request.request_id);
        ctx.reply(delivery, "stash:response", &response)
    }

    /// The owner asked everybody.
    pub(super) fn handle_refresh(&mut self, ctx: &mut Context<'_>, owner: &Identity) {
        let now = ctx.now().mono;
        if self.refreshed.get(now, owner).is_none() {
            self.refreshed.insert(now, owner.clone(), ());
            self.plan_push(ctx, owner);
        }
    }

    /// The owner greeted the plaza; it may have woken without its memory.
    pub(super) fn handle_hello(&mut self, ctx: &mut Context<'_>, owner: &Identity) {
        let now = ctx.now().mono;
        if self.greeted.get(now, owner).is_none() {
            self.greeted.insert(now, owner.clone(), ());
            self.plan_push(ctx, owner);
        }
    }

    /// Gives an owner its own stash now. Returns whether one is held.
    pub(super) fn push(&mut self, ctx: &mut Context<'_>, owner: &Identity) -> bool {
        let Some(held) = self.held.get(owner) else {
            return false;
        };
        let text = format!("giving {} its stash back", held.owner);
        ctx.log().info(text);
        let response = response(owner, Some(held), String::new());
        ctx.send(owner, "stash:response", &response);
        true
    }

    fn plan_push(&mut self, ctx: &mut Context<'_>, owner: &Identity) {
        if !self.held.contains_key(owner) || self.pushes.contains_key(owner) {
            return;
        }
        let at = ctx.now().mono + ctx.rng().between(PUSH_AFTER.0, PUSH_AFTER.1);
        self.pushes.insert(owner.clone(), at);
    }

    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let due: Vec<Identity> = self
            .pushes
            .extract_if(|_, at| *at <= now)
            .map(|(owner, _)| owner)
            .collect();
        for owner in due {
            self.push(ctx, &owner);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pushes.values().min().copied()
    }
}

fn response(owner: &Identity, held: Option<&Held>, request_id: String) -> Response {
    Response {
        owner_id: owner.id.as_str().to_owned(),
        request_id,
        found: held.is_some(),
        nonce: held
            .map(|held| Bytes::from(held.sealed.nonce.to_vec()))
            .unwrap_or_default(),
        ciphertext: held
            .map(|held| Bytes::from(held.sealed.ciphertext.clone()))
            .unwrap_or_default(),
        stored_at: held.map_or(0, |held| held.stored_at),
    }
}
