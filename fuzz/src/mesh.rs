//! A gateway's messages into a whole nara that is attached to it, or is about
//! to be. Each input is a row of messages: two bytes of length, then the rest.

use super::Subject;
use light_nara::mesh::Frame;

/// One input.
pub fn run(data: &[u8]) {
    let Some((&start, mut rest)) = data.split_first() else {
        return;
    };
    let mut subject = Subject::new();
    if start & 1 == 1 {
        subject.attach();
    }
    while let Some((length, bytes)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(bytes.len());
        let (message, others) = bytes.split_at(length);
        rest = others;
        if let Some(frame) = Frame::parse(message) {
            assert_eq!(Frame::parse(&frame.to_bytes()), Some(frame));
        }
        subject.mesh(message);
    }
    subject.finish();
}
