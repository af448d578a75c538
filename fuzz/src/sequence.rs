//! Whole sequences of what can happen to a nara: publications on its topics,
//! raw bytes, time, a socket that closes. Half of the runs take every signature
//! for good, so that the handlers behind it are reached.

use super::{Subject, TOPICS};

/// One input.
pub fn run(data: &[u8]) {
    let Some((&start, mut rest)) = data.split_first() else {
        return;
    };
    let mut subject = if start & 1 == 1 {
        Subject::credulous()
    } else {
        Subject::new()
    };
    while let Some(([what, low, high], bytes)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
        let (bytes, others) = bytes.split_at(length);
        rest = others;
        match what % 16 {
            0 => subject.raw(bytes),
            1 => subject.close(),
            2 => subject.sleep_for(u32::from(*what) * 1_000),
            3 => subject.wait(u32::from(*what)),
            4 => subject.direct(bytes),
            topic => subject.publish(TOPICS[usize::from(topic) % TOPICS.len()], bytes),
        }
    }
    subject.finish();
}
