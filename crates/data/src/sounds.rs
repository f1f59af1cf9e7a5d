//! The sounds of a set by split, for whoever makes something else of them than features.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audio::Audio;
use crate::rates::SetRate;
use crate::readers::{Clip, Plan};
use crate::{DataConfig, DataError, Protocol, splits};

/// A set of sounds that are still to be decoded.
#[derive(Debug, Clone)]
pub struct Sounds {
    /// Name for reports.
    pub name: String,
    /// Names of the classes; labels are indices into this list.
    pub classes: Vec<String>,
    /// All speakers, in order.
    pub speakers: Vec<String>,
    /// The splits there are, by name: `train`, `validation` and `test`, or only two of them.
    pub splits: Vec<(&'static str, Vec<Sound>)>,
    /// What results on this set may be called. Where the test split selects there is no validation split.
    pub protocol: Protocol,
    /// Lines worth telling the user.
    pub notes: Vec<String>,
}

/// One sound that is still to be decoded.
#[derive(Debug, Clone)]
pub struct Sound {
    clip: Clip,
    speaker: usize,
    rate: Arc<SetRate>,
}

impl Sounds {
    pub(crate) fn of(plan: Plan, config: &DataConfig) -> Result<Self, DataError> {
        let rate = Arc::new(SetRate::of(&plan, config)?);
        let mut parts = plan.parts;
        let validation = if plan.protocol == Protocol::SelectedOnTest {
            parts.test = Some(parts.validation);
            None
        } else {
            Some(parts.validation)
        };
        let splits = [("train", Some(parts.train)), ("validation", validation), ("test", parts.test)];
        let splits: Vec<(&'static str, Vec<Clip>)> =
            splits.into_iter().filter_map(|(name, clips)| Some((name, clips?))).collect();
        let speakers = splits::speakers(splits.iter().flat_map(|(_, clips)| clips));
        let places: BTreeMap<&String, usize> =
            speakers.iter().enumerate().map(|(place, name)| (name, place)).collect();
        let sound = |clip: Clip| Sound { speaker: places[&clip.speaker], clip, rate: Arc::clone(&rate) };
        let splits =
            splits.into_iter().map(|(name, clips)| (name, clips.into_iter().map(sound).collect())).collect();
        let protocol = plan.protocol;
        Ok(Self { name: plan.name, classes: plan.classes, splits, protocol, notes: plan.notes, speakers })
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

    /// Decodes the sound, at the sample rate of the configuration or else at that of the set.
    ///
    /// # Errors
    /// [`DataError`] when its file cannot be read or decoded, or has another rate than the set where none is configured.
    pub fn audio(&self) -> Result<Audio, DataError> {
        self.rate.audio(&self.clip)
    }
}
