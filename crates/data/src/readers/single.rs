//! Single sounds as a network gets them: what extraction does of each clip of a set, and the same for sounds of no set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array2;

use super::recordings;
use crate::audio::{Audio, read_audio};
use crate::front_end::FrontEnd;
use crate::prepare::Preparation;
use crate::rates::Converter;
use crate::{Content, DataConfig, DataError, Normaliser, Sample, Split};

/// A front end for sounds of any rate.
#[derive(Debug)]
pub(super) struct Features {
    pub(super) front: FrontEnd,
    converter: Converter,
}

impl Features {
    /// The configured front end at `rate`.
    pub(super) fn new(config: &DataConfig, rate: u32) -> Result<Self, DataError> {
        Ok(Self { front: FrontEnd::new(config, rate)?, converter: Converter::new(rate) })
    }

    /// Features (steps, channels) of a sound, and the mean square of its samples; `name` is what messages call it.
    pub(super) fn of(&self, audio: Audio, name: &str) -> Result<(Array2<f32>, f32), DataError> {
        let samples = self.converter.convert(audio, name)?.samples;
        let power = samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / samples.len().max(1) as f64;
        let values = self.front.features(&samples);
        if values.nrows() == 0 {
            return Err(DataError::Audio {
                file: name.to_owned(),
                found: "a clip shorter than one analysis window".to_owned(),
                expected: "at least one window".to_owned(),
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of squares of f32")]
        Ok((values, power as f32))
    }
}

/// A file's sound, of which there is some: without it front ends and encoders would make silence, or nothing.
pub(super) fn read_sound(path: &Path) -> Result<Audio, DataError> {
    let audio = read_audio(path)?;
    if audio.samples.is_empty() {
        return Err(DataError::Audio {
            file: path.display().to_string(),
            found: "no samples".to_owned(),
            expected: "at least one".to_owned(),
        });
    }
    Ok(audio)
}

/// Makes of sounds what a network got in training: resampling, front end, means, statistics, padding, from the settings and
/// the statistics of that training.
///
/// ```
/// use colearn_data::audio::Audio;
/// use colearn_data::{DataConfig, DataName, Normaliser, SoundReader};
///
/// # fn main() -> Result<(), colearn_data::DataError> {
/// let config = DataConfig { bands: 8, ..DataConfig::default_for(DataName::Words) };
/// let reader = SoundReader::new(&config, 8_000, &Normaliser::identity(8))?;
/// let half_a_second = Audio { samples: vec![0.1; 8_000], rate: 16_000 };
/// let split = reader.split(vec![reader.sample("a clip", half_a_second)?]);
/// assert_eq!(split.features(0, 100)?.ncols(), 8);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SoundReader {
    features: Features,
    preparation: Arc<Preparation>,
}

impl SoundReader {
    /// For a network that was trained with `config`, whose features were made at `rate` (Hz) and standardised by
    /// `normaliser`.
    ///
    /// # Errors
    /// [`DataError`] when the front end cannot be at this rate, or the network was trained on spikes.
    pub fn new(config: &DataConfig, rate: u32, normaliser: &Normaliser) -> Result<Self, DataError> {
        if config.name.has_spikes() {
            return Err(DataError::Audio {
                file: config.name.to_string(),
                found: "a set of spikes".to_owned(),
                expected: "a network that was trained on sound".to_owned(),
            });
        }
        let preparation = Preparation {
            binning: None,
            subtract_mean: config.subtract_mean,
            normaliser: Some(normaliser.clone()),
            noise: None,
            pad: config.pad,
        };
        Ok(Self { features: Features::new(config, rate)?, preparation: Arc::new(preparation) })
    }

    /// The sound files that a name stands for: the file itself, or those in a folder and the folders below, by name. Hidden
    /// ones and links to folders are left out.
    ///
    /// # Errors
    /// [`DataError`] when there is no such file or folder, or no sound in it.
    pub fn files(place: &Path) -> Result<Vec<PathBuf>, DataError> {
        if !place.is_dir() {
            return Ok(vec![place.to_path_buf()]);
        }
        let files = recordings::below(place)?;
        if files.is_empty() {
            return Err(DataError::Folder {
                path: place.to_path_buf(),
                found: "no sound".to_owned(),
                expected: "wav or flac files, or folders of such".to_owned(),
            });
        }
        Ok(files)
    }

    /// Reads a wav or FLAC file; the sample is named like the file.
    ///
    /// # Errors
    /// [`DataError`] when the file cannot be read or decoded, or is shorter than one analysis window.
    pub fn read(&self, file: &Path) -> Result<Sample, DataError> {
        self.sample(&file.display().to_string(), read_sound(file)?)
    }

    /// A sound as a sample of this name, with class 0 and no speaker.
    ///
    /// # Errors
    /// [`DataError`] when it is shorter than one analysis window.
    pub fn sample(&self, name: &str, audio: Audio) -> Result<Sample, DataError> {
        let (values, power) = self.features.of(audio, name)?;
        let content = Content::Features { values, power };
        Ok(Sample { content, label: 0, speaker: String::new(), id: name.to_owned() })
    }

    /// Samples of this reader, standardised and padded as in training when they become batches.
    #[must_use]
    pub fn split(&self, samples: Vec<Sample>) -> Split {
        Split::new(samples, Arc::clone(&self.preparation))
    }
}
