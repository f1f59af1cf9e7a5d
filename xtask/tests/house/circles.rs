//! Modules of a crate use each other in one direction, so that each can be read, tested and moved without those above it.
//!
//! The rule, at every level of a crate's modules: **children of one parent form no circle.** A child counts with everything
//! below it, so that `a::x` using `b` and `b` using `a::y` is a circle of `a` and `b`. A use is what `modules.rs` finds: a
//! path to something that the other module defines itself, outside of unit tests; to hand a name on (`pub use`) is none. A
//! module and its own children are one part of the house and may use each other: a trait beside the list of its
//! implementors, for one.
//!
//! A circle is opened by moving *definitions*: what both sides need goes to a module below them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::modules::{Crate, Module, Uses};
use crate::{packages, root};

/// Circles that are still there: folder and members. The list only ever gets shorter.
const KNOWN: [(&str, &str); 6] = [
    (
        "crates/data",
        "augment cache config dataset facts front_end noise prepare rates readers sounds spike_file splits",
    ),
    ("crates/data", "readers::extract readers::stored"),
    ("crates/data", "readers::gsc readers::lists readers::speakers readers::words"),
    ("crates/eval", "figures::panel figures::series"),
    ("crates/fetch", "contents unpack"),
    ("crates/store", "place whole"),
];

/// Children of a parent that use each other in a circle, and how.
struct Circle {
    members: BTreeSet<Module>,
    uses: Vec<String>,
}

/// All circles of a crate.
fn circles(of: &Crate) -> Vec<Circle> {
    let uses = of.uses();
    of.parents().flat_map(|parent| circles_below(parent, &of.children(parent), &uses)).collect()
}

/// Circles of the children of one parent.
fn circles_below(parent: &Module, children: &BTreeSet<Module>, uses: &Uses) -> Vec<Circle> {
    // The child that a module is, or is below of.
    let child = |module: &Module| children.iter().find(|child| module.starts_with(child)).cloned();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    let mut words: Vec<((Module, Module), String)> = Vec::new();
    for ((from, to), paths) in uses {
        if let (Some(a), Some(b)) = (child(from), child(to))
            && a != b
            && from.starts_with(parent)
        {
            let paths = paths.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            words.push((
                (a.clone(), b.clone()),
                format!("{} uses {}: {paths}", from.join("::"), to.join("::")),
            ));
            edges.entry(a).or_default().insert(b);
        }
    }
    let reached = |from: &Module| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(at) = open.pop() {
            open.extend(edges.get(at).into_iter().flatten().filter(|&to| reached.insert(to.clone())));
        }
        reached
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> =
        children.iter().map(|child| (child, reached(child))).collect();
    let mut found: Vec<Circle> = Vec::new();
    for child in children {
        let members: BTreeSet<Module> =
            reach[child].iter().filter(|other| reach[other].contains(child)).cloned().collect();
        // Each circle once, by its first member.
        if members.first() == Some(child) {
            let inside =
                |((a, b), _): &&((Module, Module), String)| members.contains(a) && members.contains(b);
            let uses = words.iter().filter(inside).map(|(_, text)| text.clone()).collect();
            found.push(Circle { members, uses });
        }
    }
    found
}

/// Members of a circle in one line.
fn listed(members: &BTreeSet<Module>) -> String {
    members.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" ")
}

#[test]
fn modules_form_no_circle() {
    let mut found: Vec<(PathBuf, String, Vec<String>)> = Vec::new();
    for (folder, _) in packages() {
        let sources = Crate::read(&root().join(&folder).join("src"));
        let circles = circles(&sources).into_iter();
        found.extend(circles.map(|circle| (folder.clone(), listed(&circle.members), circle.uses)));
    }
    let known = |folder: &PathBuf, members: &str| {
        KNOWN.iter().any(|(crate_of, names)| folder.ends_with(crate_of) && *names == members)
    };
    let mut new = Vec::new();
    for (folder, members, uses) in found.iter().filter(|(folder, members, _)| !known(folder, members)) {
        new.push(format!("{}: {members}\n    {}", folder.display(), uses.join("\n    ")));
    }
    assert!(new.is_empty(), "modules that use each other in a circle:\n{}", new.join("\n"));
    for (folder, members) in KNOWN {
        let needed = found.iter().any(|(of, names, _)| of.ends_with(folder) && names == members);
        assert!(needed, "{folder}: the circle of {members} is gone: take it off the list");
    }
}

/// Circles of a crate with these files.
fn of(files: &[(&str, &str)]) -> Vec<String> {
    let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let files = files.iter().map(|(name, text)| (module(name), (*text).to_owned()));
    circles(&Crate::of(files)).iter().map(|circle| listed(&circle.members)).collect()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let root = ("", "mod a; mod b; mod c; pub use a::{A, helper as help}; pub(crate) use b::*;");
    let a = ("a", "use crate::b::B; pub struct A(B);");
    for b in [
        "use crate::a::A; pub struct B;",
        "use super::a::{self, A as Other}; pub struct B;",
        "use crate::A; pub struct B;",
        "pub struct B; fn f() { crate::help(); }",
        "pub struct B; fn f(a: super::A) { super::a::helper() }",
        "pub struct B; mod inner { use super::super::a::A; }",
        "use crate::a; pub struct B; fn f() { a::helper(); }",
        "pub use crate::a::A; pub struct B; fn f(a: A) {}",
        "use crate::a::*; pub struct B;",
    ] {
        assert_eq!(of(&[root, a, ("b", b), ("c", "")]), ["a b"], "{b}");
    }
    // Through a third, and through children.
    let (b, c) = (("b", "use crate::c::C; pub struct B;"), ("c", "use crate::help; pub struct C;"));
    assert_eq!(of(&[root, a, b, c]), ["a b c"]);
    let below = [("b", "mod below; pub struct B;"), ("b::below", "use crate::a::A;")];
    assert_eq!(of(&[root, a, below[0], below[1]]), ["a b"]);
    let siblings = [
        ("a", "mod x; mod y;"),
        ("a::x", "use super::y::Y; pub struct X;"),
        ("a::y", "use super::x::X; pub struct Y;"),
    ];
    assert_eq!(of(&siblings), ["a::x a::y"]);
}

#[test]
fn what_is_no_circle_is_left_alone() {
    let root = ("", "mod a; mod b; pub use a::A;");
    let a = ("a", "use crate::b::B; pub struct A(B);");
    for b in [
        // Handed on, and used by tests, comments and documentation alone.
        "pub use crate::a::A; pub struct B;",
        "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        "/// As [`crate::a::A`]; use crate::a::A;\npub struct B; const S: &str = \"crate::a::A\";",
        // Names of other crates and of the standard library.
        "use other::a::A; use std::a; pub struct B; fn f() { a::helper(); other::a::g(); }",
        "pub struct B; impl B { fn a(&self) { Self::a(self); self.a() } }",
    ] {
        assert_eq!(of(&[root, a, ("b", b)]), [""; 0], "{b}");
    }
    // A test's own file.
    let b = [("b", "pub struct B; #[cfg(test)]\nmod tests;"), ("b::tests", "use crate::a::A;")];
    assert_eq!(of(&[root, a, b[0], b[1]]), [""; 0]);
    // A parent and its children.
    let parent = ("a", "mod x; pub trait T {} pub fn all() -> [x::X; 1] { [x::X] }");
    assert_eq!(of(&[parent, ("a::x", "use super::T; pub struct X; impl T for X {}")]), [""; 0]);
}
