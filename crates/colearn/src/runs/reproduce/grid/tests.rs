//! Settings lie on each other in order, and what comes along is made of proper networks.

use super::super::spec::EMBEDDED;
use super::*;
use colearn_network::config::Delay;

fn spec() -> Spec {
    let cell = |name: &str, settings: &str| CellSpec {
        name: name.to_owned(),
        label: name.to_owned(),
        settings: settings.parse().unwrap(),
    };
    let text = "title = \"t\"\ndata = \"fsdd\"\nseeds = [0, 3]\nleave_out = [\"theo\", \"lucas\"]\n\
                [settings]\nnetwork.hidden = [16]\ntrain.epochs = 4";
    Spec {
        cells: vec![
            cell("fixed", "model = \"d-lif\"\nsynapse.delay = \"fixed\""),
            cell("broken", "neuron.modell = \"lif\""),
            cell("long", "train.epochs = 9"),
        ],
        ..toml::from_str(text).unwrap()
    }
}

#[test]
fn layers_lie_on_each_other_in_order() {
    let changes = Changes {
        set: vec!["network.hidden=[32]".into(), "synapse.delay=none".into()],
        root: Some("data".into()),
        epochs: None,
    };
    let grid = Grid::new("n".into(), spec(), "place".into(), &changes).unwrap();
    assert_eq!(grid.jobs.len(), 2 * 3 * 2);
    let names: Vec<&str> = grid.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names[0], "fixed seed 0 without theo");
    assert_eq!(names[11], "long seed 3 without lucas");
    assert_eq!(grid.jobs[7].folder, Path::new("place/fixed/seed-3/lucas"));
    let first = grid.jobs[0].experiment.as_ref().unwrap();
    assert_eq!((&first.network.hidden, first.train.epochs), (&vec![32], 4));
    assert_eq!((first.synapse.delay, first.data.leave_out.as_deref()), (Delay::Fixed, Some("theo")));
    assert!(first.data.subtract_mean, "the experiment of the set lies below");
    let last = grid.jobs[11].experiment.as_ref().unwrap();
    assert_eq!((last.train.seed, last.train.epochs, last.synapse.delay), (3, 9, Delay::None));
    let error = format!("{:#}", grid.jobs[2].experiment.as_ref().unwrap_err());
    assert!(error.contains("cell broken") && error.contains("neuron.modell is no key"), "{error}");

    let short = Changes { epochs: Some(1), ..changes };
    let grid = Grid::new("n".into(), spec(), "place".into(), &short).unwrap();
    assert_eq!(grid.jobs[11].experiment.as_ref().unwrap().train.epochs, 1, "above the cell's own");
}

#[test]
fn every_cell_that_comes_along_is_a_proper_network() {
    for name in EMBEDDED.map(|(name, _)| name) {
        let (_, mut spec) = Spec::find(name).unwrap();
        spec.shorten(&[0], &[]).unwrap();
        spec.leave_out.truncate(1);
        let grid = Grid::new(name.into(), spec, "place".into(), &Changes::default()).unwrap();
        let mut experiments: Vec<(&str, Experiment)> = Vec::new();
        for job in &grid.jobs {
            let cell = grid.spec.cells[job.cell].name.as_str();
            let experiment = job.experiment.as_ref();
            experiments.push((cell, experiment.unwrap_or_else(|e| panic!("{name}, {cell}: {e:#}")).clone()));
        }
        for (cell, experiment) in &experiments {
            experiment.train.validate().unwrap();
            experiment.data.check().unwrap();
            experiment.network().validate(experiment.data.input_channels(), 10).unwrap();
            let twin = experiments.iter().find(|(other, found)| other != cell && found == experiment);
            assert_eq!(twin.map(|(other, _)| other), None, "{name}, {cell}");
        }
    }
}

#[test]
fn the_gru_is_as_large_as_the_network_it_is_compared_with() {
    let classes = [
        ("digits", 20),
        ("fsdd", 10),
        ("fsdd-700", 10),
        ("asc", 40),
        ("asc-700", 40),
        ("shd", 20),
        ("ssc", 35),
        ("gsc", 35),
    ];
    let with_gru = |name: &str| Spec::find(name).unwrap().1.cells.iter().any(|cell| cell.name == "gru");
    let names: Vec<&str> = EMBEDDED.map(|(name, _)| name).into_iter().filter(|name| with_gru(name)).collect();
    assert_eq!(names.len(), classes.len(), "{names:?}");
    for (name, classes) in classes {
        let (_, spec) = Spec::find(name).unwrap();
        let grid = Grid::new(name.into(), spec, "place".into(), &Changes::default()).unwrap();
        let of = |cell: &str| {
            let job = grid.jobs.iter().find(|job| grid.spec.cells[job.cell].name == cell).unwrap();
            let experiment = job.experiment.as_ref().unwrap();
            (experiment.network(), experiment.data.input_channels())
        };
        let ((spiking, inputs), (gru, _)) = (of("d-cadlif"), of("gru"));
        let count = spiking.validate(inputs, classes).unwrap().parameter_count();
        let width = gru.nearest_width(inputs, classes, count).unwrap();
        assert_eq!(gru.network.hidden, [width; 2], "{name}: {count} parameters");
    }
}

#[test]
fn keys_of_the_comparison_itself_are_not_set() {
    let changes = Changes { set: vec!["train.seed=3".into()], ..Changes::default() };
    let error = Grid::new("n".into(), spec(), "place".into(), &changes).unwrap_err().to_string();
    assert!(error.starts_with("--set train.seed: a comparison sets this itself"), "{error}");
    let changes = Changes {
        set: vec!["data.root=b".into(), "train.epochs=3".into()],
        root: Some("a".into()),
        epochs: Some(4),
    };
    let error = Grid::new("n".into(), spec(), "place".into(), &changes).unwrap_err().to_string();
    assert!(error.starts_with("--root a and --set data.root=b: these are two values of one key"), "{error}");
}

#[test]
fn other_settings_than_the_stored_ones_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let grid = |changes: &Changes| Grid::new("n".into(), spec(), place.path().into(), changes).unwrap();
    let first = grid(&Changes::default());
    let job = &first.jobs[0];
    std::fs::create_dir_all(&job.folder).unwrap();
    let text = job.experiment.as_ref().unwrap().to_toml().unwrap();
    std::fs::write(job.folder.join("config.toml"), text).unwrap();
    let other_changes = || Changes { epochs: Some(1), root: Some("x".into()), set: Vec::new() };
    let other = grid(&other_changes());
    other.check_stored().expect("a folder where nothing has begun holds no results");
    std::fs::write(job.folder.join("summary.json"), "").unwrap();
    first.check_stored().unwrap();
    assert_eq!(first.open().len(), first.jobs.len() - 1);
    let error = other.check_stored().unwrap_err().to_string();
    assert!(error.contains("fixed/seed-0/theo: train.epochs: found 1; expected 4"), "{error}");
    let more = Changes { set: vec!["train.batch=7".into()], ..other_changes() };
    let error = grid(&more).check_stored().unwrap_err().to_string();
    assert!(error.contains("(and 1 more key)"), "{error}");
    let moved = grid(&Changes { root: Some("x".into()), ..Changes::default() });
    moved.check_stored().expect("a place is no setting");
    let summary = r#"{"parameters": 1, "trainable_parameters": 1, "best_epoch": 1, "test_accuracy": 0.5}"#;
    std::fs::write(job.folder.join("summary.json"), summary).unwrap();
    assert_eq!(first.made().unwrap().len(), 1);
    let error = moved.made().unwrap_err().to_string();
    assert!(error.contains("fixed/seed-0/theo: data.root: found x; expected nothing"), "{error}");
    assert!(error.contains("it keeps no fingerprint"), "{error}");
}
