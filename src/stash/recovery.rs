//! Recovery: asking everybody for my memory, opening what comes back, and
//! choosing the newest.

use super::codec::{self, Memory, NAMED_MAX};
use super::filling::PATIENCE;
use super::held::Generation;
use super::operations::OperationId;
use super::owner::{Owner, is_sibling};
use crate::base::{Gather, Identity, Instant, Now, SortedMap, SortedSet};
use crate::message::{Refresh, Request, Response};
use crate::neighbourhood::PEERS_MAX;
use crate::runtime::{CallError, CallId, Context, Sealed};
use core::time::Duration;

/// How long a search goes on before it counts as "not found"; behind that it
/// goes on quietly.
pub const RECOVERY_DEADLINE: Duration = Duration::from_secs(10);

/// Quiet after an answer that opened. Others may still have something newer:
/// they push after up to 600 ms, and what is behind a slow link takes longer.
/// Where everybody whom the newest seal names has answered, nobody waits.
pub const SETTLE_AFTER: Duration = Duration::from_secs(2);

/// Holders that have not answered by then are asked again meanwhile: a request
/// may be lost, or its answer.
pub(super) const NUDGE_AFTER: Duration = Duration::from_millis(600);

/// Copies can be overheard, and sent one after the other by peers that cost
/// nothing: behind the first that opened, they hold a search up no longer.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Who knows whom to ask asks them this long before everybody is asked, and
/// greeted: what everybody has to verify keeps the few from answering, where
/// many live in one process.
pub const HOLDERS_FIRST: Duration = Duration::from_millis(20);

/// The plaza is asked again, since a broadcast may be lost.
pub(super) const REFRESH_AGAIN_AFTER: Duration = Duration::from_secs(4);

/// Once a search has found nothing, it asks this seldom, and each time more so.
pub(super) const REFRESH_QUIETLY_AFTER: Duration = Duration::from_secs(60);

/// Everybody is asked at least so often, as long as the search goes on.
const REFRESH_QUIETLY_MAX: Duration = Duration::from_secs(3600);

/// Where not everybody answered who may have it, whoever shows up is asked for
/// so long behind the search: a link that broke is made anew within a minute.
pub(super) const LATE_FOR: Duration = Duration::from_secs(120);

/// Answers remembered of one search.
const ANSWERS_MAX: usize = 64;

/// Requests of a search that may be on their way at once.
const ASKED_MAX: usize = 64;

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
    /// It sent what a Go nara stores to try a confidant.
    Probe,
    /// It sent this revision, which opened.
    Opened {
        /// The revision.
        revision: u64,
    },
}

/// Why a peer was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To get the memory back.
    Search,
    /// To see whether it still holds what it acknowledged.
    Audit,
    /// Because it said that it holds something newer.
    Stale,
    /// Because the user wanted it.
    Operation(OperationId),
}

/// What a copy proves that somebody sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    /// That it is held: it was asked for.
    Asked,
    /// That it is held, or was overheard.
    Unasked,
    /// That it was held before its holder seems to have been restarted.
    Doubtful,
}

/// A request on its way.
pub(super) struct Question {
    pub(super) to: Identity,
    pub(super) generation: Generation,
    /// Random and echoed inside the signed answer: no answer can be swapped.
    pub(super) request_id: String,
    pub(super) why: Why,
    /// Whether who was asked seems to have been restarted since.
    pub(super) is_doubted: bool,
}

/// What opened: the memory, its seal, and whom the seal names.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) memory: Memory,
    pub(super) sealed: Sealed,
    pub(super) holders: Vec<Identity>,
}

impl Found {
    /// Its revision, and which seal of it this is.
    pub(super) fn copy(&self) -> (u64, u64) {
        (self.memory.revision, self.sealed.name())
    }
}

/// A search, running or past.
pub struct Recovery {
    state: SearchState,
    started: Now,
    deadline: Instant,
    settle_at: Option<Instant>,
    /// However many more answers open, it settles by then.
    settle_by: Option<Instant>,
    nudge_at: Option<Instant>,
    refresh_at: Option<Instant>,
    /// When everybody is asked, behind those who are remembered.
    broadcast_at: Option<Instant>,
    /// Until then whoever shows up is asked, though the memory is back.
    pub(super) late_until: Option<Instant>,
    quiet: Duration,
    took: Option<Duration>,
    pub(super) asked: SortedMap<CallId, Question>,
    pub(super) answers: SortedMap<Identity, (Duration, Answer)>,
    best: Option<(Found, Identity)>,
    /// What another device saved at once with the best, and is not the same.
    sibling: Option<Found>,
    pub(super) agreeing: SortedSet<Identity>,
    /// Who is remembered to hold the memory: named by the newest seal, or
    /// known from before.
    pub(super) remembered: Vec<Identity>,
    /// Whether the plaza was reached since the search began.
    reached: bool,
    /// Who was asked since everybody was last asked.
    pub(super) tried: SortedSet<Identity>,
}

impl Recovery {
    pub(super) fn new(now: Now) -> Self {
        Self {
            state: SearchState::None,
            started: now,
            deadline: now.mono,
            settle_at: None,
            settle_by: None,
            nudge_at: None,
            refresh_at: None,
            broadcast_at: None,
            late_until: None,
            quiet: REFRESH_QUIETLY_AFTER,
            took: None,
            asked: SortedMap::new(),
            answers: SortedMap::new(),
            best: None,
            sibling: None,
            agreeing: SortedSet::new(),
            remembered: Vec::new(),
            reached: false,
            tried: SortedSet::new(),
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
    pub fn answers(&self) -> &SortedMap<Identity, (Duration, Answer)> {
        &self.answers
    }

    /// Whose copy was the first of the newest.
    pub fn from(&self) -> Option<&Identity> {
        self.best.as_ref().map(|(_, from)| from)
    }

    /// The newest revision that was found.
    pub fn newest(&self) -> Option<u64> {
        self.best.as_ref().map(|(best, _)| best.memory.revision)
    }

    /// How many confidants' copies opened to the memory chosen.
    pub fn count(&self) -> usize {
        self.agreeing.len()
    }

    pub(super) fn best(&self) -> Option<&Found> {
        self.best.as_ref().map(|(best, _)| best)
    }

    /// What was found beside the best, once.
    pub(super) fn take_sibling(&mut self) -> Option<Found> {
        self.sibling.take()
    }

    /// Whether nobody could be asked yet, since the plaza was out of reach.
    pub(super) fn was_unheard(&self) -> bool {
        self.state == SearchState::NotFound && !self.reached
    }

    /// Begins a search and forgets the last one. What is on its way for
    /// another reason stays so.
    pub(super) fn begin(&mut self, ctx: &mut Context<'_>, remembered: Vec<Identity>) {
        let now = ctx.now();
        let asked = core::mem::take(&mut self.asked);
        *self = Self::new(now);
        self.asked = asked;
        self.remembered = remembered;
        self.state = SearchState::Searching;
        self.deadline = now.mono + RECOVERY_DEADLINE;
        self.ask_everybody(ctx);
    }

    /// There is nothing to look for any more.
    pub(super) fn stop(&mut self) {
        self.state = SearchState::None;
        self.late_until = None;
        self.settle_at = None;
        self.nudge_at = None;
        self.refresh_at = None;
        self.broadcast_at = None;
    }

    /// Asks all ways at once: whoever is remembered, each peer online, and
    /// everybody by broadcast, the first time a little later.
    pub(super) fn ask_everybody(&mut self, ctx: &mut Context<'_>) {
        if !self.goes_on() || !ctx.is_connected() {
            return;
        }
        let is_first = !core::mem::replace(&mut self.reached, true);
        let again = match self.state {
            SearchState::NotFound => {
                let quiet = self.quiet;
                self.quiet = (quiet * 2).min(REFRESH_QUIETLY_MAX);
                quiet
            }
            _ => REFRESH_AGAIN_AFTER,
        };
        self.refresh_at = Some(ctx.now().mono + again);
        if is_first && !self.remembered.is_empty() {
            self.broadcast_at = Some(ctx.now().mono + HOLDERS_FIRST);
        } else {
            broadcast(ctx);
        }
        self.tried.clear();
        for who in self.remembered.clone() {
            self.ask(ctx, &who);
        }
        self.ask_further(ctx);
    }

    /// Asks those online who were not asked yet, as far as there is room.
    pub(super) fn ask_further(&mut self, ctx: &mut Context<'_>) {
        let room = ASKED_MAX.saturating_sub(self.asked.len());
        if room == 0 || !self.goes_on() {
            return;
        }
        let online = ctx.peers().reached().map(|(who, _)| who);
        let further = online.filter(|who| !self.tried.contains(*who)).take(room);
        for who in further.cloned().gather() {
            self.ask(ctx, &who);
        }
    }

    /// Asks one peer, unless it was asked and may still answer, or did.
    pub(super) fn ask(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let now = ctx.now().mono;
        let is_wanted = self.goes_on() || self.late_until.is_some_and(|until| now < until);
        if !is_wanted
            || !ctx.is_connected()
            || who.id == ctx.me().identity.id
            || self.asked.len() >= ASKED_MAX
            || ctx.peers().peer(who).is_some() && !ctx.peers().is_reached(who)
        {
            return;
        }
        if self.tried.len() < PEERS_MAX {
            self.tried.insert(*who);
        }
        let answer = self.answers.get(who).map(|(_, answer)| *answer);
        if matches!(answer, Some(Answer::Opened { .. }))
            || self.asked.values().any(|asked| asked.to == *who)
        {
            return;
        }
        // Whoever cannot be asked now is asked with everybody, later.
        let _ = self.request(ctx, who, Generation::Newest, Why::Search, PATIENCE);
    }

    /// What a peer sent is no memory, as when a Go nara has tried it with a
    /// probe. It may still have what was there before.
    pub(super) fn ask_for_previous(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let is_asked = |one: &Question| one.to == *who && one.generation == Generation::Previous;
        if self.goes_on() && self.asked.len() < ASKED_MAX && !self.asked.values().any(is_asked) {
            let _ = self.request(ctx, who, Generation::Previous, Why::Search, PATIENCE);
        }
    }

    /// Asks one peer for my stash, for whatever reason.
    ///
    /// # Errors
    /// When the request could not leave.
    pub(super) fn request(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        generation: Generation,
        why: Why,
        deadline: Duration,
    ) -> Result<(), CallError> {
        let random = ctx.rng().request_id();
        let request_id = [generation.prefix(), &random].concat();
        let owner_id = ctx.me().identity.id.to_text();
        let request = Request {
            owner_id,
            request_id: request_id.clone(),
        };
        let call = ctx.call(who, "stash:request", &request, "stash:response", deadline)?;
        let to = *who;
        let question = Question {
            to,
            generation,
            request_id,
            why,
            is_doubted: false,
        };
        self.asked.insert(call, question);
        Ok(())
    }

    fn goes_on(&self) -> bool {
        matches!(self.state, SearchState::Searching | SearchState::NotFound)
    }

    /// A call ended. Returns the question, if it was one of mine.
    pub(super) fn take_question(&mut self, call: CallId) -> Option<Question> {
        self.asked.remove(&call)
    }

    /// What was asked went down with the connection; everybody is asked again
    /// when it is back.
    pub(super) fn forget_questions(&mut self, ctx: &mut Context<'_>) {
        self.broadcast_at = None;
        for call in core::mem::take(&mut self.asked).into_keys() {
            ctx.cancel(call);
        }
    }

    /// Opens what somebody answered or pushed. What is no memory of mine is
    /// named and dropped.
    pub(super) fn handle_response(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Identity,
        response: Response,
        generation: Generation,
        owner: &Owner,
    ) -> (Answer, Option<Found>) {
        let at = ctx.now().mono - self.started.mono;
        let (answer, found) = if !response.found {
            (Answer::NotFound, None)
        } else {
            match open(ctx, response) {
                Ok(found) if found.memory.is_probe() => {
                    ctx.log()
                        .warn(format!("{} holds a probe instead of the memory", from.id));
                    (Answer::Probe, None)
                }
                Ok(found) => {
                    let revision = found.memory.revision;
                    (Answer::Opened { revision }, Some(found))
                }
                Err(why) => {
                    ctx.log()
                        .error(format!("what {} sent back does not open: {why}", from.id));
                    (Answer::Broken, None)
                }
            }
        };
        let is_first = !self.answers.contains_key(from);
        // What is no memory of mine answers nothing once the search is over.
        let is_answer = generation == Generation::Newest && self.goes_on();
        // What was set here since then, given back, is not what was looked for.
        let counts_all = self.state == SearchState::Searching || !owner.is_set_here();
        let is_found = found
            .as_ref()
            .is_some_and(|found| counts_all || owner.is_news(found));
        if is_answer || is_found {
            self.note(from, at, answer);
        }
        if let Some(found) = &found {
            if is_found {
                self.weigh(ctx, from, found);
            }
        } else if is_first && answer != Answer::NotFound {
            self.ask_for_previous(ctx, from);
        }
        (answer, found)
    }

    /// Who says the same again, as holders do that answer and push, said it
    /// when it said it first.
    fn note(&mut self, from: &Identity, at: Duration, answer: Answer) {
        if self
            .answers
            .get(from)
            .is_some_and(|(_, said)| *said == answer)
        {
            return;
        }
        if self.answers.len() < ANSWERS_MAX || self.answers.contains_key(from) {
            self.answers.insert(*from, (at, answer));
        }
    }

    fn weigh(&mut self, ctx: &mut Context<'_>, from: &Identity, found: &Found) {
        let now = ctx.now().mono;
        let is_newer = match &self.best {
            Some((best, _)) if best.copy() == found.copy() => false,
            Some((best, _)) => {
                let is_newer = best.memory.age_key() < found.memory.age_key();
                let older = if is_newer { best } else { found };
                if is_sibling(&best.memory, &found.memory) {
                    let is_older = |one: &Found| one.memory.age_key() < older.memory.age_key();
                    if self.goes_on() && self.sibling.as_ref().is_none_or(is_older) {
                        self.sibling = Some(older.clone());
                    }
                } else if is_newer {
                    self.sibling = None;
                }
                if !is_newer {
                    return;
                }
                true
            }
            None => true,
        };
        if is_newer {
            self.best = Some((found.clone(), *from));
            self.agreeing.clear();
            for who in &found.holders {
                if self.remembered.len() < NAMED_MAX && !self.remembered.contains(who) {
                    self.remembered.push(*who);
                }
                self.ask(ctx, who);
            }
        }
        let is_counted = self.agreeing.len() < ANSWERS_MAX && self.agreeing.insert(*from);
        // The same copy from the same peer again prolongs nothing.
        if self.goes_on() && (is_newer || is_counted) {
            let by = *self.settle_by.get_or_insert(now + SETTLE_WITHIN);
            self.settle_at = Some(by.min(now + SETTLE_AFTER));
            self.nudge_at = Some(now + NUDGE_AFTER);
        }
    }

    /// Whether the search is over: the wait for something newer has passed, or
    /// everybody has answered who is remembered to hold the memory, and who was
    /// asked beside them.
    pub(super) fn is_settled(&self, now: Instant, me: &Identity, target: usize) -> bool {
        let is_over = || self.settle_at.is_some_and(|at| at <= now);
        self.goes_on() && self.best.is_some() && (self.is_complete(me, target) || is_over())
    }

    fn is_complete(&self, me: &Identity, target: usize) -> bool {
        let has_answered = |who: &Identity| self.answers.contains_key(who) || who == me;
        let is_search = |question: &Question| {
            let is_answered =
                question.generation == Generation::Newest && has_answered(&question.to);
            question.why == Why::Search && !is_answered
        };
        self.remembered.len() >= target
            && self.remembered.iter().all(has_answered)
            && !self.asked.values().any(is_search)
    }

    pub(super) fn settle(&mut self, now: Instant, me: &Identity, target: usize) {
        self.late_until = (!self.is_complete(me, target)).then_some(now + LATE_FOR);
        self.state = SearchState::Recovered;
        self.took = Some(now - self.started.mono);
        self.settle_at = None;
        self.nudge_at = None;
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
        let now = ctx.now().mono;
        let is_due = |at: &mut Instant| *at <= now;
        if self.broadcast_at.take_if(is_due).is_some() {
            broadcast(ctx);
        }
        if self.refresh_at.take_if(is_due).is_some() {
            self.ask_everybody(ctx);
        }
        if self.nudge_at.take_if(is_due).is_some() && self.goes_on() {
            self.nudge(ctx);
        }
    }

    /// Asks those again who are remembered to hold the memory and are silent.
    fn nudge(&mut self, ctx: &mut Context<'_>) {
        let me = ctx.me().identity.id;
        let silent = |who: &&Identity| !self.answers.contains_key(*who) && who.id != me;
        let silent: Vec<Identity> = self.remembered.iter().filter(silent).cloned().gather();
        for who in &silent {
            if ctx.is_connected() && self.asked.len() < ASKED_MAX {
                let _ = self.request(ctx, who, Generation::Newest, Why::Search, PATIENCE);
            }
        }
        if !silent.is_empty() && self.settle_at.is_some() {
            self.nudge_at = Some(ctx.now().mono + NUDGE_AFTER);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let deadline =
            (self.state == SearchState::Searching && self.best.is_none()).then_some(self.deadline);
        let asking = [self.broadcast_at, self.refresh_at, self.nudge_at];
        [deadline, self.settle_at]
            .into_iter()
            .chain(asking)
            .flatten()
            .min()
    }
}

/// Asks whoever holds my memory to push it.
fn broadcast(ctx: &mut Context<'_>) {
    let me = ctx.me().clone();
    let refresh = Refresh {
        owner_id: me.identity.id.to_text(),
        owner: me.name,
    };
    ctx.emit("stash-refresh", &refresh);
}

fn open(ctx: &Context<'_>, response: Response) -> Result<Found, String> {
    let nonce = response.nonce.as_slice().try_into();
    let nonce = nonce.map_err(|_| "the nonce is not 24 bytes".to_owned())?;
    let sealed = Sealed {
        nonce,
        ciphertext: response.ciphertext.into_vec(),
    };
    let plaintext = ctx.open(&sealed).map_err(|error| error.to_string())?;
    let opened = codec::decode(&plaintext).map_err(|error| error.to_string())?;
    Ok(Found {
        memory: opened.memory,
        sealed,
        holders: opened.holders,
    })
}
