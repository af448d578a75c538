//! Recovery: asking everybody for my memory, opening what comes back, and
//! choosing the newest.

use super::codec::{self, Memory};
use super::owner::PATIENCE;
use crate::base::{Identity, Instant, Now};
use crate::message::{Refresh, Request, Response};
use crate::runtime::{CallId, Context, Sealed};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How long a search goes on before it counts as "not found"; behind that it
/// goes on quietly.
pub const RECOVERY_DEADLINE: Duration = Duration::from_secs(10);

/// Quiet after an answer that opened. Others may still have something newer:
/// they push after up to 600 ms, and what is behind a slow link takes longer.
/// As many copies as are wanted, all alike, end the search at once.
pub const SETTLE_AFTER: Duration = Duration::from_secs(2);

/// The plaza is asked again, since a broadcast may be lost.
pub(super) const REFRESH_AGAIN_AFTER: Duration = Duration::from_secs(4);

/// Once a search has found nothing, it asks this seldom.
pub(super) const REFRESH_QUIETLY_AFTER: Duration = Duration::from_secs(60);

/// Answers remembered of one search.
const ANSWERS_MAX: usize = 64;

/// Where a search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchState {
    /// There was nothing to look for: the soul is newborn.
    None,
    /// Confidants are being asked.
    Searching,
    /// The memory is back.
    Recovered,
    /// Nobody had it by the deadline. The search goes on behind it.
    NotFound,
}

impl SearchState {
    /// The word used towards JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Searching => "searching",
            Self::Recovered => "recovered",
            Self::NotFound => "not_found",
        }
    }
}

/// What somebody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds nothing of mine.
    NotFound,
    /// It sent something that does not open.
    Broken,
    /// It sent this revision, which opened.
    Opened {
        /// The revision.
        revision: u64,
    },
}

/// A request on its way.
struct Question {
    to: Identity,
    /// Random and echoed inside the signed answer: no answer can be swapped.
    request_id: String,
}

/// A search, running or past.
pub struct Recovery {
    state: SearchState,
    started: Now,
    deadline: Instant,
    settle_at: Option<Instant>,
    refresh_at: Option<Instant>,
    took: Option<Duration>,
    asked: BTreeMap<CallId, Question>,
    answers: BTreeMap<Identity, (Duration, Answer)>,
    best: Option<(Memory, Sealed, Identity)>,
    agreeing: BTreeSet<Identity>,
}

impl Recovery {
    pub(super) fn new(now: Now) -> Self {
        Self {
            state: SearchState::None,
            started: now,
            deadline: now.mono,
            settle_at: None,
            refresh_at: None,
            took: None,
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
            best: None,
            agreeing: BTreeSet::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> SearchState {
        self.state
    }

    /// When it began.
    pub fn started(&self) -> Now {
        self.started
    }

    /// How long it took until the memory was back.
    pub fn took(&self) -> Option<Duration> {
        self.took
    }

    /// Who answered what, how long after the search began.
    pub fn answers(&self) -> &BTreeMap<Identity, (Duration, Answer)> {
        &self.answers
    }

    /// Whose copy was the first of the newest.
    pub fn from(&self) -> Option<&Identity> {
        self.best.as_ref().map(|(_, _, from)| from)
    }

    /// How many confidants' copies opened to the memory chosen.
    pub fn count(&self) -> usize {
        self.agreeing.len()
    }

    pub(super) fn best(&self) -> Option<(&Memory, &Sealed)> {
        self.best
            .as_ref()
            .map(|(memory, sealed, _)| (memory, sealed))
    }

    /// Begins a search and forgets the last one.
    pub(super) fn begin(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        *self = Self::new(now);
        self.state = SearchState::Searching;
        self.deadline = now.mono + RECOVERY_DEADLINE;
        self.ask_everybody(ctx);
    }

    /// Asks all ways at once: everybody by broadcast, and each peer online.
    pub(super) fn ask_everybody(&mut self, ctx: &mut Context<'_>) {
        if !self.goes_on() || !ctx.is_connected() {
            return;
        }
        let again = match self.state {
            SearchState::NotFound => REFRESH_QUIETLY_AFTER,
            _ => REFRESH_AGAIN_AFTER,
        };
        self.refresh_at = Some(ctx.now().mono + again);
        let me = ctx.me().clone();
        let refresh = Refresh {
            owner_id: me.identity.id.as_str().to_owned(),
            owner: me.name,
        };
        ctx.emit("stash-refresh", &refresh);
        let online: Vec<Identity> = ctx.peers().online().map(|(who, _)| who.clone()).collect();
        for who in online {
            self.ask(ctx, &who);
        }
    }

    /// Asks one peer, unless it was asked and may still answer, or did.
    pub(super) fn ask(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let opened = |(_, answer): &(Duration, Answer)| matches!(answer, Answer::Opened { .. });
        if !self.goes_on()
            || who.id == ctx.me().identity.id
            || self.asked.values().any(|asked| asked.to == *who)
            || self.answers.get(who).is_some_and(opened)
        {
            return;
        }
        let request_id = bs58::encode(ctx.rng().array::<12>()).into_string();
        let owner_id = ctx.me().identity.id.as_str().to_owned();
        let request = Request {
            owner_id,
            request_id: request_id.clone(),
        };
        if let Ok(call) = ctx.call(who, "stash:request", &request, "stash:response", PATIENCE) {
            let to = who.clone();
            self.asked.insert(call, Question { to, request_id });
        }
    }

    fn goes_on(&self) -> bool {
        matches!(self.state, SearchState::Searching | SearchState::NotFound)
    }

    /// A call ended without an answer. Returns whether it was one of mine.
    pub(super) fn handle_silence(&mut self, call: CallId) -> bool {
        self.asked.remove(&call).is_some()
    }

    /// A call ended with an answer. Returns whether it echoes what was asked.
    pub(super) fn handle_answer(&mut self, call: CallId, response: &Response) -> bool {
        let question = self.asked.remove(&call);
        question.is_some_and(|question| question.request_id == response.request_id)
    }

    /// What was asked went down with the connection; everybody is asked again
    /// when it is back.
    pub(super) fn forget_questions(&mut self, ctx: &mut Context<'_>) {
        for call in core::mem::take(&mut self.asked).into_keys() {
            ctx.cancel(call);
        }
    }

    /// Opens what somebody answered or pushed. Returns the memory with its
    /// seal if it opened.
    pub(super) fn handle_response(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Identity,
        response: Response,
    ) -> Option<(Memory, Sealed)> {
        let at = ctx.now().mono - self.started.mono;
        if !response.found {
            self.note(from, at, Answer::NotFound);
            return None;
        }
        let opened = open(ctx, response);
        match opened {
            Ok((memory, sealed)) => {
                self.note(
                    from,
                    at,
                    Answer::Opened {
                        revision: memory.revision,
                    },
                );
                self.weigh(ctx.now().mono, from, &memory, &sealed);
                Some((memory, sealed))
            }
            Err(why) => {
                ctx.log()
                    .error(format!("what {} sent back does not open: {why}", from.id));
                self.note(from, at, Answer::Broken);
                None
            }
        }
    }

    fn note(&mut self, from: &Identity, at: Duration, answer: Answer) {
        if self.answers.len() < ANSWERS_MAX || self.answers.contains_key(from) {
            self.answers.insert(from.clone(), (at, answer));
        }
    }

    fn weigh(&mut self, now: Instant, from: &Identity, memory: &Memory, sealed: &Sealed) {
        let key = memory.age_key();
        let is_newer = match &self.best {
            Some((best, ..)) if best.age_key() > key => return,
            Some((best, ..)) if best.age_key() == key => false,
            _ => {
                self.best = Some((memory.clone(), sealed.clone(), from.clone()));
                self.agreeing.clear();
                true
            }
        };
        let is_counted = self.agreeing.len() < ANSWERS_MAX && self.agreeing.insert(from.clone());
        // The same copy from the same peer again prolongs nothing.
        if self.goes_on() && (is_newer || is_counted) {
            self.settle_at = Some(now + SETTLE_AFTER);
        }
    }

    /// Whether the search is over: the wait for something newer has passed, or
    /// as many copies agree as there should be.
    pub(super) fn is_settled(&self, now: Instant, target: usize) -> bool {
        self.goes_on()
            && self.best.is_some()
            && (self.count() >= target || self.settle_at.is_some_and(|at| at <= now))
    }

    pub(super) fn settle(&mut self, now: Instant) {
        self.state = SearchState::Recovered;
        self.took = Some(now - self.started.mono);
        self.settle_at = None;
        self.refresh_at = None;
    }

    /// Whether the deadline has just passed with nothing found.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        if self.state != SearchState::Searching || self.deadline > now || self.best.is_some() {
            return false;
        }
        self.state = SearchState::NotFound;
        true
    }

    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        if self
            .refresh_at
            .take_if(|at| *at <= ctx.now().mono)
            .is_some()
        {
            self.ask_everybody(ctx);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let deadline =
            (self.state == SearchState::Searching && self.best.is_none()).then_some(self.deadline);
        [deadline, self.settle_at, self.refresh_at]
            .into_iter()
            .flatten()
            .min()
    }
}

fn open(ctx: &Context<'_>, response: Response) -> Result<(Memory, Sealed), String> {
    let nonce = response.nonce.as_slice().try_into();
    let nonce = nonce.map_err(|_| "the nonce is not 24 bytes".to_owned())?;
    let sealed = Sealed {
        nonce,
        ciphertext: response.ciphertext.into_vec(),
    };
    let plaintext = ctx.open(&sealed).map_err(|error| error.to_string())?;
    let memory = codec::decode(&plaintext).map_err(|error| error.to_string())?;
    Ok((memory, sealed))
}
