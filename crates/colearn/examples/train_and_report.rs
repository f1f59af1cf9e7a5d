//! Trains two small networks on the embedded digits, one with and one without delays, and makes the page that compares them:
//! `cargo run --release -p colearn --example train_and_report`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use colearn::runs::{Quiet, Request, TrainOptions, report, train};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = PathBuf::from("runs/example");
    for model in ["lif", "d-lif"] {
        let set = ["network.hidden=[32]", "train.epochs=5"].map(str::to_owned);
        let request = Request { config: Some(model.to_owned()), set: set.into(), ..Request::default() };
        let options = TrainOptions { out: Some(place.join(model)), ..TrainOptions::default() };
        train(&request, &options, &mut Quiet, &AtomicBool::new(false))?;
        println!("{model}: {}", place.join(model).display());
    }
    let page = report(std::slice::from_ref(&place), None, Some("With and without delays"))?;
    println!("the page: {}", page[0].display());
    Ok(())
}
