//! Stop texts: a reply ends before any of them, even if it comes in pieces.

/// Finds the first of some texts in a stream, holding back what may be its beginning.
///
/// The first is the one that is complete first; of those complete at the same place, the longest.
#[derive(Clone, Debug)]
pub struct StopStrings {
    stops: Vec<String>,
    held: String,
    is_stopped: bool,
}

impl StopStrings {
    /// Looks for `stops`; empty ones are ignored.
    pub fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, held: String::new(), is_stopped: false }
    }

    /// Takes in a piece of text; returns the text that is certainly before any stop, and whether one is complete.
    /// After that nothing more comes out.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        if self.is_stopped {
            return (String::new(), true);
        }
        self.held.push_str(piece);
        let matches = self.stops.iter().filter_map(|stop| self.held.find(stop).map(|at| (at + stop.len(), at)));
        if let Some((_, at)) = matches.min() {
            self.is_stopped = true;
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let possible = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - possible);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// Ends the stream: what was held back is no stop after all.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Whether a stop has come.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// The length of the longest end of `text` with which `stop` begins; in bytes, and shorter than `stop`.
pub(super) fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at);
    lengths.filter(|len| stop.get(..*len).is_some_and(|begin| text.ends_with(begin))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(texts: &[&str]) -> StopStrings {
        StopStrings::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    /// Pushes the pieces; the text that came out and whether it stopped.
    fn run(matcher: &mut StopStrings, pieces: &[&str]) -> (String, bool) {
        let mut out = String::new();
        for piece in pieces {
            let (text, is_stopped) = matcher.push(piece);
            out.push_str(&text);
            if is_stopped {
                return (out, true);
            }
        }
        out.push_str(&matcher.finish());
        (out, false)
    }

    #[test]
    fn holds_back_only_what_may_be_a_stop() {
        let mut matcher = stops(&["\n\n", "END"]);
        assert_eq!(matcher.push("one\n"), ("one".to_owned(), false));
        assert_eq!(matcher.push("two E"), ("\ntwo ".to_owned(), false));
        assert_eq!(matcher.push("N"), (String::new(), false));
        assert_eq!(matcher.push("V"), ("ENV".to_owned(), false));
        assert_eq!(matcher.push("EN"), (String::new(), false));
        assert_eq!(matcher.push("D of it"), (String::new(), true));
        assert!(matcher.is_stopped());
        assert_eq!(matcher.push("more"), (String::new(), true));
        assert_eq!(matcher.finish(), "");
    }

    #[test]
    fn releases_at_the_end_and_ignores_empty_stops() {
        assert_eq!(run(&mut stops(&["", "stop"]), &["sto"]), ("sto".to_owned(), false));
        assert_eq!(run(&mut stops(&[]), &["anything"]), ("anything".to_owned(), false));
    }

    #[test]
    fn cuts_inside_a_character_never() {
        assert_eq!(run(&mut stops(&["→é"]), &["a→", "è→", "é!"]), ("a→è".to_owned(), true));
    }

    /// The definition, on the whole text: the first end of a stop wins, then its first begin.
    fn naive(stops: &[&str], text: &str) -> (String, bool) {
        for end in 0..=text.len() {
            for begin in 0..end {
                if stops.iter().any(|stop| text.get(begin..end) == Some(*stop)) {
                    return (text[..begin].to_owned(), true);
                }
            }
        }
        (text.to_owned(), false)
    }

    /// All texts of up to seven letters of two, all ways to cut them in two and letter by letter.
    #[test]
    fn agrees_with_the_definition_however_the_text_is_cut() {
        let sets: [&[&str]; 6] =
            [&["aab"], &["ab", "ba"], &["abab"], &["aba", "b"], &["bb", "abba"], &["aaa", "aabaa"]];
        for set in sets {
            for len in 0..=7u32 {
                for bits in 0..1u32 << len {
                    let text: String = (0..len).map(|bit| if bits >> bit & 1 == 0 { 'a' } else { 'b' }).collect();
                    let expected = naive(set, &text);
                    for cut in 0..=text.len() {
                        let (left, right) = text.split_at(cut);
                        assert_eq!(run(&mut stops(set), &[left, right]), expected, "{set:?} in {left:?} {right:?}");
                    }
                    let letters: Vec<&str> = text.split("").collect();
                    assert_eq!(run(&mut stops(set), &letters), expected, "{set:?} in {text:?} by letters");
                }
            }
        }
    }
}
