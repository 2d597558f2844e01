//! `schema` and `completions`.

use clap::{Args, CommandFactory, ValueEnum};

use super::{Error, emit};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Of what.
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    Policy,
    Report,
}

#[derive(Args, Debug)]
pub(super) struct CompletionArguments {
    /// Of which shell.
    shell: clap_complete::Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let schema = match arguments.of {
        Of::Policy => crate::policy::schema::schema(),
        Of::Report => crate::report::json::schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(Error::json("the schema"))?;
    emit::print(&format!("{text}\n"))?;
    Ok(0)
}

pub(super) fn completions<C: CommandFactory>(arguments: &CompletionArguments) -> Result<u8, Error> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut C::command(), "watertight", &mut text);
    emit::print(&String::from_utf8_lossy(&text))?;
    Ok(0)
}
