//! `config.toml` of a run, which names the run in a comment.

use colearn_train::RunId;

/// What stands before the run in the settings. TOML takes it for a comment, so that others can be given the file.
const RUN: &str = "# run ";

/// `config.toml` of a run: a headline, the run, every key.
pub(crate) fn settings(headline: &str, run: &RunId, experiment: &str) -> String {
    format!("# {headline}\n{RUN}{run}\n\n{experiment}")
}

/// The run that settings name; `None` of those of others, or of versions that did not name it.
pub(crate) fn run_of_settings(text: &str) -> Option<RunId> {
    let mut comments = text.lines().take_while(|line| line.starts_with('#'));
    comments.find_map(|line| line.strip_prefix(RUN)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_found_in_the_head_of_settings_alone() {
        let run = RunId::random();
        let text = settings("lif on digits", &run, "[train]\nseed = 3\n");
        assert_eq!(run_of_settings(&text), Some(run.clone()));
        assert_eq!(text.parse::<toml::Table>().unwrap()["train"]["seed"].as_integer(), Some(3));
        let later = format!("# lif on digits\n\n[train]\n# run {run}\n");
        for other in ["", "# run \n", "[train]\nseed = 3\n", &later] {
            assert_eq!(run_of_settings(other), None, "{other}");
        }
    }
}
