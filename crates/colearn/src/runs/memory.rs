//! Whether a training step fits into the memory there is, asked before it is tried: a system that gives out more memory
//! than it has ends the program in the middle, without a word.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use colearn_data::Dataset;
use colearn_network::{TrainingStep, ValidNetwork};
use colearn_store::{LARGEST_TEXT, read_text};
use colearn_train::TrainConfig;

use crate::runs::experiment::Experiment;

/// What a process may still take.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Available {
    bytes: u64,
    /// What sets the limit, in words.
    by: &'static str,
}

/// A training step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step(TrainingStep);

impl Step {
    /// The largest one of a run.
    pub(crate) fn of(train: &TrainConfig, data: &Dataset) -> Self {
        let augment = &train.augment;
        // Hardly one spike in a billion moves by more than six deviations.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some steps")]
        let moved = augment.time_shift.saturating_add((6.0 * augment.time_jitter).ceil() as usize);
        let steps = data.train.batch_steps(data.steps).saturating_add(moved).min(data.steps);
        let (batch, recompute) = (train.batch.min(data.train.len()), train.recompute);
        Self(TrainingStep { batch, steps, recompute, spread: train.spread.start.max(train.spread.end) })
    }

    /// What it is predicted to hold, in words.
    pub(crate) fn in_words(self, network: &ValidNetwork) -> String {
        let bytes = network.training_bytes(self.0) as u64;
        format!("a training step of {} samples is predicted to hold {}", self.0.batch, mebibytes(bytes))
    }
}

/// The room for all runs that are under way at once, as it was before the first of them.
#[derive(Debug)]
pub(crate) struct Room {
    /// `None`: it is not known, or nobody asks.
    available: Option<Available>,
    jobs: usize,
}

impl Room {
    /// The room there is now. `any_memory`: nobody asks.
    pub(crate) fn now(jobs: usize, any_memory: bool) -> Self {
        Self { available: if any_memory { None } else { available() }, jobs }
    }
}

/// Bytes for people.
fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Refuses a training step that needs more memory than there is, with the keys that make it large.
///
/// # Errors
/// What is predicted, what there is, and what would need less.
pub(crate) fn check(experiment: &Experiment, network: &ValidNetwork, step: Step, room: &Room) -> Result<()> {
    let Room { available: Some(Available { bytes, by }), jobs } = room else { return Ok(()) };
    let needs = |recompute| {
        let step = TrainingStep { recompute, ..step.0 };
        (network.training_bytes(step) as u64).saturating_mul(*jobs as u64)
    };
    let Step(TrainingStep { batch, steps, recompute, .. }) = step;
    let predicted = needs(recompute);
    if predicted <= *bytes {
        return Ok(());
    }
    let together = if *jobs > 1 { format!(" for {jobs} jobs at once (--jobs)") } else { String::new() };
    let again = needs(true);
    let recomputed = if recompute || again >= predicted {
        String::new()
    } else {
        format!("; with train.recompute = true {} are predicted", mebibytes(again))
    };
    bail!(
        "a training step is predicted to hold {}{together} beside program and data; {} are there ({by}); it grows with \
         train.batch = {batch}, the steps of a sample = {steps} (data.steps, data.max_time_s) and network.hidden = {:?}{recomputed}; \
         --any-memory tries it all the same",
        mebibytes(predicted),
        mebibytes(*bytes),
        experiment.network.hidden,
    )
}

/// The memory that this process may still take: the least of what the machine has free, what its control groups allow
/// and what its limit of addresses leaves. `None` where the system tells none of these.
fn available() -> Option<Available> {
    let text = |path: &str| read_text(Path::new(path), LARGEST_TEXT).unwrap_or_default();
    let groups = text("/proc/self/cgroup");
    let read = |path: &Path| read_text(path, LARGEST_TEXT).ok();
    let limits = [
        of_machine(&text("/proc/meminfo")),
        of_groups(&groups, Path::new("/sys/fs/cgroup"), &read),
        of_addresses(&text("/proc/self/limits"), &text("/proc/self/status")),
    ];
    limits.into_iter().flatten().min_by_key(|limit| limit.bytes)
}

/// Free memory with what the system can give back, and free swap space.
fn of_machine(meminfo: &str) -> Option<Available> {
    let swap = kibibytes(meminfo, "SwapFree:").unwrap_or(0);
    let bytes = kibibytes(meminfo, "MemAvailable:")?.saturating_add(swap);
    Some(Available { bytes, by: "free memory of the machine" })
}

/// What the control groups around the process leave, of both versions; a group is limited by those around it too.
fn of_groups(groups: &str, root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<Available> {
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let inner = path.trim_start_matches('/');
        match controllers {
            "" => least(root, inner, ["memory.max", "memory.current", "inactive_file"], read),
            of if of.split(',').any(|name| name == "memory") => {
                let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
                least(&root.join("memory"), inner, names, read)
            }
            _ => None,
        }
    };
    let bytes = groups.lines().filter_map(of_line).min()?;
    Some(Available { bytes, by: "limit of the control group" })
}

/// The least that is left in a group and those around it, up to `root`. `names` are the files of limit and use, and the
/// line of `memory.stat` with what the system can give back of the use.
fn least(root: &Path, inner: &str, names: [&str; 3], read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let [limit, used, given_back] = names;
    let left = |group: &Path| {
        let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
        // `max`, no limit, is no number; version 1 has a number near 2^63.
        let limit = number(limit).filter(|limit| *limit < 1 << 60)?;
        let statistics = read(&group.join("memory.stat")).unwrap_or_default();
        let back =
            statistics.lines().find_map(|line| line.strip_prefix(given_back)?.trim().parse::<u64>().ok());
        let used = number(used).unwrap_or(0).saturating_sub(back.unwrap_or(0));
        Some(limit.saturating_sub(used))
    };
    // In a container the path may be that outside, of which only the root is to be seen.
    let own: PathBuf = root.join(inner);
    own.ancestors().take_while(|group| group.starts_with(root)).filter_map(left).min()
}

/// What the limit of addresses (`ulimit -v`) leaves.
fn of_addresses(limits: &str, status: &str) -> Option<Available> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let bytes = limit.saturating_sub(kibibytes(status, "VmSize:").unwrap_or(0));
    Some(Available { bytes, by: "limit of addresses, ulimit -v" })
}

/// The bytes of a line such as `MemAvailable:  123 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine's files by path.
    fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&Path) -> Option<String> + 'a {
        |path| {
            let found = files.iter().find(|(name, _)| path == Path::new(name));
            found.map(|(_, text)| (*text).to_owned())
        }
    }

    fn groups(line: &str, stored: &[(&str, &str)]) -> Option<u64> {
        of_groups(line, Path::new("/g"), &files(stored)).map(|limit| limit.bytes)
    }

    #[test]
    fn free_memory_is_what_the_machine_says() {
        let text = "MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\nSwapFree:  96 kB\n";
        assert_eq!(of_machine(text).unwrap().bytes, 4096 << 10);
        assert_eq!(of_machine("MemAvailable: 4 kB").unwrap().bytes, 4096);
        for unknown in ["", "MemTotal: 8000 kB", "MemAvailable: many kB", "MemAvailable: 5"] {
            assert_eq!(of_machine(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_tightest_control_group_counts() {
        let second = [
            ("/g/a/b/memory.max", "max\n"),
            ("/g/a/memory.max", "1000\n"),
            ("/g/a/memory.current", "700\n"),
            ("/g/a/memory.stat", "anon 100\ninactive_file 300\nactive_file 7\n"),
            ("/g/memory.max", "5000\n"),
        ];
        assert_eq!(groups("0::/a/b\n", &second), Some(600));
        assert_eq!(groups("0::/\n", &second), Some(5000));
        assert_eq!(groups("0::/a/b\n", &second[..1]), None, "no limit");
        // More is used than allowed, and a path that is not to be seen from inside.
        let over = [("/g/memory.max", "100"), ("/g/memory.current", "150")];
        assert_eq!(groups("0::/../../x\n", &over), Some(0));

        let first = [
            ("/g/memory/docker/memory.limit_in_bytes", "2000"),
            ("/g/memory/docker/memory.usage_in_bytes", "500"),
            ("/g/memory/memory.limit_in_bytes", "9223372036854771712"),
        ];
        assert_eq!(groups("5:cpu,cpuacct:/x\n4:hugetlb,memory:/docker\n", &first), Some(1500));
        assert_eq!(groups("", &first), None);
        assert_eq!(groups("nonsense\n1:memory\n", &first), None);
    }

    #[test]
    fn a_limit_of_addresses_counts_what_is_taken() {
        let limits = "Limit      Soft Limit  Hard Limit  Units\nMax address space         3000000   unlimited   bytes\n";
        assert_eq!(of_addresses(limits, "VmSize:\t  1000 kB\n").unwrap().bytes, 3_000_000 - 1_024_000);
        assert_eq!(of_addresses(&limits.replace("3000000", "unlimited"), ""), None);
    }

    #[test]
    fn a_step_that_cannot_fit_is_refused_with_what_makes_it_large() {
        let mut experiment = Experiment::default();
        experiment.network.hidden = vec![512, 512];
        let network = experiment.network().validate(40, 20).unwrap();
        let mut step = Step(TrainingStep { batch: 64, steps: 100, recompute: false, spread: 0.0 });
        let check = |step, jobs, bytes| {
            let available = Some(Available { bytes, by: "limit of the control group" });
            let checked = check(&experiment, &network, step, &Room { available, jobs });
            checked.map_err(|error| error.to_string())
        };
        let needed = network.training_bytes(step.0) as u64;
        check(step, 1, needed).unwrap();
        let error = check(step, 1, needed - 1).unwrap_err();
        for part in [
            "MiB are there (limit of the control group); it grows with train.batch = 64",
            "the steps of a sample = 100",
            "network.hidden = [512, 512]",
            "with train.recompute = true",
            "--any-memory tries it all the same",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let error = check(step, 3, 2 * needed).unwrap_err();
        assert!(error.contains("for 3 jobs at once (--jobs)"), "{error}");
        step.0.recompute = true;
        check(step, 1, needed - 1).unwrap();
        assert!(!check(step, 1, 1).unwrap_err().contains("train.recompute"));
        let unknown = Room { available: None, jobs: 1 };
        super::check(&experiment, &network, step, &unknown)
            .expect("nothing is refused where nothing is known");
    }
}
