//! What a nara is woken with, checked.

use crate::identity::{BondError, Keys, Soul, SoulError};
use crate::neighbourhood::MemoryMode;
use crate::stash::{self, TARGET};
use core::fmt;

/// The most confidants that may be wanted.
pub const TARGET_MAX: usize = 7;

/// Why a nara cannot be woken like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The soul is no soul.
    Soul(SoulError),
    /// The soul belongs to another name.
    Bond(BondError),
    /// The soul has a chosen name, so the name must be given.
    NameNeeded,
    /// The memory mode is none of short, medium and hog.
    MemoryMode(String),
    /// The number of confidants is not from 1 to [`TARGET_MAX`].
    Target(usize),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Soul(error) => write!(f, "soul: {error}"),
            Self::Bond(error) => write!(f, "name: {error}"),
            Self::NameNeeded => f.write_str(
                "name: this soul belongs to a chosen name; give the name together with the soul",
            ),
            Self::MemoryMode(word) => {
                write!(
                    f,
                    "memory: {word:?} is none of \"short\", \"medium\" and \"hog\""
                )
            }
            Self::Target(target) => {
                write!(
                    f,
                    "target: {target} confidants; it must be from 1 to {TARGET_MAX}"
                )
            }
        }
    }
}

impl core::error::Error for ConfigError {}

/// What a nara is woken with.
pub struct Config {
    soul: Soul,
    name: String,
    mode: MemoryMode,
    target: usize,
    newborn: bool,
}

/// The seed of a soul that does not exist yet.
pub struct Newborn(pub [u8; 32]);

impl Config {
    /// A nara with a new soul, under a chosen or a generated name.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn born(seed: Newborn, name: Option<&str>) -> Result<Self, ConfigError> {
        let (soul, name) = match name {
            Some(name) => (Soul::from_seed(seed.0, name), name.to_owned()),
            None => Soul::generated(seed.0),
        };
        Self::bonded(soul, name, true)
    }

    /// A nara with a soul that it had before. Without a name the generated
    /// one is tried.
    ///
    /// # Errors
    /// When the soul is none, or belongs to another name.
    pub fn reborn(soul: &str, name: Option<&str>) -> Result<Self, ConfigError> {
        let soul = Soul::parse(soul.trim()).map_err(ConfigError::Soul)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => {
                let generated = soul.generated_name();
                if !soul.is_bonded_to(&generated) {
                    return Err(ConfigError::NameNeeded);
                }
                generated
            }
        };
        Self::bonded(soul, name, false)
    }

    fn bonded(soul: Soul, name: String, newborn: bool) -> Result<Self, ConfigError> {
        Keys::new(&soul, &name).map_err(ConfigError::Bond)?;
        Ok(Self {
            soul,
            name,
            mode: MemoryMode::Medium,
            target: TARGET,
            newborn,
        })
    }

    /// Chooses how much is held for others: `short`, `medium` or `hog`.
    ///
    /// # Errors
    /// For any other word.
    pub fn with_memory_mode(mut self, word: &str) -> Result<Self, ConfigError> {
        let unknown = || ConfigError::MemoryMode(word.chars().take(32).collect());
        self.mode = MemoryMode::parse(word).ok_or_else(unknown)?;
        Ok(self)
    }

    /// Chooses how many confidants are wanted.
    ///
    /// # Errors
    /// When it is not from 1 to [`TARGET_MAX`].
    pub fn with_target(mut self, target: usize) -> Result<Self, ConfigError> {
        if !(1..=TARGET_MAX).contains(&target) {
            return Err(ConfigError::Target(target));
        }
        self.target = target;
        Ok(self)
    }

    /// The soul.
    pub fn soul(&self) -> &Soul {
        &self.soul
    }

    /// How much is held for others.
    pub fn mode(&self) -> MemoryMode {
        self.mode
    }

    pub(super) fn keys(&self) -> Keys {
        // The bond was checked when this was made, so there are keys.
        Keys::new(&self.soul, &self.name)
            .unwrap_or_else(|_| unreachable!("the bond was checked by `bonded`"))
    }

    pub(super) fn stash(&self) -> stash::Config {
        stash::Config {
            mode: self.mode,
            target: self.target,
            newborn: self.newborn,
        }
    }
}
