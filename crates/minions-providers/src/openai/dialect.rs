//! What those who speak the wire do otherwise than OpenAI, as data.

/// How a provider's requests differ from a plain one: fields by other names, fields that it refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What it calls fields: the plain name, its name.
    pub renames: &'static [(&'static str, &'static str)],
    /// Fields that it refuses, by their plain names. They are left out.
    pub without: &'static [&'static str],
    /// Models with rules of their own.
    pub models: &'static [ModelRule],
}

/// A rule for some models of a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelRule {
    /// How their names begin, after a vendor such as `openai/`.
    pub names: &'static [&'static str],
    /// Fields that they refuse as well.
    pub without: &'static [&'static str],
    /// What they call the system's role.
    pub system_role: &'static str,
}

impl Dialect {
    /// The rule for this model, if there is one.
    pub(super) fn rule(&self, model: &str) -> Option<&ModelRule> {
        let name = model.rsplit('/').next().unwrap_or(model);
        self.models.iter().find(|rule| rule.names.iter().any(|beginning| name.starts_with(beginning)))
    }

    /// What the field is called here; `None` if it must be left out.
    pub(super) fn name<'a>(&self, field: &'a str, rule: Option<&ModelRule>) -> Option<&'a str> {
        let refused = rule.map_or([].as_slice(), |rule| rule.without);
        if self.without.contains(&field) || refused.contains(&field) {
            return None;
        }
        Some(self.renames.iter().find(|(plain, _)| *plain == field).map_or(field, |(_, renamed)| renamed))
    }
}

/// The samplers that are not OpenAI's. Local servers and hosts of open models know them; others refuse them.
macro_rules! with_open_samplers {
    ($($field:literal),* $(,)?) => {
        &["top_k", "min_p", "repetition_penalty", $($field),*]
    };
}

/// What reasoning models refuse: they sample as they see fit.
const SAMPLERS: &[&str] =
    &["temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"];

/// OpenAI's reasoning models. They take their instructions from the developer.
const REASONING: ModelRule =
    ModelRule { names: &["o1", "o3", "o4", "gpt-5", "gpt-6"], without: SAMPLERS, system_role: "developer" };

/// OpenAI renamed the token limit and refuses the old name for its newer models; most others know only the old name.
const TOKEN_LIMIT: (&str, &str) = ("max_tokens", "max_completion_tokens");

/// A server of which nothing is known, and those that know all fields: vLLM, Together, Fireworks, …
pub(crate) static MOST: Dialect = Dialect { renames: &[], without: &[], models: &[] };

/// OpenAI, and Azure where a deployment is called as its model.
pub(crate) static OPENAI: Dialect =
    Dialect { renames: &[TOKEN_LIMIT], without: with_open_samplers![], models: &[REASONING] };

/// Those that know OpenAI's fields and refuse others.
pub(crate) static STRICT: Dialect = Dialect { renames: &[], without: with_open_samplers![], models: &[] };

/// Gateways to other providers' models, which take OpenAI's fields and pass them on.
pub(crate) static GATEWAY: Dialect = Dialect { renames: &[], without: with_open_samplers![], models: &[REASONING] };

/// Groq: "not supported" is a 400 for log probabilities and biases.
pub(crate) static GROQ: Dialect = Dialect {
    renames: &[TOKEN_LIMIT],
    without: with_open_samplers!["logprobs", "top_logprobs", "logit_bias"],
    models: &[],
};

/// Cerebras: penalties and biases are a 400.
pub(crate) static CEREBRAS: Dialect = Dialect {
    renames: &[TOKEN_LIMIT],
    without: with_open_samplers!["frequency_penalty", "presence_penalty", "logit_bias"],
    models: &[],
};

/// Mistral answers any field that it does not know with 422, `stream_options` among them: its streams always tell the
/// usage.
pub(crate) static MISTRAL: Dialect = Dialect {
    renames: &[("seed", "random_seed")],
    without: with_open_samplers!["stream_options", "logit_bias", "logprobs", "top_logprobs"],
    models: &[],
};

/// xAI: its reasoning models refuse penalties.
pub(crate) static XAI: Dialect = Dialect {
    renames: &[],
    without: with_open_samplers![],
    models: &[ModelRule {
        names: &["grok-3-mini", "grok-4", "grok-5", "grok-code"],
        without: &["presence_penalty", "frequency_penalty"],
        system_role: "system",
    }],
};

/// Perplexity knows few fields; its streams always tell the usage.
pub(crate) static PERPLEXITY: Dialect = Dialect {
    renames: &[],
    without: &[
        "stream_options",
        "min_p",
        "repetition_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "n",
        "seed",
        "stop",
    ],
    models: &[],
};

/// Cohere's compatibility API: these are "unsupported parameters".
pub(crate) static COHERE: Dialect =
    Dialect { renames: &[], without: with_open_samplers!["logit_bias", "top_logprobs", "n"], models: &[] };

/// Moonshot: Kimi's samplers are fixed, and any other value is a 400.
pub(crate) static MOONSHOT: Dialect = Dialect {
    renames: &[],
    without: with_open_samplers!["logit_bias", "logprobs", "top_logprobs", "seed"],
    models: &[ModelRule {
        names: &["kimi-"],
        without: &["temperature", "top_p", "n", "presence_penalty", "frequency_penalty"],
        system_role: "system",
    }],
};

/// tokasaurus answers whole only.
pub(crate) static TOKASAURUS: Dialect =
    Dialect { renames: &[], without: with_open_samplers!["stream", "stream_options"], models: &[] };
