//! The group of Ed25519, from the library.
//!
//! What `ed25519-dalek` brings on top is a table of multiples of the base
//! point, 38 kB that no compression shrinks. Here it is computed, once enough
//! was signed or verified to be worth the milliseconds.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{
    CompressedEdwardsY, EdwardsBasepointTable, EdwardsPoint, VartimeEdwardsPrecomputation,
};
pub(super) use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{BasepointTable as _, VartimePrecomputedMultiscalarMul as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A table costs as much time as it saves in so many multiplications.
const BASE_USES: u32 = 16;
pub(super) const KEY_USES: u32 = 64;

pub(super) struct Point(EdwardsPoint);

impl Point {
    pub(super) fn decompress(bytes: &[u8; 32]) -> Option<Self> {
        CompressedEdwardsY(*bytes).decompress().map(Self)
    }

    pub(super) fn compress(&self) -> [u8; 32] {
        self.0.compress().to_bytes()
    }

    pub(super) fn negated(&self) -> Self {
        Self(-self.0)
    }

    pub(super) fn is_small_order(&self) -> bool {
        self.0.is_small_order()
    }
}

/// Multiples of a point, by which it is multiplied in a quarter of the time.
pub(super) struct Table(Box<EdwardsBasepointTable>);

impl Table {
    pub(super) fn of(point: &Point) -> Self {
        Self(Box::new(EdwardsBasepointTable::create(&point.0)))
    }

    /// The point times a scalar, which may be secret.
    fn times(&self, scalar: &Scalar) -> Point {
        Point(&*self.0 * scalar)
    }

    /// The point times a scalar and the base point times another.
    pub(super) fn public_sum(&self, scalar: &Scalar, of_base: &Scalar) -> Point {
        Point(self.times(scalar).0 + times_base(of_base).0)
    }
}

/// What is below the order already.
pub(super) fn canonical(bytes: [u8; 32]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(bytes).into()
}

/// The base point times a scalar, which may be secret.
pub(super) fn times_base(scalar: &Scalar) -> Point {
    static TABLE: OnceLock<Table> = OnceLock::new();
    static USED: AtomicU32 = AtomicU32::new(0);
    let base = Point(ED25519_BASEPOINT_POINT);
    if TABLE.get().is_none() && USED.fetch_add(1, Ordering::Relaxed) < BASE_USES {
        return Point(base.0 * scalar);
    }
    TABLE.get_or_init(|| Table::of(&base)).times(scalar)
}

/// Whether a claimed point, which is none of small order, is a sum of a point
/// and the base point, times their scalars; all of it public.
pub(super) fn is_sum(claimed: &[u8; 32], point: &Point, scalar: &Scalar, of_base: &Scalar) -> bool {
    static BASE: OnceLock<VartimeEdwardsPrecomputation> = OnceLock::new();
    let base = BASE.get_or_init(|| VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT]));
    let sum = base.vartime_mixed_multiscalar_mul([of_base], [scalar], [point.0]);
    let sum = Point(sum);
    sum.compress() == *claimed && !sum.is_small_order()
}
