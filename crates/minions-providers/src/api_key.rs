//! A secret that shows itself to nobody.

use std::fmt;

use minions_chat::ChatError;

/// A provider's API key. It cannot be printed, serialized or read back; it only becomes a header.
#[derive(Clone, Default)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key, without the blank space that copying tends to add. An empty key is no key: local servers need none.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// The value of the header that holds the key, after a prefix such as `Bearer `, if there is a key. The only way to
    /// the secret.
    ///
    /// The check is made here because a browser's `fetch` puts a header that it refuses, key and all, into its error.
    pub(crate) fn header(&self, prefix: &str) -> Result<Option<String>, ChatError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        if !self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "the API key holds characters that no key has (a space, a line break, a letter outside \
                           ASCII): copy it again";
            return Err(ChatError::InvalidRequest(message.to_owned()));
        }
        Ok(Some(format!("{prefix}{}", self.0)))
    }

    /// The text without the key, should someone have echoed it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "[API key]") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn becomes_a_header_and_nothing_else() {
        let key = ApiKey::new(" sk-secret\n");
        assert_eq!(key.header("Bearer "), Ok(Some("Bearer sk-secret".into())));
        assert_eq!(key.header(""), Ok(Some("sk-secret".into())));
        assert_eq!(format!("{key} {key:?} {key:#?}"), "… ApiKey(…) ApiKey(…)");
    }

    #[test]
    fn no_key_is_no_header() {
        assert_eq!(ApiKey::new(" ").header(""), Ok(None));
    }

    #[test]
    fn refuses_what_a_header_cannot_carry_without_repeating_it() {
        for key in ["sk-se cret", "sk-se\r\ncret", "sk-sécret"] {
            let error = ApiKey::new(key).header("").err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("copy it again") && !error.contains("cret"), "{error}");
        }
    }

    #[test]
    fn scrubs_an_echo() {
        assert_eq!(ApiKey::new("sk-1").scrub("bad key sk-1!"), "bad key [API key]!");
        assert_eq!(ApiKey::new("").scrub("as it is"), "as it is");
    }
}
