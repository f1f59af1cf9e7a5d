//! Files of spikes, and settings of the encoders.

use std::io::Read;
use std::path::Path;

use colearn_data::audio::Audio;
use colearn_data::encoders::{Encoder, EncoderConfig};
use colearn_data::{DataConfig, DataError, DataName, SpikeFile};
use flate2::read::GzDecoder;

use super::{Outcome, Target};
use crate::mutate::Form;

/// One of every writer and kind of layout, packed.
const FIXTURES: [&[u8]; 4] = [
    include_bytes!("../../../data/tests/fixtures/spike_files/good_h5py_contiguous_f16.h5.gz"),
    include_bytes!("../../../data/tests/fixtures/spike_files/good_h5py_gzip_f32.h5.gz"),
    include_bytes!("../../../data/tests/fixtures/spike_files/good_latest_chunked_f64.h5.gz"),
    include_bytes!("../../../data/tests/fixtures/spike_files/good_tables_gzip_f16.h5.gz"),
];

#[derive(Debug)]
pub(super) struct File;

#[derive(Debug)]
pub(super) struct Encoders;

impl Target for File {
    fn name(&self) -> &'static str {
        "spike-file"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let plain = |packed: &[u8]| {
            let mut bytes = Vec::new();
            GzDecoder::new(packed).read_to_end(&mut bytes).expect("a vector takes every file");
            bytes
        };
        let mut seeds: Vec<Vec<u8>> = FIXTURES.iter().map(|packed| plain(packed)).collect();
        seeds.push(FIXTURES[0].to_vec());
        seeds
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let read = || -> Result<(), DataError> {
            let file = SpikeFile::from_bytes("case.h5", input.to_vec())?;
            let binning = DataConfig::default_for(DataName::Shd).binning();
            for index in 0..file.len() {
                let (spikes, _) = file.read(index, 700)?;
                assert_eq!(spikes.len(), file.spike_count(index), "spikes against their count");
                let binned = binning.bin(&spikes, binning.steps);
                assert_eq!(binned.late, binning.late(&spikes), "spikes after the last step");
            }
            Ok(())
        };
        read().into()
    }
}

impl Target for Encoders {
    fn name(&self) -> &'static str {
        "encoder-config"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        ["cochlea", "level_crossing", "poisson", "latency"]
            .map(|name| {
                let config: EncoderConfig =
                    toml::from_str(&format!("name = \"{name}\"")).expect("every encoder has defaults");
                let text = toml::to_string(&config).expect("a configuration can be written");
                text.replace("channels = 700", "channels = 30").into_bytes()
            })
            .to_vec()
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused("no text".to_owned()) };
        let config: EncoderConfig = match toml::from_str(text) {
            Ok(config) => config,
            Err(error) => return Err::<(), _>(error).into(),
        };
        let samples = (0..800_u16).map(|i| f32::from(i % 40) / 40.0 - 0.5).collect();
        let audio = Audio { samples, rate: 8_000 };
        let encode = || -> Result<(), DataError> {
            let encoder = Encoder::new(config)?;
            let spikes = encoder.encode(&audio)?;
            assert!(
                spikes.units().iter().all(|&unit| usize::from(unit) < encoder.channels()),
                "a unit of the encoder"
            );
            Ok(())
        };
        encode().into()
    }
}
