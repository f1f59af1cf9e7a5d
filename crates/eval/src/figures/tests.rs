//! Laws that hold for every figure, over ordinary, empty and hostile data.

use ndarray::Array2;

use super::inline_tests::inline;
use super::svg::text_width;
use super::*;

pub(super) const HOSTILE: [&str; 4] =
    ["a<b> & \"c\"", "Grüße, 数字 三", "", "a very long name of a class that fits nowhere at all, really"];

/// Values of each troublesome kind: none, one, constant, not finite, huge, negative; the last kind is ordinary.
pub(super) fn values(kind: usize) -> Vec<f64> {
    match kind {
        0 => vec![],
        1 => vec![0.4],
        2 => vec![0.9; 7],
        3 => vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.3],
        5 => vec![-2.0, -3.0, -0.0],
        4 => vec![-1e300, 1e300, 3e7, -1.0],
        _ => (0..50).map(|i| 0.02 * f64::from(i)).collect(),
    }
}
pub(super) const KINDS: usize = 7;

pub(super) fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| HOSTILE[i % HOSTILE.len()].to_owned()).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the values need not survive exactly")]
fn matrix(rows: usize, columns: usize, kind: usize) -> Array2<f32> {
    let values = values(kind);
    Array2::from_shape_fn((rows, columns), |(r, c)| {
        if values.is_empty() { 0.0 } else { values[(r + 3 * c) % values.len()] as f32 }
    })
}

fn curves(kind: usize, layers: usize) -> TrainingCurves {
    let epochs = values(kind).into_iter().enumerate().map(|(index, value)| EpochPoint {
        epoch: u32::try_from(index).unwrap(),
        train_loss: value,
        validation_loss: (index % 2 == 0).then_some(value),
        train_accuracy: value,
        validation_accuracy: (index % 3 != 1).then_some(value),
        rounded_accuracy: Some(value),
        firing_rates: vec![value; layers.saturating_sub(1)],
    });
    TrainingCurves {
        title: HOSTILE[0].into(),
        epochs: epochs.collect(),
        chance: Some(if kind == 3 { f64::NAN } else { 0.1 }),
        best_epoch: Some(0),
        layer_names: names(layers),
    }
}

/// Frequencies of channels, of some kinds none.
fn rising(kind: usize, channels: usize) -> Vec<f64> {
    if kind.is_multiple_of(2) { Vec::new() } else { (1..=channels).map(|k| 40.0 * k as f64).collect() }
}

pub(super) fn raster(kind: usize, (steps, units): (usize, usize)) -> SpikeRaster {
    let layer = |name: &str| RasterLayer { name: name.into(), spikes: matrix(steps, units, kind) };
    SpikeRaster {
        title: HOSTILE[3].repeat(3),
        step_ms: 4.0,
        input: matrix(steps, 3 * units, kind),
        input_label: HOSTILE[0].into(),
        input_hz: rising(kind, 3 * units),
        length: kind.is_multiple_of(2).then_some(steps / 3),
        layers: vec![layer(HOSTILE[1]), layer(HOSTILE[2])],
        readout: matrix(steps, units.min(5), kind),
        readout_label: "x".into(),
        class_names: names(3),
        true_class: if kind == 4 { 99 } else { 3 },
        predicted_class: (kind != 2).then_some(0),
    }
}

pub(super) fn delays(kind: usize, layers: usize) -> DelayHistograms {
    let layer = |index: usize| DelayLayer {
        name: HOSTILE[index % 4].into(),
        learned: Sample {
            values: values(kind),
            weights: (index % 2 == 1).then(|| values((kind + index) % KINDS)),
        },
        initial: values((kind + 1) % KINDS).into(),
        max_delay: index.is_multiple_of(2).then_some(if kind == 3 { f64::NAN } else { 30.0 }),
    };
    DelayHistograms { title: HOSTILE[1].into(), step_ms: 1.0, layers: (0..layers).map(layer).collect() }
}

pub(super) fn parameters(kind: usize, layers: usize) -> ParameterDistributions {
    let all = [
        ("α", "membrane decay", true),
        ("β", "adaptation decay", true),
        ("a", "coupling", false),
        (HOSTILE[1], HOSTILE[3], false),
    ];
    let sample = |(symbol, name, is_decay): (&str, &str, bool)| ParameterSample {
        parameter: Parameter {
            symbol: symbol.into(),
            name: name.into(),
            unit: if is_decay { "per step".into() } else { HOSTILE[0].into() },
            is_decay,
        },
        before: values((kind + 1) % KINDS),
        after: values(kind),
        bounds: (kind != 1).then_some((0.2, if kind == 3 { f64::NAN } else { 1.0 })),
    };
    let layer = |index: usize| LayerParameters {
        name: HOSTILE[index % 4].into(),
        parameters: all.map(sample).to_vec(),
    };
    ParameterDistributions {
        title: HOSTILE[0].into(),
        step_ms: 1.0,
        layers: (0..layers).map(layer).collect(),
    }
}

pub(super) fn confusion(classes: usize, count: u64) -> ConfusionMatrix {
    let counts = Array2::from_shape_fn((classes, classes), |(r, c)| if r == c { count } else { count / 7 });
    ConfusionMatrix {
        title: HOSTILE[0].into(),
        class_names: names(classes),
        counts,
        undecided: vec![count / 3],
    }
}

pub(super) fn sample(kind: usize, (steps, channels): (usize, usize)) -> SampleFigure {
    let map = |least, start_ms| SampleMap {
        name: HOSTILE[3].repeat(4),
        label: HOSTILE[1].into(),
        hz: rising(kind, channels),
        remark: HOSTILE[kind % 4].into(),
        values: matrix(steps, channels, kind),
        unit: HOSTILE[3].into(),
        least,
        start_ms,
        step_ms: if kind == 3 { f64::NAN } else { 4.0 },
    };
    SampleFigure {
        title: HOSTILE[0].into(),
        subtitle: HOSTILE[3].repeat(4),
        spikes: (kind != 2).then(|| SampleSpikes {
            times_ms: values(kind),
            units: (0..values(kind).len()).collect(),
            channels,
            label: HOSTILE[0].into(),
        }),
        maps: vec![map(None, 0.0), map(Some(if kind == 3 { f64::NAN } else { 0.2 }), -8.0)],
        kept_ms: (kind != 1).then_some(if kind == 3 { f64::NAN } else { 20.0 }),
    }
}

/// A good many figures, each with a name for messages.
fn all() -> Vec<(String, String)> {
    let mut figures = Vec::new();
    for kind in 0..KINDS {
        for layers in [0, 1, 5] {
            figures.push((format!("curves {kind} {layers}"), curves(kind, layers).render()));
            figures.push((format!("delays {kind} {layers}"), delays(kind, layers).render()));
            figures.push((format!("parameters {kind} {layers}"), parameters(kind, layers).render()));
        }
        for shape in [(0, 0), (1, 1), (60, 20), (450, 70)] {
            figures.push((format!("raster {kind} {shape:?}"), raster(kind, shape).render()));
            figures.push((format!("sample {kind} {shape:?}"), sample(kind, shape).render()));
        }
    }
    for (classes, count) in [(0, 0), (1, 5), (2, 0), (10, 1_234_567), (35, 90)] {
        figures.push((format!("confusion {classes} {count}"), confusion(classes, count).render()));
    }
    figures
}

/// An element with its attributes and the text up to the next tag.
pub(super) struct Tag<'a> {
    head: &'a str,
    text: &'a str,
}

impl<'a> Tag<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        let start = self.head.find(&format!(" {name}=\""))? + name.len() + 3;
        self.head[start..].split('"').next()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.attribute(name).map(|value| value.parse().expect("attribute is a number"))
    }
}

/// Checks that tags are balanced, attributes quoted and text escaped; returns the opening tags.
pub(super) fn parse(svg: &str) -> Result<Vec<Tag<'_>>, String> {
    let (mut open, mut tags) = (Vec::new(), Vec::new());
    let mut parts = svg.split('<');
    if parts.next() != Some("") {
        return Err("text before the root".into());
    }
    for part in parts {
        let (head, text) = part.split_once('>').ok_or_else(|| format!("open tag: {part:.60}"))?;
        if text.contains('>') || head.matches('"').count() % 2 == 1 {
            return Err(format!("stray mark: {part:.60}"));
        }
        for entity in part.split('&').skip(1) {
            if !["lt;", "gt;", "amp;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)) {
                return Err(format!("bare ampersand: {part:.60}"));
            }
        }
        let name = head.trim_start_matches('/').split([' ', '/']).next().unwrap_or("");
        if head.starts_with('/') {
            if open.pop() != Some(name) {
                return Err(format!("unbalanced: {part:.60}"));
            }
        } else if !head.ends_with('/') {
            open.push(name);
        }
        tags.push(Tag { head, text });
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("never closed: {open:?}")) }
}

#[test]
fn the_check_itself_finds_faults() {
    for bad in ["<a><b></a></b>", "<a>x & y</a>", "<a b=\"c></a>", "<a>", "<a>1 > 2</a>"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    assert!(parse("<a b=\"&lt;\">x &amp; y<c/></a>").is_ok());
}

#[test]
fn figures_are_well_formed_and_finite() {
    for (name, svg) in all() {
        if let Err(fault) = parse(&svg) {
            panic!("{name}: {fault}");
        }
        let drawing = svg.split("</style>").nth(1).unwrap();
        for word in ["NaN", "inf", "-0\"", "\u{0}"] {
            assert!(!drawing.contains(word), "{name} holds {word:?}");
        }
        assert!(
            svg.contains("<title>") && svg.contains("<desc>") && svg.contains("prefers-color-scheme:dark"),
            "{name}"
        );
    }
}

#[test]
fn names_are_escaped_and_kept() {
    let svg = confusion(4, 10).render();
    assert!(svg.contains("a&lt;b&gt; &amp; &quot;c&quot;") && svg.contains("Grüße, 数字 三"));
    assert!(svg.contains("a very long name") && svg.contains('…'));
}

/// Font size of a text by its classes, as in the style sheet.
fn font_size(class: &str) -> f64 {
    let sizes =
        [("title", 18.0), ("sub", 12.5), ("head", 13.0), ("small", 10.0), ("slight", 9.0), ("tiny", 8.0)];
    sizes
        .into_iter()
        .find(|(name, _)| class.split(' ').any(|part| part == *name))
        .map_or(11.0, |found| found.1)
}

#[test]
fn all_text_and_shapes_lie_on_the_page() {
    for (name, svg) in all().into_iter().chain(inline()) {
        let tags = parse(&svg).unwrap();
        let ends: Vec<f64> =
            tags[0].attribute("viewBox").unwrap().split(' ').map(|end| end.parse().unwrap()).collect();
        let (width, height) = (ends[2], ends[3]);
        for tag in &tags {
            if tag.head.starts_with("text") {
                let class = tag.attribute("class").unwrap_or("");
                let size = font_size(class);
                let text = tag
                    .text
                    .replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
                    .replace("&quot;", "\"");
                let length = text_width(&text, size);
                let (x, y) = (tag.number("x").unwrap(), tag.number("y").unwrap());
                let anchor = if class.contains("end") {
                    1.0
                } else if class.contains("mid") {
                    0.5
                } else {
                    0.0
                };
                let (start, end) = (-anchor * length, (1.0 - anchor) * length);
                // Turned text runs upwards.
                let turned = tag.head.contains("rotate(-90");
                let (left, right) = if turned { (x - size, x) } else { (x + start, x + end) };
                let (top, bottom) = if turned { (y - end, y - start) } else { (y - size, y) };
                assert!(
                    left >= 0.0 && right <= width && top >= 0.0 && bottom <= height,
                    "{name}: {text:?} covers {left:.0}..{right:.0}, {top:.0}..{bottom:.0} of {width} x {height}"
                );
            } else if let (Some(x), Some(y), Some(w), Some(h)) = (
                tag.number_if("rect", "x"),
                tag.number_if("rect", "y"),
                tag.number_if("rect", "width"),
                tag.number_if("rect", "height"),
            ) {
                assert!(x >= 0.0 && y >= 0.0 && x + w <= width && y + h <= height, "{name}: {}", tag.head);
            }
        }
    }
}

impl Tag<'_> {
    fn number_if(&self, element: &str, name: &str) -> Option<f64> {
        self.head.starts_with(element).then(|| self.number(name)).flatten()
    }
}

#[test]
fn equal_data_give_equal_bytes() {
    assert_eq!(raster(6, (60, 20)).render(), raster(6, (60, 20)).render());
    assert_eq!(sample(6, (60, 20)).render(), sample(6, (60, 20)).render());
}

#[test]
fn the_raster_draws_every_spike_once() {
    let mut figure = raster(0, (30, 12));
    figure.layers.truncate(1);
    for place in [(0, 0), (3, 11), (29, 5)] {
        figure.layers[0].spikes[place] = 1.0;
    }
    let svg = figure.render();
    let tags = parse(&svg).unwrap();
    let ticks = tags.iter().find(|tag| tag.attribute("class") == Some("spike tick")).unwrap();
    assert_eq!(ticks.attribute("d").unwrap().matches('v').count(), 3);
}

#[test]
fn the_verdict_names_both_classes() {
    let mut figure = raster(6, (30, 12));
    figure.class_names = vec!["zero".into(), "one".into(), "two".into(), "three".into()];
    assert!(figure.render().contains("True class “three”, taken for “zero”"));
    figure.predicted_class = Some(3);
    assert!(figure.render().contains("True class “three”, recognised"));
}

#[test]
fn time_constants_stand_under_the_decays() {
    // α = 0.5 at Δt = 1 ms: τ = 1 / ln 2 = 1.44 ms.
    let mut figure = parameters(6, 1);
    figure.layers[0].parameters.truncate(1);
    figure.layers[0].parameters[0].bounds = Some((0.0, 1.0));
    let svg = figure.render();
    assert!(svg.contains(">0.6<") && svg.contains(">1.96<"), "τ of 0.6 is 1.96 ms");
}

#[test]
fn recall_counts_samples_without_a_prediction() {
    let counts = Array2::from_diag_elem(2, 3);
    let figure = ConfusionMatrix { title: "t".into(), class_names: vec![], counts, undecided: vec![1] };
    let svg = figure.render();
    assert!(
        svg.contains("75.0 %") && svg.contains("Accuracy 85.7 % (6 of 7 samples, 1 without a prediction)")
    );
}
