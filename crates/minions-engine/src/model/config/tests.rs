//! Configurations as real files state them, and what is wrong with others.

use minions_shaders::Activation;
use serde_json::{Value, json};

use super::*;

fn llama_3_2() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
        "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"},
        "tie_word_embeddings": true, "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009]
    })
}

fn read(config: &Value) -> Result<ModelConfig> {
    ModelConfig::from_hugging_face(config.to_string().as_bytes(), None)
}

/// `changes` applied to Llama 3.2's configuration.
fn changed(changes: &Value) -> Result<ModelConfig> {
    let mut config = llama_3_2();
    for (key, value) in changes.as_object().expect("changes are an object") {
        config[key] = value.clone();
    }
    read(&config)
}

/// A small model of a family, of which only this is special; of 4 layers.
fn member(family: &str, special: &Value) -> Result<ModelConfig> {
    let mut config = json!({
        "model_type": family, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6
    });
    for (key, value) in special.as_object().expect("what is special is an object") {
        config[key] = value.clone();
    }
    read(&config)
}

fn windows(config: &ModelConfig) -> Vec<Option<usize>> {
    config.layers.iter().map(|layer| layer.window).collect()
}

fn thetas(config: &ModelConfig) -> Vec<Option<f32>> {
    config.layers.iter().map(|layer| layer.rope.as_ref().map(|rope| rope.theta)).collect()
}

#[test]
fn reads_a_configuration() {
    let config = read(&llama_3_2()).expect("it is right");
    assert_eq!((config.hidden_size, config.layers.len(), config.n_heads, config.n_kv_heads), (2048, 16, 32, 8));
    assert_eq!((config.head_dim, config.ffn_size, config.vocab_size), (64, 8192, 128_256));
    assert_eq!((config.context_length, config.rms_norm_eps), (131_072, 1e-5));
    assert_eq!((config.family.name, config.tie_word_embeddings), ("llama", Some(true)));
    assert_eq!((config.bos_token_id, &*config.eos_token_ids), (Some(128_000), [128_001, 128_008, 128_009].as_slice()));
    assert_eq!((config.attention_scale, config.embedding_scale, config.logit_scale), (0.125, 1.0, 1.0));
    let scaling = RopeScaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context_length: 8192,
    };
    let layer = LayerConfig { window: None, rope: Some(Rope { theta: 500_000.0, dim: 64, scaling }) };
    assert!(config.layers.iter().all(|found| *found == layer), "{:?}", config.layers[0]);
}

#[test]
fn gathers_end_tokens_from_both_files() {
    let mut config = llama_3_2();
    config["eos_token_id"] = json!(7);
    let both = |generation: Value| {
        ModelConfig::from_hugging_face(config.to_string().as_bytes(), Some(generation.to_string().as_bytes()))
    };
    assert_eq!(both(json!({"eos_token_id": [9, 7]})).expect("it is right").eos_token_ids, [7, 9]);
    assert_eq!(both(json!({"eos_token_id": null})).expect("it is right").eos_token_ids, [7]);
}

#[test]
fn reads_rope_where_newer_files_keep_it() {
    let parameters = json!({"rope_type": "default", "rope_theta": 1234.0});
    let config = changed(&json!({"rope_theta": null, "rope_scaling": null, "rope_parameters": parameters}));
    let rope = Rope { theta: 1234.0, dim: 64, scaling: RopeScaling::None };
    assert_eq!(config.expect("it is right").layers[0].rope, Some(rope));
}

#[test]
fn derives_what_old_files_leave_out() {
    let config =
        changed(&json!({"head_dim": null, "num_key_value_heads": null, "rope_theta": null, "rope_scaling": null}));
    let config = config.expect("it is right");
    assert_eq!((config.head_dim, config.n_kv_heads, thetas(&config)[0]), (64, 32, Some(10_000.0)));
}

#[test]
fn families_differ_as_their_papers_say() {
    let mistral = member("mistral", &json!({"sliding_window": 8})).expect("it is right");
    assert_eq!((windows(&mistral), mistral.has_qkv_bias), (vec![Some(8); 4], false));
    let without = member("mistral", &json!({"sliding_window": null})).expect("it is right");
    assert_eq!(windows(&without), [None; 4]);
    // A key that is not there stands for transformers' own default.
    assert_eq!(windows(&member("mistral", &json!({})).expect("it is right")), [Some(4096); 4]);

    let qwen2 = json!({"sliding_window": 16, "max_window_layers": 3, "use_sliding_window": false});
    let qwen2 = member("qwen2", &qwen2).expect("it is right");
    assert_eq!((qwen2.has_qkv_bias, qwen2.has_output_bias, windows(&qwen2)), (true, false, vec![None; 4]));
    let windowed = json!({"sliding_window": 16, "max_window_layers": 3, "use_sliding_window": true});
    let windowed = member("qwen2", &windowed).expect("it is right");
    assert_eq!(windows(&windowed), [None, None, None, Some(16)]);

    let qwen3 = member("qwen3", &json!({"head_dim": 32, "attention_bias": true})).expect("it is right");
    assert!(qwen3.family.has_qk_norm && qwen3.has_qkv_bias && qwen3.has_output_bias);
    assert_eq!(qwen3.head_dim, 32);

    let smollm3 = json!({"no_rope_layer_interval": 2, "rope_theta": 2e6});
    let smollm3 = member("smollm3", &smollm3).expect("it is right");
    assert_eq!(thetas(&smollm3), [Some(2e6), None, Some(2e6), None]);
    let listed = json!({"no_rope_layers": [0, 1, 1, 0], "use_sliding_window": true, "sliding_window": 4});
    let listed = member("smollm3", &listed).expect("it is right");
    assert_eq!(thetas(&listed), [None, Some(1e4), Some(1e4), None]);
    assert_eq!(windows(&listed), [Some(4), None, None, Some(4)], "a window where nothing is turned");

    let gemma2 = json!({"query_pre_attn_scalar": 64, "sliding_window": 8, "final_logit_softcapping": null});
    let gemma2 = member("gemma2", &gemma2).expect("it is right");
    assert_eq!(windows(&gemma2), [Some(8), None, Some(8), None]);
    assert_eq!((gemma2.activation, gemma2.norm_offset), (Activation::GeluTanh, 1.0));
    assert_eq!((gemma2.embedding_scale, gemma2.attention_scale), (8.0, 0.125));
    assert_eq!(
        (gemma2.attention_softcap, gemma2.logit_softcap, gemma2.tie_word_embeddings),
        (Some(50.0), None, Some(true))
    );

    let gemma3 = json!({
        "sliding_window": 8, "sliding_window_pattern": 3, "rope_theta": 1e6, "rope_local_base_freq": 1e3,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}
    });
    let gemma3 = member("gemma3_text", &gemma3).expect("it is right");
    assert_eq!(windows(&gemma3), [Some(8), Some(8), None, Some(8)]);
    assert_eq!(thetas(&gemma3), [Some(1e3), Some(1e3), Some(1e6), Some(1e3)]);
    let scaling = |index: usize| gemma3.layers[index].rope.as_ref().map(|rope| rope.scaling.clone());
    assert_eq!((scaling(0), scaling(2)), (Some(RopeScaling::None), Some(RopeScaling::Linear { factor: 8.0 })));
    let newer = json!({
        "sliding_window": 8, "layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"],
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 5e5},
            "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}
    });
    assert_eq!(
        thetas(&member("gemma3_text", &newer).expect("it is right")),
        [Some(5e5), Some(2e4), Some(5e5), Some(5e5)]
    );

    let phi = json!({
        "hidden_size": 96, "num_attention_heads": 3, "num_key_value_heads": 1, "sliding_window": null,
        "partial_rotary_factor": 0.75, "original_max_position_embeddings": 1024,
        "rope_scaling": {"type": "su", "short_factor": vec![1.0; 12], "long_factor": vec![2.0; 12]}
    });
    let phi = member("phi3", &phi).expect("it is right");
    let rope = phi.layers[0].rope.as_ref().expect("it turns");
    assert_eq!((rope.dim, windows(&phi)), (24, vec![None; 4]));
    let RopeScaling::LongRope { original_context_length: 1024, attention_factor, .. } = rope.scaling else {
        panic!("{:?}", rope.scaling)
    };
    assert!((attention_factor - 1.2_f32.sqrt()).abs() < 1e-6, "1 + ln 4 / ln 1024: {attention_factor}");

    let granite = json!({
        "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.015625,
        "logits_scaling": 8.0
    });
    let granite = member("granite", &granite).expect("it is right");
    assert_eq!((granite.embedding_scale, granite.residual_scale), (12.0, 0.22));
    assert_eq!((granite.attention_scale, granite.logit_scale), (0.015_625, 0.125));
}

#[test]
fn reads_every_way_to_stretch() {
    let scaling = |stated: Value| {
        let config = changed(&json!({"rope_scaling": stated}));
        config.map(|config| config.layers[0].rope.clone().expect("it turns").scaling)
    };
    assert_eq!(scaling(json!({"type": "linear", "factor": 4.0})), Ok(RopeScaling::Linear { factor: 4.0 }));
    let yarn = json!({"type": "yarn", "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768});
    let expected = RopeScaling::Yarn {
        factor: 4.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        is_truncated: true,
        original_context_length: 32_768,
        attention_factor: 1.138_629_4,
    };
    assert_eq!(scaling(yarn), Ok(expected));
    let scaled = json!({"rope_type": "yarn", "factor": 4.0, "mscale": 0.5, "mscale_all_dim": 1.0, "beta_fast": 16});
    let Ok(RopeScaling::Yarn { attention_factor, beta_fast, .. }) = scaling(scaled) else { panic!("it is right") };
    assert_eq!(beta_fast, 16.0);
    assert!((attention_factor - 1.069_314_7 / 1.138_629_4).abs() < 1e-6, "{attention_factor}");
}

/// Errors say which key is wrong.
#[test]
fn names_what_it_cannot_run() {
    let long =
        |long: usize| json!({"rope_type": "longrope", "short_factor": vec![1.0; 32], "long_factor": vec![1.0; long]});
    for (changes, named) in [
        (json!({"model_type": "gpt2"}), "architecture \"gpt2\""),
        (json!({"model_type": null}), "architecture \"(none)\""),
        (json!({"hidden_act": "gelu"}), "hidden_act \"gelu\""),
        (json!({"model_type": "mistral", "attention_bias": true}), "attention_bias \"true of mistral\""),
        (json!({"mlp_bias": true}), "mlp_bias"),
        (json!({"use_bidirectional_attention": true}), "use_bidirectional_attention"),
        (json!({"hidden_size": null}), "hidden_size is missing"),
        (json!({"hidden_size": 2040}), "hidden_size of 2040"),
        (json!({"hidden_size": u64::MAX}), "hidden_size is 18446744073709551615"),
        (json!({"intermediate_size": 8190}), "intermediate_size of 8190"),
        (json!({"intermediate_size": 0}), "intermediate_size is 0"),
        (json!({"num_hidden_layers": 100_000}), "num_hidden_layers is 100000"),
        (json!({"num_hidden_layers": null}), "num_hidden_layers is missing"),
        (json!({"num_key_value_heads": 5}), "not a multiple of num_key_value_heads, 5"),
        (json!({"head_dim": 60}), "head_dim of 60"),
        (json!({"head_dim": 512}), "head_dim of 512"),
        (
            json!({"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 48}),
            "num_attention_heads of 1, 48 each",
        ),
        (
            json!({"num_attention_heads": 65_536, "num_key_value_heads": 8, "head_dim": 8}),
            "num_attention_heads is 65536",
        ),
        (json!({"head_dim": null, "num_attention_heads": 3, "num_key_value_heads": 3}), "head_dim is missing"),
        (json!({"max_position_embeddings": 0}), "max_position_embeddings is 0"),
        (json!({"rms_norm_eps": 0.0}), "rms_norm_eps is 0"),
        (json!({"rope_theta": -1.0}), "rope_theta is -1"),
        (json!({"rope_scaling": {"type": "dynamic", "factor": 4.0}}), "rope scaling \"dynamic\""),
        (json!({"rope_scaling": {"rope_type": "llama3", "factor": 4.0}}), "low_freq_factor"),
        (json!({"rope_scaling": {"rope_type": "linear"}}), "needs factor"),
        (json!({"rope_scaling": {"rope_type": "linear", "factor": 0.0}}), "factor must be a positive number"),
        (json!({"rope_scaling": {"rope_type": "yarn", "factor": -1.0}}), "beta_slow below beta_fast"),
        (json!({"rope_scaling": long(31)}), "long factors must be 32 positive numbers"),
        (json!({"rope_scaling": {"rope_type": "longrope"}}), "short factors must be 32 positive numbers"),
        (json!({"rope_scaling": 7}), "its rope parameters do not parse"),
        (json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
        (
            json!({"model_type": "phi3", "rope_scaling": null, "partial_rotary_factor": 1.5}),
            "partial_rotary_factor is 1.5",
        ),
        (json!({"model_type": "mistral", "sliding_window": 0}), "sliding_window is 0"),
        (json!({"model_type": "gemma2", "layer_types": ["chunked_attention"]}), "layer type \"chunked_attention\""),
        (json!({"model_type": "gemma2", "layer_types": ["full_attention"]}), "layer_types has 1 entries for 16 layers"),
        (json!({"model_type": "smollm3", "no_rope_layers": [1]}), "no_rope_layers has 1 entries for 16 layers"),
        (json!({"model_type": "gemma2", "final_logit_softcapping": -30.0}), "final_logit_softcapping is -30"),
        (json!({"model_type": "granite", "logits_scaling": 0.0}), "logits_scaling is inf"),
        (json!({"eos_token_id": 128_256}), "the end token 128256"),
        (json!({"eos_token_id": u64::MAX}), "the end token 18446744073709551615"),
        (json!({"bos_token_id": 200_000}), "the begin token 200000"),
    ] {
        let message = changed(&changes).expect_err(&changes.to_string()).to_string();
        assert!(message.contains(named), "{changes}: {message}");
    }
    assert!(ModelConfig::from_hugging_face(b"{", None).is_err());
}
