//! Delayed synapses against values and gradients from PyTorch's autograd (`datasets/golden/make_golden.py`).
//!
//! `COLEARN_GOLDEN_DIR` names another folder of the same form.

use crate::common::{Case, assert_close};
use colearn_synapses::{Delayed, Interpolation};
use ndarray::{Array2, Array3, ArrayD};
use ndarray_npy::NpzReader;
use std::fs::File;
use std::path::PathBuf;

/// A relative folder is meant from here: tests run in their package's folder.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn open(name: &str) -> NpzReader<File> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/golden");
    let folder = std::env::var_os("COLEARN_GOLDEN_DIR")
        .map_or_else(|| default.into(), |dir| PathBuf::from(WORKSPACE).join(dir));
    let path = folder.join(format!("{name}.npz"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    NpzReader::new(file).unwrap()
}

fn check(name: &str, interpolation: Interpolation) {
    let mut file = open(name);
    let taps: ndarray::Array0<i64> = file.by_name("K").unwrap();
    let max_delay = usize::try_from(taps[()]).unwrap() - 1;
    let spread: ndarray::Array0<f64> = file.by_name("sigma").unwrap();
    let spread = spread[()];
    let three = |file: &mut NpzReader<File>, key: &str| -> Array3<f64> { file.by_name(key).unwrap() };
    let two = |file: &mut NpzReader<File>, key: &str| -> Array2<f64> { file.by_name(key).unwrap() };
    let case = Case {
        x: three(&mut file, "x"),
        weight: two(&mut file, "W"),
        delay: two(&mut file, "D"),
        g: three(&mut file, "G"),
        synapse: Delayed { max_delay, interpolation, spread },
    };
    let [y, gx, gw, gd] = case.fused();
    let golden = |file: &mut NpzReader<File>, key: &str| -> ArrayD<f64> { file.by_name(key).unwrap() };
    assert_close("y", &y.view(), &golden(&mut file, "y"), 1e-9);
    assert_close("∂L/∂x", &gx.view(), &golden(&mut file, "g_x"), 1e-8);
    assert_close("∂L/∂W", &gw.view(), &golden(&mut file, "g_W"), 1e-8);
    // Whole delays sit on a kink: their file holds no slope.
    if name != "delay_integer" {
        assert_close("∂L/∂d", &gd.view(), &golden(&mut file, "g_D"), 1e-8);
    }
}

#[test]
fn golden_linear() {
    check("delay_linear_0p0", Interpolation::Linear);
}

#[test]
fn golden_triangle() {
    check("delay_triangle_2p5", Interpolation::Triangle);
}

#[test]
fn golden_gaussian() {
    check("delay_gauss_3p0", Interpolation::Gaussian);
    check("delay_gauss_0p23", Interpolation::Gaussian);
}

#[test]
fn golden_whole_delays() {
    check("delay_integer", Interpolation::Linear);
    check("delay_integer", Interpolation::Whole);
}
