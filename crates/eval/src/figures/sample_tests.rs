//! What the figure of a sample shows.

use ndarray::Array2;

use super::tests::{parse, sample};
use super::{SampleFigure, SampleSpikes};

/// A figure of spikes alone.
fn spikes(times_ms: Vec<f64>, units: Vec<usize>, channels: usize) -> SampleFigure {
    let mut figure = sample(6, (0, 0));
    figure.spikes = Some(SampleSpikes { times_ms, units, channels, label: "Channel".into() });
    figure.maps.clear();
    figure.kept_ms = None;
    figure
}

/// The path of the ticks of a sample; empty where there is none.
fn specks(svg: &str) -> &str {
    let tags = parse(svg).unwrap();
    let ticks = tags.iter().find(|tag| tag.attribute("class") == Some("spike speck"));
    ticks.map_or("", |tag| tag.attribute("d").unwrap())
}

#[test]
fn ticks_of_a_sample_lie_at_their_times_and_channels() {
    // 756 units wide from 64 and 320 high down to 442: two channels of 160, ticks of 12 in their middles.
    let svg = spikes(vec![100.0, 0.0, 50.0], vec![1, 0, 1], 2).render();
    assert_eq!(specks(&svg), "m64 356v12m378 -172v12m378 -12v12");
    // Spikes of one place, and spikes that cannot be drawn.
    let svg = spikes(vec![100.0, 100.0, 0.0, 0.0, f64::NAN], vec![1, 1, 0, 2, 0], 2).render();
    assert_eq!(specks(&svg), "m64 356v12m756 -172v12");
    assert!(svg.contains("3 spikes, a tick each"));
    // Neighbours of many channels overlap: 320 of 1 unit, ticks of 1.5, and the last one alone.
    let svg = spikes(vec![1.0; 4], vec![10, 11, 12, 19], 320).render();
    assert_eq!(specks(&svg), "m820 422v1.5m0 5.5v3.5");
}

#[test]
fn a_sample_without_spikes_has_empty_axes() {
    let mut figure = spikes(vec![], vec![], 700);
    figure.kept_ms = Some(250.0);
    let svg = figure.render();
    assert_eq!(specks(&svg), "");
    assert!(svg.contains("0 spikes") && svg.contains(">600<") && svg.contains(">250<"));
}

#[test]
fn a_line_shows_where_the_input_ends() {
    let mut figure = spikes(vec![0.0, 100.0], vec![0, 0], 2);
    figure.kept_ms = Some(50.0);
    assert!(figure.render().contains("class=\"mark thin dash\" x1=\"442\""));
    figure.kept_ms = Some(100.0);
    assert!(!figure.render().contains("thin dash\""), "nothing lies beyond");
}

#[test]
fn heat_maps_show_all_that_is_above_the_ground() {
    let mut figure = sample(6, (0, 0));
    (figure.spikes, figure.kept_ms) = (None, None);
    figure.maps.truncate(1);
    let map = &mut figure.maps[0];
    (map.values, map.least) = (Array2::zeros((4, 3)), Some(0.0));
    for (place, value) in [((0, 0), 1.0), ((1, 2), 100.0), ((2, 2), 100.0)] {
        map.values[place] = value;
    }
    let svg = figure.render();
    let tags = parse(&svg).unwrap();
    let cells: Vec<_> = tags
        .iter()
        .filter(|tag| tag.attribute("transform").is_some())
        .map(|tag| {
            (
                tag.attribute("d").unwrap(),
                tag.attribute("fill-opacity").unwrap(),
                tag.attribute("transform").unwrap(),
            )
        })
        .collect();
    let place = "translate(64 122) scale(189.00000 63.33333)";
    assert_eq!(cells, [("M0 2h1v1h-1z", "0.06", place), ("M1 0h2v1h-2z", "1", place)]);
    assert!(svg.contains(">100<") && svg.contains(">0<"), "the key has whole numbers");
}

#[test]
fn a_sample_of_many_spikes_is_a_small_file() {
    let mut state = 1_u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let times: Vec<f64> = (0..20_000).map(|_| below(1_000_000) as f64 / 1000.0).collect();
    let units: Vec<usize> = times.iter().map(|_| usize::try_from(below(700)).unwrap()).collect();
    let mut values = Array2::zeros((100, 140));
    for (time, unit) in times.iter().zip(&units) {
        values[[(0..99).filter(|step| f64::from(*step) * 10.0 + 10.0 <= *time).count(), unit / 5]] += 1.0;
    }
    let mut figure = sample(6, (1, 1));
    figure.spikes = spikes(times, units, 700).spikes;
    figure.maps.truncate(1);
    (figure.maps[0].values, figure.maps[0].step_ms) = (values, 10.0);
    let bytes = figure.render().len();
    assert!((100_000..500_000).contains(&bytes), "{bytes} bytes");
}
