//! Numbers that may be infinite or not a number, in files of JSON, which has neither: they are written as `null` and read as
//! not a number.

use ndarray::Array2;
use serde::{Deserialize, Deserializer};

pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let numbers = Vec::<Option<f64>>::deserialize(from)?;
    Ok(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}

pub(super) fn array<'de, D: Deserializer<'de>>(from: D) -> Result<Array2<f32>, D::Error> {
    let numbers = Array2::<Option<f32>>::deserialize(from)?;
    Ok(numbers.mapv(|number| number.unwrap_or(f32::NAN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use serde::Serialize;

    #[derive(Serialize, Deserialize)]
    struct Stored {
        #[serde(deserialize_with = "list")]
        rates: Vec<f64>,
        #[serde(deserialize_with = "array")]
        values: Array2<f32>,
    }

    #[test]
    fn what_is_no_number_is_read_back_as_none() {
        let stored = Stored {
            rates: vec![0.5, f64::NAN, f64::INFINITY],
            values: array![[1.0, f32::NEG_INFINITY], [f32::NAN, -2.0]],
        };
        let read: Stored = serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
        let finite: Vec<bool> = read.rates.iter().map(|rate| rate.is_finite()).collect();
        assert_eq!((read.rates[0], finite), (0.5, vec![true, false, false]));
        assert_eq!(read.values.mapv(f32::is_nan), array![[false, true], [true, false]]);
        assert_eq!((read.values[[0, 0]], read.values[[1, 1]]), (1.0, -2.0));
    }
}
