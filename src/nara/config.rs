//! What a nara is woken with, checked.

use crate::base::Identity;
use crate::identity::{BondError, Keys, Soul, SoulError};
use crate::neighbourhood::MemoryMode;
use crate::stash::{self, Padding, SPARES, TARGET};
use core::fmt;
use core::time::Duration;
use zeroize::Zeroize as _;

/// The most confidants that may be wanted.
pub const TARGET_MAX: usize = 7;

/// The most spare copies that may be wanted.
pub const SPARES_MAX: usize = 2;

/// How long the plaza may hear nothing of a nara, in seconds. Where hidden
/// pages' timers fire once a minute the shorter one would cut the connection;
/// where a worker drives it, the broker notices its loss within 45 s instead
/// of 180 s.
pub const KEEP_ALIVES: [u64; 2] = [30, 120];

/// Why a nara cannot be woken like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The soul is no soul.
    Soul(SoulError),
    /// The soul belongs to another name.
    Bond(BondError),
    /// The name has a character that a plaza topic cannot have.
    NameCharacter(char),
    /// The soul has a chosen name, so the name must be given.
    NameNeeded,
    /// The memory mode is none of short, medium and hog.
    MemoryMode(String),
    /// The number of confidants is not from 1 to [`TARGET_MAX`].
    Target(usize),
    /// The number of spare copies is more than [`SPARES_MAX`].
    Spares(usize),
    /// The keep-alive is none of [`KEEP_ALIVES`].
    KeepAlive(u64),
    /// The padding is none of full, buckets and none.
    Padding(String),
    /// There is a gateway, and the crate was built without its feature.
    Gateway,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Soul(error) => write!(f, "soul: {error}"),
            Self::Bond(error) => write!(f, "name: {error}"),
            Self::NameCharacter(c) => write!(
                f,
                "name: '{c}' cannot be in a name; newspapers go to a plaza topic of that name"
            ),
            Self::NameNeeded => f.write_str(
                "name: this soul belongs to a chosen name, to be given with it, or has a wrong character",
            ),
            Self::MemoryMode(word) => {
                write!(
                    f,
                    "memory: \"{word}\" is none of \"short\", \"medium\" and \"hog\""
                )
            }
            Self::Target(target) => {
                write!(
                    f,
                    "target: {target} confidants; it must be from 1 to {TARGET_MAX}"
                )
            }
            Self::Spares(spares) => {
                write!(
                    f,
                    "spares: {spares} spare copies; it must be from 0 to {SPARES_MAX}"
                )
            }
            Self::KeepAlive(seconds) => {
                write!(f, "keepAlive: {seconds} s; it must be 30 or 120")
            }
            Self::Padding(word) => {
                write!(
                    f,
                    "padding: \"{word}\" is none of \"full\", \"buckets\" and \"none\""
                )
            }
            Self::Gateway => f.write_str(
                "gateway: this core can use none; light_nara_full_bg.wasm can, given to init",
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

/// What a nara is woken with.
#[derive(Clone)]
pub struct Config {
    soul: Soul,
    name: String,
    mode: MemoryMode,
    target: usize,
    spares: usize,
    padding: Padding,
    keep_alive: Duration,
    newborn: bool,
    gateway: Option<String>,
    holders: Vec<Identity>,
}

/// The seed of a soul that does not exist yet.
pub struct Newborn(pub [u8; 32]);

/// Each choice is made by value, for who writes it down, and in place, for who
/// reads it from somewhere.
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
        Keys::check(&soul, &name).map_err(ConfigError::Bond)?;
        let reserved = |c: &char| matches!(c, '/' | '+' | '#') || c.is_control();
        if let Some(c) = name.chars().find(reserved) {
            return Err(ConfigError::NameCharacter(c));
        }
        Ok(Self {
            soul,
            name,
            mode: MemoryMode::Medium,
            target: TARGET,
            spares: SPARES,
            padding: Padding::default(),
            keep_alive: Duration::from_secs(KEEP_ALIVES[1]),
            newborn,
            gateway: None,
            holders: Vec::new(),
        })
    }

    /// Chooses how much is held for others: `short`, `medium` or `hog`.
    ///
    /// # Errors
    /// For any other word.
    pub fn with_memory_mode(mut self, word: &str) -> Result<Self, ConfigError> {
        self.set_memory_mode(word)?;
        Ok(self)
    }

    pub(crate) fn set_memory_mode(&mut self, word: &str) -> Result<(), ConfigError> {
        let unknown = || ConfigError::MemoryMode(word.chars().take(32).collect());
        self.mode = MemoryMode::parse(word).ok_or_else(unknown)?;
        Ok(())
    }

    /// Chooses how many confidants are wanted.
    ///
    /// # Errors
    /// When it is not from 1 to [`TARGET_MAX`].
    pub fn with_target(mut self, target: usize) -> Result<Self, ConfigError> {
        self.set_target(target)?;
        Ok(self)
    }

    pub(crate) fn set_target(&mut self, target: usize) -> Result<(), ConfigError> {
        if !(1..=TARGET_MAX).contains(&target) {
            return Err(ConfigError::Target(target));
        }
        self.target = target;
        Ok(())
    }

    /// Chooses how many spare copies are wanted while the holders are young.
    ///
    /// # Errors
    /// When it is more than [`SPARES_MAX`].
    pub fn with_spares(mut self, spares: usize) -> Result<Self, ConfigError> {
        self.set_spares(spares)?;
        Ok(self)
    }

    pub(crate) fn set_spares(&mut self, spares: usize) -> Result<(), ConfigError> {
        if spares > SPARES_MAX {
            return Err(ConfigError::Spares(spares));
        }
        self.spares = spares;
        Ok(())
    }

    /// Chooses how long the plaza may hear nothing, in seconds.
    ///
    /// # Errors
    /// When it is none of [`KEEP_ALIVES`].
    pub fn with_keep_alive(mut self, seconds: u64) -> Result<Self, ConfigError> {
        self.set_keep_alive(seconds)?;
        Ok(self)
    }

    pub(crate) fn set_keep_alive(&mut self, seconds: u64) -> Result<(), ConfigError> {
        if !KEEP_ALIVES.contains(&seconds) {
            return Err(ConfigError::KeepAlive(seconds));
        }
        self.keep_alive = Duration::from_secs(seconds);
        Ok(())
    }

    /// How long the plaza may hear nothing.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    /// Chooses how much of the memory's size its holders learn: nothing
    /// (`full`), one of four sizes (`buckets`), or what it compresses to
    /// (`none`).
    ///
    /// # Errors
    /// For any other word.
    pub fn with_padding(mut self, word: &str) -> Result<Self, ConfigError> {
        self.set_padding(word)?;
        Ok(self)
    }

    pub(crate) fn set_padding(&mut self, word: &str) -> Result<(), ConfigError> {
        let unknown = || ConfigError::Padding(word.chars().take(32).collect());
        self.padding = Padding::parse(word).ok_or_else(unknown)?;
        Ok(())
    }

    /// Chooses a gateway to the mesh by its origin, such as
    /// `wss://example.org`: scheme, host and port as the gateway sees them.
    ///
    /// # Errors
    /// Where the crate was built without the feature `gateway`.
    pub fn with_gateway(mut self, origin: &str) -> Result<Self, ConfigError> {
        self.set_gateway(origin)?;
        Ok(self)
    }

    pub(crate) fn set_gateway(&mut self, origin: &str) -> Result<(), ConfigError> {
        if !cfg!(feature = "gateway") {
            return Err(ConfigError::Gateway);
        }
        self.gateway = Some(origin.to_owned());
        Ok(())
    }

    /// Remembers who held the memory: [`stash::Stash::holders_text`] of the
    /// last time. They are asked first, before anybody is known to be there.
    #[must_use]
    pub fn with_holders(mut self, text: &str) -> Self {
        self.set_holders(text);
        self
    }

    pub(crate) fn set_holders(&mut self, text: &str) {
        self.holders = stash::holders_of(text);
    }

    pub(super) fn gateway(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// The soul.
    pub fn soul(&self) -> &Soul {
        &self.soul
    }

    pub(super) fn forget_soul(&mut self) {
        self.soul.zeroize();
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
            spares: self.spares,
            padding: self.padding,
            newborn: self.newborn,
            holders: self.holders.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: Result<Config, ConfigError>) -> String {
        config
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_soul_alone_is_enough_for_a_generated_name_and_not_for_a_chosen_one() {
        let born = Config::born(Newborn([1; 32]), None).unwrap();
        let again = Config::reborn(&born.soul().to_text(), None).unwrap();
        assert_eq!(again.keys().identity(), born.keys().identity());
        let chosen = Config::born(Newborn([1; 32]), Some("alice"))
            .unwrap()
            .soul()
            .to_text();
        assert_eq!(
            Config::reborn(&chosen, None).err(),
            Some(ConfigError::NameNeeded)
        );
        assert!(Config::reborn(&chosen, Some("alice")).is_ok());
        assert!(refused(Config::reborn(&chosen, Some("bob"))).contains("bob"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_field_and_the_limit() {
        let born = || Config::born(Newborn([1; 32]), None).unwrap();
        assert!(refused(Config::reborn("not a soul", None)).starts_with("soul: "));
        assert!(refused(Config::born(Newborn([1; 32]), Some(""))).starts_with("name: "));
        assert!(refused(Config::born(Newborn([1; 32]), Some(&"x".repeat(129)))).contains("128"));
        assert!(refused(Config::born(Newborn([1; 32]), Some("a/b"))).contains("'/'"));
        assert!(refused(born().with_memory_mode("huge")).starts_with("memory: \"huge\""));
        assert_eq!(born().with_target(8).err(), Some(ConfigError::Target(8)));
        assert!(refused(born().with_target(0)).contains("from 1 to 7"));
        assert!(refused(born().with_keep_alive(60)).contains("30 or 120"));
        assert!(refused(born().with_spares(3)).contains("from 0 to 2"));
        assert!(refused(born().with_padding("some")).starts_with("padding: \"some\""));
    }
}
