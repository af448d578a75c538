//! What may never be in a frame: memories, souls, and every key that follows
//! from a soul.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use light_nara::identity::Soul;

/// In every memory, and never in a frame.
pub(super) const CANARY: &str = "cAnArY";

/// Texts and bytes to look for, by their first two bytes.
pub(super) struct Secrets {
    starts: Vec<bool>,
    secrets: Vec<Vec<u8>>,
}

impl Secrets {
    /// Everything that only the nara with this soul may know.
    pub(super) fn of(soul: &str) -> Self {
        let parsed = Soul::parse(soul).unwrap();
        let seed = parsed.seed();
        let mut seal = [0; 32];
        hkdf::Hkdf::<sha2::Sha256>::new(Some(b"nara:stash:v1"), seed)
            .expand(b"symmetric", &mut seal)
            .unwrap();
        let mut secrets = vec![soul.as_bytes().to_vec(), CANARY.as_bytes().to_vec()];
        for key in [seed.as_slice(), &seal] {
            // Without the last characters, which depend on what follows.
            let text = STANDARD.encode(key).as_bytes()[..42].to_vec();
            secrets.extend([key.to_vec(), text, hex::encode(key).into_bytes()]);
            secrets.push(bs58::encode(key).into_vec());
        }
        let mut starts = vec![false; 1 << 16];
        for secret in &secrets {
            starts[start(secret)] = true;
        }
        Self { starts, secrets }
    }

    /// Whether one of them is in there.
    pub(super) fn are_in(&self, frame: &[u8]) -> bool {
        let found = |at: usize| self.secrets.iter().any(|one| frame[at..].starts_with(one));
        let mut pairs = frame.windows(2).enumerate();
        pairs.any(|(at, pair)| self.starts[start(pair)] && found(at))
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
