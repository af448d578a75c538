//! How a secret may look in what is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A secret as it is, as hex, and as Base64 wherever it begins in what is
/// encoded, without the characters that depend on what is around it.
pub(crate) fn forms(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let as_base64 = (0..3).map(|before| {
        let text = STANDARD.encode([&[0; 2][..before], secret].concat());
        let inside = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
        text.as_bytes()[inside].to_vec()
    });
    let as_hex = hex::encode(secret).into_bytes();
    as_base64.chain([secret.to_vec(), as_hex])
}
