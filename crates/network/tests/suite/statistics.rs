//! Running statistics that are recomputed over a whole set.

use std::convert::Infallible;

use crate::common::{build, config, input, rng};
use colearn_network::config::{Delay, RunningStatistics};
use colearn_network::{BASELINE_NAMES, Delays, Network, NetworkState};
use colearn_tape::{Pool, Tape};
use ndarray::{Array1, Array3, Axis, concatenate, s};

fn recompute(network: &mut Network<f64>, batches: &[Array3<f64>]) {
    let batches = batches.iter().cloned().map(Ok::<_, Infallible>);
    network.recompute_statistics(batches, &mut Pool::default()).unwrap();
}

fn statistics(network: &Network<f64>) -> Vec<Array1<f64>> {
    let NetworkState { statistics, .. } = network.state();
    statistics.into_iter().map(|(_, value)| value).collect()
}

fn assert_close(found: &Array1<f64>, expected: &Array1<f64>) {
    approx::assert_relative_eq!(found, expected, max_relative = 1e-12, epsilon = 1e-13);
}

#[test]
fn one_batch_gives_what_a_recording_of_it_has() {
    let x = input::<f64>(30, 9, 8);
    let recurrent = |model: &str, recurrent| {
        let mut config = config(model);
        config.neuron.recurrent = recurrent;
        if recurrent && model == "lif" {
            config.synapse.recurrent_delay = Delay::Learned;
        }
        // The absorbed statistics are then those of the last batch alone; dropout does not reach recomputed ones.
        config.norm.momentum = 1.0;
        config
    };
    let spiking = ["lif", "d-cadlif"].into_iter().flat_map(|model| [(model, false), (model, true)]);
    for (model, is_recurrent) in spiking.chain(BASELINE_NAMES.map(|model| (model, false))) {
        let mut network = build::<f64>(&recurrent(model, is_recurrent), 8, 5);
        network.calibrate(&x.view());
        let mut absorbed = network.clone();
        let recording = absorbed.record(&mut Tape::new(), &x, &mut rng(1));
        absorbed.absorb(&recording);
        recompute(&mut network, std::slice::from_ref(&x));
        for (found, expected) in statistics(&network).iter().zip(&statistics(&absorbed)) {
            assert_close(found, expected);
        }
    }
}

#[test]
fn batches_of_any_size_are_pooled() {
    let x = input::<f64>(30, 9, 8);
    let mut whole = build::<f64>(&config("d-cadlif"), 8, 5);
    whole.calibrate(&x.view());
    let mut parted = whole.clone();
    let parts = [s![.., ..5, ..], s![.., 5..8, ..], s![.., 8.., ..]].map(|part| x.slice(part).to_owned());
    assert_eq!(concatenate(Axis(1), &[parts[0].view(), parts[1].view(), parts[2].view()]).unwrap(), x);
    recompute(&mut whole, std::slice::from_ref(&x));
    recompute(&mut parted, &parts);
    // The first layer's current does not depend on how the batches are normalised.
    for (found, expected) in statistics(&parted).iter().zip(&statistics(&whole)).take(2) {
        assert_close(found, expected);
    }
    let again = statistics(&parted);
    recompute(&mut parted, &parts);
    assert_eq!(statistics(&parted), again, "what was there before does not matter");
}

#[test]
fn batches_that_cannot_be_used_change_nothing() {
    let x = input::<f64>(20, 4, 8);
    let mut network = build::<f64>(&config("d-cadlif"), 8, 5);
    network.calibrate(&x.view());
    let before = statistics(&network);
    let mut flawed = x.clone();
    flawed[[3, 1, 2]] = f64::NAN;
    recompute(&mut network, &[]);
    recompute(&mut network, std::slice::from_ref(&flawed));
    assert_eq!(statistics(&network), before);
    let failing = [Ok(x.clone()), Err("gone")];
    assert_eq!(network.recompute_statistics(failing, &mut Pool::default()), Err("gone"));
    assert_eq!(statistics(&network), before);

    let mut usual = network.clone();
    recompute(&mut usual, std::slice::from_ref(&x));
    recompute(&mut network, &[flawed, x]);
    assert_eq!(statistics(&network), statistics(&usual));
    assert_ne!(statistics(&network), before);
}

#[test]
fn any_number_of_threads_gives_the_same_statistics() {
    let x = input::<f32>(40, 37, 20);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = build::<f32>(&config("d-cadlif"), 20, 5);
            network.calibrate(&x.view());
            let batches = [x.clone(), x.slice(s![.., 3..9, ..]).to_owned()].map(Ok::<_, Infallible>);
            network.recompute_statistics(batches, &mut Pool::default()).unwrap();
            network.infer(&x.view(), Delays::Rounded, &mut Pool::default()).scores
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

#[test]
fn short_epochs_recompute_and_long_ones_move() {
    let mut norm = config("lif").norm;
    assert_eq!([1, 9, 10, 24].map(|batches| norm.recomputes(batches)), [true, true, false, false]);
    norm.momentum = 0.5;
    assert!(!norm.recomputes(1));
    for (statistics, expected) in [(RunningStatistics::Moving, false), (RunningStatistics::Recomputed, true)]
    {
        norm.statistics = statistics;
        assert_eq!([1, 1000].map(|batches| norm.recomputes(batches)), [expected; 2]);
    }
}
