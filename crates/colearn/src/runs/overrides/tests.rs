//! Values of every type arrive at their key, and what cannot be is said.

use super::*;

fn set(text: &str) -> Result<Table> {
    let mut table = Experiment::default().to_table()?;
    let (key, value) = split_assignment(text)?;
    apply_text(&mut table, key, value)?;
    Ok(table)
}

#[test]
fn values_of_every_type_arrive() {
    let at = |table: &Table, key: &str| {
        leaves(table).into_iter().find(|(name, _)| name == key).map(|(_, value)| value.to_string())
    };
    for (text, key, expected) in [
        ("train.epochs=7", "train.epochs", "7"),
        ("train.learning_rate=1e-3", "train.learning_rate", "0.001"),
        ("train.clip_norm=1", "train.clip_norm", "1"),
        ("network.hidden=[64, 32]", "network.hidden", "[64, 32]"),
        ("synapse.delay=fixed", "synapse.delay", "\"fixed\""),
        ("synapse.delay = \"none\"", "synapse.delay", "\"none\""),
        ("data.leave_out=george", "data.leave_out", "\"george\""),
        ("data.leave_out=7", "data.leave_out", "\"7\""),
        ("data.root=/some where", "data.root", "\"/some where\""),
        ("data.leave_out=590750e8", "data.leave_out", "\"590750e8\""),
        ("data.leave_out=\"590750e8\"", "data.leave_out", "\"590750e8\""),
        ("data.leave_out=1_000", "data.leave_out", "\"1_000\""),
        ("data.leave_out=true", "data.leave_out", "\"true\""),
        ("data.leave_out=2024-01-01", "data.leave_out", "\"2024-01-01\""),
        ("data.root=1e3", "data.root", "\"1e3\""),
        ("data.root=0x10", "data.root", "\"0x10\""),
        ("data.root=1.0", "data.root", "\"1.0\""),
        ("data.root=[1]", "data.root", "\"[1]\""),
        ("data.root=[a, b]", "data.root", "\"[a, b]\""),
        ("data.root={a=1}", "data.root", "\"{a=1}\""),
        ("data={root=\"x\",steps=7}", "data.root", "\"x\""),
        ("data={root=\"x\",steps=7}", "data.steps", "7"),
        ("neuron.bounds.alpha=[0.5,0.9]", "neuron.bounds.alpha", "[0.5, 0.9]"),
        ("model=d-lif", "neuron.model", "\"lif\""),
        ("model=gru", "synapse.delay", "\"none\""),
        ("neuron.model=ligru", "neuron.model", "\"ligru\""),
        ("neuron.activation=relu", "neuron.activation", "\"relu\""),
        ("neuron.fixed.a=0", "neuron.fixed.a", "0"),
        ("neuron.fixed={a=0,b=0}", "neuron.fixed.b", "0"),
        ("neuron.start=middle", "neuron.start", "\"middle\""),
        ("neuron.clamp=stored", "neuron.clamp", "\"stored\""),
        (
            "synapse.without_delay=[\"hidden0\",\"readout\"]",
            "synapse.without_delay",
            "[\"hidden0\", \"readout\"]",
        ),
        ("synapse.without_delay=[hidden0, readout]", "synapse.without_delay", "[\"hidden0\", \"readout\"]"),
        ("neuron.frozen=[alpha]", "neuron.frozen", "[\"alpha\"]"),
        ("synapse.initial_range=0.5", "synapse.initial_range", "0.5"),
        ("data.recipe=sparch", "data.first_step", "1"),
        ("data.front_end=mel_db", "data.bands", "140"),
        ("train.augment.noise_snr_db=[5,20]", "train.augment.noise_snr_db", "[5, 20]"),
    ] {
        assert_eq!(at(&set(text).unwrap(), key).as_deref(), Some(expected), "{text}");
    }
    let surrogate = &set("neuron.surrogate.fast_sigmoid.slope=10").unwrap()["neuron"]["surrogate"];
    assert_eq!(surrogate.to_string(), "{ fast_sigmoid = { slope = 10 } }");
    let whole = &set("neuron.surrogate={triangle={slope=2}}").unwrap()["neuron"]["surrogate"];
    assert_eq!(whole.to_string(), "{ triangle = { slope = 2 } }");
}

#[test]
fn messages_name_key_value_and_what_is_allowed() {
    for (text, message) in [
        ("train.epoch=3", "train.epoch is no key of the configuration; did you mean train.epochs?"),
        ("epochs=3", "epochs is no key of the configuration; did you mean train.epochs?"),
        ("synaps.dely=fixed", "synaps.dely is no key of the configuration; did you mean synapse.delay?"),
        ("data.leave_ot=x", "data.leave_ot is no key of the configuration; did you mean data.leave_out?"),
        ("train.epochs.most=3", "train.epochs.most is no key of the configuration; did you mean"),
        ("train.epochs=many", "train.epochs = \"many\": expected a whole number of at least 0"),
        ("train.epochs=-3", "train.epochs = -3: expected a whole number of at least 0"),
        ("train.epochs=2.5", "train.epochs = 2.5: expected a whole number of at least 0"),
        ("train.learning_rate=fast", "train.learning_rate = \"fast\": expected a number"),
        ("network.hidden=128", "network.hidden = 128: expected a list, such as [128, 128]"),
        ("synapse.delay=some", "synapse.delay = \"some\": expected one of none, fixed, learned"),
        ("neuron.model=lstm", "neuron.model = \"lstm\": expected one of lif, adlif"),
        ("neuron.start=same", "neuron.start = \"same\": expected uniform or middle"),
        ("neuron.clamp=both", "neuron.clamp = \"both\": expected used or stored"),
        ("synapse.without_delay=hidden0", "synapse.without_delay = \"hidden0\": expected a list"),
        ("synapse.delay=true", "synapse.delay = true: expected one of none, fixed, learned"),
        ("data.split=3", "data.split = 3: expected one of official, hash, speakers, share, none"),
        ("neuron.frozen=alpha", "neuron.frozen = \"alpha\": expected a list, such as [alpha, beta]"),
        ("train.lr=0.1", "train.lr is no key of the configuration; did you mean train.learning_rate?"),
        (
            "train.loss=mse",
            "train.loss is no key of the configuration; expected one that the command `config`",
        ),
        ("train=5", "train is a table; its keys are train.augment.channel_mask, "),
        ("train={}", "train = {}: expected a table with a key in it"),
        ("train={epoch=3}", "train.epoch is no key of the configuration; did you mean train.epochs?"),
        ("neuron.fixed=5", "neuron.fixed = 5: expected a table of keys"),
        ("data.root.a=5", "data.root.a is no key of the configuration; did you mean data.root?"),
        ("synapse.initial_range=all", "synapse.initial_range = \"all\": expected a number"),
        ("synapse.readout_delay=2", "synapse.readout_delay = 2: expected true or false"),
        ("readout=last", "readout is a table; its keys are readout.pooling"),
        ("model=blif", "model \"blif\": expected one of lif, adlif"),
        ("train.epochs", "--set train.epochs: expected KEY=VALUE"),
        ("data.front_end=mine", "data.front_end = \"mine\": expected log_mel or mel_db"),
        ("data.recipe=mine", "data.recipe = \"mine\": expected one of ten_ms, sparch, dcls"),
    ] {
        let error = set(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn a_file_has_quotes_around_a_text() {
    let set = |text: &str| {
        let mut table = Experiment::default().to_table()?;
        apply_all(&mut table, &text.parse().unwrap(), "file").map(|()| table)
    };
    let table = set("data.leave_out = \"590750e8\"\nneuron.fixed = {}").unwrap();
    assert_eq!(table["data"]["leave_out"].as_str(), Some("590750e8"));
    for (text, message) in [
        ("data.leave_out = 590750e8", "data.leave_out = 59075000000000.0: expected a text in quotes"),
        ("data.root = 1e3", "data.root = 1000.0: expected a text in quotes"),
        ("synapse.delay = true", "synapse.delay = true: expected one of none, fixed, learned"),
    ] {
        let error = format!("{:#}", set(text).unwrap_err());
        assert_eq!(error, format!("file: {message}"));
    }
}

#[test]
fn every_optional_key_is_a_key() {
    for key in &OPTIONAL[1..] {
        let value = match *key {
            "data.recipe" => "sparch",
            "neuron.activation" => "relu",
            "data.rate" => "16000",
            "data.high_hz" | "data.max_time_s" => "3.0",
            "train.augment.noise_snr_db" => "[5.0, 20.0]",
            _ => "x",
        };
        set(&format!("{key}={value}")).unwrap();
    }
}
