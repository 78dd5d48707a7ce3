//! A model as a Hugging Face folder: `config.json`, `tokenizer.json`, `model.safetensors` or its shards, and what stands
//! beside them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model_file::{Opened, TokenizerSource, Vocabulary, place};
use super::names::{is_ignored, needed_tensors};
use super::safetensors;
use super::source::{ModelSource, read_whole};
use super::tensor::TensorInfo;
use crate::error::{Error, Result};
use crate::model::ModelConfig;

/// No `config.json` or template is longer.
const MAX_SMALL_FILE_BYTES: u64 = 4 << 20;

/// No `tokenizer.json` is longer: the largest vocabularies take about 40 MiB.
const MAX_TOKENIZER_BYTES: u64 = 128 << 20;

/// Opens the folder of `main`, which is its `config.json`, or the folder with a slash at its end, or empty.
pub async fn open(source: &impl ModelSource, main: &str) -> Result<Opened> {
    let folder = main.strip_suffix("config.json").unwrap_or(main);
    let path = |name: &str| format!("{folder}{name}");
    let small = async |name: &str| read_whole(source, &path(name), MAX_SMALL_FILE_BYTES).await;

    let config = small("config.json").await?;
    let config = config.ok_or_else(|| Error::invalid_file(path("config.json"), "there is no such file"))?;
    let generation_config = small("generation_config.json").await?;
    let mut config = ModelConfig::from_hugging_face(&config, generation_config.as_deref())?;

    let tokenizer_json = read_whole(source, &path("tokenizer.json"), MAX_TOKENIZER_BYTES).await?;
    let tokenizer_json = tokenizer_json
        .ok_or_else(|| Error::Tokenizer("there is no tokenizer.json beside the model: add it".to_owned()))?;
    let tokenizer_config = match small("tokenizer_config.json").await? {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            Error::invalid_file(path("tokenizer_config.json"), format!("it does not parse: {error}"))
        })?,
        None => Value::Null,
    };
    let chat_template = match small("chat_template.jinja").await? {
        Some(bytes) => Some(
            String::from_utf8(bytes)
                .map_err(|_| Error::invalid_file(path("chat_template.jinja"), "it is not UTF-8"))?,
        ),
        None => match small("chat_template.json").await? {
            Some(bytes) => chat_template(&serde_json::from_slice(&bytes).map_err(|error| {
                Error::invalid_file(path("chat_template.json"), format!("it does not parse: {error}"))
            })?),
            None => chat_template(&tokenizer_config),
        },
    };

    let tensors = tensors(source, &path("model.safetensors"), &mut config).await?;
    Ok(Opened {
        name: match folder.trim_end_matches('/').rsplit('/').next() {
            None | Some("") => "model".to_owned(),
            Some(name) => name.to_owned(),
        },
        tokenizer: TokenizerSource {
            vocabulary: Vocabulary::TokenizerJson(tokenizer_json),
            special_tokens: special_tokens(&tokenizer_config),
            model_vocab_size: config.vocab_size,
        },
        config,
        chat_template,
        tensors,
    })
}

async fn tensors(
    source: &impl ModelSource,
    file: &str,
    config: &mut ModelConfig,
) -> Result<BTreeMap<String, TensorInfo>> {
    let listed = safetensors::read_headers(source, file).await?;
    let mut listed: BTreeMap<String, safetensors::SafeTensor> =
        listed.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    config.tie_word_embeddings.get_or_insert(!listed.contains_key("lm_head.weight"));
    let mut tensors = BTreeMap::new();
    for needed in needed_tensors(config) {
        let found = listed.remove(&needed.name);
        let found = found.ok_or_else(|| Error::invalid_tensor(&needed.name, format!("it is missing in {file}")))?;
        let dtype = safetensors::tensor_format(found.dtype, &needed.name)?;
        let (file, file_size) = (&found.file, found.file_size);
        let info = place(file, file_size, &needed.name, dtype, &found.shape, found.offset, &needed.shape)?;
        tensors.insert(needed.name, info);
    }
    match listed.into_keys().find(|name| !is_ignored(name)) {
        Some(name) => Err(config.family.unknown_tensor(name)),
        None => Ok(tensors),
    }
}

/// The template in `tokenizer_config.json` or `chat_template.json`: a text, or a list of named ones of which `default` counts.
fn chat_template(tokenizer_config: &Value) -> Option<String> {
    let template = tokenizer_config.get("chat_template")?;
    let default = || template.as_array()?.iter().find(|one| one.get("name").is_some_and(|name| name == "default"));
    template.as_str().or_else(|| default()?.get("template")?.as_str()).map(str::to_owned)
}

/// `bos_token`, `eos_token` and so on, each a text or an object with `content`.
fn special_tokens(tokenizer_config: &Value) -> BTreeMap<String, String> {
    let entries = tokenizer_config.as_object().into_iter().flatten();
    let tokens = entries.filter(|(key, _)| key.ends_with("_token")).filter_map(|(key, value)| {
        let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
        Some((key.clone(), text.to_owned()))
    });
    tokens.collect()
}
