//! The memory that a nara takes which is only there.

use super::Plan;
use super::host::Host;
use super::world::{Happening, SECOND, World};

/// Bytes for each of so many naras that are on a plaza for so long and have
/// nothing to keep. `used` says how many bytes are allocated now.
pub(crate) fn idle(naras: usize, minutes: u64, used: impl Fn() -> usize) -> usize {
    let mut world = World::new(Plan {
        seed: 1,
        naras,
        minutes,
        is_logged: false,
    });
    world.weather.clear();
    for place in 0..naras {
        let host = Host::new(&mut world.rng, false);
        world.hosts.push(host);
        let wait = u64::from(world.rng.below(30)) * SECOND;
        world.schedule(wait, Happening::Start(place));
    }
    world.schedule(30 * SECOND, Happening::BrokerLooks);
    let lived = world.run_until(minutes * 60 * SECOND);
    assert_eq!(lived, Ok(()));
    let before = used();
    for host in &mut world.hosts {
        host.nara = None;
    }
    before.saturating_sub(used()) / naras
}
