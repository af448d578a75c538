//! A queue with a limit, in which some things must not get lost.

use std::collections::VecDeque;

/// What waits in order. When it is full, what is dispensable gives way: a new
/// one is not taken, and for what is not dispensable the oldest one goes.
pub struct Backlog<T> {
    limit: usize,
    is_dispensable: fn(&T) -> bool,
    items: VecDeque<T>,
}

impl<T> Backlog<T> {
    /// An empty queue. What is not dispensable must be limited elsewhere.
    pub fn new(limit: usize, is_dispensable: fn(&T) -> bool) -> Self {
        Self {
            limit,
            is_dispensable,
            items: VecDeque::new(),
        }
    }

    /// Adds an item. Returns what gave way, if anything.
    pub fn push(&mut self, item: T) -> Option<T> {
        if self.items.len() < self.limit {
            self.items.push_back(item);
            return None;
        }
        if (self.is_dispensable)(&item) {
            return Some(item);
        }
        let oldest = self.items.iter().position(self.is_dispensable);
        self.items.push_back(item);
        oldest.and_then(|place| self.items.remove(place))
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.items.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dispensable_gives_way_and_nothing_else_does() {
        let mut backlog = Backlog::new(3, |n: &u32| n % 2 == 1);
        for n in [1, 2, 3] {
            assert_eq!(backlog.push(n), None);
        }
        assert_eq!(backlog.push(5), Some(5));
        assert_eq!(backlog.push(4), Some(1));
        assert_eq!(backlog.push(6), Some(3));
        assert_eq!(backlog.push(8), None);
        assert_eq!(backlog.last(), Some(&8));
        let rest: Vec<u32> = core::iter::from_fn(|| backlog.pop()).collect();
        assert_eq!(rest, [2, 4, 6, 8]);
    }

    #[test]
    fn a_flood_of_what_is_dispensable_stays_within_the_limit() {
        let mut backlog = Backlog::new(100, |_: &u32| true);
        let given_way = (0..10_000).filter(|n| backlog.push(*n).is_some());
        assert_eq!(given_way.count(), 9_900);
        assert_eq!(backlog.pop(), Some(0));
    }
}
