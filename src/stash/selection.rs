//! Who becomes a confidant: the best by score, the others random among those
//! online.

use crate::base::{Gather, Identity, Rng};
use crate::neighbourhood::MemoryMode;
use core::time::Duration;

/// The most that observed uptime adds, so that it never outweighs a mode.
const UPTIME_POINTS_MAX: f64 = 99.0;

/// Uptime that earns every point.
const UPTIME_FULL: Duration = Duration::from_secs(7 * 24 * 3600);

/// A peer that may be asked.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Who.
    pub who: Identity,
    /// Its memory mode, if a signed newspaper told.
    pub mode: Option<MemoryMode>,
    /// How long this nara itself has known it.
    pub age: Duration,
}

/// Memory mode first, observed uptime second, jitter below 1 last.
pub fn score(candidate: &Candidate, rng: &mut Rng) -> f64 {
    let mode = match candidate.mode {
        Some(MemoryMode::Hog) => 300.0,
        Some(MemoryMode::Medium) => 200.0,
        Some(MemoryMode::Short) | None => 100.0,
    };
    let uptime = candidate.age.as_secs_f64() / UPTIME_FULL.as_secs_f64();
    mode + uptime.min(1.0) * UPTIME_POINTS_MAX + f64::from(rng.below(1_000)) / 1_000.0
}

/// Picks at most `wanted`: the best first, the others at random.
pub fn choose(mut candidates: Vec<Candidate>, wanted: usize, rng: &mut Rng) -> Vec<Identity> {
    if candidates.is_empty() || wanted == 0 {
        return Vec::new();
    }
    rng.shuffle(&mut candidates);
    let scores: Vec<f64> = candidates.iter().map(|one| score(one, rng)).gather();
    let best = (0..scores.len())
        .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
        .unwrap_or(0);
    candidates.swap(0, best);
    candidates
        .into_iter()
        .take(wanted)
        .map(|one| one.who)
        .gather()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{NaraId, PublicKey};

    fn candidate(n: u8, mode: Option<MemoryMode>, days: u64) -> Candidate {
        let id = NaraId::parse(&format!("peer{n}")).unwrap();
        let age = Duration::from_secs(days * 24 * 3600);
        Candidate {
            who: Identity {
                id,
                key: PublicKey([n; 32]),
            },
            mode,
            age,
        }
    }

    #[test]
    fn uptime_never_outweighs_a_mode() {
        let mut rng = Rng::from_seed([1; 32]);
        let old_short = score(&candidate(1, Some(MemoryMode::Short), 400), &mut rng);
        let new_medium = score(&candidate(2, Some(MemoryMode::Medium), 0), &mut rng);
        let new_hog = score(&candidate(3, Some(MemoryMode::Hog), 0), &mut rng);
        assert!((199.0..200.0).contains(&old_short), "{old_short}");
        assert!((200.0..201.0).contains(&new_medium), "{new_medium}");
        assert!((300.0..301.0).contains(&new_hog), "{new_hog}");
    }

    #[test]
    fn the_best_comes_first_and_the_others_are_random() {
        let mut seconds = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let mut rng = Rng::from_seed([seed; 32]);
            let mut all: Vec<_> = (0..8).map(|n| candidate(n, None, 1)).collect();
            all.push(candidate(9, Some(MemoryMode::Hog), 0));
            let chosen = choose(all, 3, &mut rng);
            assert_eq!(chosen[0].id.as_str(), "peer9");
            assert_eq!(chosen.len(), 3);
            seconds.insert(chosen[1].id.as_str().to_owned());
        }
        assert!(seconds.len() > 4, "only {seconds:?} were ever second");
    }

    #[test]
    fn fewer_than_wanted_is_all_there_are() {
        let mut rng = Rng::from_seed([1; 32]);
        assert_eq!(choose(vec![candidate(1, None, 0)], 3, &mut rng).len(), 1);
        assert!(choose(Vec::new(), 3, &mut rng).is_empty());
    }
}
