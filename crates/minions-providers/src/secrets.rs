//! What an error must never hold: the key, and words of the request, which may be a document's.

use minions_chat::Message;

use crate::ApiKey;

/// The most characters of a provider's own words that are passed on.
const MAX_CHARS: usize = 300;

/// As many characters in a row as no provider's own words share with a request by chance.
const ECHO_CHARS: usize = 16;

/// A request's secrets. Whatever a provider or a transport says about it goes through [`Secrets::hide`] first.
#[derive(Clone, Copy)]
pub(crate) struct Secrets<'a> {
    pub(crate) key: &'a ApiKey,
    pub(crate) messages: &'a [Message],
}

impl Secrets<'_> {
    /// The text on one line, shortened, without the key and without what it repeats of the request. Some servers put
    /// the request into their errors: pydantic's `input`, a proxy's trace.
    pub(crate) fn hide(&self, text: &str) -> String {
        // The key goes first: shortening could leave half of it. Then only as much is searched as can be shown.
        let text = self.key.scrub(text);
        let text = text.get(..end_of(&text, 2 * MAX_CHARS)).unwrap_or_default();
        let text = self.without_echo(text).split_whitespace().collect::<Vec<_>>().join(" ");
        match end_of(&text, MAX_CHARS) {
            end if end < text.len() => format!("{}…", text.get(..end).unwrap_or_default()),
            _ => text,
        }
    }

    fn without_echo(&self, text: &str) -> String {
        let mut hidden = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let echo = self.echo(rest);
            match rest.split_at_checked(echo) {
                Some((_, after)) if echo > 0 => {
                    hidden.push_str("[…]");
                    rest = after;
                }
                _ => {
                    hidden.push(first);
                    rest = rest.get(first.len_utf8()..).unwrap_or_default();
                }
            }
        }
        hidden
    }

    /// How many bytes at the text's beginning stand in the request too; 0 if they are too few to mean anything.
    fn echo(&self, text: &str) -> usize {
        let mut longest = 0;
        let mut ends = text.char_indices().map(|(start, character)| start + character.len_utf8());
        let mut end = ends.nth(ECHO_CHARS - 1);
        while let Some(bytes) = end {
            let Some(beginning) = text.get(..bytes) else { break };
            if !self.messages.iter().any(|message| message.content.contains(beginning)) {
                break;
            }
            longest = bytes;
            end = ends.next();
        }
        longest
    }
}

/// Where the text's first `characters` characters end.
fn end_of(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(end, _)| end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(text: &str, content: &str) -> String {
        Secrets { key: &ApiKey::new("sk-secret"), messages: &[Message::user(content)] }.hide(text)
    }

    #[test]
    fn scrubs_before_it_shortens() {
        let long = hide(&format!("{}sk-secret", "x".repeat(MAX_CHARS - 4)), "");
        assert!(!long.contains("sk-s"), "{long}");
        assert_eq!(hide(&"é".repeat(400), "").chars().count(), MAX_CHARS + 1);
        assert_eq!(hide(" <h1>Bad\n gateway</h1> ", ""), "<h1>Bad gateway</h1>");
    }

    #[test]
    fn leaves_out_what_stands_in_the_request() {
        let document = "Patient: Mara Kovač, born 1957.\nLDL cholesterol 170 mg/dL.";
        assert_eq!(hide("bad input: Patient: Mara Kovač, born 1957.", document), "bad input: […]");
        assert_eq!(hide("\"LDL cholesterol 170 mg/dL.\" is too long", document), "\"[…]\" is too long");
        // In JSON a line break is two characters, and the lines around it are found one by one.
        assert_eq!(hide(r"born 1957.\nLDL cholesterol 170 mg/dL.", document), r"born 1957.\n[…]");
        assert_eq!(hide("the patient is invalid", document), "the patient is invalid");
    }
}
