//! Settings of the heap that the C library reads once, when a program starts: large buffers lie in pages of 2 MiB (glibc
//! 2.35), stay with the process, and all threads share one heap. Older versions refuse a threshold of mappings above 32 MiB.
//! What they are worth is in `docs/performance.md`, "Memory and its pages".
//!
//! A program that was started without them starts itself once more in its own place, before it has read, written or begun
//! anything: process, arguments, input and outputs, ignored signals and exit code stay those of the caller. Other C libraries
//! have no such settings, and nothing happens there.

/// The variable that glibc reads.
pub(super) const TUNABLES: &str = "GLIBC_TUNABLES";

/// There once the program has started itself; whoever sets it keeps the program from doing so.
pub(super) const MARKER: &str = "COLEARN_HEAP";
/// What the program itself sets it to.
pub(super) const SET: &str = "set";

/// The settings, as `.cargo/config.toml` has them for everything that cargo starts.
pub(super) const SETTINGS: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:\
                                   glibc.malloc.trim_threshold=1073741824:glibc.malloc.arena_max=1";

/// Starts this program once more with the settings, if it was started without them. Goes on as it is where that cannot be.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn settle() {
    use std::os::unix::process::CommandExt;

    let found = std::env::var_os(TUNABLES).map(std::ffi::OsString::into_string);
    // What is no text is left alone.
    let Some(wanted) = found.transpose().ok().and_then(|found| completed(found.as_deref())) else { return };
    if std::env::var_os(MARKER).is_some() {
        return;
    }
    // Where a loader was asked to load the program, it is the loader that runs.
    let is_loader = |program: &std::path::PathBuf| {
        program.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
    };
    let program = std::env::current_exe().ok().filter(|program| !is_loader(program));
    let Some(program) = program else { return };
    let mut words = std::env::args_os();
    let Some(name) = words.next() else { return };
    let mut command = std::process::Command::new(program);
    command.arg0(name).args(words).env(TUNABLES, wanted).env(MARKER, SET);
    // Comes back only where it failed.
    let _ = command.exec();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn settle() {}

/// `found` with the settings that it does not have itself; `None` if it has all of them.
#[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), expect(dead_code, reason = "of glibc alone"))]
fn completed(found: Option<&str>) -> Option<String> {
    let found = found.unwrap_or_default();
    let key = |setting: &str| setting.split('=').next().unwrap_or_default().to_owned();
    let known: Vec<String> = found.split(':').map(key).collect();
    let missing: Vec<&str> = SETTINGS.split(':').filter(|setting| !known.contains(&key(setting))).collect();
    let all = || std::iter::once(found).filter(|found| !found.is_empty()).chain(missing.iter().copied());
    (!missing.is_empty()).then(|| all().collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_cargo_starts_have_the_same_settings() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cargo/config.toml");
        let config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        assert_eq!(config["env"][TUNABLES].as_str(), Some(SETTINGS));
    }

    #[test]
    fn settings_of_the_caller_stay_and_missing_ones_come_behind_them() {
        assert_eq!(completed(None).as_deref(), Some(SETTINGS));
        assert_eq!(completed(Some("")).as_deref(), Some(SETTINGS));
        assert_eq!(completed(Some(SETTINGS)), None);
        let own = "glibc.malloc.check=1:glibc.malloc.arena_max=4";
        let all = completed(Some(own)).unwrap();
        assert!(
            all.starts_with(&format!("{own}:glibc.malloc.hugetlb=1:")) && !all.ends_with("arena_max=1"),
            "{all}"
        );
        assert_eq!(completed(Some(&all)), None);
    }
}
