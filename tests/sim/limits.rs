//! How much may be stored, pending, queued and remembered: figures of its own,
//! so that no table that grows is its own measure.

use light_nara::nara::Nara;

/// Every table and queue that others could fill, and how much fits, in bytes
/// or entries.
const LIMITS: [(&str, usize); 68] = [
    ("seen", 4_096),
    ("replies", 64),
    ("rates", 4_096),
    ("sent ids", 1_024),
    ("budgets", 1_024),
    ("peers", 2_000),
    ("keyring", 2_500),
    ("calls", 1_024),
    ("outbox", 1_024),
    ("retries", 64),
    ("dead letters", 64),
    ("locals", 4_000),
    ("delivered", 256),
    ("packets", 256),
    ("bytes of packets", 1_048_576),
    ("plaza events", 1_024),
    ("bytes of plaza events", 4_194_304),
    ("mesh requests", 64),
    ("frames", 256),
    ("mesh events", 256),
    ("flights", 256),
    ("flights waiting", 256),
    ("proven addresses", 256),
    ("older interfaces", 256),
    ("clocks asked", 64),
    ("introduced", 256),
    ("unmet", 256),
    ("newcomers", 256),
    ("greetings answered", 256),
    ("who answered them", 2_048),
    ("checks due", 256),
    ("checks asked", 256),
    ("checked", 256),
    ("wills said", 64),
    ("stash operations", 64),
    ("stash events", 256),
    ("holders", 64),
    ("planned holders", 16),
    ("pinned holders", 7),
    ("shunned holders", 64),
    ("stores", 64),
    ("refused", 256),
    ("silent", 256),
    ("stale", 64),
    ("seals sent", 1_024),
    ("deletes", 64),
    ("deletes asked", 64),
    ("grants", 16),
    ("questions", 64),
    ("answers", 64),
    ("agreeing", 64),
    ("remembered holders", 16),
    ("tried", 2_000),
    ("held", 50),
    ("pushes", 50),
    ("pushed", 256),
    ("tombstones", 256),
    ("provisional tombstones", 256),
    ("holders of one stash", 32),
    ("chain of one stash", 16),
    ("hand-offs", 16),
    ("hand-offs due", 50),
    ("turned away", 256),
    ("challenges", 4),
    ("silent holders", 256),
    ("copies sent to Go naras", 16),
    ("Go naras asked", 16),
    ("Go naras asked lately", 256),
];

/// That nothing is over its limit, and nothing has none.
pub(super) fn check(nara: &Nara) -> Result<(), String> {
    let (mut at, mut wrong) = (0, None);
    nara.loads(&mut |what, count| {
        // They come in this order, some of them never or several times.
        let is_it = |(name, _): &(&str, usize)| *name == what;
        let from_here = LIMITS[at..].iter().position(is_it).map(|more| at + more);
        let found = from_here.or_else(|| LIMITS.iter().position(is_it));
        match found.map(|found| (found, LIMITS[found].1)) {
            Some((found, limit)) if count <= limit => at = found,
            Some((_, limit)) => wrong = Some(format!("{what}: {count}, of at most {limit}")),
            None => wrong = Some(format!("{what} has no limit")),
        }
    });
    wrong.map_or(Ok(()), Err)
}
