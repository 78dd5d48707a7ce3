//! What is read: documents, prices, keys.

use std::io::Read;
use std::path::Path;

use minions_providers::ApiKey;

use crate::exit::Failure;

/// The text of each file; `-` is the standard input.
pub fn documents(paths: &[impl AsRef<Path>]) -> Result<Vec<String>, Failure> {
    if paths.iter().filter(|path| is_stdin(path.as_ref())).count() > 1 {
        return Err(Failure::input("the standard input (-) can be read only once"));
    }
    paths.iter().map(|path| text(path.as_ref())).collect()
}

/// The text of a file; `-` is the standard input.
pub fn text(path: &Path) -> Result<String, Failure> {
    let name = if is_stdin(path) { "the standard input".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| Failure::input(format!("{name} cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::input(format!("{name} is not UTF-8 text (byte {at}): convert it to plain text first"))
    })?;
    // Editors on Windows begin a text with a mark that is no part of it.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The key that the first of these environment variables holds.
pub fn key(variables: &[&str]) -> Option<ApiKey> {
    let mut values = variables.iter().filter_map(std::env::var_os);
    // Letters outside Unicode become marks that no header can carry; the error for that does not repeat the key.
    let key = values.find(|value| !value.to_string_lossy().trim().is_empty())?;
    Some(ApiKey::new(key.to_string_lossy()))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
