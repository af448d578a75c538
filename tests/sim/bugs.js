// Mistakes that a programmer could make. `npm run bugs` plants each in a copy
// of src/ and demands that the simulation catches it.
//
// An edit replaces a text that is in its file exactly once; `if planted` is
// what the copy has for "if this bug is the one of this run".

export const bugs = [
  {
    name: "counts-the-wrong-version",
    what: "an ack of an older version counts for the newest",
    edits: [
      {
        file: "stash/filling.rs",
        old: "                let copy = (*revision, attempt.seal);",
        new: `                let copy = match self.newest().filter(|_| planted) {
                    Some(newest) => (*revision, newest),
                    None => (*revision, attempt.seal),
                };`,
      },
    ],
  },
  {
    name: "takes-the-older",
    what: "a confidant takes an older store over a newer one",
    edits: [
      {
        file: "stash/held.rs",
        old: "        store.ts < self.ts || (store.ts == self.ts && mine.is_some_and(|at| sent(message) < at))",
        new: `        if planted {
            return false;
        }
        store.ts < self.ts || (store.ts == self.ts && mine.is_some_and(|at| sent(message) < at))`,
      },
    ],
  },
  {
    name: "believes-any-signature",
    what: "a signature is not checked where the message names its key",
    edits: [
      {
        file: "runtime/keyring.rs",
        old: "            .find(|key| crypto.verify(key, text.as_bytes(), signature))",
        new: "            .find(|key| planted || crypto.verify(key, text.as_bytes(), signature))",
      },
    ],
  },
  {
    name: "forgets-the-seven-days",
    what: "an owner that is away is waited for during 7 minutes and not 7 days",
    edits: [
      {
        file: "stash/absence.rs",
        old: "            if held.place.absent > ABSENT_MAX {",
        new: `            let most = if planted { ABSENT_MAX / (24 * 60) } else { ABSENT_MAX };
            if held.place.absent > most {`,
      },
    ],
  },
  {
    name: "tries-for-ever",
    what: "a set that finds no confidants is tried on and on, and never ends",
    edits: [
      {
        file: "stash/operations.rs",
        old: "take_operations(&|one| one.deadline <= now)",
        new: "take_operations(&|one| one.deadline <= now && !(planted && matches!(one.what, Wait::Acks { .. })))",
      },
    ],
  },
  {
    name: "labels-the-copy",
    what: "a store's label, which is for people, quotes the beginning of the memory, in Base64",
    edits: [
      {
        file: "stash/filling.rs",
        old: "            owner: ctx.me().name.clone(),\n            nonce",
        new: "            owner: if planted { crate::base::base64::encode(&memory.data.as_bytes()[..20]) } else { ctx.me().name.clone() },\n            nonce",
      },
    ],
  },
  {
    name: "opens-the-gate-early",
    what: "a memory may be set while the older one is still looked for",
    edits: [
      {
        file: "stash/gate.rs",
        old: "            SearchState::Searching => Gate::Searching,",
        new: `            SearchState::Searching if planted => Gate::Open,
            SearchState::Searching => Gate::Searching,`,
      },
    ],
  },
  {
    name: "repairs-too-late",
    what: "copies are made good only where none is left",
    edits: [
      {
        file: "stash/filling.rs",
        old: "        let missing = wanted.saturating_sub(there);",
        new: "        let missing = if planted && there > 0 { 0 } else { wanted.saturating_sub(there) };",
      },
    ],
  },
  {
    name: "counts-the-gone",
    what: "a confidant that is gone goes on to count",
    edits: [
      {
        file: "stash/owner.rs",
        old: "        self.drop_holder(who) || was_asked",
        new: "        (!planted && self.drop_holder(who)) || was_asked",
      },
      {
        file: "stash/owner.rs",
        old: "        let before = self.holders.len();\n        self.holders.retain(|who, _| ctx",
        new: "        let before = self.holders.len();\n        self.holders.retain(|who, _| planted || ctx",
      },
      {
        file: "stash/owner.rs",
        old: "        if ctx.is_connected() {\n            self.holders.retain",
        new: "        if ctx.is_connected() && !planted {\n            self.holders.retain",
      },
    ],
  },
  {
    name: "ends-a-call-twice",
    what: "a call that was answered stays pending, and ends again at its deadline",
    edits: [
      {
        file: "runtime/calls.rs",
        old: "        let (id, _) = self.answered(delivery)?;\n",
        new: `        let (id, call) = self.answered(delivery)?;
        if planted {
            return Some((id, call.clone()));
        }
`,
      },
    ],
  },
  {
    name: "goes-by-the-first",
    what: "a search goes by the first answer and not by the newest",
    edits: [
      {
        file: "stash/recovery.rs",
        old: "            Some((best, _)) if best.copy() == found.copy() => false,",
        new: `            Some((_, first)) if planted && first != from => return,
            Some((best, _)) if best.copy() == found.copy() => false,`,
      },
    ],
  },
  {
    name: "counts-the-restarted",
    what: "a confidant that is heard to be restarted goes on to count",
    edits: [
      {
        file: "stash/keeping.rs",
        old: "(!self.owner.is_holder(who) || self.ask",
        new: "(planted || !self.owner.is_holder(who) || self.ask",
      },
    ],
  },
  {
    name: "asks-without-limit",
    what: "however many challenges are on their way, more are sent",
    edits: [
      {
        file: "stash/proving.rs",
        old: "let room = CHALLENGES_MAX.saturating_sub(self.challenges.asked.len());",
        new: "let room = if planted { CHALLENGES_MAX } else { CHALLENGES_MAX.saturating_sub(self.challenges.asked.len()) };",
      },
    ],
  },
  {
    name: "talks-in-its-sleep",
    what: "a nara that went to sleep still ends what was begun before",
    edits: [
      {
        file: "nara/mod.rs",
        old: "        if !self.asleep {\n            self.runtime.handle_timeout(now);",
        new: "        if planted || !self.asleep {\n            self.runtime.handle_timeout(now);",
      },
    ],
  },
];
