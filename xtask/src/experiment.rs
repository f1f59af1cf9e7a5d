//! An experiment: everything that decides what a run computes, and the layers it is made of.
//!
//! built-in defaults ← the data set's experiment ← `--config` ← `--set` ← the other options

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use colearn_data::{DataConfig, DataName};
use colearn_network::config::NetworkSection;
use colearn_network::config::{NeuronSection, NormSection, ReadoutSection, SynapseSection};
use colearn_network::{NetworkConfig, model_names};
use colearn_store::{LARGEST_TEXT, read_text};
use colearn_train::TrainConfig;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::cli::{LISTED_AS, TrainArgs};
use crate::overrides::{apply, apply_all, apply_text, refuse_conflicts, split_assignment};

/// The tables of an experiment file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Experiment {
    /// Sizes and dropout.
    pub(crate) network: NetworkSection,
    /// Hidden neurons.
    pub(crate) neuron: NeuronSection,
    /// Weights and delays.
    pub(crate) synapse: SynapseSection,
    /// Batch normalisation of every layer's current over steps and samples.
    pub(crate) norm: NormSection,
    /// How the readout's membranes over time become scores.
    pub(crate) readout: ReadoutSection,
    /// Training.
    pub(crate) train: TrainConfig,
    /// Which data, and how sound or spikes become what a network gets.
    pub(crate) data: DataConfig,
}

/// The experiments that come with the program, by the name of their data set.
const EMBEDDED: [(DataName, &str, &str); 6] = [
    (DataName::Digits, "digits", include_str!("../configs/digits.toml")),
    (DataName::Fsdd, "fsdd", include_str!("../configs/fsdd.toml")),
    (DataName::Words, "words", include_str!("../configs/words.toml")),
    (DataName::Gsc, "gsc", include_str!("../configs/gsc.toml")),
    (DataName::Shd, "shd", include_str!("../configs/shd.toml")),
    (DataName::Ssc, "ssc", include_str!("../configs/ssc.toml")),
];

impl Experiment {
    /// The experiment that a command line asks for, every value of the right type.
    pub(crate) fn resolve(args: &TrainArgs) -> Result<Self> {
        let chosen = args.config.as_deref().map(Chosen::read).transpose()?;
        let settings = assignments(args)?;
        let data = data_name(args, chosen.as_ref())?;
        let mut table = Self::of_set(data)?;
        if let Some(chosen) = &chosen {
            chosen.apply(&mut table)?;
        }
        apply(&mut table, "data.name", &Value::String(data.to_string()))?;
        for (key, text) in settings {
            apply_text(&mut table, &key, &text)?;
        }
        Self::from_table(table)
    }

    /// The table of a set's own experiment on top of the built-in defaults.
    pub(crate) fn of_set(data: DataName) -> Result<Table> {
        let defaults = Self { data: DataConfig::default_for(data), ..Self::default() };
        let mut table = defaults.to_table()?;
        let (_, name, text) =
            EMBEDDED.iter().find(|(set, ..)| *set == data).context("every set is embedded")?;
        apply_all(&mut table, &parse(text, name)?, name)?;
        Ok(table)
    }

    /// This experiment with everything that a command line names on top of it, and nothing else changed.
    pub(crate) fn with(&self, args: &TrainArgs) -> Result<Self> {
        let mut table = self.to_table()?;
        if let Some(config) = &args.config {
            Chosen::read(config)?.apply(&mut table)?;
        }
        if let Some(data) = args.data {
            apply(&mut table, "data.name", &Value::String(data.to_string()))?;
        }
        for (key, text) in assignments(args)? {
            apply_text(&mut table, &key, &text)?;
        }
        Self::from_table(table)
    }

    /// The experiment in a text that [`Self::to_toml`] wrote.
    pub(crate) fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| anyhow!("{}", error.message()))
    }

    /// All keys and values, for `config.toml` and for checkpoints.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("the experiment cannot be written as TOML")
    }

    pub(crate) fn to_table(&self) -> Result<Table> {
        Table::try_from(self).context("the experiment cannot be written as TOML")
    }

    pub(crate) fn from_table(table: Table) -> Result<Self> {
        Value::Table(table).try_into().map_err(|error: toml::de::Error| anyhow!("{}", error.message()))
    }

    /// The tables that describe the network.
    pub(crate) fn network(&self) -> NetworkConfig {
        NetworkConfig {
            network: self.network.clone(),
            neuron: self.neuron.clone(),
            synapse: self.synapse.clone(),
            norm: self.norm.clone(),
            readout: self.readout.clone(),
        }
    }

    /// Makes this an experiment of one of the named models.
    pub(crate) fn set_model(&mut self, name: &str) -> Result<()> {
        let mut network = self.network();
        network.set_model(name)?;
        NetworkConfig {
            network: self.network,
            neuron: self.neuron,
            synapse: self.synapse,
            norm: self.norm,
            readout: self.readout,
        } = network;
        Ok(())
    }
}

/// The experiments that `--config` knows by name: one of every data set, also by the names of `data list`, the best for
/// words, and one with recurrent delays.
fn experiments() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_set = |wanted: DataName| EMBEDDED.iter().find(|(set, ..)| *set == wanted).map(|(.., text)| *text);
    let listed = LISTED_AS.into_iter().filter_map(move |(name, set)| Some((name, of_set(set)?)));
    let others = [
        ("words-best", include_str!("../configs/words-best.toml")),
        ("ssc-recurrent", include_str!("../configs/ssc-recurrent.toml")),
    ];
    EMBEDDED.iter().map(|(_, name, text)| (*name, *text)).chain(listed).chain(others)
}

/// What `--config` names.
enum Chosen {
    Model(String),
    Tables { tables: Table, origin: String },
}

impl Chosen {
    fn read(name: &str) -> Result<Self> {
        if model_names().iter().any(|model| model == name) {
            return Ok(Self::Model(name.to_owned()));
        }
        if let Some((_, text)) = experiments().find(|(known, _)| *known == name) {
            return Ok(Self::Tables { tables: parse(text, name)?, origin: name.to_owned() });
        }
        let path = Path::new(name);
        if !path.exists() {
            let experiments = experiments().map(|(name, _)| name.to_owned());
            let names: Vec<String> = model_names().into_iter().chain(experiments).collect();
            bail!(
                "--config {name}: no such file, model or experiment; expected a TOML file or one of {}",
                names.join(", ")
            );
        }
        let text = read_text(path, LARGEST_TEXT)?;
        Ok(Self::Tables { tables: parse(&text, name)?, origin: name.to_owned() })
    }

    fn apply(&self, table: &mut Table) -> Result<()> {
        match self {
            Self::Model(model) => apply(table, "model", &Value::String(model.clone())),
            Self::Tables { tables, origin } => apply_all(table, tables, origin),
        }
    }
}

fn parse(text: &str, origin: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|error| with_line(&error, text, origin))
}

/// An error of TOML with the file and the line.
pub(crate) fn with_line(error: &toml::de::Error, text: &str, origin: &str) -> anyhow::Error {
    let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
    anyhow!("{origin}, line {line}: {}", error.message())
}

/// The set, which decides the defaults and so must be known before anything else.
fn data_name(args: &TrainArgs, chosen: Option<&Chosen>) -> Result<DataName> {
    if let Some(name) = args.data {
        return Ok(name);
    }
    let mut value = match chosen {
        Some(Chosen::Tables { tables, .. }) => tables.get("data").and_then(|data| data.get("name")).cloned(),
        _ => None,
    };
    for assignment in &args.set {
        let (key, text) = split_assignment(assignment)?;
        if key == "data.name" {
            value = Some(Value::String(text.trim_matches('"').to_owned()));
        }
    }
    let Some(value) = value else { return Ok(DataName::default()) };
    let found = value.to_string();
    value.try_into().map_err(|error: toml::de::Error| anyhow!("data.name = {found}: {}", error.message()))
}

/// `--set` and then the options that are short for one key each, all as texts.
fn assignments(args: &TrainArgs) -> Result<Vec<(String, String)>> {
    let root = args.root.as_deref().map(root_text).transpose()?;
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let options = [
        ("train.seed", "--seed", number(args.seed)),
        ("train.epochs", "--epochs", number(args.epochs)),
        ("data.root", "--root", root.map(str::to_owned)),
        ("data.name", "--data", args.data.map(|name| name.to_string())),
    ];
    refuse_conflicts(&args.set, &options)?;
    let mut all = Vec::new();
    for assignment in &args.set {
        let (key, text) = split_assignment(assignment)?;
        all.push((key.to_owned(), text.to_owned()));
    }
    for (key, number) in [("train.seed", args.seed), ("train.epochs", args.epochs)] {
        if let Some(number) = number {
            if i64::try_from(number).is_err() {
                bail!("{key} = {number}: expected a whole number from 0 to {}", i64::MAX);
            }
            all.push((key.to_owned(), number.to_string()));
        }
    }
    // Quoted, so that the name is taken as it is.
    all.extend(root.map(|root| ("data.root".to_owned(), Value::String(root.to_owned()).to_string())));
    // The set is known before: it decides the defaults.
    all.retain(|(key, _)| key != "data.name");
    Ok(all)
}

/// The value of `data.root` for a folder given with --root.
pub(crate) fn root_value(root: &Path) -> Result<Value> {
    root_text(root).map(|root| Value::String(root.to_owned()))
}

/// The folder given with --root.
pub(crate) fn root_text(root: &Path) -> Result<&str> {
    root.to_str().with_context(|| format!("--root {}: expected a name in UTF-8", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use colearn_network::Network;
    use colearn_train::initial_generator;

    fn resolve(line: &str) -> Result<Experiment> {
        resolve_words(line.split_whitespace())
    }

    fn resolve_words<'a>(words: impl Iterator<Item = &'a str>) -> Result<Experiment> {
        match Cli::parse_from(["xtask", "train"].into_iter().chain(words)).command {
            Command::Train(args) => Experiment::resolve(&args),
            _ => unreachable!("the line starts with train"),
        }
    }

    #[test]
    fn later_layers_win() {
        let default = resolve("").unwrap();
        assert_eq!(default.network().model_name(), "d-cadlif");
        assert_eq!(default.data.name, DataName::Digits);
        let lif =
            resolve("--config lif --data words --root x --seed 7 --set train.seed=7 --epochs 2").unwrap();
        assert_eq!(lif.network().model_name(), "lif");
        assert_eq!((lif.train.seed, lif.train.epochs), (7, 2));
        assert_eq!((lif.data.name, lif.data.steps), (DataName::Words, 100));
        assert_eq!(lif.data.root.as_deref(), Some(Path::new("x")));
        let by_key =
            resolve("--config lif --set data.name=words --set data.root=x --set train.seed=7 --epochs 2");
        assert_eq!(by_key.unwrap(), lif);
    }

    #[test]
    fn every_model_and_named_experiment_resolves_and_survives_its_own_text() {
        let experiments = experiments().map(|(name, _)| name.to_owned());
        for name in &model_names().into_iter().chain(experiments).collect::<Vec<_>>() {
            let experiment = resolve(&format!("--config {name}")).unwrap();
            experiment.train.validate().unwrap();
            experiment.network().validate(experiment.data.input_channels(), 10).unwrap();
            assert_eq!(Experiment::from_toml(&experiment.to_toml().unwrap()).unwrap(), experiment);
            if model_names().iter().any(|model| model == name) {
                assert_eq!(experiment.network().model_name(), *name);
            } else {
                let set = name.split_once('-').map_or(name.as_str(), |(set, _)| set);
                assert_eq!(crate::cli::data_name(set), Ok(experiment.data.name), "{name}");
            }
        }
    }

    #[test]
    fn a_resolved_file_given_back_is_the_same_experiment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let first = resolve(
            "--config d-lif --data fsdd --set data.leave_out=george --set synapse.delay=fixed \
             --set neuron.surrogate.fast_sigmoid.slope=10 --set neuron.bounds.alpha=[0.1,0.9]",
        )
        .unwrap();
        std::fs::write(&file, first.to_toml().unwrap()).unwrap();
        assert_eq!(resolve(&format!("--config {}", file.display())).unwrap(), first);
    }

    #[test]
    fn a_model_in_a_file_comes_before_the_files_other_keys() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "model = \"d-lif\"\n[synapse]\ndelay = \"fixed\"\n").unwrap();
        let experiment = resolve(&format!("--config {}", file.display())).unwrap();
        let table = experiment.to_table().unwrap();
        assert_eq!(table["neuron"]["model"].as_str(), Some("lif"));
        assert_eq!(table["synapse"]["delay"].as_str(), Some("fixed"));
    }

    #[test]
    fn the_best_network_for_words_is_as_large_as_its_file_says() {
        let file = format!("{}/configs/words-best.toml", env!("CARGO_MANIFEST_DIR"));
        let experiment = resolve_words(["--config", &file].into_iter()).unwrap();
        assert_eq!(resolve("--config words-best").unwrap(), experiment);
        assert_eq!(experiment.network().model_name(), "d-cadlif");
        assert_eq!(experiment.data.name, DataName::Words);
        let description = experiment.network().validate(experiment.data.input_channels(), 40).unwrap();
        let network = Network::<f32>::new(&description, &mut initial_generator(0));
        assert_eq!(network.parameter_count(), 175_224);
        assert!(include_str!("../configs/words-best.toml").contains("175,224 parameters with 40 words"));
    }

    #[test]
    fn the_network_with_recurrent_delays_is_as_large_as_its_file_says() {
        let experiment = resolve("--config ssc-recurrent --root anywhere").unwrap();
        let network = experiment.network();
        assert_eq!((network.model_name(), experiment.data.name), ("lif".to_owned(), DataName::Ssc));
        assert_eq!(network.synapse.recurrent_delay, colearn_network::config::Delay::Learned);
        let description = network.validate(experiment.data.input_channels(), 35).unwrap();
        assert_eq!(description.parameter_count(), 571_497);
        assert!(include_str!("../configs/ssc-recurrent.toml").contains("571,497 parameters"));
    }

    #[test]
    fn two_values_of_one_key_are_a_conflict() {
        for (line, message) in [
            (
                "--seed 3 --set train.seed=4",
                "--seed 3 and --set train.seed=4: these are two values of one key",
            ),
            ("--set train.epochs=2 --epochs 5", "--epochs 5 and --set train.epochs=2: these are two values"),
            (
                "--data words --root a --set data.root=b",
                "--root a and --set data.root=b: these are two values",
            ),
            (
                "--data words --set data.name=gsc",
                "--data words and --set data.name=gsc: these are two values",
            ),
        ] {
            let error = resolve(line).unwrap_err().to_string();
            assert!(error.starts_with(message) && error.ends_with("expected one of them"), "{error}");
        }
        let line = "--seed 3 --set train.seed=3 --data words --set data.name=\"words\" --root 1e3 --set data.root=1e3";
        let same = resolve(line).unwrap();
        assert_eq!((same.train.seed, same.data.root.as_deref()), (3, Some(Path::new("1e3"))));
        // A name as it is, whatever TOML would make of it.
        for name in ["\"quoted\"", "{a=1}", "0x10", "back\\slash", "it's"] {
            let words = ["--data", "words", "--root", name];
            assert_eq!(resolve_words(words.into_iter()).unwrap().data.root.as_deref(), Some(Path::new(name)));
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("broken.toml");
        std::fs::write(&file, "[train]\nepochs = \n").unwrap();
        let broken = file.display().to_string();
        for (line, message) in [
            ("--config nonsense", "--config nonsense: no such file, model or experiment; expected"),
            ("--set data.name=mnist", "data.name = \"mnist\": unknown variant `mnist`"),
            (
                "--seed 9223372036854775808",
                "train.seed = 9223372036854775808: expected a whole number from 0",
            ),
            (&format!("--config {broken}"), &format!("{broken}, line 2: ")),
        ] {
            let error = resolve(line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
