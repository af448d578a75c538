//! XChaCha20-Poly1305 from the library.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};

/// Seals what `data` has, and returns the tag.
pub(super) fn seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
    let cipher = XChaCha20Poly1305::new(key.into());
    match cipher.encrypt_inout_detached(nonce.into(), aad, (&mut *data).into()) {
        Ok(tag) => tag.into(),
        // Only beyond 256 GiB; nothing is shown, and nothing ever opens.
        Err(_) => {
            data.fill(0);
            [0; 16]
        }
    }
}

/// Opens `data`, if it has this tag; else it stays as it is.
pub(super) fn open(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    data: &mut [u8],
    tag: &[u8; 16],
) -> bool {
    let cipher = XChaCha20Poly1305::new(key.into());
    let result = cipher.decrypt_inout_detached(nonce.into(), aad, data.into(), tag.into());
    result.is_ok()
}
