//! Draws one figure of each kind from made-up data: `cargo run -p colearn-eval --example gallery -- FOLDER`.

use std::error::Error;
use std::path::{Path, PathBuf};

use colearn_eval::Evaluation;
use colearn_eval::figures::{
    ConfusionMatrix, DelayHistograms, DelayLayer, EpochPoint, LayerParameters, Parameter,
    ParameterDistributions, ParameterSample, RasterLayer, Sample, SampleFigure, SampleMap, SampleSpikes,
    SpikeRaster, TrainingCurves,
};
use ndarray::Array2;

const DIGITS: [&str; 20] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "null", "eins", "zwei",
    "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("figures"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let save = |name: &str, svg: String| std::fs::write(Path::new(&folder).join(name), svg);
    save("training_curves.svg", training_curves().render())?;
    save("spike_raster.svg", spike_raster().render())?;
    save("sample.svg", sample_figure().render())?;
    save("delay_histograms.svg", delay_histograms().render())?;
    save("parameter_distributions.svg", parameter_distributions().render())?;
    save("confusion_matrix.svg", confusion_matrix()?.render())?;
    Ok(())
}

/// A small xorshift generator: the pictures need variety, not quality.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn index(&mut self, below: usize) -> usize {
        let place = self.uniform();
        (1..below).take_while(|edge| *edge as f64 / below as f64 <= place).count()
    }
}

fn training_curves() -> TrainingCurves {
    let mut noise = Noise(7);
    let epochs: Vec<EpochPoint> = (1..=60)
        .map(|epoch| {
            let x = f64::from(epoch);
            let learned = 1.0 - (-x / 9.0).exp();
            let accuracy = 0.05 + 0.885 * learned + 0.008 * noise.normal();
            EpochPoint {
                epoch,
                train_loss: 0.06 + 2.9 * (-x / 8.0).exp() + 0.02 * noise.normal().abs(),
                validation_loss: Some(0.34 + 2.6 * (-x / 8.0).exp() + 0.0012 * x + 0.02 * noise.normal()),
                train_accuracy: (0.06 + 0.93 * learned + 0.004 * noise.normal()).min(1.0),
                validation_accuracy: Some(accuracy),
                rounded_accuracy: Some(
                    accuracy - 0.30 * (-x / 14.0).exp() * accuracy - 0.006 * noise.uniform(),
                ),
                firing_rates: vec![
                    0.035 + 0.05 * learned + 0.001 * noise.normal(),
                    0.12 - 0.07 * learned + 0.001 * noise.normal(),
                ],
            }
        })
        .collect();
    let best = epochs
        .iter()
        .max_by(|l, r| l.validation_accuracy.unwrap_or(0.0).total_cmp(&r.validation_accuracy.unwrap_or(0.0)));
    TrainingCurves {
        title: "Spoken digits: learning weights, delays and adaptation together".into(),
        chance: Some(0.05),
        best_epoch: best.map(|point| point.epoch),
        layer_names: vec!["hidden 1 (128 units)".into(), "hidden 2 (128 units)".into()],
        epochs,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a picture needs no more than f32")]
fn spike_raster() -> SpikeRaster {
    let (steps, channels, classes) = (100, 40, 20);
    let mut noise = Noise(11);
    let input = Array2::from_shape_fn((steps, channels), |(t, c)| {
        let (t, c) = (t as f64, c as f64);
        let envelope = (-(t - 42.0).powi(2) / 420.0).exp() + 0.6 * (-(t - 74.0).powi(2) / 90.0).exp();
        let formants: f64 =
            [(7.0 + 0.05 * t, 2.2), (17.0 + 4.0 * (t / 19.0).sin(), 2.6), (29.0 - 0.06 * t, 3.0)]
                .into_iter()
                .map(|(centre, width): (f64, f64)| (-((c - centre) / width).powi(2)).exp())
                .sum();
        (envelope * formants + 0.05 * noise.uniform()) as f32
    });
    let mut layer = |units: usize, latency: f64, rate: f64| {
        let units_at: Vec<(f64, f64)> =
            (0..units).map(|_| (22.0 + latency + 55.0 * noise.uniform(), noise.uniform())).collect();
        Array2::from_shape_fn((steps, units), |(t, n)| {
            let (centre, gain) = units_at[n];
            let drive = (-(t as f64 - centre).powi(2) / 130.0).exp() * gain * rate + 0.004;
            if noise.uniform() < drive { 1.0 } else { 0.0 }
        })
    };
    let layers = vec![
        RasterLayer { name: "Hidden layer 1".into(), spikes: layer(128, 0.0, 0.5) },
        RasterLayer { name: "Hidden layer 2".into(), spikes: layer(128, 9.0, 0.3) },
    ];
    let readout = Array2::from_shape_fn((steps, classes), |(t, k)| {
        let late = 1.0 / (1.0 + (-(t as f64 - 58.0) / 7.0).exp());
        let early = (-(t as f64 - 40.0).powi(2) / 160.0).exp();
        let share = match k {
            7 => 0.05 + 0.78 * late - 0.02 * early,
            6 => 0.05 + 0.36 * early + 0.06 * late,
            _ => 0.05 - 0.044 * late + 0.012 * early * (k as f64).sin() + 0.003 * noise.normal(),
        };
        share.max(0.0) as f32
    });
    SpikeRaster {
        title: "“seven” on its way through the network".into(),
        step_ms: 10.0,
        input,
        length: None,
        input_label: "Mel band".into(),
        input_hz: (1..=channels).map(|band| 700.0 * ((band as f64 * 0.05).exp() - 1.0)).collect(),
        layers,
        readout,
        readout_label: "Softmax of the membrane potential per class (share)".into(),
        class_names: DIGITS.map(String::from).to_vec(),
        true_class: 7,
        predicted_class: Some(7),
    }
}

/// Three rising tones in 700 channels, and their counts in 100 steps of 10 ms with five channels added up.
fn sample_figure() -> SampleFigure {
    let (steps, channels, step_ms, sum) = (100, 700, 10.0, 5);
    let mut noise = Noise(17);
    let (mut times_ms, mut units) = (Vec::new(), Vec::new());
    let mut values = Array2::zeros((steps, channels / sum));
    for _ in 0..9000 {
        let time = (500.0 + 170.0 * noise.normal()).clamp(0.0, 999.0);
        let tone = 110.0 + 190.0 * noise.index(3) as f64;
        let place = (tone + 0.1 * time + 14.0 * noise.normal()).clamp(0.0, 699.0) / channels as f64;
        let unit = (1..channels).take_while(|edge| *edge as f64 / channels as f64 <= place).count();
        let step = (1..steps).take_while(|edge| *edge as f64 * step_ms <= time).count();
        values[[step, unit / sum]] += 1.0;
        times_ms.push(time);
        units.push(unit);
    }
    SampleFigure {
        title: "“seven” of a set of spikes".into(),
        subtitle: "train-00017, speaker 3, train split, 1.00 s".into(),
        spikes: Some(SampleSpikes { times_ms, units, channels, label: "Channel".into() }),
        maps: vec![SampleMap {
            name: "Input of the network".into(),
            label: "Channel".into(),
            hz: vec![],
            remark: "spikes per step of 10 ms, 5 channels added up".into(),
            values,
            unit: "spikes per step".into(),
            least: Some(0.0),
            start_ms: 0.0,
            step_ms,
        }],
        kept_ms: None,
    }
}

fn delay_histograms() -> DelayHistograms {
    let mut noise = Noise(3);
    let mut layer = |name: &str, early: f64| {
        let initial: Vec<f64> = (0..6000).map(|_| 25.0 * noise.uniform()).collect();
        let learned: Vec<f64> = initial
            .iter()
            .map(|start| match noise.uniform() {
                u if u < early => (4.0 * noise.normal().abs()).min(25.0),
                u if u < early + 0.25 => (18.0 + 2.5 * noise.normal()).clamp(0.0, 25.0),
                _ => (start + 1.5 * noise.normal()).clamp(0.0, 25.0),
            })
            .collect();
        let weights = learned.iter().map(|delay| (0.3 + 0.02 * delay) * noise.normal()).collect();
        DelayLayer {
            name: name.into(),
            learned: Sample { values: learned, weights: Some(weights) },
            initial: initial.into(),
            max_delay: Some(25.0),
        }
    };
    DelayHistograms {
        title: "Learned delays".into(),
        step_ms: 10.0,
        layers: vec![
            layer("Input → hidden 1", 0.35),
            layer("Hidden 1 → hidden 2", 0.2),
            layer("Hidden 2 → readout", 0.1),
        ],
    }
}

fn parameter_distributions() -> ParameterDistributions {
    let mut noise = Noise(5);
    let mut sample = |(symbol, name): (&str, &str), (low, high): (f64, f64), centre: f64, spread: f64| {
        let is_decay = name.ends_with("decay");
        let unit = if is_decay { "per step" } else { "no unit" };
        let parameter = Parameter { symbol: symbol.into(), name: name.into(), unit: unit.into(), is_decay };
        let before: Vec<f64> = (0..256).map(|_| low + (high - low) * noise.uniform()).collect();
        let after = before
            .iter()
            .map(|v| (0.4 * v + 0.6 * centre + spread * noise.normal()).clamp(low, high))
            .collect();
        ParameterSample { parameter, before, after, bounds: Some((low, high)) }
    };
    let mut layer = |name: &str| LayerParameters {
        name: name.into(),
        parameters: vec![
            sample(("α", "membrane decay"), (0.36, 0.96), 0.9, 0.06),
            sample(("β", "adaptation decay"), (0.967, 0.992), 0.985, 0.003),
            sample(("a", "subthreshold coupling"), (0.0, 1.0), 0.25, 0.12),
            sample(("b", "spike-triggered jump"), (0.0, 2.0), 1.2, 0.3),
        ],
    };
    ParameterDistributions {
        title: "Neuron parameters before and after training".into(),
        step_ms: 10.0,
        layers: vec![layer("hidden 1"), layer("hidden 2")],
    }
}

fn confusion_matrix() -> Result<ConfusionMatrix, colearn_eval::EvalError> {
    let mut noise = Noise(13);
    let classes = DIGITS.len();
    let mut evaluation = Evaluation::new(classes);
    for _ in 0..2264 {
        let truth = noise.index(classes);
        let answer = match noise.uniform() {
            u if u < 0.90 => truth,
            u if u < 0.96 => (truth + 10) % classes,
            _ => noise.index(classes),
        };
        let scores = Array2::from_shape_fn((1, classes), |(_, k)| if k == answer { 4.0_f64 } else { 0.0 });
        evaluation.update(&scores, &[truth])?;
    }
    Ok(ConfusionMatrix::new("Spoken digits, test set", DIGITS.map(String::from).to_vec(), &evaluation))
}
