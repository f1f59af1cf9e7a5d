//! The same bits whatever the number of threads, wherever a run stops and goes on, and whatever else runs.

use crate::common::{StopAfter, changed, dataset, fresh, go, network, resumed, settings, timeless};
use colearn_data::{Content, Dataset, Split};
use colearn_network::config::Delay;
use colearn_network::{Network, NetworkConfig};
use colearn_synapses::Interpolation;
use colearn_train::{Checkpoint, Outcome, Silent, TrainConfig, Trainer};

/// A kind of network.
type Family = (&'static str, fn(&mut NetworkConfig));

const FAMILIES: [Family; 16] = [
    ("lif", |c| c.set_model("lif").unwrap()),
    ("adlif", |c| c.set_model("adlif").unwrap()),
    ("cadlif", |c| c.set_model("cadlif").unwrap()),
    ("d-lif", |c| c.set_model("d-lif").unwrap()),
    ("d-adlif", |c| c.set_model("d-adlif").unwrap()),
    ("d-cadlif", |c| c.set_model("d-cadlif").unwrap()),
    ("d-cadlif, fixed delays", |c| c.synapse.delay = Delay::Fixed),
    ("d-cadlif, linear kernel", |c| c.synapse.kernel = Interpolation::Linear),
    ("d-cadlif, smoothed kernel", |c| c.synapse.kernel = Interpolation::Smoothed),
    ("d-cadlif, recurrent", |c| c.neuron.recurrent = true),
    ("cadlif, recurrent", |c| {
        c.set_model("cadlif").unwrap();
        c.neuron.recurrent = true;
    }),
    ("d-cadlif, recurrent delays", |c| {
        c.neuron.recurrent = true;
        c.synapse.recurrent_delay = Delay::Learned;
    }),
    ("lif, recurrent delays, gaussian kernel", |c| {
        c.set_model("lif").unwrap();
        c.neuron.recurrent = true;
        c.synapse.kernel = Interpolation::Gaussian;
        (c.synapse.recurrent_delay, c.synapse.recurrent_max_delay) = (Delay::Learned, 7);
    }),
    ("rnn", |c| c.set_model("rnn").unwrap()),
    ("ligru", |c| c.set_model("ligru").unwrap()),
    ("gru", |c| c.set_model("gru").unwrap()),
];

/// More samples than one chunk of work holds; `sparse`: most of the numbers are zero, so that empty rows are skipped.
fn many(sparse: bool) -> Dataset {
    let mut data = Dataset { train: crate::common::split(70, 0), ..dataset() };
    if sparse {
        thin(&mut data.train);
        thin(&mut data.validation);
    }
    data
}

/// Leaves one channel a step, and none in every other step.
fn thin(split: &mut Split) {
    for (index, sample) in split.samples.iter_mut().enumerate() {
        let Content::Features { values, .. } = &mut sample.content else { panic!("features") };
        for ((t, c), value) in values.indexed_iter_mut() {
            if t % 2 == 1 || (t / 2 + index) % 6 != c {
                *value = 0.0;
            }
        }
    }
}

/// The state after three epochs, without the times.
fn trained(data: &Dataset, network: Network<f32>) -> Checkpoint {
    let config = TrainConfig { batch: 60, ..settings() }.validate().unwrap();
    let mut trainer = Trainer::new(network, data, &config, String::new()).unwrap();
    assert_eq!(trainer.run(&mut Silent, &go()).unwrap(), Outcome::Finished);
    timeless(&trainer)
}

/// Everything that a run has computed, to the bit: the sign of a zero counts.
fn bits(state: &Checkpoint) -> Vec<u32> {
    let of = |network: &colearn_network::NetworkState<f32>| {
        let parameters = network.parameters.iter().flat_map(|(_, value)| value.iter().map(|x| x.to_bits()));
        let statistics = network.statistics.iter().flat_map(|(_, value)| value.iter().map(|x| x.to_bits()));
        parameters.chain(statistics).collect::<Vec<u32>>()
    };
    let moments = state.optimiser.first.iter().chain(&state.optimiser.second);
    let moments = moments.flat_map(|values| values.iter().map(|x| x.to_bits()));
    of(&state.network).into_iter().chain(of(&state.best.as_ref().unwrap().network)).chain(moments).collect()
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let pools = [1, 2, 3, 8]
        .map(|threads| (threads, rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()));
    for sparse in [false, true] {
        let data = many(sparse);
        for (name, change) in FAMILIES {
            let run = |pool: &rayon::ThreadPool| pool.install(|| trained(&data, changed(5, change)));
            let one = run(&pools[0].1);
            assert_ne!(one.network.parameters, one.initial.parameters, "{name} was trained");
            for (threads, pool) in &pools[1..] {
                let state = run(pool);
                assert_eq!(bits(&state), bits(&one), "{name}, {threads} threads, sparse input: {sparse}");
                assert_eq!(state, one, "{name}, {threads} threads, sparse input: {sparse}");
            }
        }
    }
}

#[test]
fn runs_at_the_same_time_do_not_touch_each_other() {
    let data = many(true);
    for (name, change) in FAMILIES {
        let alone = trained(&data, changed(5, change));
        let (one, other) = std::thread::scope(|scope| {
            let runs = [5, 6].map(|seed| {
                let data = &data;
                scope.spawn(move || trained(data, changed(seed, change)))
            });
            let [one, other] = runs.map(|run| run.join().unwrap());
            (one, other)
        });
        assert_eq!(bits(&one), bits(&alone), "{name}");
        assert_ne!(bits(&other), bits(&alone), "{name}");
    }
}

/// Stopped after every batch in turn, and gone on with another number of threads.
#[test]
fn a_run_of_any_kind_that_stops_anywhere_goes_on_with_the_same_bits() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let config = settings().validate().unwrap();
    let data = dataset();
    for (name, change) in FAMILIES {
        let new = || Trainer::new(changed(5, change), &data, &config, String::new()).unwrap();
        let mut whole = new();
        whole.run(&mut Silent, &go()).unwrap();
        let expected = timeless(&whole);
        for batches in 1..9 {
            let flag = go();
            let mut first = new();
            let outcome = first.run(&mut StopAfter { batches, flag: &flag }, &flag).unwrap();
            assert_eq!(outcome, Outcome::Stopped);
            let checkpoint = first.checkpoint();
            let state = pool.install(|| {
                let network = changed(99, change);
                let mut second = Trainer::resume(network, &data, &config, checkpoint).unwrap();
                second.run(&mut Silent, &go()).unwrap();
                timeless(&second)
            });
            assert_eq!(bits(&state), bits(&expected), "{name}, stopped after {batches} batches");
            assert_eq!(state, expected, "{name}, stopped after {batches} batches");
        }
    }
}

/// A run that is stopped after each of its batches is still the same run.
#[test]
fn a_run_that_stops_after_every_batch_goes_on_with_the_same_bits() {
    let data = dataset();
    let mut whole = fresh(&data, &settings());
    whole.run(&mut Silent, &go()).unwrap();
    let mut stops = 0;
    let mut state = fresh(&data, &settings()).checkpoint();
    loop {
        let flag = go();
        let mut part = resumed(&data, &settings(), state);
        let outcome = part.run(&mut StopAfter { batches: 1, flag: &flag }, &flag).unwrap();
        state = part.checkpoint();
        if outcome == Outcome::Finished {
            assert_eq!(timeless(&part), timeless(&whole));
            break;
        }
        stops += 1;
    }
    assert_eq!(stops, 8);
    assert_ne!(whole.network().state(), network(5).state());
}
