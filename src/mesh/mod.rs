//! The direct link: HTTP between naras, tunnelled through a gateway.
//!
//! The gateway is a pipe. It hands every request that arrives at this nara's
//! address to this nara, and performs the requests that this nara asks for.
//! Who speaks is proven here, by X-Nara headers, and never by the gateway.

mod auth;
mod frame;
mod link;

pub use auth::{AuthError, Headers, verify_request};
pub use frame::{BODY_SIZE_MAX, Frame, HEAD_SIZE_MAX};
pub use link::{Event, IN_FLIGHT_MAX, Link, Output, Request, State};
