//! Providers and local servers: where they are, what they take, and where keys are looked for.
//!
//! Data only, as far as the providers' own references are known here; no live provider was asked. What they make of calls
//! from web pages is seldom written down: `Direct` stands where others saw it work, `Unknown` where nobody did.

use crate::openai::{
    CEREBRAS, COHERE, Dialect, GATEWAY, GROQ, MISTRAL, MOONSHOT, MOST, OPENAI, PERPLEXITY, STRICT, TOKASAURUS, XAI,
};
use crate::preset::{Auth, Cors, Preset};
use crate::{JsonMode, WireKind};

/// Any server that speaks OpenAI's chat completions and of which nothing more is known. Most know `json_object`; several
/// refuse `json_schema`.
pub const COMPATIBLE: Preset = Preset {
    name: "compatible",
    base_url: "",
    key_variable: None,
    wire: WireKind::OpenAi(&MOST),
    auth: Auth::Bearer,
    headers: &[],
    json_mode: JsonMode::Object,
    lists_models: true,
    cors: Cors::Unknown,
};

const fn cloud(
    name: &'static str,
    base_url: &'static str,
    key_variable: &'static str,
    dialect: &'static Dialect,
) -> Preset {
    Preset { name, base_url, key_variable: Some(key_variable), wire: WireKind::OpenAi(dialect), ..COMPATIBLE }
}

const fn local(name: &'static str, base_url: &'static str) -> Preset {
    Preset { name, base_url, cors: Cors::Direct, ..COMPATIBLE }
}

/// All of them: wires of their own, clouds, gateways, this machine.
pub const PRESETS: &[Preset] = &[
    Preset {
        json_mode: JsonMode::Schema,
        cors: Cors::Direct,
        ..cloud("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", &OPENAI)
    },
    // The model is the name of a deployment, and the list holds what could be deployed.
    Preset {
        auth: Auth::Header("api-key"),
        json_mode: JsonMode::Schema,
        lists_models: false,
        ..cloud("azure", "https://{resource}.openai.azure.com/openai/v1", "AZURE_OPENAI_API_KEY", &OPENAI)
    },
    // A schema goes along as a tool; an object of any kind cannot be asked for.
    Preset {
        wire: WireKind::Anthropic,
        auth: Auth::Header("x-api-key"),
        headers: &[("anthropic-version", "2023-06-01")],
        json_mode: JsonMode::SchemaOnly,
        cors: Cors::NeedsHeader("anthropic-dangerous-direct-browser-access", "true"),
        ..cloud("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", &MOST)
    },
    Preset {
        wire: WireKind::Gemini,
        auth: Auth::Header("x-goog-api-key"),
        json_mode: JsonMode::Schema,
        cors: Cors::Direct,
        ..cloud("gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", &MOST)
    },
    cloud("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", &MOST),
    cloud("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", &STRICT),
    Preset {
        json_mode: JsonMode::Schema,
        cors: Cors::Direct,
        ..cloud("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", &MISTRAL)
    },
    Preset { cors: Cors::Direct, ..cloud("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", &GROQ) },
    Preset {
        json_mode: JsonMode::SchemaOnly,
        lists_models: false,
        cors: Cors::NeedsProxy,
        ..cloud("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", &PERPLEXITY)
    },
    Preset { json_mode: JsonMode::Schema, ..cloud("xai", "https://api.x.ai/v1", "XAI_API_KEY", &XAI) },
    cloud("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", &CEREBRAS),
    cloud("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY", &STRICT),
    cloud("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", &MOST),
    Preset {
        lists_models: false,
        ..cloud("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", &COHERE)
    },
    cloud("qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", &STRICT),
    cloud("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", &MOONSHOT),
    Preset { wire: WireKind::Ollama, ..cloud("ollama-cloud", "https://ollama.com", "OLLAMA_API_KEY", &MOST) },
    // Gateways.
    Preset { cors: Cors::Direct, ..cloud("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", &MOST) },
    Preset { cors: Cors::Direct, ..cloud("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", &STRICT) },
    cloud("vercel", "https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY", &GATEWAY),
    // The key is that of the provider behind it.
    Preset {
        lists_models: false,
        cors: Cors::Direct,
        ..cloud(
            "cloudflare",
            "https://gateway.ai.cloudflare.com/v1/{account}/{gateway}/compat",
            "CLOUDFLARE_GATEWAY_API_KEY",
            &GATEWAY,
        )
    },
    // On this machine.
    Preset {
        wire: WireKind::Ollama,
        json_mode: JsonMode::Schema,
        cors: Cors::Setting("the page's address in its variable OLLAMA_ORIGINS"),
        ..local("ollama", "http://localhost:11434")
    },
    // It refuses `json_object`.
    Preset {
        json_mode: JsonMode::SchemaOnly,
        cors: Cors::Setting("\"Enable CORS\" in its server settings (lms server start --cors)"),
        ..local("lmstudio", "http://localhost:1234/v1")
    },
    Preset { json_mode: JsonMode::Schema, ..local("llamacpp", "http://localhost:8080/v1") },
    Preset { json_mode: JsonMode::Schema, ..local("vllm", "http://localhost:8000/v1") },
    Preset {
        wire: WireKind::OpenAi(&TOKASAURUS),
        json_mode: JsonMode::Schema,
        cors: Cors::Unknown,
        ..local("tokasaurus", "http://localhost:10210/v1")
    },
    Preset { cors: Cors::Unknown, ..local("lemonade", "http://localhost:8000/api/v1") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_by_name_and_by_address() {
        for preset in PRESETS {
            assert_eq!(Preset::named(&preset.name.to_uppercase()), Some(preset));
            let address = preset.base_url.replace(['{', '}'], "");
            assert_eq!(Preset::at(&format!("{address}/")), Some(preset), "{address}");
            assert!(!preset.base_url.ends_with('/'), "{}", preset.name);
        }
        assert_eq!(Preset::named("no-such-provider"), None);
        assert_eq!(Preset::at("https://eu.api.openai.com/v1").map(|preset| preset.name), Some("openai"));
        for other in ["https://api.openai.com.example.org/v1", "https://api.openai.com/v2", "http://localhost:8081/v1"]
        {
            assert_eq!(Preset::at(other), None, "{other}");
        }
    }

    #[test]
    fn keys_go_over_encrypted_connections_only() {
        for preset in PRESETS {
            assert_eq!(preset.key_variable.is_some(), preset.base_url.starts_with("https://"), "{}", preset.name);
        }
    }

    #[test]
    fn a_page_may_send_the_headers_that_are_needed_and_no_others() {
        let headers = |name: &str, from_page| Preset::named(name).map(|preset| preset.header_names(from_page));
        assert_eq!(headers("openai", true), Some(vec!["Content-Type", "Authorization"]));
        assert_eq!(headers("azure", true), Some(vec!["Content-Type", "api-key"]));
        assert_eq!(headers("anthropic", false), Some(vec!["Content-Type", "x-api-key", "anthropic-version"]));
        let from_page = ["Content-Type", "x-api-key", "anthropic-version", "anthropic-dangerous-direct-browser-access"];
        assert_eq!(headers("anthropic", true), Some(from_page.to_vec()));
    }
}
