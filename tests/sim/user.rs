//! What users do: they set, look for what they had, and begin anew where
//! nothing is left.

use super::probe::Probe;
use super::secrets::CANARY;
use super::world::{Happening, SECOND, World};
use core::time::Duration;
use light_nara::nara::Nara;
use light_nara::runtime::Context;
use light_nara::stash::{Gate, Stash};

/// How long one may wait for a set or a recovery.
const PATIENCE: Duration = Duration::from_secs(20);

impl World {
    pub(super) fn use_nara(&mut self, place: usize) -> Result<(), String> {
        let pause = match self.is_healed {
            false => u64::from(self.rng.below(240) + 30) * SECOND,
            true => 5 * SECOND,
        };
        self.schedule(pause, Happening::User(place));
        let host = &self.hosts[place];
        let Some(stash) = host.nara.as_ref().and_then(Nara::stash) else {
            return Ok(());
        };
        if host.dozes(self.micros) {
            return Ok(());
        }
        let is_elsewhere = stash.is_elsewhere();
        let gate = stash.gate();
        let mut honest = self.hosts.iter().filter(|one| one.vice.is_honest());
        let has_copy = honest.any(|one| one.held.contains_key(&place));
        let (saved, until) = (host.saved, self.micros + PATIENCE.as_micros() as u64);
        if is_elsewhere {
            return self.command(place, |stash, ctx| stash.go_on(ctx));
        }
        match gate {
            Gate::Open if self.is_healed => Ok(()),
            Gate::Open => {
                self.act(place, 9, 0, |nara, now| {
                    nara.command_on(now, |probe: &mut Probe, ctx| probe.ask(ctx));
                })?;
                let host = &self.hosts[place];
                let count = host.sets + 1;
                let pad = "x".repeat(self.rng.below(2_000) as usize);
                let data = format!("{{\"{CANARY}\":\"{place}-{count}\",\"pad\":\"{pad}\"}}");
                let mut begun = None;
                let text = data.clone();
                let host = &mut self.hosts[place];
                host.sets = count;
                let now = host.now(self.micros);
                if let Some(nara) = &mut host.nara {
                    begun = nara.set(now, text, PATIENCE).ok();
                }
                if let Some(operation) = begun {
                    let memory = host.nara.as_ref().and_then(Nara::memory);
                    let revision = memory.map_or(0, |memory| memory.revision);
                    host.written.entry(revision).or_default().push(data);
                    host.operations.push((operation, until));
                }
                self.act(place, 4, 0, |_, _| {})
            }
            Gate::Undecided if saved.is_none() || (self.is_healed && !has_copy) => {
                self.outcome.lost += u64::from(saved.is_some());
                self.hosts[place].saved = None;
                self.command(place, |stash, ctx| {
                    let _ = stash.start_empty(ctx);
                })
            }
            _ => {
                let host = &mut self.hosts[place];
                let now = host.now(self.micros);
                let begun = host
                    .nara
                    .as_mut()
                    .and_then(|nara| nara.recover(now, PATIENCE).ok());
                host.operations
                    .extend(begun.map(|operation| (operation, until)));
                self.act(place, 5, 0, |_, _| {})
            }
        }
    }

    fn command(
        &mut self,
        place: usize,
        run: impl FnOnce(&mut Stash, &mut Context<'_>),
    ) -> Result<(), String> {
        self.act(place, 6, 0, |nara, now| {
            nara.command_on(now, run);
        })
    }
}
