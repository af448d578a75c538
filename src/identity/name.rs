//! Generated names: `adjective-noun-NNN`, the same for the same text everywhere.

use super::go_random::GoRandom;
use crate::base::sha256;

/// The longest name a nara may have, in bytes of UTF-8.
pub const NAME_LENGTH_MAX: usize = 128;

/// The name that the network gives to `text`; a soul's own generated name is
/// that of its seed in lower-case hex.
pub fn generate_name(text: &str) -> String {
    if text.is_empty() {
        return "unnamed-nara".to_owned();
    }
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[text.as_bytes()]);
    let mut random = GoRandom::new(i64::from_be_bytes([a, b, c, d, e, f, g, h]));
    let mut one_of = |words: &'static str| {
        let count = words.split(' ').count() as u32;
        words.split(' ').nth(random.below(count) as usize)
    };
    let words = one_of(ADJECTIVES).zip(one_of(NOUNS));
    let (adjective, noun) = words.unwrap_or_default();
    format!("{adjective}-{noun}-{:03}", random.below(1000))
}

/// First words, in the network's order.
const ADJECTIVES: &str = "\
    mystic dandelion quirky glitter neon fuzzy cosmic bouncy mellow spicy frozen velvet \
    salty grumpy dizzy funky electric pixel golden silver crimson azure emerald vivid \
    silent noisy sparkly cyber brave calm wild tame fast slow heavy light clumsy fancy \
    magical dreamy clover vibe chill sociable agreeable buzzing nara stretchy stinky \
    wobbly tiny giga mega ultra hyper turbo digital analog shimmering";

/// Second words, in the network's order.
const NOUNS: &str = "\
    pizza burger icecream donut cupcake lollipop candy chocolate popcorn salt egg waffle \
    pancake butter clover flower cat dog fox owl bear wolf tiger lion panda otter hamster \
    robot alien ghost wizard ninja pirate zombie vampire astronaut nara mushroom crystal \
    comet star moon sun planet galaxy nebula meteor cactus fern moss tree leaf sprout seed \
    berry fruit veggie";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_network() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/names.json")).unwrap();
        for (list, words) in [("adjectives", ADJECTIVES), ("nouns", NOUNS)] {
            let words = Vec::from_iter(words.split(' '));
            assert_eq!(vectors[list], serde_json::json!(words));
        }
    }
}
