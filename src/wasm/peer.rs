//! The class that JavaScript sees, and what its values look like there.

use super::driver::{Driver, now};
use super::service::{self, Declared, Mailbox};
use crate::message::{from_json, to_go_json};
use crate::nara::{Config, ConfigError, Nara, Newborn};
use crate::runtime::{Local, Record, Traffic};
use crate::stash::OperationId;
use core::time::Duration;
use js_sys::{Function, JSON};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use zeroize::{Zeroize as _, Zeroizing};

/// No call needs more of the stack.
const STACK_USED_MAX: usize = 256 * 1024;

/// One nara.
#[wasm_bindgen]
pub struct Peer {
    pub(super) driver: Rc<Driver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    plaza: String,
    name: Option<String>,
    memory: Option<String>,
    target: Option<usize>,
    spares: Option<usize>,
    padding: Option<String>,
    keep_alive: Option<u64>,
    /// The address of a gateway, and its origin as the gateway sees it.
    gateway: Option<String>,
    gateway_origin: Option<String>,
    /// What `Peer::holders` gave the last time.
    holders: Option<String>,
    #[serde(default)]
    services: Vec<Declared>,
}

#[wasm_bindgen]
impl Peer {
    /// A nara that is somebody, and does nothing before `wake`. The soul comes
    /// beside the options, so that no copy of it is left. The listener is
    /// told words with a value each: `status`, `saved`, `local`, `traffic`,
    /// `service`, `log` and `asleep`.
    ///
    /// # Errors
    /// `{code, message}` when an option is wrong or there is no randomness.
    #[wasm_bindgen(constructor)]
    pub fn new(
        options: JsValue,
        soul: Option<String>,
        listener: Function,
        credentials: Option<Function>,
    ) -> Result<Peer, JsValue> {
        let soul = soul.map(Zeroizing::new);
        let options: Options = from_js(&options)?;
        let config = config(&options, soul.as_deref().map(String::as_str))?;
        let mailbox = Mailbox::shared();
        let nara = Nara::new(config, seed()?, now());
        let nara = service::add(nara, options.services, &mailbox)?;
        let driver = Driver::new(
            nara,
            options.plaza,
            options.gateway,
            listener,
            credentials,
            mailbox,
        );
        Ok(Peer { driver })
    }

    /// Joins the others.
    pub fn wake(&self) {
        self.driver.act(|nara, now| nara.wake(now));
    }

    /// Its id.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.driver.look(|nara| nara.me().identity.id.to_string())
    }

    /// Its name.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.driver.look(|nara| nara.me().name.clone())
    }

    /// Its soul: whoever has it, is it.
    #[wasm_bindgen(getter)]
    pub fn soul(&self) -> JsValue {
        let soul = self
            .driver
            .look(|nara| Zeroizing::new(nara.soul().to_text()));
        // A string that is handed over would be freed as it is.
        JsValue::from_str(&soul)
    }

    /// Everything that is known now.
    pub fn status(&self) -> JsValue {
        self.driver.look(|nara| to_js(&nara.status(now())))
    }

    /// Stops waiting for an operation.
    pub fn cancel(&self, operation: f64) {
        let operation = operation as u64;
        self.driver.forget(operation);
        self.driver
            .act(|nara, now| nara.cancel(now, OperationId(operation)));
    }

    /// Tries to reach the plaza now instead of waiting.
    #[wasm_bindgen(js_name = retryNow)]
    pub fn retry_now(&self) {
        self.driver.act(|nara, now| nara.retry_now(now));
    }

    /// Does what is due, for where this module's own timer is held back.
    pub fn tick(&self) {
        self.driver.act(|nara, now| nara.handle_timeout(now));
    }

    /// Begins or ends to tell the listener of every message: `traffic`.
    #[wasm_bindgen(js_name = watchTraffic)]
    pub fn watch_traffic(&self, watched: bool) {
        self.driver.act(|nara, _| nara.watch_traffic(watched));
    }

    /// Passes on what it holds for those who are away, then sleeps.
    pub fn leave(&self) {
        self.driver.act(|nara, now| nara.leave(now));
    }

    /// Says chau and closes; the listener is told `asleep`.
    pub fn sleep(&self) {
        self.driver.act(|nara, now| nara.sleep(now));
    }

    /// Wipes the soul and all keys, once it sleeps.
    #[wasm_bindgen(js_name = forgetSoul)]
    pub fn forget_soul(&self) {
        self.driver.forget_soul();
        wipe_stack();
    }
}

/// Overwrites what calls that are over have left on the stack: values that were
/// moved are not wiped where they were.
#[inline(never)]
fn wipe_stack() {
    let mut left = [0xff_u8; STACK_USED_MAX];
    core::hint::black_box(&mut left);
    left.zeroize();
}

fn config(options: &Options, soul: Option<&str>) -> Result<Config, JsValue> {
    let name = options.name.as_deref();
    let mut config = match soul {
        Some(soul) => Config::reborn(soul, name),
        None => Config::born(Newborn(seed()?), name),
    };
    if let Some(mode) = &options.memory {
        config = config.and_then(|config| config.with_memory_mode(mode));
    }
    if let Some(target) = options.target {
        config = config.and_then(|config| config.with_target(target));
    }
    if let Some(spares) = options.spares {
        config = config.and_then(|config| config.with_spares(spares));
    }
    if let Some(seconds) = options.keep_alive {
        config = config.and_then(|config| config.with_keep_alive(seconds));
    }
    if let Some(padding) = &options.padding {
        config = config.and_then(|config| config.with_padding(padding));
    }
    if let Some(origin) = &options.gateway_origin {
        config = config.map(|config| config.with_gateway(origin));
    }
    if let Some(holders) = &options.holders {
        config = config.map(|config| config.with_holders(holders));
    }
    config.map_err(|error| {
        let code = match error {
            ConfigError::Soul(_) => "soul_invalid",
            ConfigError::NameCharacter(_) => "name_invalid",
            ConfigError::Bond(_) if soul.is_none() => "name_invalid",
            ConfigError::Bond(_) | ConfigError::NameNeeded => "soul_mismatch",
            ConfigError::MemoryMode(_)
            | ConfigError::Target(_)
            | ConfigError::Spares(_)
            | ConfigError::KeepAlive(_)
            | ConfigError::Padding(_) => "option_invalid",
        };
        failure(code, &error.to_string())
    })
}

fn seed() -> Result<[u8; 32], JsValue> {
    let mut seed = [0; 32];
    match getrandom::fill(&mut seed) {
        Ok(()) => Ok(seed),
        Err(_) => Err(failure(
            "no_randomness",
            "this platform gives no randomness",
        )),
    }
}

pub(super) fn duration(ms: f64) -> Duration {
    Duration::from_millis(ms.clamp(0.0, 1e9) as u64)
}

/// Reads options, as JSON: functions and what is undefined are left out.
fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, JsValue> {
    let text = JSON::stringify(value).map(String::from).unwrap_or_default();
    from_json(&text).map_err(|error| failure("option_invalid", &error.to_string()))
}

pub(super) fn to_js<T: Serialize>(value: &T) -> JsValue {
    // What `to_go_json` writes is JSON, which always parses.
    JSON::parse(&to_go_json(value)).unwrap_or(JsValue::NULL)
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
}

pub(super) fn failure(code: &str, message: &str) -> JsValue {
    to_js(&Failure { code, message })
}

#[derive(Serialize)]
struct ShownLocal<'a> {
    kind: &'a str,
    payload: &'a str,
    from: &'a str,
}

pub(super) fn local(local: &Local) -> JsValue {
    to_js(&ShownLocal {
        kind: &local.kind,
        payload: &local.payload,
        from: local.from,
    })
}

#[derive(Serialize)]
struct ShownTraffic<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Option<String>>,
    kind: &'a str,
    way: &'a str,
    outcome: &'a str,
}

pub(super) fn traffic(traffic: &Traffic) -> JsValue {
    to_js(&ShownTraffic {
        from: traffic.incoming.then_some(&traffic.peer),
        to: (!traffic.incoming).then_some(&traffic.peer),
        kind: &traffic.kind,
        way: traffic.way,
        outcome: traffic.outcome,
    })
}

#[derive(Serialize)]
struct ShownRecord<'a> {
    at: i64,
    level: &'a str,
    service: &'a str,
    nara: &'a str,
    text: &'a str,
}

pub(super) fn record(record: &Record) -> JsValue {
    to_js(&ShownRecord {
        at: record.at.unix_millis(),
        level: record.level.as_str(),
        service: record.service,
        nara: record.nara.as_str(),
        text: &record.text,
    })
}
