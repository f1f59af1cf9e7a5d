//! The sounds of a set by split, for whoever makes something else of them than features.

use std::collections::BTreeMap;

use crate::audio::Audio;
use crate::readers::{Clip, Plan};
use crate::{DataError, splits};

/// A set of sounds that are still to be decoded.
#[derive(Debug, Clone)]
pub struct Sounds {
    /// Name for reports.
    pub name: String,
    /// Names of the classes; labels are indices into this list.
    pub classes: Vec<String>,
    /// All speakers, in order.
    pub speakers: Vec<String>,
    /// The splits there are, by name: `train`, `validation` and perhaps `test`.
    pub splits: Vec<(&'static str, Vec<Sound>)>,
    /// Lines worth telling the user.
    pub notes: Vec<String>,
}

/// One sound that is still to be decoded.
#[derive(Debug, Clone)]
pub struct Sound {
    clip: Clip,
    speaker: usize,
}

impl Sounds {
    pub(crate) fn of(plan: Plan) -> Self {
        let parts = plan.parts;
        let splits =
            [("train", Some(parts.train)), ("validation", Some(parts.validation)), ("test", parts.test)];
        let splits: Vec<(&'static str, Vec<Clip>)> =
            splits.into_iter().filter_map(|(name, clips)| Some((name, clips?))).collect();
        let speakers = splits::speakers(splits.iter().flat_map(|(_, clips)| clips));
        let places: BTreeMap<&String, usize> =
            speakers.iter().enumerate().map(|(place, name)| (name, place)).collect();
        let sound = |clip: Clip| Sound { speaker: places[&clip.speaker], clip };
        let splits =
            splits.into_iter().map(|(name, clips)| (name, clips.into_iter().map(sound).collect())).collect();
        Self { name: plan.name, classes: plan.classes, splits, notes: plan.notes, speakers }
    }
}

impl Sound {
    /// Class, an index into [`Sounds::classes`].
    #[must_use]
    pub fn label(&self) -> usize {
        self.clip.label
    }

    /// Speaker, an index into [`Sounds::speakers`].
    #[must_use]
    pub fn speaker(&self) -> usize {
        self.speaker
    }

    /// Name of the clip, unique within the set.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.clip.id
    }

    /// Decodes the sound.
    ///
    /// # Errors
    /// [`DataError`] when its file cannot be read or decoded.
    pub fn audio(&self) -> Result<Audio, DataError> {
        self.clip.source.audio()
    }
}
