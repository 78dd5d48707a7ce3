//! How the next token is chosen among the logits.

use minions_chat::ChatRequest;

use crate::error::{Error, Result};

/// Filters and draw of one sequence. Temperature comes first, then `top_k`, `top_p`, `min_p`, then the seeded draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// Keep this many; 0 keeps all.
    pub top_k: u32,
    /// Keep the most probable that hold this share; 1 keeps all.
    pub top_p: f32,
    /// Drop what is less probable than this share of the most probable.
    pub min_p: f32,
    /// Makes the draw repeatable.
    pub seed: u64,
}

impl Sampling {
    /// The most probable token, always.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 };

    /// Reads a request: greedy unless it names a temperature.
    pub fn from_request(request: &ChatRequest) -> Result<Self> {
        let within = |name: &str, value: Option<f32>, default: f32, max: f32| match value {
            None => Ok(default),
            Some(value) if (0.0..=max).contains(&value) => Ok(value),
            Some(value) => Err(Error::InvalidRequest(format!("{name} is {value}; it must be between 0 and {max}"))),
        };
        Ok(Self {
            temperature: within("temperature", request.temperature, 0.0, 100.0)?,
            top_k: request.top_k.unwrap_or(0),
            top_p: within("top_p", request.top_p, 1.0, 1.0)?,
            min_p: within("min_p", request.min_p, 0.0, 1.0)?,
            seed: request.seed.unwrap_or(0),
        })
    }

    /// The settings as the `sample` kernel reads them for the token at `position`.
    pub(crate) fn at(&self, position: usize) -> minions_shaders::Sampling {
        minions_shaders::Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed_low: self.seed as u32,
            seed_high: (self.seed >> 32) as u32,
            counter: position as u32,
            reserved: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_impossible_values_by_name() {
        let request = ChatRequest { top_p: Some(1.5), ..ChatRequest::default() };
        let error = Sampling::from_request(&request).expect_err("1.5 is no share");
        assert!(error.to_string().contains("top_p is 1.5"), "{error}");
        let request = ChatRequest { temperature: Some(f32::NAN), ..ChatRequest::default() };
        assert!(Sampling::from_request(&request).is_err());
    }

    #[test]
    fn is_greedy_unless_asked() {
        let sampling = Sampling::from_request(&ChatRequest::default()).expect("defaults are valid");
        assert_eq!(sampling.temperature, 0.0);
    }
}
