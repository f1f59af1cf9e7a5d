//! The one place that chooses between dense and sparse forms, by the measured share of active rows of each unit.
//!
//! Nanoseconds for one synapse and eight samples, from the kernels alone (AVX-512, 3.6 GHz): a step of the dense form
//! 0.29 with two taps and 0.21 with one, an active row of the sparse form 0.90 and 0.58 (it also writes to memory). The
//! gradient of weights and delays only reads: 0.41 to 0.49 an active row, against 0.30 for every step. With AVX2 (Zen 3) it
//! takes 0.55 to 0.60 an active row and 0.39 a step; forward nothing but the dense form was measured there (0.41 with two taps and
//! 0.31 with one).

use crate::interpolation::Taps;

/// Below this share of active rows a unit's forward pass with two taps goes by rows.
const TWO: f64 = 0.3;

/// The same with one tap.
const ONE: f64 = 0.33;

/// The same where the dense form looks up: it takes about 0.17 ns with two taps and 0.1 with one. With AVX2, where it gains less,
/// no other number was tried.
const LOOKED_UP: f64 = 0.18;

/// From this share of active rows on the gradient of weights and delays goes over all of a unit's rows: then a step is known
/// without looking, and each row of the outputs' gradients serves both taps.
const EVERY: f64 = 0.68;

/// Whether all rows of a unit with this `share` of active ones are listed for the gradient of weights and delays.
pub(crate) fn lists_every_row(share: f64) -> bool {
    share >= EVERY
}

/// How a unit's part of a forward pass is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Over its active rows.
    Rows,
    /// Over all steps, by look-up.
    Codes,
    /// Over all steps, by multiplication.
    Steps,
}

/// The form for a unit with this `share` of active rows, whose spikes can be looked up or not.
pub(crate) fn forward(share: f64, looked_up: bool, taps: Taps) -> Form {
    let dense = if looked_up { Form::Codes } else { Form::Steps };
    let below = match taps {
        _ if looked_up => LOOKED_UP,
        Taps::Two => TWO,
        Taps::One => ONE,
    };
    if share < below { Form::Rows } else { dense }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_listed_of_units_that_are_mostly_active() {
        assert!(!lists_every_row(EVERY - 0.01) && lists_every_row(EVERY) && lists_every_row(1.0));
    }

    #[test]
    fn quiet_units_go_by_rows() {
        for (taps, looked_up, below, dense) in [
            (Taps::Two, false, TWO, Form::Steps),
            (Taps::One, false, ONE, Form::Steps),
            (Taps::Two, true, LOOKED_UP, Form::Codes),
            (Taps::One, true, LOOKED_UP, Form::Codes),
        ] {
            assert_eq!(forward(below - 0.01, looked_up, taps), Form::Rows);
            assert_eq!(forward(below + 0.01, looked_up, taps), dense);
        }
    }
}
