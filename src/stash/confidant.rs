//! The confidant's side: sealed stashes of others, held in memory only.

use super::absence::Observer;
use super::held::{Generation, Held, check, response};
use super::passing::Handoffs;
use super::places::has_been_here;
use super::proving::Challenges;
use crate::base::{ExpiringMap, Identity, Instant, SortedMap, WallTime};
use crate::message::{Ack, Delete, Message, Request, Store};
use crate::neighbourhood::MemoryMode;
use crate::runtime::{Context, Delivery, Outcome, PeerNews, Sealed};
use core::fmt;
use core::time::Duration;

/// A returning owner gets its stash after a random wait in this span, so that
/// its confidants do not all speak at once.
pub const PUSH_AFTER: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_millis(600));

/// At most one push to an owner within this span.
pub const PUSH_EVERY: Duration = Duration::from_secs(30);

/// Owners whose wish to be forgotten is remembered, and as many newcomers'
/// wishes beside them, and for how long: what they
/// stored before could be overheard and played again. Longer than any grant.
const TOMBSTONES_MAX: usize = 256;
const TOMBSTONES_FOR: Duration = Duration::from_secs(8 * 24 * 3600);

/// Owners whose last push is remembered.
const PUSHES_REMEMBERED_MAX: usize = 256;

/// Everything held for others: one place for each identity, so that whoever
/// claims somebody's id with another key has a place of its own at most.
pub struct Confidant {
    mode: MemoryMode,
    pub(super) held: SortedMap<Identity, Held>,
    pub(super) pushes: SortedMap<Identity, Instant>,
    pub(super) pushed: ExpiringMap<Identity, ()>,
    pub(super) tombstones: ExpiringMap<Identity, i64>,
    /// Those of newcomers, so that no flood of them pushes out the others.
    pub(super) provisional_tombstones: ExpiringMap<Identity, i64>,
    pub(super) observer: Observer,
    pub(super) handoffs: Handoffs,
    pub(super) challenges: Challenges,
    pub(super) refusals: u64,
    pub(super) prunings: u64,
    pub(super) taken_back: u64,
}

/// Everything that is kept for an owner: what is held, by what leave, when it
/// was given back, and what is not wanted any more.
impl fmt::Debug for Confidant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confidant")
            .field("held", &self.held)
            .field("pushes", &self.pushes)
            .field("pushed", &self.pushed)
            .field("tombstones", &self.tombstones)
            .field("provisional_tombstones", &self.provisional_tombstones)
            .finish_non_exhaustive()
    }
}

impl Confidant {
    pub(super) fn new(mode: MemoryMode) -> Self {
        Self {
            mode,
            held: SortedMap::new(),
            pushes: SortedMap::new(),
            pushed: ExpiringMap::new(PUSHES_REMEMBERED_MAX, PUSH_EVERY),
            tombstones: ExpiringMap::new(TOMBSTONES_MAX, TOMBSTONES_FOR),
            provisional_tombstones: ExpiringMap::new(TOMBSTONES_MAX, TOMBSTONES_FOR),
            observer: Observer::default(),
            handoffs: Handoffs::new(),
            challenges: Challenges::new(),
            refusals: 0,
            prunings: 0,
            taken_back: 0,
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

    /// How often somebody was refused.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// How many stashes were let go because their owners stayed away, or never
    /// came back while places were needed.
    pub fn prunings(&self) -> u64 {
        self.prunings + self.taken_back
    }

    pub(super) fn held_mut(&mut self, owner: &Identity) -> Option<&mut Held> {
        self.held.get_mut(owner)
    }

    pub(super) fn all_held_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held.values_mut()
    }

    pub(super) fn remove(&mut self, owner: &Identity) -> Option<Held> {
        self.pushes.remove(owner);
        self.handoffs.forget(owner);
        self.held.remove(owner)
    }

    pub(super) fn insert(&mut self, owner: &Identity, held: Held, now: Instant) {
        match self.held.get_mut(owner) {
            Some(older) => older.replace(held, now),
            None => {
                self.held.insert(*owner, held);
            }
        }
    }

    /// Whether an owner wants nothing of that time kept any more.
    pub(super) fn is_buried(&self, now: Instant, owner: &Identity, ts: i64) -> bool {
        let all = [&self.tombstones, &self.provisional_tombstones];
        let mut ends = all.into_iter().filter_map(|one| one.get(now, owner));
        ends.any(|end| ts < *end)
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
        let now = ctx.now();
        let ts = store.ts;
        let refusal = self.take(ctx, sender, &delivery.message, store).err();
        let ack = Ack {
            owner_id: sender.id.to_text(),
            stored_at: if refusal.is_none() {
                now.wall.unix_seconds()
            } else {
                0
            },
            success: refusal.is_none(),
            reason: match refusal {
                // On success the store's id: it binds this signed ack to it.
                None => delivery.message.id.clone(),
                Some("stale") => self.stale_reason(sender),
                Some(reason) => reason.to_owned(),
            },
        };
        ctx.reply(delivery, "stash:ack", &ack);
        let Some(reason) = refusal else {
            let text = format!("holding the stash of {}", delivery.message.from);
            ctx.log().info(text);
            return Outcome::Continue;
        };
        self.refusals += 1;
        let text = format!("{} stores of {ts}: refused, {reason}", sender.id);
        ctx.log().warn(text);
        Outcome::Drop(reason)
    }

    fn stale_reason(&self, owner: &Identity) -> String {
        let held = self.held.get(owner);
        held.map_or_else(|| "stale".to_owned(), Held::stale_reason)
    }

    fn take(
        &mut self,
        ctx: &mut Context<'_>,
        sender: &Identity,
        message: &Message,
        mut store: Store,
    ) -> Result<(), &'static str> {
        if store.owner_id != sender.id {
            return Err("not_the_owner");
        }
        if self.handoffs.is_leaving() {
            return Err("leaving");
        }
        let nonce = check(&store)?;
        let now = ctx.now();
        if ctx.clock().is_ahead(WallTime::from_unix_seconds(store.ts)) {
            return Err("from_the_future");
        }
        let held = self.held.get(sender);
        if self.is_buried(now.mono, sender, store.ts)
            || held
                .is_some_and(|held| is_believed(ctx, held) && held.is_newer_than(&store, message))
        {
            return Err("stale");
        }
        let is_proven = has_been_here(ctx, sender);
        self.admit(ctx, sender, is_proven)?;
        let ciphertext = core::mem::take(&mut store.ciphertext).into_vec();
        let sealed = Sealed { nonce, ciphertext };
        let held = Held::new(message, &store, sealed, (now.mono, now.wall));
        self.owner_is_here(now.mono, sender);
        self.insert(sender, held, now.mono);
        self.judge_place(sender, is_proven);
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
        if delete.owner_id != sender.id {
            return self.refuse(ctx, sender, "stash:delete");
        }
        let newer = |held: &Held| held.ts > delete.ts;
        let is_stale = self.held.get(sender).is_some_and(newer);
        if !is_stale {
            let tombstones = if self.is_newcomer(ctx, sender) {
                &mut self.provisional_tombstones
            } else {
                &mut self.tombstones
            };
            tombstones.insert(ctx.now().mono, *sender, delete.ts);
            if self.remove(sender).is_some() {
                let text = format!("{} wants its stash forgotten", delivery.message.from);
                ctx.log().info(text);
            }
        }
        let reason = if is_stale {
            self.stale_reason(sender)
        } else {
            delivery.message.id.clone()
        };
        let ack = Ack {
            owner_id: delete.owner_id,
            stored_at: 0,
            success: !is_stale,
            reason,
        };
        ctx.reply(delivery, "stash:ack", &ack)
    }

    /// Gives an owner its own stash back, of the generation that it asks for.
    pub(super) fn handle_request(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        request: Request,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if request.owner_id != sender.id {
            return self.refuse(ctx, sender, "stash:request");
        }
        self.owner_is_here(ctx.now().mono, sender);
        let generation = Generation::of(&request.request_id);
        let found = self.held.get(sender);
        let found = found.and_then(|held| held.generation(generation));
        let response = response(sender, found, request.request_id);
        ctx.reply(delivery, "stash:response", &response)
    }

    pub(super) fn refuse(
        &mut self,
        ctx: &mut Context<'_>,
        sender: &Identity,
        kind: &str,
    ) -> Outcome {
        self.refusals += 1;
        let text = format!("{} sent a {kind} for somebody else: refused", sender.id);
        ctx.log().warn(text);
        Outcome::Drop("not_the_owner")
    }

    /// Gives an owner its own stash now. Returns whether one is held.
    pub(super) fn push(&mut self, ctx: &mut Context<'_>, owner: &Identity) -> bool {
        let Some(held) = self.held.get(owner) else {
            return false;
        };
        let text = format!("giving {} its stash back", held.owner);
        ctx.log().info(text);
        let found = Some((&held.sealed, held.stored_at));
        let response = response(owner, found, String::new());
        ctx.send(owner, "stash:response", &response);
        true
    }

    pub(super) fn forget_push(&mut self, owner: &Identity) {
        self.pushed.remove(owner);
    }

    /// The owner greeted the plaza, or asked everybody: it may have woken
    /// without its memory, and gets it unless it just did.
    pub(super) fn plan_push(&mut self, ctx: &mut Context<'_>, owner: &Identity) {
        let now = ctx.now().mono;
        if !self.held.contains_key(owner) {
            return;
        }
        if self.pushed.get(now, owner).is_some() {
            // Light naras ask by themselves; a Go nara may have been killed and
            // started again, and greets no more.
            if ctx.peers().is_go(owner) && !self.pushes.contains_key(owner) {
                self.pushes.insert(*owner, now + PUSH_EVERY);
            }
            return;
        }
        self.pushed.insert(now, *owner, ());
        // It may have woken knowing nobody; then it is told first who pushes.
        ctx.emit("presence:introduce", &PeerNews { who: *owner });
        let at = now + ctx.rng().between(PUSH_AFTER.0, PUSH_AFTER.1);
        self.pushes.insert(*owner, at);
    }

    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        for owner in self.pushes.take_keys(|_, at| *at <= now) {
            self.pushed.insert(now, owner, ());
            self.push(ctx, &owner);
        }
        self.watch_absence(ctx);
        self.pass_on(ctx);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let pushes = self.pushes.values().min().copied();
        let others = [self.observer.poll_timeout(), self.handoffs.poll_timeout()];
        pushes.into_iter().chain(others.into_iter().flatten()).min()
    }
}

/// Whether the time of what is held can be. What was stored by a clock that was
/// ahead, and has been put right, may be replaced by what is stored now.
fn is_believed(ctx: &Context<'_>, held: &Held) -> bool {
    !ctx.clock().is_ahead(WallTime::from_unix_seconds(held.ts))
}
