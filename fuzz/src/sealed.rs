//! What was inside a seal, or claims to have been: gzip or raw JSON.

use light_nara::identity::{Keys, Soul};
use light_nara::stash::Padding;
use light_nara::stash::codec::{self, INFLATED_SIZE_MAX};

/// Around a value it means nothing (RFC 8259, section 2).
const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// One input.
pub fn run(data: &[u8]) {
    if let Ok(opened) = codec::decode(data) {
        assert!(opened.memory.data.len() <= INFLATED_SIZE_MAX.max(data.len()));
        opened.memory.is_probe();
        // What fits goes on as it was.
        if let Ok(plain) = codec::encode(&opened.memory, &opened.holders, Padding::None) {
            let again = codec::decode(&plain).expect("what was encoded can be decoded");
            let (mine, theirs) = (again.memory.age_key(), opened.memory.age_key());
            let trimmed = |data: &str| data.trim_matches(JSON_SPACE).to_owned();
            assert_eq!(
                (mine.0, mine.1, trimmed(mine.2)),
                (theirs.0, theirs.1, trimmed(theirs.2))
            );
        }
    }
    // The envelope around it: nonce, then ciphertext.
    if let Some((nonce, ciphertext)) = data.split_first_chunk::<24>() {
        let keys =
            Keys::new(&Soul::from_seed([1; 32], "fuzz"), "fuzz").expect("they belong together");
        assert!(keys.open(nonce, ciphertext).is_err(), "a forgery opens");
        let sealed = keys.seal(*nonce, ciphertext);
        assert_eq!(keys.open(nonce, &sealed).as_deref(), Ok(ciphertext));
    }
}
