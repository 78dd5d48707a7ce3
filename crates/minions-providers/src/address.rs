//! Addresses of providers.

use minions_chat::ChatError;

/// The address of `path` below a base URL.
///
/// What a browser or a library would refuse is refused here: their errors repeat the address, and what stands in it.
pub(crate) fn join(base_url: &str, path: &str) -> Result<String, ChatError> {
    let base_url = base_url.trim().trim_end_matches('/');
    let authority = base_url.strip_prefix("https://").or_else(|| base_url.strip_prefix("http://"));
    let authority = authority.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let problem = if authority.split(':').next().is_none_or(str::is_empty) {
        "must be a full address such as https://api.openai.com/v1"
    } else if authority.contains('@') {
        "holds a user name or a password: a key belongs into the API key"
    } else if base_url.contains('{') {
        "holds a placeholder in braces: write your own resource, account or gateway in its place"
    } else if base_url.contains(['?', '#']) || base_url.contains(char::is_whitespace) {
        "must end before any ? or #, and hold no spaces"
    } else {
        return Ok(format!("{base_url}{path}"));
    };
    Err(ChatError::InvalidRequest(format!("the base URL {problem}")))
}

/// Whether an address is one that the pattern stands for. `{name}` stands for letters, digits, hyphens and underscores.
pub(crate) fn fits(pattern: &str, address: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == address };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let Some(address) = address.strip_prefix(before) else { return false };
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let name = address.find(|character| !is_name(character)).unwrap_or(address.len());
    name > 0 && address.get(name..).is_some_and(|rest| fits(after, rest))
}

/// A regional address of a provider without its region: `https://eu.api.openai.com/v1` → `https://api.openai.com/v1`.
pub(crate) fn without_region(address: &str) -> Option<String> {
    let (region, rest) = address.strip_prefix("https://")?.split_once('.')?;
    (!region.contains('/')).then(|| format!("https://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_or_says_what_is_wrong() {
        let joined = join(" http://localhost:1234/v1/ ", "/models");
        assert_eq!(joined, Ok("http://localhost:1234/v1/models".to_owned()));
        for (wrong, words) in [
            ("", "full address"),
            ("api.openai.com/v1", "full address"),
            ("https://", "full address"),
            ("https://:80", "full address"),
            ("file:///v1", "full address"),
            ("https://me:secret@example.org/v1", "password"),
            ("https://{resource}.openai.azure.com/openai/v1", "placeholder"),
            ("https://example.org/v1?key=secret", "before any ?"),
            ("https://example.org/v 1", "no spaces"),
        ] {
            let error = join(wrong, "/models").err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words) && !error.contains("secret"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_placeholder_stands_for_one_name() {
        let pattern = "https://{resource}.openai.azure.com/openai/v1";
        assert!(fits(pattern, "https://my-resource.openai.azure.com/openai/v1"));
        for other in ["https://.openai.azure.com/openai/v1", "https://a/b.openai.azure.com/openai/v1", "https://a.b/v1"]
        {
            assert!(!fits(pattern, other), "{other}");
        }
        assert!(fits("https://x/{a}/{b}/c", "https://x/1/2/c") && !fits("https://x/{a}/{b}/c", "https://x/1//c"));
    }
}
