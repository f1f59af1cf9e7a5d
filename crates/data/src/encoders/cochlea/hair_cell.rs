//! Inner hair cells: the transmitter pools of Meddis.
//!
//! | symbol | meaning | value |
//! | --- | --- | --- |
//! | x | motion of the membrane times `drive` | |
//! | k | permeability, g X / (X + B) with X = max(x + A, 0) | A = 5, B = 300, g = 2000 /s |
//! | q | free transmitter, refilled at y (1 − q) | y = 5.05 /s |
//! | c | transmitter in the cleft, lost at l c, taken back at r c | l = 2500 /s, r = 6580 /s |
//! | w | store in which it is made ready again, at x_w w | x_w = 66.3 /s |
//! | h c | rate of a fibre | h = 50000 /s |
//!
//! dq/dt = y (1 − q) − k q + x_w w, dc/dt = k q − (l + r) c, dw/dt = r c − x_w w, the constants of Meddis 1986 and 1988
//! with A and B as in the conversion code of the Heidelberg sets. The permeability rectifies and compresses (it
//! saturates at g); an empty pool is adaptation: an onset meets q near 1, steady sound what the refill allows.
//!
//! The published code takes explicit steps of the pools, which need a high rate. Here the release of a step is implicit,
//! q k dt / (1 + k dt), and the cleft is solved exactly for a steady release within the step, so that the pools stay
//! positive and rates from 8 to 48 kHz behave alike. What leaves one pool enters another or is lost; the pools start at their rest in silence.
//!
//! References: R. Meddis, J. Acoust. Soc. Am. 79:702 (1986) and 83:1056 (1988).

use colearn_simd::Lanes;

const A: f64 = 5.0;
const B: f64 = 300.0;
const RELEASE: f64 = 2_000.0;
const REFILL: f64 = 5.05;
const LOSS: f64 = 2_500.0;
const RETURN: f64 = 6_580.0;
const REPROCESS: f64 = 66.3;
/// Rate of a fibre for a full cleft, in Hz.
pub(super) const FIRING: f64 = 50_000.0;

/// Constants of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pools {
    drive: f32,
    release: f32,
    open: f32,
    refill: f32,
    reprocess: f32,
    keep: f32,
    arrive: f32,
    reclaim: f32,
    rest: [f32; 3],
}

impl Pools {
    #[expect(clippy::cast_possible_truncation, reason = "coefficients are kept in f32")]
    pub(super) fn new(rate: f64, drive: f64) -> Self {
        // Rest: dq = dc = dw = 0 with x = 0.
        let k = RELEASE * A / (A + B);
        let cleft = REFILL * k / (LOSS * k + REFILL * (LOSS + RETURN));
        let keep = (-(LOSS + RETURN) / rate).exp();
        let rest = [cleft * (LOSS + RETURN) / k, cleft, cleft * RETURN / REPROCESS];
        Self {
            drive: drive as f32,
            release: (RELEASE / rate) as f32,
            open: (1.0 + RELEASE / rate) as f32,
            refill: (REFILL / rate) as f32,
            reprocess: (REPROCESS / rate) as f32,
            keep: keep as f32,
            arrive: ((1.0 - keep) * rate / (LOSS + RETURN)) as f32,
            reclaim: (RETURN / (LOSS + RETURN)) as f32,
            rest: rest.map(|pool| pool as f32),
        }
    }

    /// Free transmitter, cleft and store of one block in silence.
    #[inline(always)]
    pub(super) fn at_rest(&self) -> [Lanes<f32>; 3] {
        self.rest.map(Lanes::splat)
    }

    /// Replaces the motion of each row by the transmitter in the cleft.
    #[inline(always)]
    pub(super) fn run(&self, state: &mut [Lanes<f32>; 3], rows: &mut [Lanes<f32>]) {
        let [mut q, mut c, mut w] = *state;
        let splat = Lanes::splat;
        for row in rows {
            let x = (splat(self.drive) * *row + splat(A_F32)).map(|x| if x > 0.0 { x } else { 0.0 });
            let released = q * (splat(self.release) * x) / (splat(self.open) * x + splat(B_F32));
            let ready = splat(self.reprocess) * w;
            let cleft = splat(self.keep) * c + splat(self.arrive) * released;
            let back = splat(self.reclaim) * ((c - cleft) + released);
            q = (q + splat(self.refill) * (splat(1.0) - q)) + (ready - released);
            c = cleft;
            w = w + (back - ready);
            *row = c;
        }
        *state = [q, c, w];
    }
}

#[expect(clippy::cast_possible_truncation, reason = "5 and 300 are exact")]
const A_F32: f32 = A as f32;
#[expect(clippy::cast_possible_truncation, reason = "5 and 300 are exact")]
const B_F32: f32 = B as f32;
