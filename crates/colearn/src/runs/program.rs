//! The program that runs, as its user calls it.

use std::path::Path;

/// What a command line of this program begins with: its name, or `cargo xtask` for the program that cargo starts by that
/// name.
pub fn name() -> String {
    let first = std::env::args_os().next().unwrap_or_default();
    called(Path::new(&first))
}

fn called(first: &Path) -> String {
    match first.file_stem().map(|stem| stem.to_string_lossy()) {
        Some(stem) if stem == "xtask" => "cargo xtask".to_owned(),
        Some(stem) => quoted(&stem),
        None => "colearn".to_owned(),
    }
}

/// A name as a shell takes it: in quotes where it holds anything but letters, digits and the marks of usual names.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+:,@%=".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_the_name_it_is_called_by() {
        for (first, expected) in [
            ("target/release/xtask", "cargo xtask"),
            ("/home/me/.cargo/bin/colearn", "colearn"),
            ("my program", "'my program'"),
            ("", "colearn"),
        ] {
            assert_eq!(called(Path::new(first)), expected);
        }
    }

    #[test]
    fn a_shell_gets_its_words_back() {
        for (name, expected) in [
            ("runs/d1", "runs/d1"),
            ("", "''"),
            ("my runs/d 1", "'my runs/d 1'"),
            ("a'b", r"'a'\''b'"),
            ("$(rm)", "'$(rm)'"),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }
}
