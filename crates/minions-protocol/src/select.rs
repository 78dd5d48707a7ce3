//! Which chunks are worth a job, told without asking a model.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Bm25;
use crate::bm25::words;

/// The longest pattern, in code points. A supervisor writes short ones; what is longer is a mistake or an attack.
const MAX_PATTERN_CHARS: usize = 1000;
/// The most memory of a compiled pattern, and of the automaton that runs it, in bytes each.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Which chunks are kept: those that match the pattern and of these the ones that hold the keywords. With nothing set,
/// all are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Select {
    /// Keep the chunks that hold any of these words.
    pub keywords: Vec<Keyword>,
    /// Keep the chunks that match this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Of the chunks that hold a keyword, keep only so many: those that speak of the keywords most. Without keywords
    /// there is nothing to rank by, and all are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
}

/// A word to look for, with or without a weight. A keyword of several words is held by a chunk that holds them all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keyword {
    /// A word of weight 1.
    Word(String),
    /// A word of another weight.
    Weighted {
        /// The word.
        word: String,
        /// How much it counts when chunks are ranked, beside the others' 1. At 0 and below it is not looked for.
        #[serde(default = "one")]
        weight: f64,
    },
}

impl Keyword {
    /// The word.
    pub fn word(&self) -> &str {
        match self {
            Self::Word(word) | Self::Weighted { word, .. } => word,
        }
    }

    /// How much it counts.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Word(_) => one(),
            Self::Weighted { weight, .. } => *weight,
        }
    }
}

impl From<&str> for Keyword {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

fn one() -> f64 {
    1.0
}

/// Why nothing can be selected as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The pattern is longer than any that is meant well.
    #[error(
        "the regular expression has {chars} characters, more than {MAX_PATTERN_CHARS}: shorten it, or use keywords"
    )]
    PatternTooLong {
        /// Its length in code points.
        chars: usize,
    },
    /// The pattern is short and yet means too much, as nested repetitions do.
    #[error("the regular expression needs more than {MAX_PATTERN_BYTES} bytes of memory: repeat less in it")]
    PatternTooLarge,
    /// The pattern is not a regular expression.
    #[error("the regular expression is not valid: {reason}. Look-around and back-references are not known here")]
    PatternInvalid {
        /// What is wrong with it.
        reason: String,
    },
}

/// The texts that are kept, as indices in ascending order. There may be none.
///
/// # Errors
/// If the regular expression is not one, or would cost too much time or memory.
pub fn select(texts: &[&str], select: &Select) -> Result<Vec<usize>, SelectError> {
    let pattern = select.regex.as_deref().map(compile).transpose()?;
    let matches = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    let kept: Vec<(usize, &str)> = texts.iter().copied().enumerate().filter(|(_, text)| matches(text)).collect();
    let indices = |kept: &[(usize, &str)]| kept.iter().map(|(index, _)| *index).collect();
    if select.keywords.is_empty() {
        return Ok(indices(&kept));
    }
    let Some(k) = select.top_k else {
        let wanted = wanted(&select.keywords);
        let kept: Vec<_> = kept.into_iter().filter(|(_, text)| holds_any(text, &wanted)).collect();
        return Ok(indices(&kept));
    };
    let weighted = select.keywords.iter().filter(|keyword| keyword.weight() > 0.0);
    let weighted: Vec<_> = weighted.map(|keyword| (keyword.word().to_owned(), keyword.weight())).collect();
    let best = Bm25::new(kept.iter().map(|(_, text)| *text)).top(&weighted, k);
    Ok(best.into_iter().filter_map(|rank| kept.get(rank)).map(|(index, _)| *index).collect())
}

pub(crate) fn compile(pattern: &str) -> Result<Regex, SelectError> {
    let chars = pattern.chars().count();
    if chars > MAX_PATTERN_CHARS {
        return Err(SelectError::PatternTooLong { chars });
    }
    let regex = RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES).build();
    regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => SelectError::PatternTooLarge,
        // The message draws an arrow under the pattern, over several lines; its last line says what is wrong.
        error => {
            let message = error.to_string();
            let reason = message.lines().next_back().unwrap_or_default();
            SelectError::PatternInvalid { reason: reason.trim_start_matches("error: ").to_owned() }
        }
    })
}

/// The words of each keyword that is looked for.
fn wanted(keywords: &[Keyword]) -> Vec<BTreeSet<String>> {
    let keywords = keywords.iter().filter(|keyword| keyword.weight() > 0.0);
    keywords.map(|keyword| words(keyword.word()).collect()).filter(|words: &BTreeSet<_>| !words.is_empty()).collect()
}

fn holds_any(text: &str, wanted: &[BTreeSet<String>]) -> bool {
    let words: BTreeSet<String> =
        words(text).filter(|word| wanted.iter().any(|keyword| keyword.contains(word))).collect();
    wanted.iter().any(|keyword| keyword.is_subset(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_a_string_or_an_object() {
        let json = r#"{"keywords": ["dye", {"word": "agent", "weight": 2}, {"word": "CT"}], "top_k": 3}"#;
        let select: Select = serde_json::from_str(json).expect("the plan's form is read");
        let read: Vec<_> = select.keywords.iter().map(|keyword| (keyword.word(), keyword.weight())).collect();
        assert_eq!(read, [("dye", 1.0), ("agent", 2.0), ("CT", 1.0)]);
        assert_eq!((select.regex, select.top_k), (None, Some(3)));
    }

    #[test]
    fn a_pattern_that_would_cost_too_much_is_refused() {
        let error = |pattern: &str| compile(pattern).expect_err("the pattern is refused");
        assert_eq!(error(r"((\w{100}){100}){100}"), SelectError::PatternTooLarge);
        assert_eq!(error(&"a".repeat(1001)), SelectError::PatternTooLong { chars: 1001 });
        assert_eq!(error("(a"), SelectError::PatternInvalid { reason: "unclosed group".to_owned() });
        assert!(error("(?=a)").to_string().contains("look-around"));
    }
}
