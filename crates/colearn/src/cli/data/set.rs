//! The data set that a command is about: its configuration from the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use colearn_data::{DataConfig, DataName};

use crate::cli::loading::LoadArgs;
use crate::runs::{Request, data_set};

/// Which data set and how it is cut, as for `train`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The data set [default: digits].
    #[arg(long, value_name = "NAME", value_parser = data_set)]
    pub(crate) data: Option<DataName>,
    /// Folder of the data set; the digits are embedded.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[arg(
        long,
        value_name = "KEY=VALUE",
        help = "Any key of the configuration below data, such as data.leave_out=theo; may be repeated"
    )]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

impl SetArgs {
    /// The same configuration that `train` would use.
    pub(crate) fn config(&self) -> Result<DataConfig> {
        let (data, root, set) = (self.data, self.root.clone(), self.set.clone());
        let request = Request { data, root, set, ..Request::default() };
        Ok(request.experiment().context("the data set")?.data)
    }
}
