//! A small folder of words: its lists, and configurations that load it.

use std::io;
use std::path::{Path, PathBuf};

use colearn_data::{DataConfig, DataName, Loader, LogMel, Order, Pad};
use hound::SampleFormat;

use super::audio::wav;
use super::{Outcome, Target};
use crate::mutate::Form;

const WORDS: [&str; 2] = ["left", "right"];
const SPEAKERS: [&str; 4] = ["ada", "bo", "cy", "di"];

/// `train.csv` of a folder of words.
#[derive(Debug)]
pub(super) struct List {
    root: PathBuf,
}

/// The table `[data]` of an experiment, and loading what it names.
#[derive(Debug)]
pub(super) struct Config {
    root: PathBuf,
}

impl List {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        let root = scratch.join("listed");
        write_words(&root)?;
        Ok(Self { root })
    }
}

impl Target for List {
    fn name(&self) -> &'static str {
        "word-list"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let line = |word: &str, speaker: &str| format!("data/{word}/{speaker}_1.wav,{word}\n");
        let all: String = WORDS.iter().flat_map(|word| SPEAKERS.map(|speaker| line(word, speaker))).collect();
        vec![
            format!("file,class\n{all}").into_bytes(),
            b"class,file,more\nleft,\"a\\left\\bo_1.flac\",7\r\nright,right/ada_1.wav,\"x, \"\"y\"\"\"\r\n\
              left,left/ada_1.wav,\r\nright,right/bo_1.wav,\r\n"
                .to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        if let Err(error) = std::fs::write(self.root.join("train.csv"), input) {
            return Outcome::Refused(format!("the list cannot be written: {error}"));
        }
        let root = Some(self.root.clone());
        DataConfig { root, bands: 4, ..DataConfig::default_for(DataName::Words) }.load().into()
    }
}

impl Config {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        let root = scratch.join("configured");
        write_words(&root)?;
        Ok(Self { root })
    }
}

impl Target for Config {
    fn name(&self) -> &'static str {
        "data-config"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let full = DataConfig {
            root: Some("data".into()),
            bands: 5,
            high_hz: Some(3_900.0),
            subtract_mean: true,
            split_seed: 3,
            ..DataConfig::default_for(DataName::Words)
        };
        let text = toml::to_string(&full).expect("a configuration can be written");
        vec![
            text.into_bytes(),
            b"name = \"words\"\nbands = 8\nlow_hz = 50.0\n".to_vec(),
            b"name = \"digits\"\nbands = 40\nwindow_s = 0.5\nstep_s = 0.01\n".to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused("no text".to_owned()) };
        let mut config: DataConfig = match toml::from_str(text) {
            Ok(config) => config,
            Err(error) => return Err::<(), _>(error).into(),
        };
        if config.name == DataName::Digits {
            // The embedded set is the same whatever the case, and large.
            return LogMel::new(384_000, &config.log_mel()).into();
        }
        if config.name.has_spikes() {
            return config.check().into();
        }
        config.root = Some(self.root.clone());
        let set = match config.load() {
            Ok(set) => set,
            Err(error) => return Err::<(), _>(error).into(),
        };
        let order = Order::Shuffled { seed: config.split_seed, epoch: 0 };
        let mut values = 0;
        for batch in Loader::new(&set.train, set.steps, 2, order) {
            match batch {
                Ok(batch) => values += batch.input.len(),
                Err(error) => return Err::<(), _>(error).into(),
            }
        }
        if config.pad == Pad::Longest {
            return Outcome::Accepted;
        }
        assert_eq!(values, set.train.len() * set.steps * set.channels, "values of all batches");
        Outcome::Accepted
    }
}

/// Every word by every speaker, 100 ms.
pub(super) fn write_words(root: &Path) -> io::Result<()> {
    for (w, word) in WORDS.iter().enumerate() {
        std::fs::create_dir_all(root.join(word))?;
        for (s, speaker) in SPEAKERS.iter().enumerate() {
            let frames = 800 + 7 * i32::try_from(4 * w + s).expect("few files");
            let path = root.join(word).join(format!("{speaker}_1.wav"));
            std::fs::write(path, wav(8_000, 1, 16, SampleFormat::Int, frames))?;
        }
    }
    Ok(())
}

/// `validation_list.txt` of Speech Commands.
#[derive(Debug)]
pub(super) struct Published {
    root: PathBuf,
}

impl Published {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        let root = scratch.join("published");
        write_words(&root)?;
        std::fs::write(root.join("testing_list.txt"), "left/bo_1.wav\n")?;
        Ok(Self { root })
    }
}

impl Target for Published {
    fn name(&self) -> &'static str {
        "published-list"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![
            b"left/ada_1.wav\nright/ada_1.wav\n".to_vec(),
            b"right/cy_1.flac\r\n\r\nup/ada_nohash_0.wav".to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        if let Err(error) = std::fs::write(self.root.join("validation_list.txt"), input) {
            return Outcome::Refused(format!("the list cannot be written: {error}"));
        }
        let root = Some(self.root.clone());
        DataConfig { root, bands: 4, ..DataConfig::default_for(DataName::Gsc) }.load().into()
    }
}
