//! Which modules of a crate use which: read from the `use` declarations and the paths of every file.
//!
//! A module is a file. A path is followed to the file that *defines* what it names, through re-exports (`pub use`) and
//! imports, so that `crate::Neuron` is a use of `neuron.rs` and not of `lib.rs`. Unit tests (`#[cfg(test)]`) and
//! documentation are left out. What a method call or a macro's expansion uses does not show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::{sources, tokens};

/// A module's path from the root of its crate; the root's is empty.
pub(super) type Module = Vec<String>;

/// Every use of one module by another, with the paths that say so.
pub(super) type Uses = BTreeMap<(Module, Module), BTreeSet<String>>;

/// One name that a `use` declaration brings in; `*` for all of a module.
struct Import {
    path: Vec<String>,
    name: String,
    /// Whether others may import it from here in turn.
    public: bool,
    /// Modules written inside the file that the declaration is in.
    inline: usize,
}

/// What a file says of other modules.
#[derive(Default)]
struct Source {
    imports: Vec<Import>,
    /// Paths outside of declarations, with the number of inline modules around each.
    paths: Vec<(Vec<String>, usize)>,
    /// Words outside of declarations.
    words: BTreeSet<String>,
    /// Child modules that are there for tests alone.
    tests: Vec<String>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// Something that this module defines.
    Item(Module),
    /// A module.
    Whole(Module),
}

/// The modules of the crate whose sources are in a folder, with what each says.
pub(super) struct Crate(BTreeMap<Module, Source>);

impl Crate {
    /// Reads a crate. Where there is a library, `main.rs` is another crate and left out.
    pub(super) fn read(folder: &Path) -> Self {
        let library = folder.join("lib.rs").exists();
        let mut files = Vec::new();
        for path in sources(folder) {
            let name = path.strip_prefix(folder).unwrap().with_extension("");
            let mut module: Module = name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            match module.last().map(String::as_str) {
                Some("main") if module.len() == 1 && library => continue,
                Some("lib" | "main") if module.len() == 1 => module.clear(),
                Some("mod") => drop(module.pop()),
                _ => {}
            }
            files.push((module, std::fs::read_to_string(path).unwrap()));
        }
        Self::of(files)
    }

    /// A crate of the texts of its modules.
    pub(super) fn of(files: impl IntoIterator<Item = (Module, String)>) -> Self {
        let mut modules: BTreeMap<Module, Source> =
            files.into_iter().map(|(module, text)| (module, Source::of(&text))).collect();
        let child = |(module, name): (&Module, &String)| [&module[..], std::slice::from_ref(name)].concat();
        let tests: Vec<Module> = modules
            .iter()
            .flat_map(|(module, source)| source.tests.iter().map(move |name| (module, name)))
            .map(child)
            .collect();
        modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(modules)
    }

    /// Children of a module.
    pub(super) fn children(&self, parent: &[String]) -> BTreeSet<Module> {
        let below = |module: &&Module| module.len() > parent.len() && module.starts_with(parent);
        self.0.keys().filter(below).map(|module| module[..=parent.len()].to_vec()).collect()
    }

    /// Modules that have children.
    pub(super) fn parents(&self) -> impl Iterator<Item = &Module> {
        self.0.keys().filter(|module| !self.children(module).is_empty())
    }

    /// Who uses whom.
    pub(super) fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        let mut add = |from: &Module, to: Option<Found>, path: &[String]| {
            if let Some(Found::Item(to)) = to
                && to != *from
            {
                uses.entry((from.clone(), to)).or_default().insert(path.join("::"));
            }
        };
        for (module, source) in &self.0 {
            for import in &source.imports {
                let mut found = self.resolve(module, &import.path, import.inline, 0);
                if import.name == "*" {
                    found = found.map(|found| match found {
                        Found::Whole(to) | Found::Item(to) => Found::Item(to),
                    });
                }
                // What is only handed on is no use.
                if !import.public || source.words.contains(&import.name) {
                    add(module, found, &import.path);
                }
            }
            for (path, inline) in &source.paths {
                add(module, self.resolve(module, path, *inline, 0), path);
            }
        }
        uses
    }

    /// Where a path leads that is written in `module`, within `inline` modules of that file; `None` out of the crate.
    fn resolve(&self, module: &Module, path: &[String], inline: usize, depth: usize) -> Option<Found> {
        let (mut here, mut inline, mut rest) = (module.clone(), inline, path);
        match rest.first().map(String::as_str)? {
            "crate" => (here, inline, rest) = (Module::new(), 0, &rest[1..]),
            "self" | "super" => {
                while let Some(first @ ("self" | "super")) = rest.first().map(String::as_str) {
                    if first == "super" && inline > 0 {
                        inline -= 1;
                    } else if first == "super" {
                        here.pop();
                    }
                    rest = &rest[1..];
                }
            }
            _ => {
                let first = self.member(&here, &rest[0], Some(path), depth)?;
                return self.follow(first, &rest[1..], depth);
            }
        }
        if inline > 0 { Some(Found::Item(here)) } else { self.follow(Found::Whole(here), rest, depth) }
    }

    /// Where the rest of a path leads from what its beginning led to.
    fn follow(&self, from: Found, rest: &[String], depth: usize) -> Option<Found> {
        let mut found = from;
        for name in rest {
            let Found::Whole(module) = &found else { break };
            found = match self.member(module, name, None, depth) {
                Some(member) => member,
                None if self.brings_in(module, name) => return None,
                None => Found::Item(module.clone()),
            };
        }
        Some(found)
    }

    /// What a name stands for in a module that does not define it: a child, or an import, unless it is the one of this path.
    fn member(&self, module: &Module, name: &str, but: Option<&[String]>, depth: usize) -> Option<Found> {
        let child = [&module[..], &[name.to_owned()]].concat();
        if self.0.contains_key(&child) {
            return Some(Found::Whole(child));
        }
        let imports = self.0.get(module)?.imports.iter();
        let mut named = imports.filter(|import| import.name == name && but != Some(&import.path[..]));
        let import = named.next().filter(|_| depth < 16)?;
        self.resolve(module, &import.path, import.inline, depth + 1)
    }

    fn brings_in(&self, module: &Module, name: &str) -> bool {
        self.0.get(module).is_some_and(|source| source.imports.iter().any(|import| import.name == name))
    }
}

impl Source {
    fn of(text: &str) -> Self {
        let tokens: Vec<String> = tokens(text).into_iter().map(|(_, token)| token).collect();
        let mut source = Self::default();
        let (mut at, mut depth, mut inline) = (0, 0, Vec::new());
        while at < tokens.len() {
            let is = |ahead: usize, text: &str| tokens.get(at + ahead).is_some_and(|token| token == text);
            if starts(&tokens[at..], &TEST) {
                at = source.test(&tokens, at + TEST.len());
                continue;
            }
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inline.pop_if(|opened| *opened == depth);
                }
                "mod" if is(2, "{") => {
                    inline.push(depth);
                    at += 1;
                }
                "use" if !is(1, "<") => {
                    let public = at > 0 && (tokens[at - 1] == "pub" || restricted(&tokens[..at]));
                    let from = source.imports.len();
                    at = tree(&tokens, at + 1, &[], &mut source.imports);
                    for import in &mut source.imports[from..] {
                        (import.public, import.inline) = (public, inline.len());
                    }
                    continue;
                }
                token if is_word(token) => {
                    let mut path = vec![token.to_owned()];
                    while is(2 * path.len() - 1, "::")
                        && let Some(next) = tokens.get(at + 2 * path.len()).filter(|next| is_word(next))
                    {
                        path.push(next.clone());
                    }
                    at += 2 * path.len() - 2;
                    source.words.extend(path.iter().cloned());
                    if path.len() > 1 {
                        source.paths.push((path, inline.len()));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        source
    }

    /// Passes over the item of a test, whose attribute ends before `at`.
    fn test(&mut self, tokens: &[String], mut at: usize) -> usize {
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "(" | "[" | "{" => depth += 1,
                "}" if depth == 0 => break,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 && matches!(tokens[at - 1].as_str(), "}" | ";") {
                break;
            }
        }
        if let [.., declared, name, end] = &tokens[..at]
            && declared == "mod"
            && end == ";"
        {
            self.tests.push(name.clone());
        }
        at
    }
}

/// The attribute of what is there for tests alone.
const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn starts(tokens: &[String], with: &[&str]) -> bool {
    tokens.len() >= with.len() && tokens.iter().zip(with).all(|(token, expected)| token == expected)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether tokens end with `pub(crate)`, `pub(super)` or `pub(in …)`.
fn restricted(tokens: &[String]) -> bool {
    let open = tokens.iter().rposition(|token| token == "(");
    tokens.last().is_some_and(|token| token == ")")
        && open.is_some_and(|open| open > 0 && tokens[open - 1] == "pub")
}

/// Reads one branch of a `use` declaration from `at` on; returns the place behind it.
fn tree(tokens: &[String], mut at: usize, before: &[String], imports: &mut Vec<Import>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = tree(tokens, at, &path, imports);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "as" => {
                imports.last_mut().unwrap().name.clone_from(&tokens[at + 1]);
                return at + 2;
            }
            "*" => {
                imports.push(Import { path, name: "*".to_owned(), public: false, inline: 0 });
                return at + 1;
            }
            name => {
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
                if tokens[at] != "::" {
                    let name = path.last().unwrap().clone();
                    imports.push(Import { path: path.clone(), name, public: false, inline: 0 });
                    if tokens[at] != "as" {
                        return at;
                    }
                }
            }
        }
    }
}
