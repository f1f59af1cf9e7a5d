//! No figure grows with what is in it beyond what can be seen.

use ndarray::Array2;

use super::tests::parse;
use super::*;

/// The largest a drawing may be, in bytes; the inputs below are noise, the worst there is.
const LARGEST: usize = 2 << 20;

/// Draws twice as much and wants hardly more.
fn bounded(name: &str, draw: impl Fn(usize) -> Vec<String>) {
    let sizes = [1, 2].map(|times| {
        let drawings = draw(times);
        for svg in &drawings {
            assert!(parse(svg).is_ok(), "{name}");
            assert!(svg.len() < LARGEST, "{name}: {} bytes", svg.len());
        }
        drawings.iter().map(String::len).sum::<usize>()
    });
    assert!(sizes[1] as f64 <= 1.2 * sizes[0] as f64, "{name}: {sizes:?}");
}

/// A number from 0 to below 1 that looks drawn at random.
fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
}

#[test]
fn a_confusion_matrix_of_many_classes_with_long_names_is_bounded() {
    bounded("confusion", |times| {
        let classes = 300 * times;
        let figure = ConfusionMatrix {
            title: "t".into(),
            class_names: (0..classes).map(|class| format!("{class} {}", "long ".repeat(200))).collect(),
            counts: Array2::from_shape_fn((classes, classes), |(r, c)| ((r * 7 + c) % 5) as u64),
            undecided: vec![1; classes],
        };
        figure.inline().into_iter().chain([figure.render()]).collect()
    });
}

#[test]
fn the_classes_that_are_shown_are_those_with_most_mistakes_and_no_sample_is_lost() {
    let mut counts = Array2::from_diag_elem(200, 3_u64);
    counts[[150, 7]] = 40;
    counts[[199, 150]] = 1;
    let figure = ConfusionMatrix {
        title: "t".into(),
        class_names: (0..200).map(|class| format!("c{class}")).collect(),
        counts,
        undecided: vec![],
    };
    let svg = figure.render();
    for part in [
        ">c150<",
        ">c7<",
        ">c199<",
        ">others<",
        "641 samples",
        "40 classes with most mistakes, 160 others together",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    // 160 other classes of three right answers each.
    assert!(svg.contains(">480<") && !svg.contains(">c180<"));
}

#[test]
fn a_raster_of_a_long_recording_with_many_channels_units_layers_and_classes_is_bounded() {
    bounded("raster", |times| {
        let (steps, units) = (1500 * times, 500 * times);
        let spikes =
            Array2::from_shape_fn((steps, units), |(t, n)| f32::from(u8::from(noise(t * 977 + n) < 0.3)));
        let layer = |index: usize| RasterLayer { name: format!("l{index}"), spikes: spikes.clone() };
        #[expect(clippy::cast_possible_truncation, reason = "the values need not survive exactly")]
        let value = |(t, c): (usize, usize)| (noise(t * 31 + c * 1009) - 0.5) as f32;
        let figure = SpikeRaster {
            title: "t".into(),
            step_ms: 10.0,
            input: Array2::from_shape_fn((steps, 700), value),
            length: Some(steps / 2),
            input_label: "Channel".into(),
            input_hz: vec![],
            layers: vec![layer(0), layer(1)],
            readout: Array2::from_shape_fn((steps, 300 * times), value),
            readout_label: "Readout".into(),
            class_names: vec![],
            true_class: 3,
            predicted_class: Some(4),
        };
        let few = SpikeRaster { layers: vec![], ..figure.clone() };
        let many = SpikeRaster {
            layers: (0..20 * times)
                .map(|index| RasterLayer { name: format!("l{index}"), spikes: Array2::zeros((9, 9)) })
                .collect(),
            ..few.clone()
        };
        assert_eq!(many.render().matches(">l").count(), 8);
        [figure.render(), many.render()].into_iter().chain(figure.inline()).collect()
    });
}

#[test]
fn curves_of_many_epochs_are_bounded_and_keep_their_peaks() {
    let peak = 17_777;
    let value = |epoch: u32| if epoch == peak { 5.0 } else { noise(epoch as usize) };
    bounded("curves", |times| {
        let epochs = 1..30_000 * u32::try_from(times).unwrap();
        let curves = TrainingCurves {
            title: "t".into(),
            epochs: epochs
                .clone()
                .map(|epoch| EpochPoint {
                    epoch,
                    train_loss: value(epoch),
                    validation_loss: Some(value(epoch + 1)),
                    train_accuracy: value(epoch),
                    validation_accuracy: None,
                    rounded_accuracy: None,
                    firing_rates: vec![],
                })
                .collect(),
            chance: None,
            best_epoch: Some(7),
            layer_names: vec![],
        };
        let run = |shift: u32| epochs.clone().map(|epoch| (epoch, value(epoch) + f64::from(shift))).collect();
        let bands = BandCurves {
            title: "t".into(),
            measure: "m".into(),
            groups: vec![CurveGroup {
                name: "g".into(),
                look: Look::Cell(0),
                runs: vec![run(0), run(1)],
                best: vec![7],
            }],
            top: None,
            reference: None,
        };
        let inline = bands.inline();
        // The axis ends at 6 and the peak is 5.5: its place is above all others.
        let path = parse(&inline).unwrap().iter().find_map(|tag| {
            tag.attribute("class").filter(|class| *class == "line s0")?;
            tag.attribute("d").map(str::to_owned)
        });
        let heights = path.unwrap();
        let top = heights.split(['M', 'L']).filter_map(|at| at.split(' ').nth(1)?.parse::<f64>().ok());
        let highest = top.fold(f64::INFINITY, f64::min);
        assert!(highest < 100.0, "the peak lies at {highest}");
        vec![curves.render(), inline]
    });
}

#[test]
fn eigenvalues_of_many_neurons_are_bounded() {
    bounded("stability", |times| {
        let modes = |shift: usize| -> Vec<Modes> {
            (0..40_000 * times)
                .map(|n| {
                    let (re, im) = (noise(n + shift), noise(3 * n + shift));
                    if n % 2 == 0 { vec![(re, im), (re, -im)] } else { vec![(re, 0.0), (im, 0.0)] }
                })
                .collect()
        };
        StabilityMap { layer: "l".into(), before: modes(0), after: modes(5) }.panels().to_vec()
    });
}
