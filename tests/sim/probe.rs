//! A service that makes calls: each must end exactly once, by its deadline.

use core::time::Duration;
use light_nara::base::{Identity, Instant};
use light_nara::message::Payload;
use light_nara::runtime::{Behaviour, CallError, CallId, Context, Delivery, Outcome, Service};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked and answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Word {
    pub(super) request_id: String,
}

impl Payload for Word {
    const FIELDS: &'static [&'static str] = &["request_id"];
}

#[derive(Default)]
pub(super) struct Probe {
    pending: BTreeMap<CallId, Instant>,
    /// What was wrong with the end of a call.
    wrong: Option<&'static str>,
    pub(super) ended: u64,
}

impl Probe {
    /// Asks somebody who is online something.
    pub(super) fn ask(&mut self, ctx: &mut Context<'_>) {
        let online: Vec<Identity> = ctx.peers().online().map(|(who, _)| *who).collect();
        let place = ctx.rng().below(online.len() as u32) as usize;
        let Some(who) = online.get(place) else { return };
        let request_id = hex::encode(ctx.rng().array::<12>());
        let wait = Duration::from_millis(u64::from(ctx.rng().below(30_000)) + 1);
        let until = ctx.now().mono + wait;
        if let Ok(call) = ctx.call(who, "sim:ask", &Word { request_id }, "sim:tell", wait) {
            self.pending.insert(call, until);
        }
    }

    /// Nothing is pending beyond its deadline, and nothing ended twice.
    pub(super) fn check(&self, latest: Instant) -> Result<(), String> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.to_owned());
        }
        match self.pending.values().min() {
            Some(until) if *until < latest => Err("a call is beyond its deadline".to_owned()),
            _ => Ok(()),
        }
    }

    fn on_ask(&mut self, ctx: &mut Context<'_>, from: &Delivery, word: Word) -> Outcome {
        ctx.reply(from, "sim:tell", &word)
    }

    fn on_late_tell(&mut self, _: &mut Context<'_>, _: &Delivery, _: Word) -> Outcome {
        Outcome::Drop("late_reply")
    }
}

impl Service for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request("sim:ask").version(1, Self::on_ask),
            Behaviour::mesh_request("sim:tell").version(1, Self::on_late_tell),
        ]
    }

    /// Nothing comes any more, and what comes in spite of it ended twice.
    fn stop(&mut self, _: &mut Context<'_>) {
        self.ended += core::mem::take(&mut self.pending).len() as u64;
    }

    fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        match self.pending.remove(&call) {
            None => self.wrong = Some("a call ended twice"),
            Some(until) if result.is_ok() && until < ctx.now().mono => {
                self.wrong = Some("a call was answered after its deadline");
            }
            Some(_) => self.ended += 1,
        }
    }
}
