//! Spikes of one sample: when, and on which channel.

use crate::DataError;

/// The type that times were stored in before they became float32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimePrecision {
    /// float16, as in the published files.
    Half,
    /// float32, or float64 rounded to it.
    #[default]
    Single,
}

impl TimePrecision {
    /// How far ahead of the stored number `time_s` (at least 0) what was written may lie, in seconds. float16: half the
    /// distance to the next number, which is what storing it takes. float32: 2⁻²² of it, two to four times the distance
    /// to the next number, so that a grid computed in float32 is one; less than half a microsecond below 2 s.
    #[must_use]
    #[inline]
    pub fn slack(self, time_s: f64) -> f64 {
        const EXPONENT: u64 = 0x7ff << 52;
        match self {
            // Ten bits after the leading one; numbers below 2⁻¹⁴ lie 2⁻²⁴ apart.
            Self::Half => (f64::from_bits(time_s.to_bits() & EXPONENT) * 2f64.powi(-11)).max(2f64.powi(-25)),
            Self::Single => time_s * 2f64.powi(-22),
        }
    }
}

/// Spikes in the order of their times.
///
/// Times are seconds from the start of the sample, finite and not negative; units are below the number of channels of
/// the set. Both lists have the same length. Two samples are equal when their times and units are, whatever type the times
/// were stored in.
#[derive(Debug, Clone, Default)]
pub struct Spikes {
    times_s: Vec<f32>,
    units: Vec<u16>,
    precision: TimePrecision,
}

impl PartialEq for Spikes {
    fn eq(&self, other: &Self) -> bool {
        self.times_s == other.times_s && self.units == other.units
    }
}

/// What is wrong with spikes, as pairs of what was found and what was expected.
pub(crate) type Fault = (String, String);

impl Spikes {
    /// Checks and keeps the spikes of the sample `item`; spikes out of order are sorted by time (stable: spikes of the
    /// same time keep their order). The flag says whether they were out of order.
    ///
    /// # Errors
    /// [`DataError::Spikes`] when the lists differ in length, a time is negative or no finite number, or a unit is not
    /// below `channels`.
    pub fn checked(
        times_s: Vec<f32>,
        units: Vec<u16>,
        channels: usize,
        item: &str,
    ) -> Result<(Self, bool), DataError> {
        let fault = fault(&times_s, &units, channels);
        if let Some((found, expected)) = fault {
            return Err(DataError::Spikes { item: item.to_owned(), found, expected });
        }
        let spikes = Self { times_s, units, precision: TimePrecision::default() };
        if spikes.times_s.is_sorted() { Ok((spikes, false)) } else { Ok((spikes.sorted(), true)) }
    }

    /// Spikes that are valid already: as many times as units, times finite, not negative and rising.
    pub(crate) fn of_rising(times_s: Vec<f32>, units: Vec<u16>) -> Self {
        debug_assert_eq!(times_s.len(), units.len());
        debug_assert!(times_s.is_sorted());
        Self { times_s, units, precision: TimePrecision::default() }
    }

    /// The same spikes, whose times were stored in this type.
    #[must_use]
    pub fn stored_as(self, precision: TimePrecision) -> Self {
        Self { precision, ..self }
    }

    fn sorted(self) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| self.times_s[a].total_cmp(&self.times_s[b]));
        Self {
            times_s: order.iter().map(|&i| self.times_s[i]).collect(),
            units: order.iter().map(|&i| self.units[i]).collect(),
            precision: self.precision,
        }
    }

    /// Number of spikes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times_s.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times_s.is_empty()
    }

    /// Times in seconds, rising.
    #[must_use]
    pub fn times_s(&self) -> &[f32] {
        &self.times_s
    }

    /// The type that the times were stored in.
    #[must_use]
    pub fn precision(&self) -> TimePrecision {
        self.precision
    }

    /// Channel of each spike.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        &self.units
    }

    /// Time and channel of each spike.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (f32, u16)> + '_ {
        self.times_s.iter().copied().zip(self.units.iter().copied())
    }
}

fn fault(times_s: &[f32], units: &[u16], channels: usize) -> Option<Fault> {
    if times_s.len() != units.len() {
        let found = format!("{} times and {} units", times_s.len(), units.len());
        return Some((found, "one unit for each time".to_owned()));
    }
    // Two passes that the compiler turns into vector code; the place is only looked for when there is one.
    let possible = |t: &f32| *t >= 0.0 && *t < f32::INFINITY;
    if times_s.iter().filter(|t| !possible(t)).count() > 0 {
        let place = times_s.iter().position(|t| !possible(t))?;
        let found = format!("time {} of spike {place}", times_s[place]);
        return Some((found, "a finite number of seconds of at least 0".to_owned()));
    }
    if units.iter().fold(0, |most, unit| most.max(*unit)) as usize >= channels && !units.is_empty() {
        let place = units.iter().position(|unit| usize::from(*unit) >= channels)?;
        let found = format!("unit {} of spike {place}", units[place]);
        return Some((found, format!("a unit below {channels}")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_out_of_order_are_sorted_and_told() {
        let times = vec![0.5, 0.25, 0.25, 0.0];
        let (spikes, unsorted) = Spikes::checked(times, vec![0, 1, 2, 3], 4, "x").unwrap();
        assert!(unsorted);
        assert_eq!(spikes.iter().collect::<Vec<_>>(), [(0.0, 3), (0.25, 1), (0.25, 2), (0.5, 0)]);
        let (same, unsorted) =
            Spikes::checked(spikes.times_s().to_vec(), spikes.units().to_vec(), 4, "x").unwrap();
        assert_eq!((same, unsorted), (spikes, false));
        assert!(Spikes::checked(Vec::new(), Vec::new(), 0, "x").unwrap().0.is_empty());
    }

    #[test]
    fn impossible_spikes_are_named() {
        for (times, units, message) in [
            (vec![0.0], vec![], "a.h5, sample 3: found 1 times and 0 units; expected one unit for each time"),
            (
                vec![0.0, f32::NAN],
                vec![0, 0],
                "found time NaN of spike 1; expected a finite number of seconds",
            ),
            (vec![-0.5], vec![0], "found time -0.5 of spike 0; expected a finite"),
            (vec![f32::INFINITY], vec![0], "found time inf of spike 0"),
            (vec![0.0, 0.1], vec![699, 700], "found unit 700 of spike 1; expected a unit below 700"),
        ] {
            let error = Spikes::checked(times, units, 700, "a.h5, sample 3").unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
