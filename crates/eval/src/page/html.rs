//! The writer of HTML. Every text is escaped; drawings come from the figures of this crate and are taken as they are.

use super::style::STYLE;
use super::{Block, Page};
use crate::figures::{escape, page_style};
use crate::table::{Align, Table};

/// The whole document, well-formed as XML too.
pub(super) fn page(page: &Page) -> String {
    let title = escape(&page.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <link rel=\"icon\" href=\"data:,\"/>\n<title>{title}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n",
        page_style()
    );
    head(&mut out, page);
    out.push_str("</header>\n<nav aria-label=\"Contents\">\n<ul>\n");
    for section in &page.sections {
        line(
            &mut out,
            &["<li><a href=\"#", &escape(&section.id), "\">", &escape(&section.title), "</a></li>"],
        );
    }
    out.push_str("</ul>\n</nav>\n<main>\n");
    for section in &page.sections {
        line(&mut out, &["<section id=\"", &escape(&section.id), "\">"]);
        line(&mut out, &["<h2>", &escape(&section.title), "</h2>"]);
        blocks(&mut out, &section.blocks);
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n<footer>Written by colearn. The tables lie beside this page as Markdown and CSV.</footer>\n");
    out.push_str("</body>\n</html>\n");
    out
}

/// The answer with its numbers, and what the page is about.
fn head(out: &mut String, page: &Page) {
    if !page.answer.is_empty() {
        line(out, &["<p class=\"answer\">", &escape(&page.answer), "</p>"]);
    }
    if !page.facts.is_empty() {
        out.push_str("<dl class=\"facts\">\n");
        for (name, value) in &page.facts {
            line(out, &["<div><dt>", &escape(name), "</dt><dd>", &escape(value), "</dd></div>"]);
        }
        out.push_str("</dl>\n");
    }
    if !page.lead.is_empty() {
        line(out, &["<p class=\"lead\">", &escape(&page.lead), "</p>"]);
    }
}

fn line(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
    out.push('\n');
}

/// The blocks in order. Those that fold and follow each other share a row, where there is room, until one is unfolded.
fn blocks(out: &mut String, content: &[Block]) {
    let is_group = |block: &Block| matches!(block, Block::Group { .. });
    for row in content.chunk_by(|a, b| is_group(a) && is_group(b)) {
        let [start, end] = if row.len() > 1 { ["<div class=\"folds\">\n", "</div>\n"] } else { [""; 2] };
        out.push_str(start);
        for block in row {
            one(out, block);
        }
        out.push_str(end);
    }
}

fn one(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => line(out, &["<p>", &escape(text), "</p>"]),
        Block::Missing(text) => line(out, &["<p class=\"missing\">", &escape(text), "</p>"]),
        Block::Table { caption, table: content, .. } => table(out, caption, content),
        Block::Data { name, caption, .. } => {
            line(out, &["<p class=\"file\">", &escape(caption), " (", &escape(name), ".csv)</p>"]);
        }
        Block::Figure { panels, wide, caption } => figure(out, (panels, "panels"), wide.as_deref(), caption),
        Block::Pair { panels, caption } => figure(out, (panels, "panels pair"), None, caption),
        Block::Group { title, open, blocks: content } => {
            let open = if *open { " open=\"open\"" } else { "" };
            line(out, &["<details", open, "><summary>", &escape(title), "</summary>"]);
            blocks(out, content);
            out.push_str("</details>\n");
        }
    }
}

fn figure(out: &mut String, (panels, class): (&[String], &str), wide: Option<&str>, caption: &str) {
    out.push_str("<figure>\n");
    if let Some(wide) = wide {
        line(out, &["<div class=\"wide\">", wide, "</div>"]);
    }
    line(out, &["<div class=\"", class, "\">"]);
    for panel in panels {
        out.push_str(panel);
    }
    line(out, &["</div>\n<figcaption>", &escape(caption), "</figcaption>\n</figure>"]);
}

/// A table under its caption; it scrolls sideways by itself where it is wider than the page, with the keyboard too.
fn table(out: &mut String, caption: &str, table: &Table) {
    let (heads, rows) = table.parts();
    let label = escape(caption.split(['.', ':']).next().unwrap_or("table"));
    line(out, &["<figure>\n<figcaption>", &escape(caption), "</figcaption>"]);
    line(out, &["<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", &label, "\">"]);
    out.push_str("<table>\n<thead><tr>\n");
    for (head, align) in &heads {
        line(out, &["<th scope=\"col\"", side(*align), ">", &escape(head), "</th>"]);
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &rows {
        out.push_str("<tr>");
        for (cell, (_, align)) in row.iter().zip(&heads) {
            line(out, &["<td", side(*align), ">", &escape(cell), "</td>"]);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</figure>\n");
}

fn side(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"r\"",
        Align::Centre => " class=\"c\"",
    }
}
