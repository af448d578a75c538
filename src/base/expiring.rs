//! A map that forgets: every entry has a deadline, and the whole has a limit.

use super::{Instant, SortedMap};
use core::time::Duration;

/// What has expired stays for so large a part of a lifetime, if nothing else
/// needs its room.
const LATE_BY: u32 = 8;

/// At most `limit` entries, each for at most `lifetime`. When it is full the
/// entry nearest its deadline makes room.
#[derive(Debug)]
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
        if self.entries.len() >= self.limit || is_late(self.earliest, self.lifetime, now) {
            self.expire(now);
        }
        if self.entries.len() >= self.limit && !self.entries.contains_key(&key) {
            make_room(&mut self.entries);
        }
        let replaced = self.entries.insert(key, (now + self.lifetime, value));
        let replaced = replaced.filter(|(deadline, _)| *deadline > now);
        replaced.map(|(_, value)| value)
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
            self.entries.keep(&mut |deadline| deadline > now);
            self.earliest = nearest(&mut self.entries).min(now + self.lifetime);
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

/// Whether what expired first has stayed for long enough.
#[inline(never)]
fn is_late(earliest: Instant, lifetime: Duration, now: Instant) -> bool {
    earliest + lifetime / LATE_BY <= now
}

/// What can be said of entries without knowing what they are: it is in the
/// module once, and not for each type.
trait Deadlines {
    /// Keeps the entries whose deadline `is_wanted`.
    fn keep(&mut self, is_wanted: &mut dyn FnMut(Instant) -> bool);
}

impl<K, V> Deadlines for SortedMap<K, (Instant, V)> {
    #[inline(never)]
    fn keep(&mut self, is_wanted: &mut dyn FnMut(Instant) -> bool) {
        self.retain(|_, (deadline, _)| is_wanted(*deadline));
        // What a crowd took is given back.
        if self.is_empty() {
            self.shrink_to_fit();
        }
    }
}

/// The nearest deadline.
fn nearest(entries: &mut dyn Deadlines) -> Instant {
    let mut nearest = Instant::from_micros(u64::MAX);
    entries.keep(&mut |deadline| {
        nearest = nearest.min(deadline);
        true
    });
    nearest
}

/// Takes out one entry, the nearest to its deadline.
fn make_room(entries: &mut dyn Deadlines) {
    let nearest = nearest(entries);
    let mut is_full = true;
    entries.keep(&mut |deadline| !(deadline == nearest && core::mem::take(&mut is_full)));
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
