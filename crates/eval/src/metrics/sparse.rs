//! Confusion matrices in files: rows, or of many classes the counts above zero alone.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// More classes than this are written as triples.
const MOST_CLASSES: usize = 64;
/// The matrix of more classes is not brought into memory, where it is square again.
const LARGEST: usize = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Dense(Vec<Vec<u64>>),
    Sparse { classes: usize, counts: Vec<(usize, usize, u64)> },
}

pub(super) fn write<S: Serializer>(rows: &[Vec<u64>], serializer: S) -> Result<S::Ok, S::Error> {
    if rows.len() <= MOST_CLASSES {
        return rows.serialize(serializer);
    }
    let places = rows.iter().enumerate().flat_map(|(row, counts)| {
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(column, &n)| (row, column, n))
    });
    Form::Sparse { classes: rows.len(), counts: places.collect() }.serialize(serializer)
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u64>>, D::Error> {
    let (classes, counts) = match Form::deserialize(deserializer)? {
        Form::Dense(rows) => return Ok(rows),
        Form::Sparse { classes, counts } => (classes, counts),
    };
    if classes > LARGEST {
        return Err(D::Error::custom(format!("found {classes} classes; expected at most {LARGEST}")));
    }
    let mut rows = vec![vec![0; classes]; classes];
    for (row, column, count) in counts {
        let place = rows.get_mut(row).and_then(|counts| counts.get_mut(column));
        *place.ok_or_else(|| {
            D::Error::custom(format!(
                "found a count of the classes {row} and {column}; expected both below {classes}"
            ))
        })? += count;
    }
    Ok(rows)
}
