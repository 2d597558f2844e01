//! `--check` and `--skip`.

use super::{CheckArguments, Error};
use crate::checks::ALL;
use crate::policy::exec::Definition;

impl CheckArguments {
    /// Refuses ids that no check has: a misspelt `--check` must not run nothing and pass.
    pub(super) fn agree(&self, own: &[Definition]) -> Result<(), Error> {
        let known = || ALL.iter().map(|module| module.about.id).chain(own.iter().map(|own| own.id.as_str()));
        for id in self.only.iter().chain(&self.skip) {
            if !known().any(|known| known == id) {
                return Err(Error::Usage(format!(
                    "there is no check `{}`; `watertight checks` lists them",
                    crate::report::escape::terminal(id)
                )));
            }
        }
        if known().all(|id| !self.wants(id)) {
            return Err(Error::Usage("no check is left to run".into()));
        }
        Ok(())
    }

    /// Whether every check of the policy is asked for.
    pub(super) fn is_whole(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }

    pub(super) fn wants(&self, id: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| only == id)) && !self.skip.iter().any(|skip| skip == id)
    }
}
