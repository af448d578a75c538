//! Who says what to whom, for whoever wants to watch. Nothing is kept while
//! nobody does.

use crate::base::NaraId;
use std::collections::VecDeque;

/// Words that wait to be taken; older ones give way.
const TRAFFIC_MAX: usize = 256;

/// One message that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Whether it came; it went if not.
    pub incoming: bool,
    /// The other side: who sent it, or whom it is for. Nobody in particular,
    /// or nobody known, is `None`.
    pub peer: Option<String>,
    /// The kind of a runtime message, the last part of the topic of others.
    pub kind: String,
    /// `plaza` or `direct`.
    pub way: &'static str,
    /// `sent`, `handled`, or the reason for which it was dropped.
    pub outcome: &'static str,
}

/// What was seen, while somebody watches.
#[derive(Default)]
pub(super) struct Watch {
    seen: Option<VecDeque<Traffic>>,
    /// Who was last proved to have spoken.
    pub(super) speaker: Option<NaraId>,
}

impl Watch {
    pub(super) fn set(&mut self, watched: bool) {
        if watched != self.seen.is_some() {
            self.seen = watched.then(VecDeque::new);
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.seen.is_some()
    }

    /// Notes what `traffic` makes, if anybody watches.
    pub(super) fn note(&mut self, traffic: impl FnOnce() -> Traffic) {
        let Some(seen) = &mut self.seen else { return };
        if seen.len() >= TRAFFIC_MAX {
            seen.pop_front();
        }
        seen.push_back(traffic());
    }

    pub(super) fn poll(&mut self) -> Option<Traffic> {
        self.seen.as_mut()?.pop_front()
    }
}

/// The last part of a topic, or the one before it where the last is a name.
pub(super) fn kind_of(topic: &str) -> String {
    let (mut before, mut kind) = ("", "");
    for part in topic.split('/') {
        (before, kind) = (kind, part);
    }
    if before == "newspaper" {
        kind = before;
    }
    kind.to_owned()
}
