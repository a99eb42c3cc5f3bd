//! `geophone`: everything an analyst runs.

mod cli;
mod command;
mod console;
mod progress;
mod publishing;
mod reload;
mod run;
mod session;

use std::process::ExitCode;

use clap::Parser as _;
use geophone_sensor::words::in_words;

use crate::cli::{Cli, Command, RulesCommand};
use crate::command::worker::work;
use crate::command::{
    baseline::baseline, dataset::dataset, evaluate, explain::explain_alert, export::export_alerts,
    history::history, selftest::test_rules, tail::tail, topics::topics, what_if::what_if,
};
use crate::run::{check_rules, list_rules, print_config};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Baseline(command) => baseline(&command),
        Command::Config(command) => print_config(&command),
        Command::Dataset(command) => dataset(&command),
        Command::Evaluate(command) => evaluate::evaluate_corpora(&command),
        Command::Explain(command) => explain_alert(&command),
        Command::Export(command) => export_alerts(&command),
        Command::Fit(command) => evaluate::fit_rules(&command),
        Command::History(command) => history(&command),
        #[cfg(target_os = "linux")]
        Command::Live(command) => session::live(&command),
        Command::Replay(command) => session::replay(&command),
        Command::Rules(RulesCommand::Check { dir }) => check_rules(dir.as_deref()),
        Command::Rules(RulesCommand::List { dir }) => list_rules(dir.as_deref()),
        Command::Rules(RulesCommand::WhatIf(command)) => what_if(&command),
        Command::Run(command) => work(&command),
        Command::Selftest(command) => test_rules(&command),
        Command::Tail(command) => tail(&command),
        Command::Topics(command) => topics(&command),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if run::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&in_words(error.as_ref()));
            ExitCode::from(1)
        }
    }
}
