//! Lists of what comes along.

/// What makes a list of it.
pub trait Gather: Iterator + Sized {
    /// A list of all items. `collect` takes the first one before its loop, to
    /// see how much room the others need: so all that the items go through is
    /// in the module twice.
    fn gather(self) -> Vec<Self::Item> {
        let mut list = Vec::new();
        self.for_each(|item| list.push(item));
        list
    }
}

impl<I: Iterator> Gather for I {}
