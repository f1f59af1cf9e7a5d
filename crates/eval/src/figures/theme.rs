//! Colours and type of all figures, as one style sheet for light and dark surroundings.
//!
//! The series colours follow Okabe and Ito (2008), "Color Universal Design", whose eight hues stay apart for people
//! with the common kinds of colour blindness; on dark ground they are lightened. Yellow, too pale on white, is left out,
//! and so is sky blue, which lines share too easily with blue; black is the colour of text.

use std::fmt::Write;

/// How many series colours there are: classes `s0` (lines) and `f0` (areas and glyphs) and so on.
pub(crate) const SERIES: usize = 6;

/// Light and dark variant of the series: blue, vermillion, green, purple, orange, black.
const SERIES_COLOURS: [(&str, &str); SERIES] = [
    ("#0072b2", "#5db5f2"),
    ("#d55e00", "#ff9152"),
    ("#009e73", "#3fcf9f"),
    ("#b5679a", "#e5a3cb"),
    ("#bd8100", "#f2bd4b"),
    ("#1d2430", "#e8ebf1"),
];

/// Class, property, light, dark.
const ROLES: [(&str, &str, &str, &str); 16] = [
    ("bg", "fill", "#ffffff", "#12161c"),
    ("plot", "fill", "#f8f9fb", "#181d25"),
    ("ink", "fill", "#1d2430", "#e8ebf1"),
    ("muted", "fill", "#5d6779", "#9da8b9"),
    ("on", "fill", "#ffffff", "#0c1016"),
    ("dark", "fill", "#1d2430", "#0c1016"),
    ("grid", "stroke", "#e3e6ec", "#2a313c"),
    ("axis", "stroke", "#aab2bf", "#566072"),
    ("quiet", "stroke", "#c3c9d3", "#5b6679"),
    ("outline", "stroke", "#4a5465", "#c3cbd8"),
    ("mark", "stroke", "#1d2430", "#e8ebf1"),
    ("hole", "fill", "#ffffff", "#12161c"),
    ("shade", "fill", "#9aa3b2", "#6d7789"),
    ("quietfill", "fill", "#c3c9d3", "#475062"),
    ("spike", "stroke", "#1d2430", "#e8ebf1"),
    ("halo", "stroke", "#f8f9fb", "#181d25"),
];

/// Everything that does not depend on the surroundings.
const FIXED: &str = "\
.colearn text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',\
'Liberation Sans',Arial,sans-serif;font-size:11px;font-variant-numeric:tabular-nums}
.colearn .title{font-size:18px;font-weight:600}
.colearn .sub{font-size:12.5px}
.colearn .head{font-size:13px;font-weight:600}
.colearn .small{font-size:10px}
.colearn .slight{font-size:9px}
.colearn .tiny{font-size:8px}
.colearn .end{text-anchor:end}
.colearn .mid{text-anchor:middle}
.colearn .strong{font-weight:600}
.colearn .halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}
.colearn .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.colearn .band{fill-opacity:.16}
.colearn .faint{fill-opacity:.06}
.colearn .point{fill-opacity:.55}
.colearn .thin{fill:none;stroke-width:1.2;stroke-linejoin:round}
.colearn .hair{fill:none;stroke-width:1}
.colearn .tick{fill:none;stroke-width:1.8}
.colearn .speck{fill:none;stroke-width:1}
.colearn .dash{stroke-dasharray:6 4}
.colearn .dot{stroke-dasharray:2 4}
.colearn .bar{fill-opacity:.8}
.colearn .crisp{shape-rendering:crispEdges}
";

/// The content of the `<style>` element.
pub(crate) fn style() -> String {
    let mut sheet = String::from(FIXED);
    rules(&mut sheet, |light, _| light);
    sheet.push_str("@media (prefers-color-scheme:dark){\n");
    rules(&mut sheet, |_, dark| dark);
    sheet.push_str("}\n");
    sheet
}

/// The style of a page that holds drawings: the same rules on colours that are variables of the page, which its own
/// rules can use too (`--ink`, `--muted`, `--bg`, `--s0` …).
pub(crate) fn page_style() -> String {
    let text = "writing to a String cannot fail";
    let mut sheet = String::from(":root{color-scheme:light dark");
    variables(&mut sheet, |light, _| light);
    sheet.push_str("}\n@media (prefers-color-scheme:dark){:root{color-scheme:dark light");
    variables(&mut sheet, |_, dark| dark);
    sheet.push_str("}}\n");
    sheet.push_str(FIXED);
    for (class, property, ..) in ROLES {
        writeln!(sheet, ".colearn .{class}{{{property}:var(--{class})}}").expect(text);
    }
    for index in 0..SERIES {
        writeln!(
            sheet,
            ".colearn .s{index}{{stroke:var(--s{index})}}.colearn .f{index}{{fill:var(--s{index})}}"
        )
        .expect(text);
    }
    sheet
}

fn variables(sheet: &mut String, pick: impl Fn(&'static str, &'static str) -> &'static str) {
    let text = "writing to a String cannot fail";
    for (class, _, light, dark) in ROLES {
        write!(sheet, ";--{class}:{}", pick(light, dark)).expect(text);
    }
    for (index, (light, dark)) in SERIES_COLOURS.into_iter().enumerate() {
        write!(sheet, ";--s{index}:{}", pick(light, dark)).expect(text);
    }
}

fn rules(sheet: &mut String, pick: impl Fn(&'static str, &'static str) -> &'static str) {
    let text = "writing to a String cannot fail";
    for (class, property, light, dark) in ROLES {
        writeln!(sheet, ".colearn .{class}{{{property}:{}}}", pick(light, dark)).expect(text);
    }
    for (index, (light, dark)) in SERIES_COLOURS.into_iter().enumerate() {
        let colour = pick(light, dark);
        writeln!(sheet, ".colearn .s{index}{{stroke:{colour}}}.colearn .f{index}{{fill:{colour}}}")
            .expect(text);
    }
}
