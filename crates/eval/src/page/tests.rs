//! Laws of the page: well-formed, complete, closed to the network.

use super::*;
use crate::figures::{BandCurves, CurveGroup, Look};

const HOSTILE: &str = "<script>alert('x')</script> & \"quotes\" | bar";

fn page() -> Page {
    let mut table = Table::new([HOSTILE, "n"]).align([crate::Align::Left, crate::Align::Right]);
    table.row([HOSTILE, "1,5"]);
    let curves = BandCurves {
        title: HOSTILE.into(),
        measure: HOSTILE.into(),
        groups: vec![CurveGroup {
            name: HOSTILE.into(),
            look: Look::Cell(0),
            runs: vec![vec![(1, 0.5), (2, 0.6)]],
            best: vec![2],
        }],
        top: None,
        reference: None,
    };
    let figure = |wide: Option<String>| Block::Figure {
        panels: vec![curves.inline(), curves.inline()],
        wide,
        caption: format!("caption {HOSTILE}"),
    };
    let mut numbers = Table::new(["name", "value"]);
    numbers.row([HOSTILE, "1.5"]);
    let table = |name: &str| Block::Table {
        name: name.into(),
        caption: HOSTILE.into(),
        table: table.clone(),
        data: (name == "inner").then(|| numbers.clone()),
    };
    let file = Block::Data { name: "file".into(), caption: HOSTILE.into(), data: numbers.clone() };
    let group = Block::Group {
        title: HOSTILE.into(),
        open: true,
        blocks: vec![
            table("inner"),
            figure(Some(curves.inline())),
            Block::Pair { panels: vec![curves.inline()], caption: HOSTILE.into() },
        ],
    };
    let section = |id: &str, blocks: Vec<Block>| Section { id: id.into(), title: HOSTILE.into(), blocks };
    Page {
        title: HOSTILE.into(),
        answer: HOSTILE.into(),
        facts: vec![(HOSTILE.into(), HOSTILE.into())],
        lead: HOSTILE.into(),
        sections: vec![
            section("one", vec![Block::Text(HOSTILE.into()), Block::Missing(HOSTILE.into()), table("outer")]),
            section("two", vec![figure(None), group, file]),
        ],
    }
}

/// Checks that every element is closed in order, attributes are quoted and text is escaped.
fn check(html: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let body = html.strip_prefix("<!DOCTYPE html>\n").ok_or("no document type")?;
    let (before, rest) = body.split_once("<style>").ok_or("no style")?;
    let (style, after) = rest.split_once("</style>").ok_or("the style does not end")?;
    if style.contains('<') {
        return Err("markup in the style".into());
    }
    for part in format!("{before}{after}").split('<').skip(1) {
        let (head, text) = part.split_once('>').ok_or_else(|| format!("open tag: {part:.60}"))?;
        if text.contains('>') || head.matches('"').count() % 2 == 1 || text.contains('"') {
            return Err(format!("stray mark: {part:.60}"));
        }
        for entity in part.split('&').skip(1) {
            if !["lt;", "gt;", "amp;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)) {
                return Err(format!("bare ampersand: {part:.60}"));
            }
        }
        let name = head.trim_start_matches('/').split([' ', '/']).next().unwrap_or("").to_owned();
        if head.starts_with('/') {
            if open.pop().as_ref() != Some(&name) {
                return Err(format!("unbalanced: {part:.60}"));
            }
        } else if !head.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}

#[test]
fn the_check_itself_finds_faults() {
    let head = "<!DOCTYPE html>\n<style></style>";
    for bad in ["<a><b></a></b>", "<a>x & y</a>", "<a b=\"c></a>", "<a>", "<a>1 > 2</a>"] {
        assert!(check(&format!("{head}{bad}")).is_err(), "{bad}");
    }
    assert_eq!(check(&format!("{head}<a b=\"&lt;\">x &amp; y<c/></a>")), Ok(()));
}

#[test]
fn the_page_is_well_formed_and_holds_every_section() {
    let html = page().html();
    assert_eq!(check(&html), Ok(()));
    for part in ["href=\"#one\"", "href=\"#two\"", "<section id=\"one\">", "<section id=\"two\">"] {
        assert_eq!(html.matches(part).count(), 1, "{part}");
    }
    assert_eq!(html.matches("<svg").count(), 6);
    assert_eq!(html.matches("<table>").count(), 2);
    assert_eq!(html.matches("<figcaption>").count(), 5);
    assert!(html.contains("<details open=\"open\"><summary>&lt;script&gt;"));
}

/// What is folded lies side by side; a single fold, and whatever stands between two, keeps to itself.
#[test]
fn folds_that_follow_each_other_share_a_row() {
    let fold = |title: &str| Block::Group { title: title.into(), open: false, blocks: Vec::new() };
    let text = || Block::Text("text".into());
    let mut page = page();
    page.sections[0].blocks = vec![fold("a"), text(), fold("b"), fold("c"), text(), fold("d")];
    page.sections.truncate(1);
    let html = page.html();
    assert_eq!(check(&html), Ok(()));
    let rows: Vec<&str> =
        html.split("<div class=\"folds\">").skip(1).map(|row| &row[..row.find("</div>").unwrap()]).collect();
    assert_eq!(rows.len(), 1, "{html}");
    let titles: Vec<&str> = rows[0].split("<summary>").skip(1).map(|title| &title[..1]).collect();
    assert_eq!(titles, ["b", "c"]);
}

/// What the reader came for stands before contents and sections.
#[test]
fn the_answer_and_its_numbers_come_first() {
    let html = page().html();
    let place = |part: &str| html.find(part).unwrap_or_else(|| panic!("{part}"));
    let order =
        ["<h1>", "<p class=\"answer\">", "<dl class=\"facts\">", "<p class=\"lead\">", "<nav", "<section"];
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
}

#[test]
fn nothing_is_run_and_nothing_is_fetched() {
    let html = page().html();
    for word in ["<script", "http", "url(", "@import", "src=", "NaN", "javascript:"] {
        assert!(!html.contains(word), "{word}");
    }
    // Links lead to sections, and the icon is empty, so that no browser asks for one.
    let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    assert!(links.into_iter().all(|link| link.starts_with('#') || link == "data:,"));
}

#[test]
fn every_colour_of_a_drawing_is_a_variable_in_both_schemes() {
    let html = page().html();
    let (_, rest) = html.split_once("<style>").unwrap();
    let style = rest.split_once("</style>").unwrap().0;
    let dark = style.split_once("@media (prefers-color-scheme:dark){").unwrap().1.split_once('}').unwrap().0;
    let light = style.split_once(":root{").unwrap().1.split_once('}').unwrap().0;
    let used = style.split("var(--").skip(1).map(|rest| rest.split(')').next().unwrap());
    for name in used {
        for scheme in [light, dark] {
            assert!(scheme.contains(&format!("--{name}:#")), "{name}");
        }
    }
}

/// Contrast of two colours, 1 to 21 (WCAG 2.1).
fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |colour: &str| {
        let channel = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_stands_out_from_its_ground_in_both_schemes() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    let html = page().html();
    for scheme in html.split(":root{").skip(1).take(2).map(|rest| rest.split('}').next().unwrap()) {
        let colour = |name: &str| {
            let (_, rest) = scheme.split_once(&format!("--{name}:")).unwrap();
            &rest[..7]
        };
        for ground in ["bg", "plot"] {
            for text in ["ink", "muted"] {
                let found = contrast(colour(text), colour(ground));
                assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
            }
            for series in ["s0", "s1", "s2", "s3", "s4", "s5"] {
                let found = contrast(colour(series), colour(ground));
                assert!(found >= 3.0, "{series} on {ground}: {found:.2}");
            }
        }
        assert!(contrast(colour("s0"), colour("bg")) >= 4.5, "links");
    }
}

#[test]
fn markdown_and_tables_hold_the_same_words() {
    let page = page();
    let markdown = page.markdown();
    assert_eq!(markdown.matches("\n## ").count(), 2);
    assert_eq!(markdown.matches("\n### ").count(), 1);
    assert_eq!(markdown.matches("| ---").count(), 2);
    let tables = page.tables();
    assert_eq!(tables.iter().map(|table| table.0.as_str()).collect::<Vec<_>>(), ["outer", "inner", "file"]);
    assert!(tables[0].1.ends_with("| bar\",\"1,5\"\n"), "{}", tables[0].1);
    for (name, text) in &tables[1..] {
        assert!(text.starts_with("name,value\n") && text.ends_with(",1.5\n"), "{name}: {text}");
    }
    assert!(markdown.contains("(`file.csv`)"));
}
