//! Writes Base58, with Bitcoin's digits.

const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// As many digits at a time as fit into 32 bits.
const AT_ONCE: usize = 5;
const POWER: u64 = 58_u64.pow(AT_ONCE as u32);

/// Bytes as one number, and each zero byte at their front as the digit zero.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let word = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte))
    };
    let mut words: Vec<u32> = bytes.rchunks(4).rev().map(word).collect();
    // The last digit comes first.
    let mut digits = Vec::with_capacity(2 * bytes.len());
    let mut rest = words.as_mut_slice();
    while let [first, ..] = rest {
        if *first == 0 {
            rest = &mut rest[1..];
            continue;
        }
        let mut left = 0;
        for word in rest.iter_mut() {
            let value = left << 32 | u64::from(*word);
            (*word, left) = ((value / POWER) as u32, value % POWER);
        }
        for _ in 0..AT_ONCE {
            digits.push(DIGITS[(left % 58) as usize]);
            left /= 58;
        }
    }
    while digits.last() == Some(&DIGITS[0]) {
        digits.pop();
    }
    digits.resize(digits.len() + zeros, DIGITS[0]);
    digits.reverse();
    // It is ASCII.
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn the_library_writes_the_same() {
        let mut rng = Rng::from_seed([8; 32]);
        for size in 0..=48 {
            for zeros in [0, 1, 2, 5, size] {
                let mut bytes = rng.array::<48>();
                bytes[..zeros.min(size)].fill(0);
                let bytes = &bytes[..size];
                assert_eq!(encode(bytes), bs58::encode(bytes).into_string());
            }
            let full = vec![0xff; size];
            assert_eq!(encode(&full), bs58::encode(&full).into_string());
        }
    }
}
