//! What is asked for, and the layers that an experiment is made of:
//!
//! built-in defaults ← the data set's experiment ← `config` ← `set` ← the other keys

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use colearn_data::{DataConfig, DataName};
use colearn_network::model_names;
use colearn_store::{LARGEST_TEXT, read_text};
use toml::{Table, Value};

use super::experiment::Experiment;
use super::overrides::{apply, apply_all, apply_text, refuse_conflicts, split_assignment};

/// The experiments that come with the program, by the name of their data set.
const EMBEDDED: [(DataName, &str, &str); 6] = [
    (DataName::Digits, "digits", include_str!("../../configs/digits.toml")),
    (DataName::Fsdd, "fsdd", include_str!("../../configs/fsdd.toml")),
    (DataName::Words, "words", include_str!("../../configs/words.toml")),
    (DataName::Gsc, "gsc", include_str!("../../configs/gsc.toml")),
    (DataName::Shd, "shd", include_str!("../../configs/shd.toml")),
    (DataName::Ssc, "ssc", include_str!("../../configs/ssc.toml")),
];

/// Known sets whose names in `data list` are not those of their readers.
const LISTED_AS: [(&str, DataName); 2] = [("asc", DataName::Words), ("gsc1", DataName::Gsc)];

/// The set of a name, also as the list of known sets has it.
///
/// # Errors
/// The names that there are.
pub fn data_set(text: &str) -> Result<DataName, String> {
    if let Some((_, set)) = LISTED_AS.iter().find(|(name, _)| *name == text) {
        return Ok(*set);
    }
    toml::Value::String(text.to_owned())
        .try_into()
        .map_err(|error: toml::de::Error| format!("{} (asc is read as words, gsc1 as gsc)", error.message()))
}

/// What is asked of a run, as a command line has it. Nothing that is not named changes a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// A model (`lif`, `d-cadlif`, …), a named experiment (`digits`, `fsdd`, …) or a TOML file.
    pub config: Option<String>,
    /// The data set; the embedded digits where nothing names one.
    pub data: Option<DataName>,
    /// Folder of the data set.
    pub root: Option<PathBuf>,
    /// `KEY=VALUE` of any key of the configuration.
    pub set: Vec<String>,
    /// The same as `train.seed=N`.
    pub seed: Option<u64>,
    /// The same as `train.epochs=N`.
    pub epochs: Option<u64>,
}

impl Request {
    /// The experiment that is asked for, every value of the right type.
    ///
    /// # Errors
    /// A file that cannot be read, a key that is none, a value that does not fit, two values of one key.
    pub fn experiment(&self) -> Result<Experiment> {
        let chosen = self.config.as_deref().map(Chosen::read).transpose()?;
        let settings = self.assignments()?;
        let data = self.data_name(chosen.as_ref())?;
        let mut table = of_set(data)?;
        if let Some(chosen) = &chosen {
            chosen.apply(&mut table)?;
        }
        apply(&mut table, "data.name", &Value::String(data.to_string()))?;
        for (key, text) in settings {
            apply_text(&mut table, &key, &text)?;
        }
        Experiment::from_table(table)
    }

    /// An experiment with everything that is named on top of it, and nothing else changed.
    ///
    /// # Errors
    /// As [`Self::experiment`].
    pub fn upon(&self, experiment: &Experiment) -> Result<Experiment> {
        let mut table = experiment.to_table()?;
        if let Some(config) = &self.config {
            Chosen::read(config)?.apply(&mut table)?;
        }
        if let Some(data) = self.data {
            apply(&mut table, "data.name", &Value::String(data.to_string()))?;
        }
        for (key, text) in self.assignments()? {
            apply_text(&mut table, &key, &text)?;
        }
        Experiment::from_table(table)
    }

    /// The set, which decides the defaults and so must be known before anything else.
    fn data_name(&self, chosen: Option<&Chosen>) -> Result<DataName> {
        if let Some(name) = self.data {
            return Ok(name);
        }
        let mut value = match chosen {
            Some(Chosen::Tables { tables, .. }) => {
                tables.get("data").and_then(|data| data.get("name")).cloned()
            }
            _ => None,
        };
        for assignment in &self.set {
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
    fn assignments(&self) -> Result<Vec<(String, String)>> {
        let root = self.root.as_deref().map(root_text).transpose()?;
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let options = [
            ("train.seed", "--seed", number(self.seed)),
            ("train.epochs", "--epochs", number(self.epochs)),
            ("data.root", "--root", root.map(str::to_owned)),
            ("data.name", "--data", self.data.map(|name| name.to_string())),
        ];
        refuse_conflicts(&self.set, &options)?;
        let mut all = Vec::new();
        for assignment in &self.set {
            let (key, text) = split_assignment(assignment)?;
            all.push((key.to_owned(), text.to_owned()));
        }
        for (key, number) in [("train.seed", self.seed), ("train.epochs", self.epochs)] {
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
}

/// The table of a set's own experiment on top of the built-in defaults.
pub(crate) fn of_set(data: DataName) -> Result<Table> {
    let defaults = Experiment { data: DataConfig::default_for(data), ..Experiment::default() };
    let mut table = defaults.to_table()?;
    let (_, name, text) = EMBEDDED.iter().find(|(set, ..)| *set == data).context("every set is embedded")?;
    apply_all(&mut table, &parse(text, name)?, name)?;
    Ok(table)
}

/// The experiments that `--config` knows by name: one of every data set, also by the names of `data list`, the best for
/// words, and one with recurrent delays.
fn experiments() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_set = |wanted: DataName| EMBEDDED.iter().find(|(set, ..)| *set == wanted).map(|(.., text)| *text);
    let listed = LISTED_AS.into_iter().filter_map(move |(name, set)| Some((name, of_set(set)?)));
    let others = [
        ("words-best", include_str!("../../configs/words-best.toml")),
        ("ssc-recurrent", include_str!("../../configs/ssc-recurrent.toml")),
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
    use colearn_network::Network;
    use colearn_train::initial_generator;

    fn resolve(line: &str) -> Result<Experiment> {
        resolve_words(line.split_whitespace())
    }

    fn resolve_words<'a>(words: impl Iterator<Item = &'a str>) -> Result<Experiment> {
        let mut request = Request::default();
        let mut words = words.map(str::to_owned);
        while let Some(option) = words.next() {
            let value = words.next().unwrap();
            match option.as_str() {
                "--config" => request.config = Some(value),
                "--data" => request.data = Some(data_set(&value).unwrap()),
                "--root" => request.root = Some(value.into()),
                "--set" => request.set.push(value),
                "--seed" => request.seed = Some(value.parse().unwrap()),
                "--epochs" => request.epochs = Some(value.parse().unwrap()),
                other => unreachable!("{other}"),
            }
        }
        request.experiment()
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
                assert_eq!(data_set(set), Ok(experiment.data.name), "{name}");
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
        assert!(include_str!("../../configs/words-best.toml").contains("175,224 parameters with 40 words"));
    }

    #[test]
    fn the_network_with_recurrent_delays_is_as_large_as_its_file_says() {
        let experiment = resolve("--config ssc-recurrent --root anywhere").unwrap();
        let network = experiment.network();
        assert_eq!((network.model_name(), experiment.data.name), ("lif".to_owned(), DataName::Ssc));
        assert_eq!(network.synapse.recurrent_delay, colearn_network::config::Delay::Learned);
        let description = network.validate(experiment.data.input_channels(), 35).unwrap();
        assert_eq!(description.parameter_count(), 571_497);
        assert!(include_str!("../../configs/ssc-recurrent.toml").contains("571,497 parameters"));
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
