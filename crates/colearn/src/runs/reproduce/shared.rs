//! Data sets that several jobs share: read by the first that needs one, dropped after the last.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use colearn_data::{DataConfig, Dataset, LoadOptions};

use super::grid::Made;
use crate::runs::stored::StoredData;

/// A set for the jobs with one and the same `[data]` table.
struct Set {
    config: DataConfig,
    state: Mutex<State>,
}

struct State {
    /// Jobs that may still ask.
    users: usize,
    /// What reading it gave. An error is kept as well, so that a set that is not there is looked for once.
    loaded: Option<Result<Arc<Dataset>, String>>,
}

/// The sets of all jobs.
pub(crate) struct SharedData<'a> {
    sets: Vec<Set>,
    options: LoadOptions<'a>,
    /// Finished runs, whose data must be the same.
    made: Vec<Made>,
}

impl<'a> SharedData<'a> {
    /// The sets that jobs with these settings need, one entry a job.
    pub(crate) fn new<'b>(configs: impl Iterator<Item = &'b DataConfig>, options: LoadOptions<'a>) -> Self {
        let mut counted: Vec<(DataConfig, usize)> = Vec::new();
        for config in configs {
            match counted.iter_mut().find(|(known, _)| known == config) {
                Some((_, users)) => *users += 1,
                None => counted.push((config.clone(), 1)),
            }
        }
        let set = |(config, users)| Set { config, state: Mutex::new(State { users, loaded: None }) };
        Self { sets: counted.into_iter().map(set).collect(), options, made: Vec::new() }
    }

    /// With finished runs, on whose data all others must be made.
    pub(crate) fn beside(self, made: Vec<Made>) -> Self {
        Self { made, ..self }
    }

    /// Refuses data in another place that are not those of the runs that are finished.
    pub(crate) fn check_moved(&self) -> Result<()> {
        let mut checked: Vec<&DataConfig> = Vec::new();
        for run in self.made.iter().filter(|run| run.elsewhere) {
            if !checked.contains(&&run.config) {
                self.get(&run.config)?;
                checked.push(&run.config);
            }
        }
        Ok(())
    }

    fn load(&self, config: &DataConfig) -> Result<Dataset> {
        let data = config.load_with(&self.options)?;
        if let Some(found) = StoredData::of(&data.facts) {
            let same = self.made.iter().filter(|run| run.config == *config);
            same.into_iter().try_for_each(|run| run.check(&found))?;
        }
        Ok(data)
    }

    /// The set with these settings; whoever asks while it is being read waits.
    pub(crate) fn get(&self, config: &DataConfig) -> Result<Arc<Dataset>> {
        let Some(set) = self.sets.iter().find(|set| set.config == *config) else {
            return Ok(Arc::new(self.load(config)?));
        };
        let mut state = set.state.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || self.load(config).map(Arc::new).map_err(|error| format!("{error:#}"));
        state.loaded.get_or_insert_with(read).clone().map_err(|message| anyhow!(message))
    }

    /// One job will ask no more.
    pub(crate) fn release(&self, config: &DataConfig) {
        let Some(set) = self.sets.iter().find(|set| set.config == *config) else { return };
        let mut state = set.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.users = state.users.saturating_sub(1);
        if state.users == 0 {
            state.loaded = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_data::DataName;

    #[test]
    fn a_set_is_read_once_and_dropped_after_its_last_user() {
        let (a, b) = (DataConfig::default(), DataConfig { steps: 9, ..DataConfig::default() });
        let shared = SharedData::new([&a, &b, &a].into_iter(), LoadOptions::default());
        let first = shared.get(&a).unwrap();
        assert!(Arc::ptr_eq(&first, &shared.get(&a).unwrap()));
        assert_eq!(shared.get(&b).unwrap().steps, 9);
        shared.release(&a);
        assert!(Arc::ptr_eq(&first, &shared.get(&a).unwrap()));
        shared.release(&a);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn a_set_that_cannot_be_read_says_so_to_everyone() {
        let config = DataConfig { root: Some("nowhere".into()), ..DataConfig::default_for(DataName::Words) };
        let shared = SharedData::new([&config, &config].into_iter(), LoadOptions::default());
        for _ in 0..2 {
            assert!(shared.get(&config).unwrap_err().to_string().contains("nowhere"));
        }
    }
}
