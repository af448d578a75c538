//! DEFLATE (RFC 1951): what gzip is made of.
//!
//! It is here because the library for it was a tenth of all that a page loads,
//! for levels and streams that a memory of ten kilobytes has no use for, and
//! spent most of its time on filling its tables.

use core::mem;

/// The longest match that is written. 258 would need a rule of its own.
const MATCH_MAX: usize = 257;
const MATCH_MIN: usize = 3;
/// Matches are found by four bytes, and none is shorter.
const FOUND_BY: usize = 4;
const DISTANCE_MAX: usize = 32_768;
const HASH_BITS: u32 = 12;

/// The symbols for bytes, for the end and for lengths; those for distances.
const LITERALS: usize = 286;
const DISTANCES: usize = 30;
const END: usize = 256;
const LENGTHS: usize = 257;
const LENGTH_CODES: usize = 19;
/// The order in which the lengths of the codes for lengths are written.
const LENGTH_ORDER: [usize; LENGTH_CODES] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
const CODE_BITS_MAX: usize = 15;

/// Lengths have four symbols for each power of two, distances two.
const FINE_LENGTH: u32 = 2;
const FINE_DISTANCE: u32 = 1;

/// What is written: a symbol, and the bits behind it. As large as one number,
/// or copies of it would be calls.
#[derive(Clone, Copy)]
struct Word {
    symbol: u16,
    rest: u16,
    bits: u32,
}

impl Word {
    /// A symbol with nothing behind it.
    fn plain(symbol: u16) -> Self {
        Self {
            symbol,
            bits: 0,
            rest: 0,
        }
    }

    /// A value among the symbols from `first` on.
    fn value(first: usize, value: usize, fine: u32) -> Self {
        let bits = (value | 1).ilog2().saturating_sub(fine);
        let high = value >> bits;
        Self {
            symbol: (first + ((bits as usize) << fine) + high) as u16,
            bits,
            rest: (value - (high << bits)) as u16,
        }
    }
}

/// The least value of a symbol, and how many bits follow it.
fn value_of(symbol: u32, fine: u32) -> (u32, u32) {
    let bits = (symbol >> fine).saturating_sub(1);
    ((symbol - (bits << fine)) << bits, bits)
}

/// Compresses, with one table for all of it.
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let words = words_of(bytes);
    let mut counts = [0; LITERALS + DISTANCES];
    for word in &words {
        counts[usize::from(word.symbol)] += 1;
    }
    let (literals, distances) = counts.split_at(LITERALS);
    let literals = code_lengths(literals, CODE_BITS_MAX);
    let distances = code_lengths(distances, CODE_BITS_MAX);

    let mut out = Bits::default();
    // The last block, with tables of its own.
    out.push(0b101, 3);
    write_tables(&mut out, &literals, &distances);
    let codes = [codes_of(&literals), codes_of(&distances)].concat();
    out.words(&codes, &words);
    out.finish()
}

/// What a text is made of: bytes, and matches, each the last one with the same
/// four bytes, as a length and, among the symbols behind those, a distance.
fn words_of(bytes: &[u8]) -> Vec<Word> {
    let four = |at: usize| {
        bytes
            .get(at..)?
            .first_chunk()
            .map(|c| u32::from_le_bytes(*c))
    };
    // One more than where each hash was seen last.
    let mut seen = vec![0; 1 << HASH_BITS];
    let mut words = Vec::with_capacity(bytes.len() + 1);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let Some(here) = four(at) {
            let hash = here.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
            let before = mem::replace(&mut seen[hash as usize], at + 1).wrapping_sub(1);
            if four(before) == Some(here) && at - before <= DISTANCE_MAX {
                let more = same(&bytes[before + FOUND_BY..], &bytes[at + FOUND_BY..]);
                let (length, distance) = (FOUND_BY + more, at - before);
                words.push(Word::value(LENGTHS, length - MATCH_MIN, FINE_LENGTH));
                words.push(Word::value(LITERALS, distance - 1, FINE_DISTANCE));
                at += length;
                continue;
            }
        }
        words.push(Word::plain(u16::from(*byte)));
        at += 1;
    }
    words.push(Word::plain(END as u16));
    words
}

/// How many bytes are the same, as far as a match may go; eight at a time.
fn same(old: &[u8], new: &[u8]) -> usize {
    let (old, new): (&[[u8; 8]], &[[u8; 8]]) = (old.as_chunks().0, new.as_chunks().0);
    let chunks = new.len().min((MATCH_MAX - FOUND_BY) / 8);
    let mut at = 0;
    while at < chunks {
        let other = u64::from_le_bytes(old[at]) ^ u64::from_le_bytes(new[at]);
        if other != 0 {
            return 8 * at + other.trailing_zeros() as usize / 8;
        }
        at += 1;
    }
    8 * at
}

/// The lengths of Huffman's codes, none over `limit`.
fn code_lengths(counts: &[u32], limit: usize) -> Vec<u8> {
    let mut lengths = vec![0; counts.len()];
    let mut leaves: Vec<(u32, usize)> = Vec::new();
    for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let place = leaves.partition_point(|(other, _)| other <= count);
        leaves.insert(place, (*count, symbol));
    }
    let leaf_count = leaves.len();
    if leaf_count < 2 {
        // A table must have a code, even if nothing is written with it.
        lengths[leaves.first().map_or(0, |(_, symbol)| *symbol)] = 1;
        return lengths;
    }
    let nodes = 2 * leaf_count - 1;
    loop {
        let mut weights: Vec<u32> = leaves.iter().map(|(count, _)| *count).collect();
        let mut parents = vec![0; nodes];
        // Both the leaves and the nodes come in the order of their weights.
        let (mut leaf, mut node) = (0, leaf_count);
        for parent in leaf_count..nodes {
            let mut weight = 0;
            for _ in 0..2 {
                let is_leaf =
                    leaf < leaf_count && (node >= parent || weights[leaf] <= weights[node]);
                let next = if is_leaf { &mut leaf } else { &mut node };
                weight += weights[*next];
                parents[*next] = parent;
                *next += 1;
            }
            weights.push(weight);
        }
        let mut depths = vec![0; nodes];
        for at in (0..nodes - 1).rev() {
            depths[at] = depths[parents[at]] + 1;
        }
        if depths[..leaf_count].iter().all(|depth| *depth <= limit) {
            for ((_, symbol), depth) in leaves.iter().zip(depths) {
                lengths[*symbol] = depth as u8;
            }
            return lengths;
        }
        // Rarely: with counts that differ less, the tree is less deep.
        for (count, _) in &mut leaves {
            *count = *count / 2 + 1;
        }
    }
}

/// How many codes there are of each length, and the first of each.
fn first_codes(lengths: &[u8]) -> ([u32; CODE_BITS_MAX + 1], [u32; CODE_BITS_MAX + 1]) {
    let (mut counts, mut first) = ([0; CODE_BITS_MAX + 1], [0; CODE_BITS_MAX + 1]);
    for length in lengths {
        counts[usize::from(*length)] += 1;
    }
    counts[0] = 0;
    for length in 1..=CODE_BITS_MAX {
        first[length] = (first[length - 1] + counts[length - 1]) << 1;
    }
    (counts, first)
}

/// A code, first bit lowest, and how many bits it has.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    length: u32,
}

/// The codes that belong to the lengths.
fn codes_of(lengths: &[u8]) -> Vec<Code> {
    let (_, mut next) = first_codes(lengths);
    let mut codes = Vec::with_capacity(lengths.len());
    for length in lengths {
        let length = u32::from(*length);
        let next = &mut next[length as usize];
        codes.push(Code {
            bits: next.reverse_bits() >> ((32 - length) & 31),
            length,
        });
        *next += 1;
    }
    codes
}

/// Writes the lengths of the codes, themselves in codes.
fn write_tables(out: &mut Bits, lengths: &[u8], distance_lengths: &[u8]) {
    let used = |lengths: &[u8], least: usize| {
        let last = lengths.iter().rposition(|length| *length > 0);
        last.map_or(least, |last| least.max(last + 1))
    };
    let (literals, distances) = (used(lengths, 257), used(distance_lengths, 1));
    let all = [&lengths[..literals], &distance_lengths[..distances]].concat();
    let mut words = Vec::new();
    let mut rest = all.as_slice();
    while let [length, ..] = rest {
        let zeros = rest.iter().take(138).take_while(|length| **length == 0);
        let (symbol, bits, least, passed) = match zeros.count() {
            run @ 11.. => (18, 7, 11, run),
            run @ 3.. => (17, 3, 3, run),
            _ => (*length, 0, 1, 1),
        };
        words.push(Word {
            symbol: u16::from(symbol),
            bits,
            rest: (passed - least) as u16,
        });
        rest = &rest[passed..];
    }
    let mut counts = [0; LENGTH_CODES];
    for word in &words {
        counts[usize::from(word.symbol)] += 1;
    }
    let lengths = code_lengths(&counts, 7);
    let codes = codes_of(&lengths);
    let in_order = LENGTH_ORDER.map(|symbol| lengths[symbol]);
    let written = used(&in_order, 4);
    out.push(literals as u32 - 257, 5);
    out.push(distances as u32 - 1, 5);
    out.push(written as u32 - 4, 4);
    for length in &in_order[..written] {
        out.push(u32::from(*length), 3);
    }
    out.words(&codes, &words);
}

/// Bits on their way out, lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        self.waiting |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= 32 {
            let word = self.waiting as u32;
            self.bytes.extend_from_slice(&word.to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    fn words(&mut self, codes: &[Code], words: &[Word]) {
        for word in words {
            let code = codes[usize::from(word.symbol)];
            let rest = u32::from(word.rest) << code.length;
            self.push(code.bits | rest, code.length + word.bits);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let last = self.waiting.to_le_bytes();
        let size = self.count.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&last[..size]);
        self.bytes
    }
}

/// Why something does not inflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It is not DEFLATE.
    Broken,
    /// It inflates to more than is allowed.
    TooFar,
}

/// Inflates to `limit` bytes at most. What follows the last block is left.
pub(super) fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut reader = Reader { bytes, at: 0 };
    let mut out = Vec::new();
    loop {
        let is_last = reader.bits(1) == 1;
        let block = reader.block(&mut out, limit);
        if block.is_none() || reader.is_over() {
            return Err(InflateError::Broken);
        }
        if out.len() > limit {
            return Err(InflateError::TooFar);
        }
        if is_last {
            return Ok(out);
        }
    }
}

/// A table of codes: how many there are of each length, and their symbols in
/// order.
struct Codes {
    counts: [u32; CODE_BITS_MAX + 1],
    symbols: Vec<usize>,
}

impl Codes {
    fn new(lengths: &[u8]) -> Self {
        let (counts, _) = first_codes(lengths);
        let mut symbols = Vec::with_capacity(lengths.len());
        for length in 1..=CODE_BITS_MAX {
            let of_this = lengths.iter().enumerate();
            let of_this = of_this.filter(|(_, one)| usize::from(**one) == length);
            symbols.extend(of_this.map(|(symbol, _)| symbol));
        }
        Self { counts, symbols }
    }
}

/// Bits that come in, and zeros behind the last: whoever reads much has to ask
/// whether it [is over](Reader::is_over).
struct Reader<'a> {
    bytes: &'a [u8],
    /// How many bits were read.
    at: usize,
}

impl Reader<'_> {
    /// The next 25 bits.
    fn peek(&self) -> u32 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        u32::from_le_bytes(word) >> (self.at % 8)
    }

    /// Whether more was read than there is.
    fn is_over(&self) -> bool {
        self.at > 8 * self.bytes.len()
    }

    fn bits(&mut self, count: u32) -> u32 {
        let value = self.peek() & ((1 << count) - 1);
        self.at += count as usize;
        value
    }

    /// The next symbol, or [`NO_SYMBOL`].
    fn symbol(&mut self, codes: &Codes) -> usize {
        let mut bits = self.peek();
        // What codes of this length begin with, and how many are shorter.
        let (mut code, mut first, mut shorter) = (0, 0, 0);
        let mut length = 1;
        while length <= CODE_BITS_MAX {
            let count = codes.counts[length];
            code = code << 1 | bits & 1;
            bits >>= 1;
            first <<= 1;
            if code < first + count {
                self.at += length;
                // Where there are too many codes of a length, some are none.
                let place = code.checked_sub(first).map(|place| shorter + place);
                let symbol = place.and_then(|place| codes.symbols.get(place as usize));
                return symbol.copied().unwrap_or(NO_SYMBOL);
            }
            first += count;
            shorter += count;
            length += 1;
        }
        NO_SYMBOL
    }

    /// Reads a block; gives up, with too much, where it goes over the limit.
    fn block(&mut self, out: &mut Vec<u8>, limit: usize) -> Option<()> {
        let (literals, distances) = match self.bits(2) {
            0 => return self.stored(out),
            1 => {
                let length = |symbol: usize| match symbol {
                    144..256 => 9,
                    256..280 => 7,
                    _ => 8,
                };
                let literals: [u8; 288] = core::array::from_fn(length);
                (Codes::new(&literals), Codes::new(&[5; DISTANCES]))
            }
            2 => self.tables()?,
            _ => return None,
        };
        while out.len() <= limit && !self.is_over() {
            let symbol = self.symbol(&literals);
            if symbol < END {
                out.push(symbol as u8);
                continue;
            }
            let length = match symbol - END {
                0 => break,
                29 => 258,
                symbol @ ..29 => self.value(symbol - 1, FINE_LENGTH) + MATCH_MIN,
                _ => return None,
            };
            let distance = self.symbol(&distances);
            if distance >= DISTANCES {
                return None;
            }
            let distance = self.value(distance, FINE_DISTANCE) + 1;
            let from = out.len().checked_sub(distance)?;
            // A match may go on in what it has just written.
            let end = out.len() + length;
            while out.len() < end {
                let part = (out.len() - from).min(end - out.len());
                out.extend_from_within(from..from + part);
            }
        }
        Some(())
    }

    fn value(&mut self, symbol: usize, fine: u32) -> usize {
        let (least, bits) = value_of(symbol as u32, fine);
        (least + self.bits(bits)) as usize
    }

    fn stored(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.at = self.at.next_multiple_of(8);
        let (size, inverse) = (self.bits(16), self.bits(16));
        let start = self.at / 8;
        self.at += 8 * size as usize;
        out.extend(self.bytes.get(start..self.at / 8)?);
        (size == !inverse & 0xffff).then_some(())
    }

    fn tables(&mut self) -> Option<(Codes, Codes)> {
        let literals = self.bits(5) as usize + 257;
        let distances = self.bits(5) as usize + 1;
        let written = self.bits(4) as usize + 4;
        let mut lengths = [0; LENGTH_CODES];
        for symbol in &LENGTH_ORDER[..written] {
            lengths[*symbol] = self.bits(3) as u8;
        }
        let codes = Codes::new(&lengths);
        let mut lengths: Vec<u8> = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match self.symbol(&codes) {
                length @ ..16 => (length as u8, 1),
                16 => (*lengths.last()?, 3 + self.bits(2)),
                17 => (0, 3 + self.bits(3)),
                18 => (0, 11 + self.bits(7)),
                _ => return None,
            };
            lengths.resize(lengths.len() + times as usize, length);
        }
        let (literals, rest) = lengths.split_at(literals);
        Some((Codes::new(literals), Codes::new(rest.get(..distances)?)))
    }
}

/// What no code means.
const NO_SYMBOL: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use miniz_oxide::deflate::compress_to_vec;
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec, decompress_to_vec_with_limit};

    const LIMIT: usize = 1 << 20;

    /// Texts of every kind: noise of few and of many letters, repeats near and
    /// far, counts that make deep trees.
    fn texts() -> Vec<Vec<u8>> {
        let mut rng = Rng::from_seed([7; 32]);
        let mut texts = vec![Vec::new(), vec![b'a'], vec![0; 70_000]];
        for letters in [1, 2, 3, 26, 95, 256] {
            for size in [2, 3, 10, 300, 10_240, 40_000] {
                let letter = |_| rng.below(letters) as u8;
                let noise: Vec<u8> = (0..size).map(letter).collect();
                let at = rng.below(size) as usize;
                texts.push([&noise[..], &noise[at..], b"between", &noise].concat());
                texts.push(noise);
            }
        }
        let mut deep = Vec::new();
        let (mut count, mut before) = (1, 1);
        for letter in 0..20 {
            deep.extend(vec![letter; count]);
            (count, before) = (count + before, count);
        }
        rng.shuffle(&mut deep);
        texts.push(deep);
        texts
    }

    #[test]
    fn the_library_inflates_what_is_deflated_here() {
        for text in texts() {
            let deflated = deflate(&text);
            assert_eq!(decompress_to_vec(&deflated).unwrap(), text);
            assert_eq!(inflate(&deflated, LIMIT).unwrap(), text);
        }
    }

    #[test]
    fn what_the_library_deflates_on_any_level_is_inflated_here() {
        for text in texts() {
            for level in 0..=10 {
                let deflated = compress_to_vec(&text, level);
                assert_eq!(inflate(&deflated, LIMIT).unwrap(), text, "level {level}");
            }
        }
    }

    #[test]
    fn a_text_is_about_as_short_as_the_library_makes_it() {
        let line = |n: u32| {
            format!(
                "{{\"id\":{n},\"task\":\"water plant {}\",\"done\":false}}",
                n * 7 % 31
            )
        };
        let text: String = (0..150).map(line).collect();
        let (ours, theirs) = (
            deflate(text.as_bytes()),
            compress_to_vec(text.as_bytes(), 1),
        );
        assert!(
            ours.len() < theirs.len() * 11 / 10,
            "{} {}",
            ours.len(),
            theirs.len()
        );
    }

    #[test]
    fn whatever_is_broken_is_an_error_here_where_it_is_one_there() {
        let mut rng = Rng::from_seed([8; 32]);
        let text: Vec<u8> = (0..400).map(|n| (n / 7 * n % 50) as u8).collect();
        for round in 0..20_000 {
            let mut bytes = if round % 2 == 0 {
                deflate(&text)
            } else {
                compress_to_vec(&text, 1 + (round % 9) as u8)
            };
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(bytes.len() as u32) as usize;
                bytes[at] ^= 1 << rng.below(8);
            }
            bytes.truncate(bytes.len() - rng.below(2) as usize * rng.below(20) as usize);
            // The library also refuses tables in which codes are left over.
            if let Ok(theirs) = decompress_to_vec_with_limit(&bytes, 10_000) {
                assert_eq!(inflate(&bytes, 10_000), Ok(theirs));
            } else {
                let _ = inflate(&bytes, 10_000);
            }
        }
    }

    #[test]
    fn the_limit_is_the_library_s() {
        let deflated = deflate(&[7; 5_000]);
        assert_eq!(inflate(&deflated, 5_000).unwrap().len(), 5_000);
        assert_eq!(inflate(&deflated, 4_999), Err(InflateError::TooFar));
        let theirs = decompress_to_vec_with_limit(&deflated, 4_999).unwrap_err();
        assert_eq!(theirs.status, TINFLStatus::HasMoreOutput);
    }
}
