"""The cases: a configuration of each family, and what of it must matter."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """A prompt of so many tokens, read by a model that is loaded for so long a context."""

    prompt_length: int
    context_length: int


@dataclass(frozen=True)
class Case:
    name: str
    config: dict
    # Changes to the configuration, each of which takes one feature away.
    without: dict[str, dict] = field(default_factory=dict)
    # Parts of parameters' names; set to 0, they take a feature away.
    zeroed: tuple[str, ...] = ()
    # Prompts longer than a tile of the attention kernels, and than their step of 64 positions.
    runs: tuple[Run, ...] = (Run(79, 128),)
    gguf: bool = False


# 256 bytes, two special tokens and one that the tokenizer does not know.
COMMON = dict(vocab_size=259, max_position_embeddings=128, rms_norm_eps=1e-5, initializer_range=0.02)
PLAIN = dict(rope_type="default", rope_theta=10000.0)

CASES = [
    Case(
        # An untied head, Llama 3's stretching.
        name="llama",
        config=dict(
            model_type="llama",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            tie_word_embeddings=False,
            rope_parameters=dict(
                rope_type="llama3",
                rope_theta=500.0,
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=32,
            ),
        ),
        without=dict(llama3=dict(rope_parameters=dict(rope_type="default", rope_theta=500.0))),
        gguf=True,
    ),
    Case(
        # A tied head as SmolLM2 has; biases, which Llama has on demand; linear stretching.
        name="llama-bias",
        config=dict(
            model_type="llama",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=16,
            attention_bias=True,
            tie_word_embeddings=True,
            rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
        ),
        without=dict(linear=dict(rope_parameters=PLAIN)),
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias"),
        gguf=True,
    ),
    Case(
        # Three heads, one KV head.
        name="mistral",
        config=dict(
            model_type="mistral",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=32,
            sliding_window=21,
            tie_word_embeddings=False,
            rope_parameters=PLAIN,
        ),
        without=dict(window=dict(sliding_window=None)),
    ),
    Case(
        # Biases of q, k, v; YaRN; a window from the second layer on.
        name="qwen2",
        config=dict(
            model_type="qwen2",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            use_sliding_window=True,
            sliding_window=30,
            max_window_layers=1,
            rope_parameters=dict(
                rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32
            ),
        ),
        without=dict(
            yarn=dict(rope_parameters=PLAIN),
            window=dict(use_sliding_window=False),
        ),
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias"),
    ),
    Case(
        # As its GGUF files are: no window.
        name="qwen2-tied",
        config=dict(
            model_type="qwen2",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            rope_parameters=dict(
                rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32
            ),
        ),
        without=dict(yarn=dict(rope_parameters=PLAIN)),
        zeroed=("q_proj.bias", "k_proj.bias", "v_proj.bias"),
        gguf=True,
    ),
    Case(
        # Norms of each head of q and k; heads wider than the hidden size allows for.
        name="qwen3",
        config=dict(
            model_type="qwen3",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=32,
            tie_word_embeddings=False,
            rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
        ),
        zeroed=("q_norm", "k_norm"),
        gguf=True,
    ),
    Case(
        name="smollm3",
        config=dict(
            model_type="smollm3",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            # Every fourth layer, which is what the family's GGUF files take for granted.
            no_rope_layers=[1, 1, 1, 0],
            pad_token_id=None,
            rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        ),
        without=dict(nope=dict(no_rope_layers=[1, 1, 1, 1])),
        gguf=True,
    ),
    Case(
        name="gemma2",
        config=dict(
            model_type="gemma2",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            query_pre_attn_scalar=7,
            attn_logit_softcapping=2.0,
            final_logit_softcapping=2.5,
            hidden_activation="gelu_pytorch_tanh",
            sliding_window=19,
            pad_token_id=None,
            rope_parameters=PLAIN,
        ),
        without=dict(
            attention_cap=dict(attn_logit_softcapping=None),
            logit_cap=dict(final_logit_softcapping=None),
            window=dict(layer_types=["full_attention"] * 3),
            scalar=dict(query_pre_attn_scalar=16),
            gelu=dict(hidden_activation="silu"),
        ),
        zeroed=("post_attention_layernorm", "post_feedforward_layernorm", "pre_feedforward_layernorm"),
    ),
    Case(
        # Layers with a window and one without, each kind with angles of its own.
        name="gemma3",
        config=dict(
            model_type="gemma3_text",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=16,
            query_pre_attn_scalar=16,
            hidden_activation="gelu_pytorch_tanh",
            sliding_window=13,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
            pad_token_id=None,
            rope_parameters=dict(
                full_attention=dict(rope_type="linear", rope_theta=1000.0, factor=8.0),
                sliding_attention=dict(rope_type="default", rope_theta=10000.0),
            ),
        ),
        without=dict(
            window=dict(sliding_window=128),
            pattern=dict(layer_types=["sliding_attention"] * 3),
            local_angles=dict(
                rope_parameters=dict(
                    full_attention=dict(rope_type="linear", rope_theta=1000.0, factor=8.0),
                    sliding_attention=dict(rope_type="default", rope_theta=1000.0),
                )
            ),
            linear=dict(
                rope_parameters=dict(
                    full_attention=dict(rope_type="default", rope_theta=1000.0),
                    sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                )
            ),
        ),
        zeroed=("q_norm", "k_norm", "post_attention_layernorm", "post_feedforward_layernorm"),
        gguf=True,
    ),
    Case(
        # Fused projections, a part of each head turned, short and long factors.
        name="phi3",
        config=dict(
            model_type="phi3",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            original_max_position_embeddings=64,
            sliding_window=27,
            tie_word_embeddings=False,
            pad_token_id=None,
            rope_parameters=dict(
                rope_type="longrope",
                rope_theta=10000.0,
                partial_rotary_factor=0.75,
                short_factor=[1.0 + 0.125 * i for i in range(6)],
                long_factor=[1.0 + 0.5 * i for i in range(6)],
            ),
        ),
        without=dict(
            window=dict(sliding_window=None),
            partial=dict(
                rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)
            ),
            longrope=dict(
                rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.75)
            ),
        ),
        runs=(Run(30, 64), Run(79, 128)),
        gguf=True,
    ),
    Case(
        name="granite",
        config=dict(
            model_type="granite",
            **COMMON,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            embedding_multiplier=3.0,
            residual_multiplier=0.4,
            attention_multiplier=0.125,
            logits_scaling=4.0,
            tie_word_embeddings=True,
            rope_parameters=PLAIN,
        ),
        without=dict(
            embedding=dict(embedding_multiplier=1.0),
            residual=dict(residual_multiplier=1.0),
            attention=dict(attention_multiplier=0.25),
            logits=dict(logits_scaling=1.0),
        ),
        gguf=True,
    ),
]
