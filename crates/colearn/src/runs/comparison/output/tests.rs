use super::super::tests::{cell, pair, run};
use super::super::{Cell, Selected};
use super::*;

fn comparison() -> Comparison {
    let published = vec![Published {
        cell: "a".into(),
        percent: 94.85,
        plus_minus: Some(0.5),
        selected_on: Selected::Test,
        source: "a paper".into(),
        note: Some("twice as large".into()),
    }];
    let first = Cell { published, ..cell("a", vec![run(0, None, 0.9), run(1, None, 0.92)]) };
    let second = cell("b", vec![run(2, None, 0.8), run(0, None, 0.81), run(1, None, 0.83)]);
    Comparison::new(
        "name",
        "A title",
        vec![first, second, cell("c", vec![])],
        vec![pair("a", "b"), pair("a", "c")],
    )
}

#[test]
fn the_tables_say_what_was_found_and_what_is_missing() {
    let text = comparison().to_markdown();
    for part in [
        " 2/3 | 91.00 ± 1.41 |",
        "94.85 ± 0.5 [selected on TEST]",
        " 0/3 |",
        "a − b",
        "+9.67",
        "p (Holm) is p itself, since one pair alone was tested",
        "| the TEST split | a paper (twice as large) |",
        "| 94.85 ± 0.5 |",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn what_was_corrected_is_counted() {
    let cells = |seeds: u64| {
        ["a", "b", "c"].map(|name| {
            let value = |seed: u64| 0.5 + 0.01 * (seed * seed) as f64 + 0.1 * f64::from(name == "a");
            cell(name, (0..seeds).map(|seed| run(seed, None, value(seed))).collect())
        })
    };
    let text = |seeds, pairs| {
        let part = Comparison::new("n", "t", cells(seeds).to_vec(), pairs).parts().remove(0);
        assert_eq!(part.title, "Pairs");
        part.text
    };
    let two = || vec![pair("a", "b"), pair("a", "c")];
    let none = text(1, two());
    assert!(none.starts_with("No pair could be tested") && !none.contains("corrected"), "{none}");
    assert!(text(3, two()).contains("p (Holm) is corrected for all 2 tested pairs."));
}

#[test]
fn the_csv_is_rectangular_and_quotes() {
    let text = comparison().to_csv().unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(&rows[0][1], "a, with | and \"");
    assert_eq!((&rows[1][17], &rows[1][18]), ("0;1;2", "0.81;0.83;0.8"));
}

#[test]
fn small_probabilities_keep_their_digits() {
    assert_eq!(probability(Some(0.000_012_3)), "1.2e-5");
    assert_eq!(probability(Some(0.0421)), "0.042");
}
