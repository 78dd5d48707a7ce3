//! `cargo xtask bench`: the same numbers from the native program and from a browser, in one table and one file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::build_sheet::BuildSheet;
use crate::package::{self, Profile};
use crate::process::{self, command, run, target_dir};
use crate::setup::{self, browser};
use crate::size;

/// What to measure and where to keep it.
#[derive(Args)]
pub struct Options {
    /// Only these.
    #[arg(value_enum)]
    only: Option<Only>,
    /// Fewer cases and repetitions.
    #[arg(long)]
    quick: bool,
    /// Writes the rows to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A part of the benchmarks, as both producers call it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Every kernel, beside what the adapter can do at best.
    Kernels,
    /// Many jobs over chunks, with one thing after another that makes them cheaper.
    Jobs,
}

/// One measurement, as both producers write it.
#[derive(Debug, Deserialize, Serialize)]
struct Row {
    suite: String,
    case: String,
    metric: String,
    value: f64,
    unit: String,
    adapter: Option<String>,
}

/// Measures everything. A producer that fails is the command's failure: half a table misleads.
pub fn run_command(options: &Options) -> Result<()> {
    package::build(Profile::Release)?;
    package::build_page()?;
    setup::npm::ensure("tests/browser")?;
    let browser = browser::CHROMIUM.ensure()?;
    let adapter = setup::gpu::ensure(&browser)?;

    run(command("cargo").args(["build", "--release", "--workspace", "--bin", "minions"]))?;
    let mut native = command(target_dir().join("release").join(format!("minions{}", std::env::consts::EXE_SUFFIX)));
    native.arg("bench");
    let only = options.only.and_then(|only| only.to_possible_value());
    let only = only.as_ref().map(|only| only.get_name());
    native.args(only);
    native.envs(adapter.variables.iter().cloned());
    let mut in_browser = command("node");
    in_browser.arg("tests/browser/bench.mjs").args(only).env(browser::CHROMIUM.variable, &browser);
    in_browser.envs(setup::gpu::for_browser(&adapter));

    let mut rows = produce("native", &mut native, options.quick)?;
    rows.extend(produce("browser", &mut in_browser, options.quick)?);
    rows.extend(sizes(&BuildSheet::load()?)?);
    print_table(&rows);
    if let Some(file) = &options.json {
        let file = process::root().join(file);
        fs::write(&file, serde_json::to_string_pretty(&rows)? + "\n")?;
        println!("bench: {}", file.display());
    }
    Ok(())
}

/// Runs a producer with `--json FILE` and reads the file, an array of rows.
fn produce(name: &str, producer: &mut Command, quick: bool) -> Result<Vec<Row>> {
    let file = target_dir().join(format!("bench-{name}.json"));
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    fs::remove_file(&file).ok();
    producer.arg("--json").arg(&file).args(quick.then_some("--quick"));
    println!("\n== {name}");
    run(producer)?;
    let text = fs::read_to_string(&file).with_context(|| format!("{name} wrote no {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no rows", file.display()))
}

fn sizes(sheet: &BuildSheet) -> Result<Vec<Row>> {
    let sizes = size::measure(&[sheet.wasm_file()])?;
    let row = |metric: &str, bytes: u64| Row {
        suite: "size".to_owned(),
        case: format!("wasm, {} profile", sheet.profile),
        metric: metric.to_owned(),
        value: bytes as f64,
        unit: "bytes".to_owned(),
        adapter: None,
    };
    Ok(vec![row("raw", sizes.raw), row("brotli", sizes.brotli)])
}

fn print_table(rows: &[Row]) {
    println!("\n{:<12} {:<36} {:<20} {:>14} {:<10} adapter", "suite", "case", "metric", "value", "unit");
    for Row { suite, case, metric, value, unit, adapter } in rows {
        let value = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") };
        let adapter = adapter.as_deref().unwrap_or("-");
        println!("{suite:<12} {case:<36} {metric:<20} {value:>14} {unit:<10} {adapter}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_the_producers_write_them() {
        let json = r#"[{"suite": "engine", "case": "decode", "metric": "speed", "value": 12.5, "unit": "tok/s", "adapter": "x"},
                       {"suite": "rpc", "case": "echo", "metric": "time", "value": 3, "unit": "us", "adapter": null}]"#;
        let rows: Vec<Row> = serde_json::from_str(json).unwrap();
        assert_eq!(rows[1].value, 3.0);
        assert_eq!(rows[0].adapter.as_deref(), Some("x"));
    }
}
