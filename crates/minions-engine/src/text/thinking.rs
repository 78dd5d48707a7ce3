//! Thoughts: what some models write between `<think>` and `</think>` before they answer.

use super::stop::overlap;
use super::tokenizer::Tokenizer;

/// What begins and what ends a thought.
pub const TAGS: [&str; 2] = ["<think>", "</think>"];

/// Tokens at the end of a prompt that are looked at for an open thought.
const PROMPT_END_TOKENS: usize = 16;

/// Parts a reply, as it grows, into thoughts and the answer after them.
///
/// Thoughts stand before the answer, with white space around them that belongs to neither. Later on the tags are text.
#[derive(Clone, Debug)]
pub struct Thinking {
    place: Place,
    held: String,
    /// Whether a thought has ended: the white space after it is held back, to be dropped.
    has_thought: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Only white space has come, or the beginning of a tag.
    Before,
    Thought,
    Answer,
}

/// What a piece of a reply adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parted {
    /// To the thoughts.
    pub thought: String,
    /// To the answer.
    pub answer: String,
}

impl Thinking {
    /// Begins with a reply, or inside a thought that the prompt has opened.
    pub fn new(is_in_thought: bool) -> Self {
        let place = if is_in_thought { Place::Thought } else { Place::Before };
        Self { place, held: String::new(), has_thought: false }
    }

    /// Begins with the reply to `prompt`: some templates end with an open thought.
    pub fn after(prompt: &[u32], tokenizer: &Tokenizer) -> Self {
        let end = prompt.len().saturating_sub(PROMPT_END_TOKENS);
        let pieces = prompt.iter().skip(end).filter_map(|id| tokenizer.piece(*id));
        let bytes: Vec<u8> = pieces.flatten().copied().collect();
        Self::new(bytes.trim_ascii_end().ends_with(TAGS[0].as_bytes()))
    }

    /// Whether a thought has begun and not ended.
    pub fn is_in_thought(&self) -> bool {
        self.place == Place::Thought
    }

    /// Takes in a piece of the reply.
    pub fn push(&mut self, piece: &str) -> Parted {
        self.held.push_str(piece);
        let mut parted = Parted::default();
        loop {
            match self.place {
                Place::Before => {
                    let text = self.held.trim_start();
                    if let Some(thought) = text.strip_prefix(TAGS[0]) {
                        self.held = thought.to_owned();
                        self.place = Place::Thought;
                    } else if TAGS[0].starts_with(text) {
                        return parted;
                    } else {
                        if self.has_thought {
                            self.held = text.to_owned();
                        }
                        self.place = Place::Answer;
                    }
                }
                Place::Thought => {
                    let Some((thought, rest)) = self.held.split_once(TAGS[1]) else {
                        let rest = self.held.split_off(self.held.len() - overlap(&self.held, TAGS[1]));
                        parted.thought.push_str(&std::mem::replace(&mut self.held, rest));
                        return parted;
                    };
                    parted.thought.push_str(thought);
                    self.held = rest.to_owned();
                    self.has_thought = true;
                    self.place = Place::Before;
                }
                Place::Answer => {
                    parted.answer.push_str(&std::mem::take(&mut self.held));
                    return parted;
                }
            }
        }
    }

    /// Ends the reply: what was held back is no tag after all.
    pub fn finish(&mut self) -> Parted {
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Thought => Parted { thought: held, ..Parted::default() },
            Place::Before if self.has_thought => Parted { answer: held.trim_start().to_owned(), ..Parted::default() },
            Place::Before | Place::Answer => Parted { answer: held, ..Parted::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the pieces: the thoughts and the answer.
    fn run(is_in_thought: bool, pieces: &[&str]) -> (String, String) {
        let mut thinking = Thinking::new(is_in_thought);
        let mut all = Parted::default();
        for parted in pieces.iter().map(|piece| thinking.push(piece)).collect::<Vec<_>>() {
            all.thought.push_str(&parted.thought);
            all.answer.push_str(&parted.answer);
        }
        let rest = thinking.finish();
        (all.thought + &rest.thought, all.answer + &rest.answer)
    }

    /// Texts, whether the prompt opened a thought, and their parts.
    const CASES: [(&str, bool, &str, &str); 14] = [
        ("An answer.", false, "", "An answer."),
        ("<think>\nHm.\n</think>\n\nAn answer.\n", false, "\nHm.\n", "An answer.\n"),
        ("\n <think>a</think>b", false, "a", "b"),
        ("Hm.</think> An answer.", true, "Hm.", "An answer."),
        ("<think></think>\n\n", false, "", ""),
        ("<think>a</think>\n<think>b</think> c", false, "ab", "c"),
        // Cut off inside a thought, inside a tag, and before anything.
        ("<think>never ends </thin", false, "never ends </thin", ""),
        ("<thin", false, "", "<thin"),
        (" \n", false, "", " \n"),
        ("", true, "", ""),
        // Tags that are text.
        ("  see <think>a</think>", false, "", "  see <think>a</think>"),
        ("{\"a\": \"<think>\"}", false, "", "{\"a\": \"<think>\"}"),
        ("<thing>", false, "", "<thing>"),
        ("<think>é </ think> <</think>→", false, "é </ think> <", "→"),
    ];

    #[test]
    fn parts_thoughts_from_the_answer_however_the_reply_is_cut() {
        for (text, is_in_thought, thought, answer) in CASES {
            let expected = (thought.to_owned(), answer.to_owned());
            let letters: Vec<&str> = text.split("").collect();
            assert_eq!(run(is_in_thought, &letters), expected, "{text:?} by letters");
            for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let (left, right) = text.split_at(cut);
                assert_eq!(run(is_in_thought, &[left, right]), expected, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn says_at_once_what_it_knows() {
        let mut thinking = Thinking::new(false);
        assert_eq!(thinking.push("<think>so "), Parted { thought: "so ".into(), answer: String::new() });
        assert!(thinking.is_in_thought());
        assert_eq!(thinking.push("far</think>\n"), Parted { thought: "far".into(), answer: String::new() });
        assert!(!thinking.is_in_thought());
        assert_eq!(thinking.push("\nYes"), Parted { thought: String::new(), answer: "Yes".into() });
        assert_eq!(thinking.push(" <think>"), Parted { thought: String::new(), answer: " <think>".into() });
    }
}
