//! What a grant and a chain prove: that the owner allows it, and how a copy
//! came to whoever says that it has it.

use crate::base::{Identity, PublicKey, WallTime};
use crate::message::{CHAIN_LENGTH_MAX, Digest, Grant, Link};
use crate::runtime::{Context, Crypto};
use core::time::Duration;

/// A grant is good for so long at most. Whoever is away for longer is not
/// waited for.
pub const GRANT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most copies that a grant may ask for: 7 and 2 spare ones.
pub const COPIES_MAX: u8 = 9;

/// Signs a grant as its owner.
pub(super) fn give(
    ctx: &Context<'_>,
    revision: u64,
    sealed: Digest,
    holders: Vec<Identity>,
    copies: usize,
) -> Grant {
    let given_at = ctx.now().wall.unix_seconds();
    let mut grant = Grant {
        owner: ctx.me().identity,
        revision,
        sealed,
        holders,
        copies: u8::try_from(copies).unwrap_or(COPIES_MAX).min(COPIES_MAX),
        given_at,
        until: given_at.saturating_add(GRANT_FOR.as_secs() as i64),
        signature: ctx.crypto().sign(&[]),
    };
    grant.signature = ctx.crypto().sign(grant.signed_text().as_bytes());
    grant
}

/// Whether a grant is the owner's and good now.
pub(super) fn check_grant(ctx: &Context<'_>, grant: &Grant) -> Result<(), &'static str> {
    let now = ctx.now().wall.unix_seconds();
    let given_at = WallTime::from_unix_seconds(grant.given_at);
    if grant.until <= now {
        return Err("grant_ended");
    }
    let lifetime = grant.until.saturating_sub(grant.given_at);
    if ctx.clock().is_ahead(given_at) || lifetime > GRANT_FOR.as_secs() as i64 {
        return Err("grant_too_long");
    }
    if grant.holders.is_empty() || !(1..=COPIES_MAX).contains(&grant.copies) {
        return Err("bad_grant");
    }
    let text = grant.signed_text();
    let signed = ctx
        .crypto()
        .verify(&grant.owner.key, text.as_bytes(), &grant.signature);
    signed.then_some(()).ok_or("bad_grant")
}

/// Whether what a peer shows is the owner's leave for something newer than
/// this revision. Its mere word would do for anybody to end the passing on.
pub(super) fn is_left_behind(
    ctx: &Context<'_>,
    owner: &Identity,
    mine: Option<u64>,
    shown: &[Grant],
) -> bool {
    let is_newer = |grant: &Grant| grant.owner == *owner && Some(grant.revision) > mine;
    let mut newer = shown.iter().filter(|grant| is_newer(grant));
    newer.any(|grant| check_grant(ctx, grant).is_ok())
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With a holder that the grant names.
    Granted,
    /// It is cut, and leads through a holder that is known as one.
    Known,
    /// It is cut, and nobody in it is known: whoever overheard a grant can
    /// make one of these.
    Cut,
}

/// Whether a copy came to `to` step by step, and from whom. A copy of an owner
/// that is away for long outlives all whom its grant names, and chains have a
/// greatest length: one of that length may be the end of a longer one.
pub(super) fn check_chain(
    crypto: &dyn Crypto,
    grant: &Grant,
    chain: &[Link],
    to: &Identity,
    is_known: impl Fn(&PublicKey) -> bool,
) -> Result<Beginning, &'static str> {
    let is_granted = |key: &PublicKey| grant.holders.iter().any(|one| one.key == *key);
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
        let is_named = grant.holders.contains(to);
        return is_named.then_some(Beginning::Granted).ok_or("not_a_holder");
    };
    let beginning = if is_granted(&first.by) {
        Beginning::Granted
    } else if chain.len() < CHAIN_LENGTH_MAX {
        return Err("not_a_holder");
    } else if chain.iter().any(|link| is_known(&link.by)) {
        Beginning::Known
    } else {
        Beginning::Cut
    };
    let mut by: Option<&Identity> = None;
    for link in chain {
        let is_next = by.is_none_or(|by| by.key == link.by);
        let text = Link::signed_text(grant, &link.by, &link.to);
        if !is_next || !crypto.verify(&link.by, text.as_bytes(), &link.signature) {
            return Err("not_a_holder");
        }
        by = Some(&link.to);
    }
    (last.to == *to).then_some(beginning).ok_or("not_a_holder")
}
