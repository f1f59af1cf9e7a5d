//! Laws of the drawings of a page, over ordinary, empty and hostile data.

use super::tests::{HOSTILE, KINDS, confusion, delays, names, parameters, parse, raster, values};
use super::*;
use crate::statistics::Interval;

fn bands(kind: usize, groups: usize) -> BandCurves {
    let run = |shift: u32| -> Vec<(u32, f64)> {
        values(kind)
            .into_iter()
            .enumerate()
            .map(|(i, value)| (u32::try_from(i).unwrap() + shift, value))
            .collect()
    };
    let look = [Look::Training, Look::Validation].into_iter().chain((0..).map(Look::Cell));
    let group = |(name, look): (String, Look)| CurveGroup {
        name,
        look,
        runs: vec![run(0), run(1), run(3)],
        best: vec![2, 40, 2],
    };
    BandCurves {
        title: HOSTILE[3].repeat(2),
        measure: HOSTILE[0].into(),
        groups: names(groups).into_iter().zip(look).map(group).collect(),
        top: (kind == 2).then_some(100.0),
        reference: Some((if kind == 3 { f64::NAN } else { 0.1 }, "chance".into())),
    }
}

fn rows(kind: usize, groups: usize) -> DotRows {
    let row = |name: String| DotRow {
        name,
        values: values(kind),
        interval: (kind == 1).then_some(Interval { low: 0.3, high: 0.5 }),
    };
    DotRows {
        title: HOSTILE[0].into(),
        measure: HOSTILE[1].into(),
        rows: names(groups).into_iter().map(row).collect(),
        reference: Some((if kind == 4 { f64::NAN } else { 0.1 }, "chance".into())),
        from_reference: kind.is_multiple_of(2),
        limits: (kind % 3 == 1).then_some((0.0, 0.6)),
    }
}

fn scatter(kind: usize, groups: usize) -> Scatter {
    let points = |name: String| ScatterGroup {
        name,
        points: values(kind).into_iter().zip(values((kind + 6) % KINDS)).collect(),
    };
    Scatter {
        title: HOSTILE[0].into(),
        x_name: "Parameters".into(),
        y_name: HOSTILE[1].into(),
        groups: names(groups).into_iter().map(points).collect(),
        limits: (kind % 3 == 1).then_some((0.0, 0.6)),
    }
}

fn stability(kind: usize) -> StabilityMap {
    let modes = |shift: f64| values(kind).into_iter().map(|v| vec![(v, v - shift), (v, shift - v)]).collect();
    StabilityMap { layer: HOSTILE[kind % 3].into(), before: modes(0.0), after: modes(0.3) }
}

fn response(kind: usize) -> Response {
    let course = |kind: usize| Course {
        states: if kind == 2 { vec![] } else { vec![values(kind), values((kind + 2) % KINDS), values(kind)] },
        threshold: values((kind + 3) % KINDS),
        spikes: values(kind),
    };
    Response {
        title: HOSTILE[3].into(),
        subtitle: HOSTILE[3].into(),
        step_ms: 10.0,
        variables: [("u", "membrane"), (HOSTILE[1], HOSTILE[0]), ("", "")]
            .map(|(symbol, name)| Variable {
                symbol: symbol.into(),
                name: name.into(),
                unit: HOSTILE[1].into(),
            })
            .into(),
        current: values(kind),
        before: course((kind + 1) % KINDS),
        after: course(kind),
    }
}

/// A good many drawings, each with a name for messages.
pub(super) fn inline() -> Vec<(String, String)> {
    let mut drawings = Vec::new();
    let mut add = |name: String, found: &mut dyn Iterator<Item = String>| {
        drawings.extend(found.map(|svg| (name.clone(), svg)));
    };
    for kind in 0..KINDS {
        for groups in [0, 1, 3, 14] {
            add(format!("bands {kind} {groups}"), &mut std::iter::once(bands(kind, groups).inline()));
            add(format!("rows {kind} {groups}"), &mut std::iter::once(rows(kind, groups).inline()));
            add(format!("wide rows {kind} {groups}"), &mut std::iter::once(rows(kind, groups).wide()));
            add(format!("scatter {kind} {groups}"), &mut std::iter::once(scatter(kind, groups).inline()));
            add(format!("key {kind} {groups}"), &mut bands(kind, groups).key().into_iter());
            add(format!("marks {kind} {groups}"), &mut scatter(kind, groups).key().into_iter());
        }
        add(format!("stability {kind}"), &mut stability(kind).panels().into_iter());
        add(format!("response {kind}"), &mut std::iter::once(response(kind).inline()));
        add(format!("delays {kind}"), &mut delays(kind, 3).panels().into_iter());
        add(format!("parameters {kind}"), &mut parameters(kind, 2).panels().into_iter());
        for shape in [(0, 0), (1, 1), (60, 20), (450, 70)] {
            add(format!("raster {kind} {shape:?}"), &mut raster(kind, shape).inline().into_iter());
        }
    }
    for (classes, count) in [(0, 0), (1, 5), (2, 0), (10, 1_234_567), (35, 90)] {
        let found = confusion(classes, count).inline();
        add(format!("confusion {classes} {count}"), &mut found.into_iter());
    }
    drawings
}

#[test]
fn drawings_are_well_formed_finite_and_without_a_style_of_their_own() {
    for (name, svg) in inline() {
        if let Err(fault) = parse(&svg) {
            panic!("{name}: {fault}");
        }
        for word in ["NaN", "inf", "-0\"", "\u{0}", "<style", " id=", "http"] {
            assert!(!svg.contains(word), "{name} holds {word:?}");
        }
        assert!(svg.contains("role=\"img\"") && svg.contains("<title>") && svg.contains("<desc>"), "{name}");
    }
}

#[test]
fn every_run_is_a_dot_and_every_cell_a_mean() {
    let svg = rows(6, 2).inline();
    assert_eq!(svg.matches("<circle").count(), 2 * values(6).len());
    assert_eq!(svg.matches("class=\"s0 line\"").count(), 2);
    let figure = Scatter {
        groups: vec![ScatterGroup { name: "x".into(), points: vec![(10.0, 1.0), (1000.0, 3.0)] }],
        ..scatter(6, 0)
    };
    let svg = figure.inline();
    assert_eq!(svg.matches("<circle").count(), 2);
    // Between 10 and 1000 the middle of the axis is 100.
    assert!(svg.contains(">100<") && svg.contains("d=\"M191 "), "{svg}");
}

#[test]
fn the_names_of_all_groups_are_told_once() {
    for groups in [3, 14] {
        let (curves, dots) = (bands(6, groups), Scatter { y_name: "y".into(), ..scatter(6, groups) });
        for (figure, key) in [(curves.inline(), curves.key()), (dots.inline(), dots.key())] {
            assert_eq!(key.is_some(), groups > 6);
            let (drawing, silent) = key.map_or((figure.clone(), String::new()), |key| (key, figure));
            // The second of four names in turn.
            let named = |text: &str| text.matches("Grüße, 数字 三</text>").count();
            assert_eq!(named(&drawing), (groups + 2) / 4, "{groups} groups");
            assert_eq!(named(&silent), 0, "{groups} groups");
        }
    }
}

#[test]
fn a_response_draws_its_spikes_before_and_after() {
    let mut figure = response(2);
    figure.after.spikes = vec![0.0, 1.0, 1.0, 0.0];
    figure.before.spikes = vec![1.0];
    let svg = figure.inline();
    assert!(svg.contains("Spikes: 1 before training, 2 after"));
    let ticks = |class: &str| {
        let tags = parse(&svg).unwrap();
        let found = tags.iter().find(|tag| tag.attribute("class") == Some(class));
        found.map_or(0, |tag| tag.attribute("d").unwrap().matches('v').count())
    };
    assert_eq!((ticks("s0 tick"), ticks("s1 tick")), (2, 1));
}

#[test]
fn names_of_many_classes_do_not_touch_on_a_phone() {
    for (classes, named) in [(4, 4), (20, 20), (40, 20)] {
        let [_, narrow] = confusion(classes, 3).inline();
        let tags = parse(&narrow).unwrap();
        let places: Vec<f64> = (tags.iter())
            .filter(|tag| tag.attribute("class") == Some("end ink slight"))
            .map(|tag| tag.attribute("y").unwrap().parse().unwrap())
            .collect();
        assert_eq!(places.len(), named, "{classes} classes");
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 12.0), "{places:?}");
        assert_eq!(narrow.contains("1 name in 2"), classes == 40);
    }
}
