//! One run from its settings to its folder: what `train` and `reproduce` share.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result};
use colearn_data::{Dataset, SplitRule};
use colearn_network::Network;
use colearn_store::FolderLock;
use colearn_train::{Checkpoint, EpochRecord, Trainer, ValidTrain, initial_generator};

use crate::event_file::EventFile;
use crate::experiment::Experiment;
use crate::figures::{self, Subject};
use crate::report::{Results, Summary};
use crate::run_folder::RunFolder;
use crate::stored::{self, Example};

/// A run that is about to begin or to go on.
pub(crate) struct Plan {
    pub(crate) experiment: Experiment,
    pub(crate) train: ValidTrain,
    pub(crate) folder: RunFolder,
    /// Keeps other processes out of the folder.
    _lock: FolderLock,
    checkpoint: Option<Checkpoint>,
    /// When this process began with the run, and what earlier ones spent in epochs.
    start: Instant,
    before_s: f64,
}

/// What a finished run has to show.
pub(crate) struct Conclusion {
    pub(crate) results: Results,
    pub(crate) summary: Summary,
    pub(crate) figures: Vec<std::path::PathBuf>,
}

impl Plan {
    /// Checks everything that can be checked before the data are read, and takes the folder's lock unless `going_on` has it. Sizes that come from the data are not known yet.
    pub(crate) fn new(
        experiment: Experiment,
        folder: RunFolder,
        going_on: Option<(FolderLock, Checkpoint)>,
    ) -> Result<Self> {
        let on_test = experiment.data.split == SplitRule::None;
        let folder = if on_test { folder.selecting_on_test() } else { folder };
        let train = experiment.train.validate()?;
        experiment.data.check()?;
        experiment.network().validate(experiment.data.input_channels().max(1), 1)?;
        let (lock, checkpoint) = match going_on {
            Some((lock, checkpoint)) => (lock, Some(checkpoint)),
            None => (folder.lock(false)?, None),
        };
        let before_s =
            checkpoint.as_ref().map_or(0.0, |c| c.history.iter().map(|record| record.seconds).sum());
        Ok(Self { experiment, train, folder, _lock: lock, checkpoint, start: Instant::now(), before_s })
    }

    /// The network before its first step.
    pub(crate) fn network(&self, data: &Dataset) -> Result<Network<f32>> {
        let description = self.experiment.network().validate(data.channels, data.classes.len())?;
        Ok(Network::new(&description, &mut initial_generator(self.train.seed)))
    }

    /// The epoch to go on in, counted from 1; `None` for a run from its beginning.
    pub(crate) fn next_epoch(&self) -> Option<usize> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.epoch + 1)
    }

    /// A trainer that begins or goes on, and the files that are known before the first epoch. A run that goes on keeps its
    /// `config.toml`.
    pub(crate) fn trainer<'a>(&mut self, network: Network<f32>, data: &'a Dataset) -> Result<Trainer<'a>> {
        let goes_on = self.checkpoint.is_some();
        let trainer = match self.checkpoint.take() {
            Some(checkpoint) => Trainer::resume(network, data, &self.train, checkpoint)
                .with_context(|| format!("{}: cannot go on", self.folder.path().display()))?,
            None => Trainer::new(network, data, &self.train, self.experiment.to_toml()?)?,
        };
        self.folder.create()?;
        if !(goes_on && self.folder.file("config.toml").exists()) {
            let model = self.experiment.network().model_name();
            let text =
                format!("# {model} on {}\n\n{}", self.experiment.data.name, self.experiment.to_toml()?);
            self.folder.write("config.toml", &text)?;
        }
        self.folder.write_metrics(trainer.history())?;
        Ok(trainer.with_files(self.folder.files()))
    }

    /// What grows with every epoch.
    pub(crate) fn records(&self, history: &[EpochRecord], tensorboard: bool) -> Result<Records<'_>> {
        let events = tensorboard.then(|| EventFile::begin(&self.folder, history)).transpose()?;
        Ok(Records { folder: &self.folder, history: history.to_vec(), events, failure: None })
    }

    /// The best network on all splits: figures and `summary.json`, which marks a finished run and so comes last. `alone`:
    /// this process runs nothing else, so that its peak memory is that of the run.
    pub(crate) fn conclude(&self, trainer: &Trainer<'_>, data: &Dataset, alone: bool) -> Result<Conclusion> {
        let best = trainer.best().context("no epoch was trained")?;
        let mut network = trainer.network().clone();
        let mut initial = network.clone();
        network.restore(best.network.clone())?;
        initial.restore(trainer.initial().clone())?;
        let results = Results::of(&network, data, self.train.batch)?;
        let wall_seconds = self.before_s + self.start.elapsed().as_secs_f64();
        let (history, epoch) = (trainer.history(), best.epoch);
        let summary = Summary::new(&self.experiment, data, &network, history, epoch, &results, wall_seconds);
        let summary = summary.with_last(&trainer.network().state());
        let summary = if alone { summary.with_peak_memory() } else { summary };
        let (reported, name) = results.reported(data.protocol);
        let model = self.experiment.network().model_name();
        let subject = Subject {
            title: format!("{model} on {}, seed {}", data.name, self.train.seed),
            data,
            network: &network,
            initial: &initial,
            history: trainer.history(),
            best_epoch: best.epoch,
            split: (data.test.as_ref().unwrap_or(&data.validation), name, &reported.evaluation),
        };
        let example = Example::of(&subject);
        let figures = figures::draw(&subject, example.as_ref(), &self.folder)?;
        stored::write(&subject, &results, example.as_ref(), self.train.batch, &self.folder)?;
        self.folder.write("summary.json", &summary.to_json()?)?;
        Ok(Conclusion { results, summary, figures })
    }
}

/// `metrics.csv` and, where asked for, the event file. The first error in writing is kept and ends the run.
pub(crate) struct Records<'a> {
    folder: &'a RunFolder,
    history: Vec<EpochRecord>,
    events: Option<EventFile>,
    failure: Option<anyhow::Error>,
}

impl Records<'_> {
    /// The finished epochs.
    pub(crate) fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// Writes one more epoch; raises `stop` if that fails.
    pub(crate) fn add(&mut self, record: &EpochRecord, stop: &AtomicBool) {
        self.history.push(record.clone());
        let mut written = self.folder.write_metrics(&self.history);
        if let Some(events) = &mut self.events {
            written = written.and(events.add(record));
        }
        if let Err(error) = written {
            self.failure.get_or_insert(error);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Whether everything could be written.
    pub(crate) fn finish(self) -> Result<()> {
        self.failure.map_or(Ok(()), Err)
    }
}
