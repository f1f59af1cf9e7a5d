use half::f16;
use proptest::prelude::*;

use super::*;

fn binning(step_s: f64, steps: usize) -> Binning {
    Binning {
        step_s,
        steps,
        first_step: 0,
        time_zero: TimeZero::File,
        edges: Edges::Rounded,
        values: BinValues::Counts,
        sum_channels: 5,
        channels: 700,
    }
}

fn exact(step_s: f64, steps: usize) -> Binning {
    Binning { edges: Edges::Exact, ..binning(step_s, steps) }
}

fn spikes(times_s: Vec<f32>, units: Vec<u16>, channels: usize) -> Spikes {
    Spikes::checked(times_s, units, channels, "made").unwrap().0
}

impl Binning {
    /// The step of one time on the clock of its file.
    fn step(&self, time_s: f32, precision: TimePrecision) -> usize {
        self.step_of(time_s, self.clock(&[time_s], precision))
    }

    fn single(&self, time_s: f32) -> usize {
        self.step(time_s, TimePrecision::Single)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as a file of this type keeps it")]
fn as_f32(time_s: f64) -> f32 {
    time_s as f32
}

#[test]
fn a_spike_on_an_edge_belongs_to_the_step_that_begins_there() {
    let eighth = exact(0.125, 100);
    for k in 0..100_u16 {
        let edge = f32::from(k) * 0.125;
        assert_eq!(eighth.single(edge), usize::from(k));
        assert_eq!(eighth.single(edge.next_up()), usize::from(k));
        if k > 0 {
            assert_eq!(eighth.single(edge.next_down()), usize::from(k) - 1);
        }
    }
    // 0.07 in single precision lies above 0.07, 0.03 below 0.03; neither says anything about what was written.
    for (time, edge) in [(0.01_f32, 1), (0.03, 3), (0.07, 7), (0.57, 57), (0.58, 58)] {
        assert_eq!(binning(0.01, 100).single(time), edge);
        let stored = f64::from(time) >= edge as f64 * 0.01;
        assert_eq!(exact(0.01, 100).single(time), if stored { edge } else { edge - 1 });
    }
    assert_eq!(binning(0.01, 100).single(f32::MAX), usize::MAX);
    assert_eq!(exact(0.01, 100).single(f32::MAX), usize::MAX);
}

/// Every point of the usual grids up to 2 s, in every type that a file may have and however the grid was computed. A
/// float64 becomes a float32 on reading.
#[test]
fn every_point_of_a_grid_is_in_the_step_that_begins_there() {
    use TimePrecision::{Half, Single};
    for step_ms in [1_u16, 2, 4, 5, 10] {
        let (step_s, points) = (f64::from(step_ms) / 1e3, 2000 / step_ms);
        let binning = binning(step_s, usize::from(points) + 1);
        let mut sum = 0.0_f64;
        for k in 0..=points {
            let decimal = f64::from(k * step_ms) / 1e3;
            let product = f64::from(k) * step_s;
            let single_product = f32::from(k) * as_f32(step_s);
            let stored = [
                (as_f32(decimal), Single, "float32 or float64, decimal"),
                (as_f32(product), Single, "float64, product"),
                (as_f32(sum), Single, "float64, sum"),
                (single_product, Single, "float32, product"),
                (f16::from_f64(decimal).to_f32(), Half, "float16, decimal"),
                (f16::from_f64(product).to_f32(), Half, "float16, product"),
                (f16::from_f32(single_product).to_f32(), Half, "float16, from float32"),
            ];
            for (time, precision, how) in stored {
                assert_eq!(binning.step(time, precision), usize::from(k), "{k} · {step_ms} ms, {how}");
            }
            sum += step_s;
        }
    }
}

/// What lies before an edge by more than the type leaves open stays in the step before.
#[test]
fn a_time_that_can_be_told_from_an_edge_is_not_moved_to_it() {
    for step_ms in [1_u16, 2, 4, 5, 10] {
        let (step_s, points) = (f64::from(step_ms) / 1e3, 2000 / step_ms);
        let binning = binning(step_s, usize::from(points) + 1);
        for k in 1..=points {
            let edge = f64::from(k) * step_s;
            let before = usize::from(k) - 1;
            // A microsecond at most, as cameras count.
            for share in [1e-6_f64, 1e-5, 1e-3] {
                let time = as_f32(edge - (edge * share).min(0.4 * step_s));
                assert_eq!(binning.single(time), before, "{k} · {step_ms} ms");
            }
            let nearest = f16::from_f64(edge);
            let neighbour = f16::from_bits(nearest.to_bits() - 1).to_f32();
            assert_eq!(binning.step(neighbour, TimePrecision::Half), before, "{k} · {step_ms} ms, float16");
        }
    }
}

/// Steps finer than float16 can tell: the nearest edge, and no time moves by more than half a step.
#[test]
fn steps_finer_than_the_times_move_no_spike_by_more_than_half_a_step() {
    let fine = binning(1e-4, 30_000);
    for bits in f16::from_f32(0.25).to_bits()..f16::from_f32(2.0).to_bits() {
        let time = f16::from_bits(bits).to_f32();
        let step = fine.step(time, TimePrecision::Half);
        let away = f64::from(time) / 1e-4 - step as f64;
        assert!((-0.500_001..1.0).contains(&away), "{time}: step {step}");
    }
    let dyadic = binning(2f64.powi(-12), 10_000);
    for k in 2048..8192_u16 {
        let time = f32::from(k) / 4096.0;
        if f16::from_f32(time).to_f32().to_bits() == time.to_bits() {
            assert_eq!(dyadic.step(time, TimePrecision::Half), usize::from(k));
        }
    }
}

#[test]
fn a_clock_of_the_sample_begins_at_its_first_spike() {
    let binning = Binning { time_zero: TimeZero::FirstSpike, ..binning(0.01, 100) };
    let sample = spikes(vec![0.013, 0.0229, 0.023, 0.0331, 0.9], vec![0, 1, 2, 3, 4], 700);
    let binned = binning.bin(&sample, 100);
    assert_eq!((binned.values.nrows(), binning.rows(&sample)), (89, 89));
    let counts: Vec<f32> = binned.values.rows().into_iter().take(3).map(|row| row.sum()).collect();
    assert_eq!(counts, [2.0, 1.0, 1.0], "the edges are at 13, 23 and 33 ms");
    // A grid that begins anywhere stays a grid, in every type.
    for precision in [TimePrecision::Half, TimePrecision::Single] {
        for first in 0..50_u16 {
            let stored = |k: u16| {
                let time = f64::from(first) / 1e3 + f64::from(k) * 0.01;
                if precision == TimePrecision::Half { f16::from_f64(time).to_f32() } else { as_f32(time) }
            };
            let times: Vec<f32> = (0..=100).map(stored).collect();
            let clock = binning.clock(&times, precision);
            for (k, &time) in times.iter().enumerate() {
                assert_eq!(binning.step_of(time, clock), k, "first spike at {first} ms");
            }
        }
    }
    assert_eq!((binning.bin(&Spikes::default(), 9).values.nrows(), binning.rows(&Spikes::default())), (0, 0));
}

#[test]
fn the_recipe_of_sparch_counts_as_digitize_does() {
    let sparch = Binning { step_s: 1.4 / 99.0, first_step: 1, sum_channels: 1, ..exact(0.01, 100) };
    // numpy: digitize([0, 0.014, 0.0142, 0.7, 1.399], linspace(0, 1.4, 100)) and 1.4, which overflows.
    let times = [0.0, 0.014, 0.0142, 0.7, 1.399];
    let steps: Vec<usize> = times.iter().map(|&t| sparch.single(t)).collect();
    assert_eq!(steps, [1, 1, 2, 50, 99]);
    assert_eq!(sparch.bin(&spikes(vec![1.4001], vec![3], 700), 100).late, 1);
    assert_eq!(sparch.channels_out(), 700);
}

#[test]
fn binary_steps_hold_ones() {
    let binary = Binning { values: BinValues::Binary, ..binning(0.01, 5) };
    let binned = binary.bin(&spikes(vec![0.001, 0.002, 0.031], vec![3, 4, 699], 700), 5);
    assert_eq!(binned.values.dim(), (4, 140));
    assert_eq!((binned.values[[0, 0]], binned.values[[3, 139]], binned.values.sum()), (1.0, 1.0, 2.0));
    assert_eq!(binary.bin(&Spikes::default(), 5).values.dim(), (0, 140));
}

#[test]
fn channels_that_do_not_divide_fill_a_smaller_last_group() {
    let odd = Binning { channels: 7, sum_channels: 3, ..binning(1.0, 1) };
    assert_eq!(odd.channels_out(), 3);
    let all = spikes(vec![0.0; 7], vec![0, 1, 2, 3, 4, 5, 6], 7);
    assert_eq!(odd.bin(&all, 1).values, ndarray::arr2(&[[3.0, 3.0, 1.0]]));
}

proptest! {
    /// Times on and beside edges, and anywhere, rising or in no order.
    #[test]
    fn bounds_of_a_step_are_never_wider_than_the_step(
        places in prop::collection::vec((0..40_usize, -3..4_i32, 0.0..1.0_f64, any::<bool>()), 1..60),
        rising in any::<bool>(),
        step_s in prop::sample::select(vec![0.0005, 0.001, 0.004, 0.01, 1.4 / 99.0, 0.125]),
        half in any::<bool>(),
        rounded in any::<bool>(),
        own_clock in any::<bool>(),
        first_step in 0..3_usize,
    ) {
        let precision = if half { TimePrecision::Half } else { TimePrecision::Single };
        let time = |&(edge, beside, inside, on_edge): &(usize, i32, f64, bool)| {
            let edge = edge as f64 * step_s;
            let time = if on_edge {
                edge + 0.5 * f64::from(beside) * precision.slack(edge)
            } else {
                edge + inside * step_s
            };
            as_f32(if half { f64::from(f16::from_f64(time)) } else { time }).max(0.0)
        };
        let mut times: Vec<f32> = places.iter().map(time).collect();
        if rising {
            times.sort_by(f32::total_cmp);
        }
        let binning = Binning {
            edges: if rounded { Edges::Rounded } else { Edges::Exact },
            time_zero: if own_clock { TimeZero::FirstSpike } else { TimeZero::File },
            first_step,
            ..binning(step_s, 50)
        };
        let clock = binning.clock(&times, precision);
        let expected: Vec<usize> = times.iter().map(|&time| binning.step_of(time, clock)).collect();
        prop_assert_eq!(binning.steps_of(&times, clock), expected);
    }

    #[test]
    fn no_spike_is_lost_without_being_counted(
        spikes in prop::collection::vec((0.0..2.0_f32, 0..700_u16), 0..200),
        step_s in 0.001..0.1_f64,
        steps in 1..150_usize,
    ) {
        let (times, units): (Vec<f32>, Vec<u16>) = spikes.into_iter().unzip();
        for binning in [exact(step_s, steps), binning(step_s, steps)] {
            let sample = Spikes::checked(times.clone(), units.clone(), 700, "made").unwrap().0;
            let binned = binning.bin(&sample, steps);
            prop_assert!((binned.values.sum() - (times.len() - binned.late) as f32).abs() < 0.5);
            prop_assert_eq!(binned.late, binning.late(&sample));
            prop_assert_eq!(binned.values.nrows(), binning.rows(&sample));
            for (t, u) in sample.iter() {
                let n = binning.single(t);
                let slack = if binning.edges == Edges::Exact { 0.0 } else { TimePrecision::Single.slack(t.into()) };
                let t = f64::from(t);
                prop_assert!(n as f64 * step_s <= t + slack && t + slack < (n as f64 + 1.0) * step_s);
                if n < steps {
                    prop_assert!(binned.values[[n, usize::from(u) / 5]] >= 1.0);
                }
            }
        }
    }
}
