//! `--check` and `--skip`.

use super::{CheckArguments, Error};
use crate::checks::ALL;

impl CheckArguments {
    /// Refuses ids that no check has: a misspelt `--check` must not run nothing and pass.
    pub(super) fn agree(&self) -> Result<(), Error> {
        for id in self.only.iter().chain(&self.skip) {
            if !ALL.iter().any(|module| module.about.id == id) {
                return Err(Error::Usage(format!(
                    "there is no check `{}`; `watertight checks` lists them",
                    crate::report::escape::terminal(id)
                )));
            }
        }
        if ALL.iter().all(|module| !self.wants(module.about.id)) {
            return Err(Error::Usage("no check is left to run".into()));
        }
        Ok(())
    }

    pub(super) fn wants(&self, id: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| only == id)) && !self.skip.iter().any(|skip| skip == id)
    }
}
