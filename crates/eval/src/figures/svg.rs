//! A small SVG writer: shapes with CSS classes, escaped text, and no coordinate that is not finite.

use std::fmt::Write;

use super::theme;

/// An axis-parallel rectangle in user units, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    pub(crate) fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width, height }
    }

    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// A drawing that grows shape by shape. Shapes with a coordinate that is not finite are left out.
pub(crate) struct Svg {
    width: f64,
    head: String,
    out: String,
}

impl Svg {
    /// Opens a drawing with its accessible name and description.
    pub(crate) fn new(width: f64, title: &str, desc: &str) -> Self {
        let head = format!("<title>{}</title>\n<desc>{}</desc>\n", escape(title), escape(desc));
        Self { width, head, out: String::new() }
    }

    /// The document, `height` units high, with style and background.
    pub(crate) fn finish(self, height: f64) -> String {
        let (width, height) = (number(self.width), number(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"colearn\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\">\n{}<style>\n{}</style>\n\
             <rect class=\"bg\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\"/>\n{}</svg>\n",
            self.head,
            theme::style(),
            self.out,
        )
    }

    /// The drawing as an element of a page, whose style sheet is [`super::page_style`] and whose width sets the scale.
    pub(crate) fn inline(self, height: f64) -> String {
        let (width, height) = (number(self.width), number(height));
        format!(
            "<svg class=\"colearn\" role=\"img\" viewBox=\"0 0 {width} {height}\">\n{}{}</svg>\n",
            self.head, self.out,
        )
    }

    pub(crate) fn rect(&mut self, area: Rect, class: &str) {
        self.shaded(area, class, None);
    }

    /// A rectangle with the given opacity, so that one hue makes a scale on light and on dark ground.
    pub(crate) fn shaded(&mut self, area: Rect, class: &str, opacity: Option<f64>) {
        if ![area.x, area.y, area.width, area.height, opacity.unwrap_or(0.0)].iter().all(|v| v.is_finite()) {
            return;
        }
        self.write(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            number(area.x),
            number(area.y),
            number(area.width.max(0.0)),
            number(area.height.max(0.0)),
        ));
        if let Some(opacity) = opacity {
            self.write(format_args!(" fill-opacity=\"{}\"", number(opacity)));
        }
        self.out.push_str("/>\n");
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        if [from.0, from.1, to.0, to.1].iter().all(|v| v.is_finite()) {
            self.write(format_args!(
                "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
                number(from.0),
                number(from.1),
                number(to.0),
                number(to.1),
            ));
        }
    }

    pub(crate) fn circle(&mut self, centre: (f64, f64), radius: f64, class: &str) {
        if centre.0.is_finite() && centre.1.is_finite() {
            self.write(format_args!(
                "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n",
                number(centre.0),
                number(centre.1),
                number(radius),
            ));
        }
    }

    /// Draws `path`, if anything is in it.
    pub(crate) fn path(&mut self, path: &Path, class: &str, opacity: Option<f64>) {
        if path.data.is_empty() {
            return;
        }
        self.write(format_args!("<path class=\"{class}\" d=\"{}\"", path.data));
        if let Some(opacity) = opacity {
            self.write(format_args!(" fill-opacity=\"{}\"", number(opacity)));
        }
        self.out.push_str("/>\n");
    }

    /// Draws `path`, whose coordinates count `columns` × `rows` cells from the upper left, over `area`.
    pub(crate) fn cells(
        &mut self,
        path: &Path,
        class: &str,
        opacity: f64,
        area: Rect,
        (columns, rows): (f64, f64),
    ) {
        let (width, height) = (area.width / columns, area.height / rows);
        if path.data.is_empty() || ![area.x, area.y, width, height].iter().all(|v| v.is_finite()) {
            return;
        }
        // More digits than for a place: the errors of all cells add up.
        self.write(format_args!(
            "<path class=\"{class}\" transform=\"translate({} {}) scale({width:.5} {height:.5})\" d=\"{}\" \
             fill-opacity=\"{}\"/>\n",
            number(area.x),
            number(area.y),
            path.data,
            number(opacity),
        ));
    }

    /// One line of text; `class` may hold `end` or `mid` to set its anchor.
    pub(crate) fn text(&mut self, at: (f64, f64), class: &str, text: &str) {
        self.turned(at, 0.0, class, text);
    }

    /// Text turned by `degrees` around its anchor.
    pub(crate) fn turned(&mut self, at: (f64, f64), degrees: f64, class: &str, text: &str) {
        if !(at.0.is_finite() && at.1.is_finite()) {
            return;
        }
        let (x, y) = (number(at.0), number(at.1));
        self.write(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\""));
        if degrees.abs() > 0.0 {
            self.write(format_args!(" transform=\"rotate({} {x} {y})\"", number(degrees)));
        }
        self.write(format_args!(">{}</text>\n", escape(text)));
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("writing to a String cannot fail");
    }
}

/// Path data under construction; segments that are not finite are left out.
#[derive(Default)]
pub(crate) struct Path {
    data: String,
}

impl Path {
    pub(crate) fn move_to(&mut self, x: f64, y: f64) {
        self.push('M', &[x, y]);
    }

    pub(crate) fn line_to(&mut self, x: f64, y: f64) {
        self.push('L', &[x, y]);
    }

    /// A vertical tick of this height.
    pub(crate) fn tick(&mut self, x: f64, y: f64, height: f64) {
        if x.is_finite() && y.is_finite() && height.is_finite() {
            self.push('M', &[x, y]);
            self.push('v', &[height]);
        }
    }

    /// A vertical tick of this height whose upper end lies (`right`, `down`) from the lower end of the last one.
    pub(crate) fn next_tick(&mut self, right: f64, down: f64, height: f64) {
        self.push('m', &[right, down]);
        self.push('v', &[height]);
    }

    /// A closed rectangle.
    pub(crate) fn rect(&mut self, area: Rect) {
        if [area.x, area.y, area.width, area.height].iter().all(|v| v.is_finite()) {
            self.push('M', &[area.x, area.y]);
            self.push('h', &[area.width]);
            self.push('v', &[area.height]);
            self.push('h', &[-area.width]);
            self.data.push('z');
        }
    }

    /// Ends the shape where it began.
    pub(crate) fn close(&mut self) {
        if !self.data.is_empty() {
            self.data.push('z');
        }
    }

    fn push(&mut self, command: char, values: &[f64]) {
        if values.iter().all(|value| value.is_finite()) {
            self.data.push(command);
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    self.data.push(' ');
                }
                self.data.push_str(&number(*value));
            }
        }
    }
}

/// A coordinate with at most two decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Escapes markup of HTML and XML and drops the characters XML 1.0 does not allow.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// Rough width of `text` in user units at a font size, on the wide side of common sans-serif fonts.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|character| match character {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '(' | ')' => 0.36,
            'm' | 'w' | 'M' | 'W' | '@' | '%' | '–' | '—' | '…' => 0.95,
            'A'..='Z' => 0.7,
            '\u{1100}'.. if !('\u{2000}'..'\u{2e00}').contains(&character) => 1.05,
            _ => 0.62,
        })
        .sum();
    ems * size
}

/// `text`, cut with an ellipsis where it would be wider than `width`.
pub(crate) fn shorten(text: &str, width: f64, size: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let candidate = format!("{}…", short.trim_end());
        if text_width(&candidate, size) <= width {
            return candidate;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!([number(1.0), number(-0.001), number(2.505), number(120.0)], ["1", "0", "2.5", "120"]);
    }

    #[test]
    fn markup_and_control_characters_are_harmless() {
        assert_eq!(escape("a<b> & \"c\"\u{0}\u{1b}\nd"), "a&lt;b&gt; &amp; &quot;c&quot; d");
    }

    #[test]
    fn long_names_are_cut_to_fit() {
        assert_eq!(shorten("one", 100.0, 11.0), "one");
        let short = shorten("a rather long class name", 80.0, 11.0);
        assert!(short.ends_with('…') && text_width(&short, 11.0) <= 80.0);
        assert_eq!(shorten("word", 0.0, 11.0), "…");
    }

    #[test]
    fn shapes_that_are_not_finite_are_left_out() {
        let mut svg = Svg::new(10.0, "t", "d");
        let before = svg.out.len();
        svg.line((0.0, f64::NAN), (1.0, 1.0), "s0");
        svg.rect(Rect::new(0.0, 0.0, f64::INFINITY, 1.0), "f0");
        svg.circle((f64::NAN, 0.0), 1.0, "f0");
        let mut path = Path::default();
        path.line_to(f64::NAN, 0.0);
        path.tick(0.0, f64::NAN, 1.0);
        svg.path(&path, "s0", None);
        assert_eq!(svg.out.len(), before);
    }
}
