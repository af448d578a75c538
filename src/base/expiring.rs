//! A map that forgets: every entry has a deadline, and the whole has a limit.

use super::{Instant, SortedMap};
use core::time::Duration;

/// What has expired stays for so large a part of a lifetime, if nothing else
/// needs its room.
const LATE_BY: u32 = 8;

/// At most `limit` entries, each for at most `lifetime`. When it is full the
/// entry nearest its deadline makes room.
pub struct ExpiringMap<K, V> {
    limit: usize,
    lifetime: Duration,
    /// Not in the order of their deadlines, too: a look at all of them, some
    /// thousand at most, is less than what it takes to keep two orders.
    entries: SortedMap<K, (Instant, V)>,
    /// No entry has an earlier deadline.
    earliest: Instant,
}

impl<K: Ord, V> ExpiringMap<K, V> {
    /// An empty map.
    pub fn new(limit: usize, lifetime: Duration) -> Self {
        Self {
            limit,
            lifetime,
            entries: SortedMap::new(),
            earliest: Instant::default(),
        }
    }

    /// Puts an entry in, with a fresh deadline. Returns what it replaced.
    pub fn insert(&mut self, now: Instant, key: K, value: V) -> Option<V> {
        // To look for what has expired is to look at everything, so it is done
        // now and then.
        if self.entries.len() >= self.limit || self.earliest + self.lifetime / LATE_BY <= now {
            self.expire(now);
        }
        let replaced = self.entries.remove(&key);
        let replaced = replaced.filter(|(deadline, _)| *deadline > now);
        if self.entries.len() >= self.limit {
            let nearest = self.nearest();
            let mut is_full = true;
            self.entries.retain(|_, (deadline, _)| {
                !(*deadline == nearest && core::mem::take(&mut is_full))
            });
        }
        self.entries.insert(key, (now + self.lifetime, value));
        replaced.map(|(_, value)| value)
    }

    /// The nearest deadline.
    fn nearest(&self) -> Instant {
        let never = Instant::from_micros(u64::MAX);
        let deadlines = self.entries.values().map(|(deadline, _)| *deadline);
        deadlines.fold(never, Instant::min)
    }

    /// Takes every entry out.
    pub fn clear(&mut self) {
        self.entries = SortedMap::new();
    }

    /// The value of an entry whose deadline has not passed.
    pub fn get(&self, now: Instant, key: &K) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|(deadline, _)| *deadline > now)
            .map(|(_, value)| value)
    }

    /// The value of an entry whose deadline has not passed, to be changed.
    pub fn get_mut(&mut self, now: Instant, key: &K) -> Option<&mut V> {
        let (deadline, value) = self.entries.get_mut(key)?;
        (*deadline > now).then_some(value)
    }

    /// Every value, expired ones included, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|(_, value)| value)
    }

    /// Every entry, expired ones included, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (key, value))
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Forgets what is past its deadline.
    pub fn expire(&mut self, now: Instant) {
        if self.earliest <= now {
            self.entries.retain(|_, (deadline, _)| *deadline > now);
            if self.entries.is_empty() {
                // What a crowd took is given back.
                self.entries = SortedMap::new();
            }
            self.earliest = self.nearest().min(now + self.lifetime);
        }
    }

    /// How many entries there are, expired ones included, and how many fit.
    pub fn load(&self) -> (usize, usize) {
        (self.entries.len(), self.limit)
    }

    /// How many entries there are, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn entries_are_forgotten_at_their_deadline() {
        let mut map = ExpiringMap::new(10, SECOND);
        map.insert(at(0), "a", 1);
        assert_eq!(map.get(at(0), &"a"), Some(&1));
        assert_eq!(map.get(at(1), &"a"), None);
        map.expire(at(1));
        assert!(map.is_empty());
    }

    #[test]
    fn the_limit_holds_and_the_oldest_makes_room() {
        let mut map = ExpiringMap::new(2, SECOND * 9);
        for (second, key) in ["a", "b", "c"].into_iter().enumerate() {
            map.insert(at(second as u64), key, second);
        }
        assert_eq!(map.len(), 2);
        assert_eq!(map.get(at(2), &"a"), None);
        assert_eq!(map.insert(at(3), "b", 9), Some(1));
        assert_eq!(map.len(), 2);
    }
}
