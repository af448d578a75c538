//! A real wire: MQTT in WebSocket frames over TCP, to a broker on this machine,
//! and both clocks as they are.
#![allow(
    clippy::disallowed_methods,
    reason = "what is measured here takes real time"
)]

use core::time::Duration;
use light_nara::base::{Instant, Now, WallTime};
use std::cell::RefCell;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

/// A broker that takes nothing for so long is given up.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

const PIECE_SIZE: usize = 1 << 14;

static BEGAN: LazyLock<Clock> = LazyLock::new(Clock::now);

/// The time now.
pub(crate) fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Now {
        mono: Instant::from_micros(BEGAN.elapsed().as_micros() as u64 + 1_000_000),
        wall: WallTime::from_unix_nanos(wall.as_nanos() as i64),
    }
}

/// A WebSocket with the subprotocol `mqtt` (RFC 6455).
pub(crate) struct Wire {
    stream: TcpStream,
    /// What came and is no whole frame yet.
    came: Vec<u8>,
}

impl Wire {
    /// Opens `ws://HOST:PORT/PATH`.
    pub(crate) fn open(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("ws://").unwrap_or(url);
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_WITHIN))?;
        stream.set_read_timeout(Some(WRITE_WITHIN))?;
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut came = Vec::new();
        let end = loop {
            if let Some(at) = came.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            receive(&mut stream, &mut came)?;
        };
        if !came.starts_with(b"HTTP/1.1 101") {
            return Err(broken("the broker took no WebSocket"));
        }
        came.drain(..end);
        Ok(Self { stream, came })
    }

    /// Another handle on the same socket, for a thread that only reads.
    pub(crate) fn reader(&self) -> Result<Self> {
        let stream = self.stream.try_clone()?;
        Ok(Self {
            stream,
            came: self.came.clone(),
        })
    }

    /// Sends one binary frame. Its mask is zero, which changes nothing.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let mut frame = vec![0x82];
        match bytes.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(bytes);
        self.stream.write_all(&frame)
    }

    /// What comes within a while, frames taken off: nothing, or all there is.
    pub(crate) fn read(&mut self, within: Duration) -> Result<Vec<u8>> {
        self.stream
            .set_read_timeout(Some(within.max(Duration::from_millis(1))))?;
        match receive(&mut self.stream, &mut self.came) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            result => result?,
        }
        let (mut bytes, mut at) = (Vec::new(), 0);
        while let Some((opcode, start, end)) = frame(&self.came[at..]) {
            let payload = &self.came[at + start..at + end];
            match opcode {
                0..=2 => bytes.extend(payload),
                8 => return Err(broken("the broker closed the socket")),
                9 => self.stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0])?,
                _ => {}
            }
            at += end;
        }
        self.came.drain(..at);
        Ok(bytes)
    }
}

/// Opcode, and where the payload of the first frame is, if it is whole.
fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (start, length) = match bytes.get(1)? & 0x7f {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        length => (2, u64::from(length)),
    };
    let end = start + usize::try_from(length).ok()?;
    (bytes.len() >= end).then_some((bytes[0] & 0xf, start, end))
}

fn receive(stream: &mut TcpStream, into: &mut Vec<u8>) -> Result<()> {
    thread_local! {
        static PIECE: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE_SIZE]);
    }
    PIECE.with_borrow_mut(|piece| match stream.read(piece)? {
        0 => Err(broken("the broker ended the connection")),
        count => {
            into.extend(&piece[..count]);
            Ok(())
        }
    })
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::ConnectionAborted, why)
}
