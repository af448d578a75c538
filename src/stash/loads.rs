//! How much is in each table of the stash, for whoever watches their limits.

use super::Stash;

impl Stash {
    pub(crate) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("stash operations", self.operations.len());
        note("stash events", self.events.len());
        let owner = &self.owner;
        note("holders", owner.holders.len());
        note("planned holders", owner.planned.len());
        note("pinned holders", owner.pinned.len());
        note("shunned holders", owner.shunned.len());
        note("stores", owner.attempts.len());
        note("refused", owner.refused.len());
        note("silent", owner.silent.len());
        note("stale", owner.stale.len());
        note("seals sent", owner.sent.len());
        note("deletes", self.forgetting.calls.len());
        note("deletes asked", self.forgetting.asked.len());
        note("grants", self.granting.unconfirmed.len());
        let recovery = &self.recovery;
        note("questions", recovery.asked.len());
        note("answers", recovery.answers.len());
        note("agreeing", recovery.agreeing.len());
        note("remembered holders", recovery.remembered.len());
        note("tried", recovery.tried.len());
        let confidant = &self.confidant;
        note("held", confidant.held.len());
        note("pushes", confidant.pushes.len());
        note("pushed", confidant.pushed.len());
        note("tombstones", confidant.tombstones.len());
        let provisional = &confidant.provisional_tombstones;
        note("provisional tombstones", provisional.len());
        for held in confidant.held.values() {
            note("holders of one stash", held.custody.others.len());
            note("chain of one stash", held.custody.chain.len());
        }
        let handoffs = &confidant.handoffs;
        note("hand-offs", handoffs.attempts.len());
        note("hand-offs due", handoffs.due.len());
        note("turned away", handoffs.turned_away.len());
        note("challenges", confidant.challenges.asked.len());
        note("silent holders", confidant.challenges.silent.len());
        handoffs.foreign.loads(note);
    }
}
