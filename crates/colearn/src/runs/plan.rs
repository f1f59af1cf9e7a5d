//! One run from its settings to its folder: what `train` and `reproduce` share.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result};
use colearn_data::{Dataset, Protocol};
use colearn_network::Network;
use colearn_train::{Checkpoint, EpochRecord, Trainer, ValidTrain, initial_generator};

use crate::runs::event_file::EventFile;
use crate::runs::experiment::Experiment;
use crate::runs::figures;
use crate::runs::memory::{self, Room, Step};
use crate::runs::results::{self, Results, undecided};
use crate::runs::run_folder::{self, CONFIG, HeldFolder, RunFolder, SUMMARY};
use crate::runs::stored::Example;
use crate::runs::subject::Subject;
use crate::runs::summary::Summary;

/// A run that is about to begin or to go on.
pub(crate) struct Plan {
    pub(crate) experiment: Experiment,
    pub(crate) train: ValidTrain,
    pub(crate) folder: HeldFolder,
    checkpoint: Option<Checkpoint>,
    /// When this process began with the run.
    start: Instant,
}

/// What a finished run has to show.
#[derive(Debug)]
pub struct Conclusion {
    results: Results,
    summary: Summary,
    protocol: Protocol,
    classes: usize,
    figures: Vec<std::path::PathBuf>,
}

impl Conclusion {
    /// The results of all splits as a table, and what is to be said of the run, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.results.table(self.protocol).to_string()];
        lines.extend(undecided(&self.results.reported(self.protocol).0.evaluation.report()));
        lines.extend(self.summary.lines(self.classes));
        lines
    }

    /// The files of the figures that were drawn.
    pub fn figures(&self) -> &[std::path::PathBuf] {
        &self.figures
    }

    /// Share of right answers on the split that is reported: test, or validation where there is no test split.
    pub fn accuracy(&self) -> Option<f64> {
        self.results.reported(self.protocol).0.evaluation.report().accuracy
    }
}

impl Plan {
    /// Checks everything that can be checked before the data are read, and takes the folder, which must be free, for a new
    /// run. Sizes that come from the data are not known yet.
    pub(crate) fn fresh(experiment: Experiment, folder: RunFolder) -> Result<Self> {
        let train = checked(&experiment)?;
        Ok(Self::new(experiment, train, folder.begin()?, None))
    }

    /// The same for a run that goes on in its folder from a checkpoint.
    pub(crate) fn going_on(
        experiment: Experiment,
        folder: HeldFolder,
        checkpoint: Checkpoint,
    ) -> Result<Self> {
        let train = checked(&experiment)?;
        Ok(Self::new(experiment, train, folder, Some(checkpoint)))
    }

    fn new(
        experiment: Experiment,
        train: ValidTrain,
        folder: HeldFolder,
        checkpoint: Option<Checkpoint>,
    ) -> Self {
        Self { experiment, train, folder, checkpoint, start: Instant::now() }
    }

    /// The network before its first step, if there is room to train it.
    pub(crate) fn network(&self, data: &Dataset, room: &Room) -> Result<Network<f32>> {
        let description = self.experiment.network().validate(data.channels, data.classes.len())?;
        memory::check(&self.experiment, &description, Step::of(&self.train, data), room)?;
        Ok(Network::new(&description, &mut initial_generator(self.train.seed)))
    }

    /// Whether the run goes on from a checkpoint that cannot tell whether the data are those it began with.
    pub(crate) fn knows_no_data(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.facts.is_none())
    }

    /// Whether the run goes on from a checkpoint that cannot tell how long the run took so far.
    pub(crate) fn knows_no_times(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.times.is_none())
    }

    /// The epoch to go on in, counted from 1; `None` for a run from its beginning.
    pub(crate) fn next_epoch(&self) -> Option<usize> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.epoch + 1)
    }

    /// A trainer that begins or goes on. Of a run that goes on the files that lie there are made to be what the checkpoint
    /// knows, with lines to `tell` of what they were not; of a new one nothing is written before the first checkpoint.
    pub(crate) fn trainer<'a>(
        &mut self,
        network: Network<f32>,
        data: &'a Dataset,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Trainer<'a>> {
        self.folder.select_on_test(data.protocol == Protocol::SelectedOnTest);
        let Some(checkpoint) = self.checkpoint.take() else {
            let trainer = Trainer::new(network, data, &self.train, self.experiment.to_toml()?)?;
            return Ok(self.equipped(trainer));
        };
        let settings = self.settings(&checkpoint.experiment);
        let trainer = Trainer::resume(network, data, &self.train, checkpoint.clone())
            .with_context(|| format!("{}: cannot go on", self.folder.path().display()))?;
        self.folder.restore(&settings, &checkpoint, tell)?;
        Ok(self.equipped(trainer))
    }

    fn equipped<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        trainer.since(self.start).with_run(self.folder.run().clone()).with_files(self.folder.files())
    }

    /// `config.toml`: every key, and the run as a comment, so that the file can be given to other runs.
    fn settings(&self, experiment: &str) -> String {
        let model = self.experiment.network().model_name();
        let headline = format!("{model} on {}", self.experiment.data.name);
        run_folder::settings(&headline, self.folder.run(), experiment)
    }

    /// What grows with every epoch.
    pub(crate) fn records(&self, history: &[EpochRecord], tensorboard: bool) -> Result<Records<'_>> {
        let goes_on = self.folder.files().exist();
        let settings = self.settings(&self.experiment.to_toml()?);
        let events = (tensorboard && goes_on).then(|| EventFile::begin(&self.folder, history)).transpose()?;
        Ok(Records {
            folder: &self.folder,
            settings: (!goes_on).then_some(settings),
            history: history.to_vec(),
            tensorboard,
            events,
            failure: None,
        })
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
        let summary = Summary::new(&self.experiment, data, &network, trainer.history(), best.epoch, &results);
        let summary = summary.with_wall(trainer.wall_seconds(), trainer.wall_is_whole());
        let summary = summary.with_last(&trainer.network().state());
        let summary = if alone { summary.with_peak_memory() } else { summary };
        self.folder.check()?;
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
        results::write(&subject, &results, example.as_ref(), self.train.batch, &self.folder)?;
        let summary = summary.of_run(self.folder.run(), self.folder.written());
        self.folder.write(SUMMARY, &summary.to_json()?)?;
        self.folder.check()?;
        let (protocol, classes) = (data.protocol, data.classes.len());
        Ok(Conclusion { results, summary, protocol, classes, figures })
    }
}

/// The settings that work, whatever the data are.
fn checked(experiment: &Experiment) -> Result<ValidTrain> {
    let train = experiment.train.validate()?;
    experiment.data.check()?;
    experiment.network().validate(experiment.data.input_channels().max(1), 1)?;
    Ok(train)
}

/// `config.toml`, which comes with the first checkpoint, `metrics.csv` and, where asked for, the event file. The first error
/// in writing is kept and ends the run.
pub(crate) struct Records<'a> {
    folder: &'a HeldFolder,
    /// What is still to be written to `config.toml`.
    settings: Option<String>,
    history: Vec<EpochRecord>,
    tensorboard: bool,
    events: Option<EventFile>,
    failure: Option<anyhow::Error>,
}

impl Records<'_> {
    /// Writes one more epoch; raises `stop` if that fails.
    pub(crate) fn add(&mut self, record: &EpochRecord, stop: &AtomicBool) {
        self.history.push(record.clone());
        if let Err(error) = self.write(Some(record)) {
            self.failure.get_or_insert(error);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn write(&mut self, record: Option<&EpochRecord>) -> Result<()> {
        if let Some(settings) = &self.settings {
            self.folder.write(CONFIG, settings)?;
            self.settings = None;
        }
        self.folder.write_metrics(&self.history)?;
        match (&mut self.events, record) {
            (Some(events), Some(record)) => events.add(self.folder, record),
            (events @ None, Some(_)) if self.tensorboard => {
                *events = Some(EventFile::begin(self.folder, &self.history)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether everything could be written. A run that was stopped in its first epoch has a checkpoint, and gets its other
    /// files here.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.settings.is_some() && self.failure.is_none() && self.folder.files().exist() {
            self.write(None)?;
        }
        self.failure.map_or(Ok(()), Err)
    }
}
