//! What models cost.
//!
//! Prices change: the included table says what was known at its version's date, and a user's table overrides it.

use minions_chat::Usage;
use serde::{Deserialize, Serialize};

/// What a model costs, per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Tokens sent.
    pub input: f64,
    /// Tokens sent that the model had already read; without it they cost as much as others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// Tokens of the reply, hidden reasoning included.
    pub output: f64,
}

impl Price {
    /// What some tokens cost, in the table's currency.
    pub fn cost(&self, usage: &Usage) -> f64 {
        // Cached tokens are part of the prompt; a provider that counts them apart must not make the rest negative.
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let fresh = usage.prompt_tokens - cached;
        let cached_input = self.cached_input.unwrap_or(self.input);
        let sum =
            fresh as f64 * self.input + cached as f64 * cached_input + usage.completion_tokens as f64 * self.output;
        sum / 1e6
    }
}

/// What several models cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceTable {
    /// The date at which the prices were known to be right.
    pub version: String,
    /// The currency of all prices, such as `USD`.
    pub currency: String,
    /// The models. Of two equal patterns the first counts.
    pub models: Vec<ModelPrice>,
}

/// What the models of one pattern cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPrice {
    /// The model's name; a `*` at the end stands for any rest.
    pub model: String,
    /// Its price.
    #[serde(flatten)]
    pub price: Price,
}

/// What is wrong with a price table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// It is not JSON of the form.
    #[error("the price table cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A price is no amount.
    #[error("the {field} price of {model:?} is {value}: write a number that is not negative, per million tokens")]
    NotAnAmount {
        /// The pattern of the model.
        model: String,
        /// Which of its prices.
        field: &'static str,
        /// The price.
        value: f64,
    },
    /// A row names no model.
    #[error("row {row} of the price table names no model: write the model's name, with * at its end for any rest")]
    NoModel {
        /// The row, from 1.
        row: usize,
    },
}

impl PriceTable {
    /// The included table, in US dollars: what the providers' price pages said at its version's date.
    pub fn builtin() -> Self {
        Self::from_json(BUILTIN).unwrap_or_else(|error| panic!("the included price table is wrong: {error}"))
    }

    /// Reads a table in the form of `prices.json`.
    pub fn from_json(json: &str) -> Result<Self, PriceError> {
        let table: Self = serde_json::from_str(json)?;
        for (row, ModelPrice { model, price }) in table.models.iter().enumerate() {
            if model.trim().trim_end_matches('*').is_empty() {
                return Err(PriceError::NoModel { row: row + 1 });
            }
            let prices =
                [("input", Some(price.input)), ("cached_input", price.cached_input), ("output", Some(price.output))];
            for (field, value) in prices.into_iter().filter_map(|(field, value)| Some((field, value?))) {
                if !value.is_finite() || value < 0.0 {
                    return Err(PriceError::NotAnAmount { model: model.clone(), field, value });
                }
            }
        }
        Ok(table)
    }

    /// This table with the rows, the version and the currency of another before its own.
    ///
    /// Rows of this table are dropped if the other counts in another currency.
    pub fn overridden_by(self, other: Self) -> Self {
        let rest = if self.currency == other.currency { self.models } else { Vec::new() };
        Self { models: other.models.into_iter().chain(rest).collect(), ..other }
    }

    /// The price of a model: the longest pattern that its name fits. A name with its provider before it, such as
    /// `openai/gpt-4o`, is tried whole, and then from each `/` on. Letter case does not matter.
    pub fn price(&self, model: &str) -> Option<&Price> {
        let model = model.trim().to_lowercase();
        let tails = model.match_indices('/').filter_map(|(at, _)| model.get(at + 1..));
        std::iter::once(model.as_str()).chain(tails).find_map(|name| {
            let fitting = self.models.iter().filter(|row| row.fits(name));
            // Of equally long patterns the first: `max_by_key` takes the last.
            fitting
                .rev()
                .max_by_key(|row| (row.model.trim_end_matches('*').len(), !row.model.ends_with('*')))
                .map(|row| &row.price)
        })
    }
}

impl ModelPrice {
    fn fits(&self, name: &str) -> bool {
        let pattern = self.model.trim().to_lowercase();
        pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
    }
}

const BUILTIN: &str = include_str!("../prices.json");
