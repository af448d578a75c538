//! Why a command of the stash failed.

use super::codec::CodecError;
use super::operations::OPERATIONS_MAX;
use super::owner::PINNED_MAX;
use crate::base::NaraId;
use core::fmt;

/// Why a command of the stash failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StashError {
    /// The memory is no JSON or does not fit.
    Codec(CodecError),
    /// Fewer peers than wanted can be asked, or nobody had acknowledged by the
    /// deadline. The memory is kept in this nara and stored as peers appear.
    NotEnoughPeers {
        /// How many confidants are wanted.
        wanted: usize,
        /// How many peers could be asked.
        found: usize,
    },
    /// A newer memory was set meanwhile.
    Replaced,
    /// Too many operations wait already.
    TooMany,
    /// An older memory may still be out there; nothing is set before it is
    /// back, or before it was looked for in vain and the user starts empty.
    Recovering,
    /// Another device lives as this nara; nothing is stored until one goes on.
    Elsewhere,
    /// The plaza is not reached.
    NotConnected,
    /// There is no memory to store.
    NoMemory,
    /// Nobody by this id was ever heard of.
    NobodyKnown(String),
    /// Too many confidants were named.
    TooManyNamed(usize),
    /// The peer refused.
    Refused {
        /// Who.
        who: NaraId,
        /// Why, in its own word.
        reason: String,
    },
    /// The peer holds something newer.
    Stale(NaraId),
    /// The peer has not answered by the deadline.
    NoAnswer(NaraId),
    /// The peer holds nothing of this nara's.
    NotHeld(NaraId),
    /// What the peer sent is not what this nara sealed.
    Broken(NaraId),
}

impl StashError {
    /// The word by which callers tell errors apart.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Codec(CodecError::NotJson { .. }) => "not_json",
            Self::Codec(_) => "too_large",
            Self::NotEnoughPeers { .. } => "not_enough_peers",
            Self::Replaced => "replaced",
            Self::TooMany => "too_many",
            Self::Recovering => "recovering",
            Self::Elsewhere => "elsewhere",
            Self::NotConnected => "not_connected",
            Self::NoMemory | Self::NobodyKnown(_) | Self::NotHeld(_) => "not_found",
            Self::TooManyNamed(_) => "option_invalid",
            Self::Refused { .. } => "refused",
            Self::Stale(_) => "stale",
            Self::NoAnswer(_) => "no_answer",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for StashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Codec(error) => error.fmt(f),
            Self::NotEnoughPeers { wanted, found } => write!(
                f,
                "not enough confidants have acknowledged it: {wanted} wanted, {found} peers can be asked; the memory is kept here and stored as peers appear"
            ),
            Self::Replaced => f.write_str("a newer memory was set meanwhile"),
            Self::TooMany => write!(f, "{OPERATIONS_MAX} operations wait already"),
            Self::Recovering => f.write_str(
                "an older memory may still be out there; wait until it is back, or start empty after a search in vain",
            ),
            Self::Elsewhere => f.write_str(
                "another device lives as this nara; nothing is stored until one of them goes on",
            ),
            Self::NotConnected => f.write_str("the plaza is not reached"),
            Self::NoMemory => f.write_str("there is no memory to store; set one first"),
            Self::NobodyKnown(id) => write!(f, "id: nobody by the id \"{id}\" was heard of"),
            Self::TooManyNamed(count) => {
                write!(f, "ids: {count} confidants named; at most {PINNED_MAX} can be")
            }
            Self::Refused { who, reason } => write!(f, "{who} refused: {reason}"),
            Self::Stale(who) => write!(f, "{who} holds something newer"),
            Self::NoAnswer(who) => write!(f, "{who} has not answered by the deadline"),
            Self::NotHeld(who) => write!(f, "{who} holds nothing of this nara's"),
            Self::Broken(who) => write!(f, "what {who} sent is not what this nara sealed"),
        }
    }
}

impl core::error::Error for StashError {}
