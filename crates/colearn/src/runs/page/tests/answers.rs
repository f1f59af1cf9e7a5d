//! What is said first, the files beside the page, and pages of very many or of damaged things.

use super::super::page as page_of;
use super::*;

/// A number of a file, to a relative error that its digits allow.
fn number(row: &std::collections::BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?} is no number", row[column]))
}

#[test]
fn files_hold_plain_numbers_one_a_column() {
    let page = page(None, &experiment(), &[]);
    let row = plain(&page, "accuracy", "d-cadlif");
    // 60, 70 and 80 %, as in the table that is read.
    for (column, expected) in [
        ("seeds", 3.0),
        ("accuracy_mean", 0.7),
        ("accuracy_std", 0.1),
        ("accuracy_ci95_low", 0.7 - 0.248_414),
        ("accuracy_ci95_high", 0.7 + 0.248_414),
        ("binomial95_low", 0.396_8),
        ("binomial95_high", 0.892_2),
        ("chance", 0.5),
    ] {
        assert!((number(&row, column) - expected).abs() < 1e-4, "{column}: {}", row[column]);
    }
    assert_eq!(plain(&page, "accuracy", "gru")["accuracy_std"], "", "a single run has none");
    assert!((number(&plain(&page, "rounding", "d-cadlif"), "difference_mean_points") - 10.0).abs() < 1e-9);
    // No column of numbers holds anything else: what is no number anywhere is a name, a date or a command.
    let words = [
        "cell",
        "layer",
        "parameter",
        "id",
        "true_class",
        "predicted_class",
        "key",
        "value",
        "version",
        "machine",
        "command",
        "finished_utc",
        "left_out",
        "first",
        "second",
        "asks",
        "a",
    ];
    for (name, text) in page.tables().iter().filter(|(name, _)| !name.starts_with("confusion")) {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads = reader.headers().unwrap().clone();
        for record in reader.records().map(Result::unwrap) {
            for (head, cell) in
                heads.iter().zip(&record).filter(|(head, cell)| !cell.is_empty() && !words.contains(head))
            {
                assert!(
                    name.starts_with("settings") || cell.parse::<f64>().is_ok(),
                    "{name}.csv, {head}: {cell:?}"
                );
            }
        }
    }
}

#[test]
fn the_headline_says_which_is_best_and_against_what() {
    let groups = by_result(experiment());
    let page = page(None, &groups, &[]);
    // d-cadlif and lif have 70 % on average, gru 60 %.
    assert!(
        page.answer.starts_with("Of 3 cells, d-cadlif is best on the test split: 70.0 % (45.2 to 94.8 %), "),
        "{}",
        page.answer
    );
    assert!(
        page.answer.contains("Next is a <lif> with 70.0 % (45.2 to 94.8 %), 0.0 points behind (Welch's test"),
        "{}",
        page.answer
    );
    let html = page.html();
    assert!(html.find("<p class=\"answer\">").unwrap() < html.find("<nav").unwrap());
    let single = page_of(None, &[group("x", vec![run_of("lif", 0, 6)])], &[]);
    assert_eq!(
        single.answer,
        "d-cadlif on two <words>: 60.0 % of 10 test samples are right (95 %: 31.3 to 83.2 %); guessing reaches 50.0 %."
    );
    let fact = |name: &str| single.facts.iter().find(|fact| fact.0 == name).unwrap().1.clone();
    assert_eq!((fact("seeds"), fact("guessing reaches")), ("0".to_owned(), "50.0 %".to_owned()));
    let mut marked = run_of("lif", 0, 6);
    marked.stored.protocol = Protocol::SelectedOnTest;
    let marked = page_of(None, &[group("x", vec![marked])], &[]);
    assert!(marked.answer.contains("TEST samples, which also chose the epoch"), "{}", marked.answer);
}

#[test]
fn cells_come_in_the_order_of_their_results() {
    let cells = [("low", 5), ("high", 9), ("middle", 7)];
    let groups = by_result(cells.map(|(name, right)| group(name, vec![run_of("lif", 0, right)])).into());
    let page = page(None, &groups, &[]);
    let tables = page.tables();
    let names = |table: &str| -> Vec<String> {
        let text = &tables.iter().find(|found| found.0 == table).unwrap().1;
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names("accuracy"), ["high", "middle", "low"]);
    assert_eq!(names("runs"), ["high", "middle", "low"]);
}

#[test]
fn settings_and_origin_are_those_of_the_runs() {
    let mut run = run_of("lif", 7, 6);
    run.stored.experiment.train.learning_rate = 0.012_5;
    run.stored.made = crate::runs::made::Made {
        version: Some("9.8.7".into()),
        command: Some("cargo xtask train --seed 7".into()),
        finished: Some("2026-01-31T12:00:00Z".into()),
        machine: Some("x86_64, avx2, 2 threads".into()),
    };
    let page = page(None, &[group("x", vec![run])], &[]);
    let html = page.html();
    for part in ["9.8.7", "cargo xtask train --seed 7", "2026-01-31T12:00:00Z", "learning_rate", "0.0125"] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(plain(&page, "origin", "x")["version"], "9.8.7");
    // Of older runs a dash, and no number is made up.
    let old = page_of(None, &[group("x", vec![run_of("lif", 7, 6)])], &[]);
    assert_eq!(row(&old, "origin", "x")[2..], ["–", "–", "–", "–"]);
}

#[test]
fn what_was_not_recognised_is_named() {
    let runs = vec![run_of("lif", 0, 6), run_of("lif", 1, 8)];
    let mut undecided = run_of("lif", 2, 8);
    undecided.evaluation.as_mut().unwrap().wrong = Some(vec![wrong(9, None)]);
    let cell = group("x", runs.into_iter().chain([undecided]).collect());
    let page = page(None, &[cell, group("old", vec![bare()])], &[]);
    assert_eq!(row(&page, "wrong-x", "clip <8>"), ["clip <8>", "<no>", "yes & no", "2 of 3"]);
    assert_eq!(row(&page, "wrong-x", "clip <6>")[3], "1 of 3");
    assert!(page.markdown().contains("nothing: a score was not finite"));
    assert_eq!(plain(&page, "wrong-x", "clip <9>,yes & no,<no>")["runs"], "2");
    assert!(page.markdown().contains("old: these runs do not tell which utterances"));
}

/// Many cells, runs, classes and layers: the page grows with its tables alone.
#[test]
fn a_page_of_many_cells_shows_the_figures_of_the_best_ones() {
    let many_cells = |cells: usize| {
        let cell = |index: usize| group(&format!("cell {index}"), vec![run_of("lif", 0, index % 10)]);
        let groups = by_result((0..cells).map(cell).collect());
        page(None, &groups, &[])
    };
    let (some, many) = (many_cells(DETAILED), many_cells(4 * DETAILED));
    let drawings = |page: &Page| page.html().matches("<svg").count();
    assert_eq!(drawings(&many), drawings(&some));
    assert!(many.markdown().contains("36 cells more, with lower results"), "{}", many.markdown());
    assert_eq!(
        many.tables().iter().find(|table| table.0 == "accuracy").unwrap().1.lines().count(),
        1 + 4 * DETAILED
    );
}

#[test]
fn a_matrix_of_many_classes_is_a_file_of_pairs() {
    let mut run = run_of("lif", 0, 6);
    let mut evaluation = Evaluation::new(400);
    let scores = Array2::from_shape_fn(
        (800, 400),
        |(row, class)| if class == (7 * row) % 400 { 1.0_f32 } else { 0.0 },
    );
    evaluation.update(&scores, &(0..800).map(|row| row % 400).collect::<Vec<_>>()).unwrap();
    let stored = run.evaluation.as_mut().unwrap();
    stored.classes = (0..400).map(|class| format!("c{class}")).collect();
    (stored.rounded.evaluation, stored.unrounded) = (evaluation.report(), None);
    let page = page(None, &[group("x", vec![run])], &[]);
    let (html, tables) = (page.html(), page.tables());
    assert!(html.len() < 1 << 20, "{} bytes", html.len());
    let counts = &tables.iter().find(|table| table.0 == "confusion-x").unwrap().1;
    assert!(counts.starts_with("true_class,predicted_class,times\n") && counts.lines().count() <= 801);
    let sum: u64 =
        counts.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 800);
}

/// What a run with infinite numbers leaves in its folder, and files that are damaged, cost neither its page nor that of
/// others.
#[test]
fn numbers_that_are_not_finite_and_damaged_files_cost_no_page() {
    let mut run = run_of("lif", 0, 6);
    run.stored.hidden_rates = vec![f64::NAN, f64::INFINITY];
    let stored = run.evaluation.as_mut().unwrap();
    stored.rounded.rates = vec![f64::NAN, 0.1];
    let mut evaluation = Evaluation::new(2);
    evaluation.update(&Array2::from_elem((4, 2), f32::NAN), &[0, 1, 0, 1]).unwrap();
    stored.rounded.evaluation = evaluation.report();
    let example = run.example.as_mut().unwrap();
    example.input[[3, 1]] = f32::INFINITY;
    example.readout.fill(f32::NAN);
    // As files hold them.
    let text = serde_json::to_string(&run.evaluation).unwrap();
    run.evaluation = serde_json::from_str(&text).unwrap();
    let text = serde_json::to_string(&run.example).unwrap();
    run.example = serde_json::from_str(&text).unwrap();
    assert!(run.example.as_ref().unwrap().input[[3, 1]].is_nan());
    run.damage.push("run/example.json: cut off".into());
    let page = page(None, &[group("sound", vec![run_of("lif", 0, 7)]), group("x", vec![run])], &[]);
    let html = page.html();
    assert!(
        html.contains("run/example.json: cut off") && html.contains("x, seed 0: 4 of 4 samples have a score")
    );
    for word in ["NaN", ">inf", ">-inf", "inf\"", ">null"] {
        assert!(!html.contains(word), "{word}");
    }
}
