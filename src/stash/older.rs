//! The older HTTP interface of the stash, which the mesh link serves.
//!
//! Its bodies are not signed. So what comes by it has time 0, which is older
//! than all that a signed store brings, and is never passed on.

use super::Stash;
use super::confidant::Confidant;
use super::held::Generation;
use super::held::{Held, check};
use super::places::has_been_here;
use super::recovery::{Answer, Showing};
use crate::base::Identity;
use crate::message::{Bytes, Message, Response, Store};
use crate::runtime::{Context, Sealed};

impl Stash {
    /// Keeps a stash for whoever signed the request.
    ///
    /// # Errors
    /// The reason, as the network words it.
    pub fn older_store(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        name: &str,
        nonce: Bytes,
        ciphertext: Bytes,
    ) -> Result<(), &'static str> {
        self.confidant.take_older(ctx, who, name, nonce, ciphertext)
    }

    /// Forgets what came by this interface, and nothing else. Returns whether
    /// there was something.
    pub fn older_delete(&mut self, who: &Identity) -> bool {
        let came = |held: &Held| held.original.is_none() && held.ts == 0;
        self.confidant.held().get(who).is_some_and(came) && self.confidant.remove(who).is_some()
    }

    /// Takes a copy of my own stash, if it opens.
    ///
    /// # Errors
    /// `not_my_stash`.
    pub fn older_push(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Identity,
        nonce: Bytes,
        ciphertext: Bytes,
    ) -> Result<(), &'static str> {
        let response = Response {
            owner_id: ctx.me().identity.id.to_text(),
            request_id: String::new(),
            found: true,
            nonce,
            ciphertext,
            stored_at: 0,
        };
        let (answer, ..) =
            self.take_response(ctx, from, response, Generation::Newest, Showing::Unasked);
        self.fill(ctx);
        match answer {
            Answer::NotFound | Answer::Broken => Err("not_my_stash"),
            _ => Ok(()),
        }
    }
}

impl Confidant {
    fn take_older(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        name: &str,
        nonce: Bytes,
        ciphertext: Bytes,
    ) -> Result<(), &'static str> {
        let store = Store {
            owner_id: who.id.to_text(),
            owner: name.to_owned(),
            nonce,
            ciphertext,
            ts: 0,
        };
        let nonce = check(&store)?;
        let now = ctx.now();
        let newer = |held: &Held| held.original.is_some() || held.ts > 0;
        if self.is_buried(now.mono, who, 0) || self.held().get(who).is_some_and(newer) {
            return Err("stale");
        }
        let is_proven = has_been_here(ctx, who);
        self.admit(ctx, who, is_proven)?;
        let ciphertext = store.ciphertext.as_slice().to_vec();
        let message = Message::draft("stash:store", 1, String::new());
        let sealed = Sealed { nonce, ciphertext };
        let mut held = Held::new(&message, &store, sealed, (now.mono, now.wall));
        name.clone_into(&mut held.owner);
        held.original = None;
        self.insert(who, held, now.mono);
        Ok(())
    }
}
