//! The benchmark's way in from JavaScript.

use crate::bench::{Owner, Taker};
use wasm_bindgen::prelude::*;

fn wrong(why: impl core::fmt::Display) -> JsValue {
    JsValue::from_str(&why.to_string())
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], JsValue> {
    bytes.try_into().map_err(wrong)
}

/// See [`Owner`].
#[wasm_bindgen]
pub struct BenchOwner(Owner);

#[wasm_bindgen]
#[allow(missing_docs, reason = "each is what it is called on the owner")]
impl BenchOwner {
    #[wasm_bindgen(constructor)]
    pub fn new(seed: &[u8]) -> Result<Self, JsValue> {
        Owner::new(array(seed)?).map(Self).map_err(wrong)
    }

    pub fn key(&self) -> Vec<u8> {
        self.0.public_key().to_vec()
    }

    pub fn seal(&self, nonce: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, JsValue> {
        Ok(self.0.seal(array(nonce)?, plaintext))
    }

    pub fn open(&self, nonce: &[u8], sealed: &[u8]) -> Result<Vec<u8>, JsValue> {
        Ok(self.0.open(&array(nonce)?, sealed))
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).to_vec()
    }

    pub fn verify(&self, text: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
        Ok(self.0.verify(text, array(signature)?))
    }

    pub fn derive(&self) -> Vec<u8> {
        self.0.derive_key().to_vec()
    }

    #[wasm_bindgen(js_name = makeStore)]
    pub fn make_store(
        &mut self,
        to: &str,
        json: &str,
        nonce: &[u8],
        seconds: u32,
    ) -> Result<Vec<u8>, JsValue> {
        let frame = self.0.make_store(to, json, array(nonce)?, seconds);
        frame.map_err(wrong)
    }

    pub fn parse(&mut self, bytes: &[u8]) -> usize {
        self.0.parse(bytes)
    }
}

/// See [`Taker`].
#[wasm_bindgen]
pub struct BenchTaker(Taker);

#[wasm_bindgen]
#[allow(missing_docs, reason = "each is what it is called on the taker")]
impl BenchTaker {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        Taker::new().map(Self).map_err(wrong)
    }

    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    pub fn held(&self) -> usize {
        self.0.held()
    }

    pub fn take(&mut self, frame: &[u8], seconds: u32) -> Vec<u8> {
        self.0.take(frame, seconds)
    }
}
