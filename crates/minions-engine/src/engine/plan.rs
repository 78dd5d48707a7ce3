//! What a model takes on the device, and what of it fits: found out before the first byte of weights goes there.

use minions_shaders::{KvFormat, PAGE_SIZE};

use super::LoadOptions;
use crate::device::Compute;
use crate::error::{Error, Result};
use crate::generate::{PREFILL_ROWS, STEP_ROWS};
use crate::model::{KvCache, ModelConfig, RopeTable, size_on_device};
use crate::probe::room;
use crate::weights::{ModelFile, ModelSource};

/// Tokens of context when neither the model nor the caller asks for less: the cache of a long context would take more
/// memory than most pages may have.
const DEFAULT_CONTEXT_LENGTH: usize = 4096;

/// A context that nobody asked for is not made shorter than this: a chunk of a document and a reply should fit.
const MIN_CONTEXT_LENGTH: usize = 512;

/// Keys and values that the cache has room for at most in bytes, on a GPU and in the CPU's memory; for one reply of the
/// whole context in any case.
const GPU_CACHE_BYTES: usize = 512 << 20;
const CPU_CACHE_BYTES: usize = 64 << 20;

/// The context and the cache that fit, and what everything takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The most tokens that prompt and reply may have together.
    pub context_length: usize,
    /// Pages of the cache.
    pub pages: usize,
    /// Bytes of the weights.
    pub weights_bytes: u64,
    /// Bytes of the cache.
    pub cache_bytes: u64,
    /// Bytes of what steps compute, and of the tables of positions.
    pub activation_bytes: u64,
    /// Bytes of the cache's largest tensor: keys or values of a layer.
    cache_tensor_bytes: u64,
}

impl Plan {
    /// What was asked for, or if nothing was, what fits: first the cache is halved, down to one context, then the context.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where what was asked for, or the least of the rest, does not fit.
    pub async fn find<S: ModelSource>(file: &ModelFile<S>, options: &LoadOptions, compute: &Compute) -> Result<Self> {
        let config = file.config();
        let weights_bytes = size_on_device(file, options.quantize)?;
        let least = MIN_CONTEXT_LENGTH.min(config.context_length);
        let mut context_length = options.context_length.unwrap_or(DEFAULT_CONTEXT_LENGTH).min(config.context_length);
        let mut tokens = match options.cache_tokens {
            Some(tokens) => tokens,
            None => most_tokens(config, options.kv_cache, context_length, compute),
        };
        // What models before this one had is kept for tensors of the same sizes, which this one has not.
        compute.device.memory_cleanup();
        loop {
            let plan = Self::new(config, options.kv_cache, context_length, tokens, weights_bytes, compute);
            let Err(refusal) = plan.check(options, compute).await else { return Ok(plan) };
            if options.cache_tokens.is_none() && tokens > context_length {
                tokens = (tokens / 2).max(context_length);
            } else if options.context_length.is_none() && context_length > least {
                context_length = (context_length / 2).max(least);
                tokens = options.cache_tokens.unwrap_or(context_length);
            } else {
                return Err(refusal);
            }
        }
    }

    fn new(
        config: &ModelConfig,
        format: KvFormat,
        context_length: usize,
        cache_tokens: usize,
        weights_bytes: u64,
        compute: &Compute,
    ) -> Self {
        let pages = cache_tokens.max(context_length).div_ceil(PAGE_SIZE);
        // One page more is nobody's: rows that fill up a step write there.
        let page_bytes = (PAGE_SIZE * KvCache::row_bytes(config, format)) as u64;
        let cache_tensor_bytes = (pages as u64 + 1).saturating_mul(page_bytes);
        Self {
            context_length,
            pages,
            weights_bytes,
            cache_bytes: cache_tensor_bytes.saturating_mul(2 * config.layers.len() as u64),
            activation_bytes: activation_bytes(config, compute) + RopeTable::size_bytes(config, context_length),
            cache_tensor_bytes,
        }
    }

    /// Tokens that the cache has room for.
    pub fn cache_tokens(&self) -> usize {
        self.pages.saturating_mul(PAGE_SIZE)
    }

    /// Whether it fits.
    async fn check(&self, options: &LoadOptions, compute: &Compute) -> Result<()> {
        let max_binding_bytes = max_binding_bytes(compute);
        if self.cache_tensor_bytes > max_binding_bytes {
            return Err(Error::OutOfMemory(format!(
                "a layer's keys for {} tokens take {} MB and the adapter binds at most {}: {}",
                self.cache_tokens(),
                megabytes(self.cache_tensor_bytes),
                megabytes(max_binding_bytes),
                advice(options)
            )));
        }
        let wanted = self.cache_bytes.saturating_add(self.weights_bytes + self.activation_bytes);
        let given = room(wanted, compute).await;
        if given < wanted {
            return Err(Error::OutOfMemory(format!(
                "the weights take {} MB, the cache for {} tokens {} MB, and what steps compute {} MB; of these {} MB the \
                 device gave {}: {}",
                megabytes(self.weights_bytes),
                self.cache_tokens(),
                megabytes(self.cache_bytes),
                megabytes(self.activation_bytes),
                megabytes(wanted),
                given >> 20,
                advice(options)
            )));
        }
        Ok(())
    }
}

/// As many tokens as the cache has room for where nothing else is asked for.
fn most_tokens(config: &ModelConfig, format: KvFormat, context_length: usize, compute: &Compute) -> usize {
    let row_bytes = KvCache::row_bytes(config, format);
    let all = if compute.wgpu.is_some() { GPU_CACHE_BYTES } else { CPU_CACHE_BYTES };
    let bound = usize::try_from(max_binding_bytes(compute)).unwrap_or(usize::MAX) / row_bytes;
    let tokens =
        (all / (2 * config.layers.len() * row_bytes)).min(8 * context_length).min(bound.saturating_sub(PAGE_SIZE));
    tokens.max(context_length)
}

fn max_binding_bytes(compute: &Compute) -> u64 {
    compute.adapter().max_binding_bytes.min(compute.adapter().max_buffer_bytes)
}

/// An estimate of what steps compute, at their largest, in bytes.
///
/// A prefill step uses the same memory for one layer after the other. On a GPU every decode step that is captured keeps what
/// its kernels write, layer by layer; a CPU captures none.
fn activation_bytes(config: &ModelConfig, compute: &Compute) -> u64 {
    let heads = config.n_heads * config.head_dim;
    let qkv = heads + 2 * config.n_kv_heads * config.head_dim;
    // The residual stream and its norm before either half of the layer, and what either half adds; q, k and v, rotated
    // queries, what they attended to; the gated features.
    let mut layer = 6 * config.hidden_size + qkv + 2 * heads + config.ffn_size;
    if config.family.has_post_norms {
        layer += 2 * config.hidden_size;
    }
    if config.has_output_bias {
        layer += config.hidden_size;
    }
    let (kept_layers, decode_rows) = match compute.wgpu {
        Some(_) => (config.layers.len(), STEP_ROWS.iter().sum()),
        None => (1, STEP_ROWS[STEP_ROWS.len() - 1]),
    };
    let is_scaled = config.logit_scale != 1.0 || config.logit_softcap.is_some();
    let logits = config.vocab_size * if is_scaled { 2 } else { 1 };
    let decode = decode_rows as u64 * (kept_layers * layer + logits) as u64;
    ((PREFILL_ROWS * layer) as u64 + decode) * size_of::<f32>() as u64
}

/// What may help.
fn advice(options: &LoadOptions) -> String {
    let mut advice = vec!["load with a shorter context_length"];
    if options.cache_tokens.is_some() {
        advice.push("with fewer cache_tokens");
    }
    if options.kv_cache == KvFormat::F32 {
        advice.push("with kv_cache q8_0");
    }
    if options.quantize.is_none() {
        advice.push("with quantize q4_0, if the weights are floats");
    }
    advice.push("or take a smaller model");
    advice.join(", ")
}

/// Rounded up, so that nothing takes none.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_in_fewer_bits_has_room_for_more_tokens() {
        let config = include_bytes!("../../../../tests/fixtures/demo-worker/config.json");
        let config = ModelConfig::from_hugging_face(config, None).expect("the included worker's");
        let (cpu, context_length) = (Compute::cpu("this is the CPU's test"), 32_768);
        let [f32, q8_0] = KvFormat::ALL.map(|format| {
            let token_bytes = 2 * config.layers.len() * KvCache::row_bytes(&config, format);
            (token_bytes, most_tokens(&config, format, context_length, &cpu))
        });
        assert_eq!(f32, (4096, 32_768), "64 MB are 16,384 tokens, and the context is more");
        assert_eq!(q8_0, (1152, 58_254));
        // What is asked for counts, and the context in any case.
        for format in KvFormat::ALL {
            assert_eq!(Plan::new(&config, format, 1024, 4096, 0, &cpu).pages, 256);
            assert_eq!(Plan::new(&config, format, 1024, 16, 0, &cpu).pages, 64);
        }
    }
}
