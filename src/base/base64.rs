//! Padded standard Base64 (RFC 4648, section 4), without what is long in
//! messages: that is read and written by `message/vector.rs`, and only its end
//! comes here.

pub(crate) const DIGITS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What each byte stands for; more than 63 where it is no digit.
pub(crate) static VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Writes bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    encode_into(bytes, &mut text);
    text
}

/// Writes bytes behind a text.
pub fn encode_into(bytes: &[u8], text: &mut String) {
    text.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(1, |word, byte| word << 8 | usize::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[word >> (18 - 6 * place) & 63];
            text.push(char::from(if place > chunk.len() { b'=' } else { digit }));
        }
    }
}

/// Reads a text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_into(text.as_bytes(), &mut bytes).map(|()| bytes)
}

/// Reads a text behind bytes. It must be the only one that means what it does.
pub fn decode_into(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let digits = text.strip_suffix(b"=").unwrap_or(text);
    let digits = digits.strip_suffix(b"=").unwrap_or(digits);
    bytes.reserve(text.len() / 4 * 3);
    for chunk in digits.chunks(4) {
        let value = |place: usize| {
            let digit = chunk.get(place);
            digit.map_or(0, |digit| u32::from(VALUES[usize::from(*digit)]))
        };
        let [a, b, c, d] = [value(0), value(1), value(2), value(3)];
        if (a | b | c | d) >= 64 {
            return None;
        }
        let [_, word @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        match chunk {
            [_, _, _, _] => bytes.extend_from_slice(&word),
            _ => {
                let (whole, rest) = word.split_at(chunk.len() * 6 / 8);
                if rest.iter().any(|byte| *byte > 0) {
                    return None;
                }
                bytes.extend_from_slice(whole);
            }
        }
    }
    text.len().is_multiple_of(4).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn the_library_writes_the_same() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        for size in 0..bytes.len() {
            let text = encode(&bytes[..size]);
            assert_eq!(text, STANDARD.encode(&bytes[..size]));
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..size]));
        }
    }

    #[test]
    fn the_library_refuses_the_same() {
        let mut rng = Rng::from_seed([6; 32]);
        let letters = b"AQgw+/=-_ 9z";
        for size in 0..9 {
            for _ in 0..20_000 {
                let letter = |_| char::from(letters[rng.below(letters.len() as u32) as usize]);
                let text: String = (0..size).map(letter).collect();
                assert_eq!(decode(&text), STANDARD.decode(&text).ok(), "{text}");
            }
        }
    }
}
