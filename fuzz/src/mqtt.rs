//! A broker's bytes, in pieces of any length, into a session that is online.

use light_nara::base::{Instant, Rng};
use light_nara::plaza::{Credentials, Session, SessionConfig};
use std::time::Duration;

/// One input.
pub fn run(data: &[u8]) {
    let config = SessionConfig {
        client_id: "fuzz".to_owned(),
        keep_alive: Duration::from_secs(30),
        will: None,
        topics: vec!["a".to_owned()],
    };
    let mut session = Session::new(config, Rng::from_seed([1; 32]));
    let mut now = Instant::from_micros(1);
    let (user, password) = ("fuzz".to_owned(), None);
    session.start(now);
    session.handle_opened(now, Credentials { user, password });
    // The first byte says where the connection stands, the next ones how the
    // rest is cut.
    let Some((&start, rest)) = data.split_first() else {
        return;
    };
    if start & 1 == 1 {
        session.handle_data(now, &[0x20, 2, 0, 0]);
    }
    if start & 2 == 2 {
        session.handle_data(now, &[0x90, 3, 0, 1, 0]);
    }
    let piece = usize::from(start >> 2) + 1;
    for bytes in rest.chunks(piece) {
        session.handle_data(now, bytes);
        while session.poll_event().is_some() {}
        while session.poll_output().is_some() {}
        now = now + Duration::from_millis(1);
    }
    if let Some(due) = session.poll_timeout() {
        session.handle_timeout(due);
    }
    session.stop(now);
}
