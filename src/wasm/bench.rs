//! The benchmark's way in from JavaScript.

use crate::bench::{Owner, Taker};
use wasm_bindgen::prelude::*;

fn wrong(why: impl core::fmt::Display) -> JsValue {
    JsValue::from_str(&why.to_string())
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], JsValue> {
    bytes.try_into().map_err(wrong)
}

/// The longest text that is sealed or signed here, with a nonce or a signature
/// before it.
const PLACE: usize = 16 << 10;

/// See [`Owner`]. What is measured in microseconds is given and taken in
/// memory, so that no other code is measured with it: JavaScript writes into
/// `place`, and reads where it is told.
#[wasm_bindgen]
pub struct BenchOwner {
    owner: Owner,
    place: Vec<u8>,
    made: Vec<u8>,
}

impl BenchOwner {
    /// The first `N` bytes that JavaScript has written, and `len` behind them.
    fn given<const N: usize>(&self, len: usize) -> ([u8; N], &[u8]) {
        let (first, rest) = self.place.split_first_chunk().unwrap_or((&[0; N], &[]));
        (*first, rest.get(..len).unwrap_or_default())
    }

    fn made(&mut self, bytes: Vec<u8>) -> usize {
        self.made = bytes;
        self.made.as_ptr() as usize
    }
}

#[wasm_bindgen]
#[allow(missing_docs, reason = "each is what it is called on the owner")]
impl BenchOwner {
    #[wasm_bindgen(constructor)]
    pub fn new(seed: &[u8]) -> Result<Self, JsValue> {
        Ok(Self {
            owner: Owner::new(array(seed)?).map_err(wrong)?,
            place: vec![0; PLACE],
            made: Vec::new(),
        })
    }

    pub fn place(&self) -> usize {
        self.place.as_ptr() as usize
    }

    /// Of a nonce and a text.
    pub fn seal(&mut self, len: usize) -> usize {
        let (nonce, text) = self.given(len);
        let sealed = self.owner.seal(nonce, text);
        self.made(sealed)
    }

    /// Of a nonce and what is sealed; none if it does not open.
    pub fn open(&mut self, len: usize) -> Option<usize> {
        let (nonce, sealed) = self.given(len);
        let opened = self.owner.open(&nonce, sealed);
        (!opened.is_empty()).then(|| self.made(opened))
    }

    /// Of a text.
    pub fn sign(&mut self, len: usize) -> usize {
        let ([], text) = self.given(len);
        let signature = self.owner.sign(text).to_vec();
        self.made(signature)
    }

    /// Of a signature and a text.
    pub fn verify(&self, len: usize) -> bool {
        let (signature, text) = self.given(len);
        self.owner.verify(text, signature)
    }

    pub fn derive(&mut self) -> usize {
        let key = self.owner.derive_key().to_vec();
        self.made(key)
    }

    #[wasm_bindgen(js_name = makeStore)]
    pub fn make_store(
        &mut self,
        to: &str,
        json: &str,
        nonce: &[u8],
        seconds: u32,
    ) -> Result<Vec<u8>, JsValue> {
        let frame = self.owner.make_store(to, json, array(nonce)?, seconds);
        frame.map_err(wrong)
    }

    pub fn parse(&mut self, bytes: &[u8]) -> usize {
        self.owner.parse(bytes)
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
