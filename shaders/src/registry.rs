//! The table of shaders, how their template slots are filled, and the overlays they come in.
//!
//! A kernel is one text. Where adapters differ in what they can do, the text has a slot that an [`Overlay`] fills in
//! another way than the baseline, which every WebGPU adapter runs: how activations are read and multiplied, what a tile
//! is made of, how lanes add up.

use bytemuck::Pod;

use crate::kv::KvFormat;
use crate::weights::WeightFormat;

/// Row counts the products for few rows come in.
pub const ROW_GROUPS: [u32; 3] = [1, 4, 8];
/// Row counts the attention of single rows comes in.
pub const ATTENTION_GROUPS: [u32; 2] = [1, crate::step::GROUP_ROWS as u32];
/// WebGPU's default limit of workgroups per dimension.
pub const MAX_WORKGROUPS: u32 = 65535;

/// One `.wgsl` file: what a launcher must know about it.
#[derive(Debug)]
pub struct Shader {
    /// File name without `.wgsl`, also the name of the twin.
    pub stem: &'static str,
    /// The file, its template slots unfilled.
    pub template: &'static str,
    /// Storage bindings from binding 0 on: inputs, then outputs. The uniform params follow.
    pub bindings: &'static [&'static str],
    /// How many of the last bindings are outputs.
    pub outputs: usize,
    /// Invocations of a workgroup, all along x.
    pub workgroup_size: u32,
    /// Has a `{{ weights }}` slot.
    pub takes_weights: bool,
    /// Has a `{{ kv }}` or a `{{ kv_write }}` slot.
    pub takes_kv: bool,
    /// What a `{{ ROWS }}` slot takes; nothing where there is none.
    pub row_groups: &'static [u32],
    /// The overlays it comes in beside the baseline, the one to be preferred first.
    pub overlays: &'static [Overlay],
}

/// A variant of a kernel for adapters that can do more than every WebGPU adapter must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Overlay {
    /// Products of 16-bit floats, sums of 32-bit ones. Needs the feature `shader-f16`.
    F16,
    /// Lanes add up through the registers of their subgroup, of any size, rather than through workgroup memory. Needs the
    /// feature `subgroups`.
    Subgroups,
    /// Activations of 8 bits and a scale a block, four products in one instruction. Needs WGSL's
    /// `packed_4x8_integer_dot_product`.
    Dp4a,
}

impl Overlay {
    /// Every overlay.
    pub const ALL: [Self; 3] = [Self::F16, Self::Subgroups, Self::Dp4a];

    /// Stable lower-case name, as in pipeline names and in `shared/*_<name>.wgsl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Subgroups => "subgroups",
            Self::Dp4a => "dp4a",
        }
    }

    /// Whether it can read weights of this format: 16-bit floats must hold them, and bytes must be what they are made of.
    pub const fn reads(self, format: WeightFormat) -> bool {
        match self {
            Self::F16 => !matches!(format, WeightFormat::F32 | WeightFormat::Bf16),
            Self::Subgroups => true,
            Self::Dp4a => matches!(format, WeightFormat::Q8_0 | WeightFormat::Q4_0),
        }
    }

    /// The directive that WGSL wants before everything else.
    const fn directive(self) -> &'static str {
        match self {
            Self::F16 => "enable f16;\n",
            Self::Subgroups => "enable subgroups;\n",
            Self::Dp4a => "requires packed_4x8_integer_dot_product;\n",
        }
    }
}

/// What fills a shader's template slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slots {
    /// Format behind `{{ weights }}`.
    pub weights: Option<WeightFormat>,
    /// Format of the cache behind `{{ kv }}` and `{{ kv_write }}`.
    pub kv: Option<KvFormat>,
    /// Row group behind `{{ ROWS }}`: one of the shader's.
    pub rows: Option<u32>,
    /// The variant; `None` is the baseline.
    pub overlay: Option<Overlay>,
}

impl Slots {
    /// For a shader without slots.
    pub const NONE: Self = Self { weights: None, kv: None, rows: None, overlay: None };

    /// For a shader that reads a weight matrix.
    pub const fn weights(format: WeightFormat) -> Self {
        Self { weights: Some(format), ..Self::NONE }
    }

    /// For a shader that reads a weight matrix and serves a fixed number of rows per workgroup.
    pub const fn weights_and_rows(format: WeightFormat, rows: u32) -> Self {
        Self { weights: Some(format), rows: Some(rows), ..Self::NONE }
    }

    /// For a shader that reads or writes the cache.
    pub const fn kv(format: KvFormat) -> Self {
        Self { kv: Some(format), ..Self::NONE }
    }

    /// For a shader that reads the cache and serves a fixed number of rows per workgroup.
    pub const fn kv_and_rows(format: KvFormat, rows: u32) -> Self {
        Self { rows: Some(rows), ..Self::kv(format) }
    }

    /// The same in another variant.
    pub const fn with_overlay(self, overlay: Option<Overlay>) -> Self {
        Self { overlay, ..self }
    }
}

/// The uniform block of a kernel: 8 or 16 words, uploaded as it stands in memory.
pub trait Params: Pod {
    /// The kernel it belongs to.
    const SHADER: &'static Shader;

    /// The dispatch rule, as in the file's header.
    fn workgroups(&self, slots: Slots) -> [u32; 3];

    /// The block as words.
    fn words(&self) -> Vec<u32> {
        bytemuck::cast_slice(std::slice::from_ref(self)).to_vec()
    }
}

impl Shader {
    /// Stable name of one specialisation, fit for a pipeline cache: `matvec.q8_0.r4.subgroups`.
    pub fn name(&self, slots: Slots) -> String {
        self.check(slots);
        let mut name = self.stem.to_owned();
        if let Some(format) = slots.weights {
            name = name + "." + format.name();
        }
        if let Some(format) = slots.kv {
            name = name + "." + format.name();
        }
        if let Some(rows) = slots.rows {
            name = format!("{name}.r{rows}");
        }
        if let Some(overlay) = slots.overlay {
            name = name + "." + overlay.name();
        }
        name
    }

    /// WGSL with all slots filled.
    pub fn source(&self, slots: Slots) -> String {
        self.check(slots);
        let mut source = slots.overlay.map_or("", Overlay::directive).to_owned() + self.template;
        // What is put in may have slots itself: the outer ones come first.
        for (slot, text) in parts(slots) {
            source = source.replace(slot, text);
        }
        if let Some(rows) = slots.rows {
            source = source.replace("{{ ROWS }}", &rows.to_string());
        }
        source
    }

    /// All ways to fill the slots.
    pub fn specializations(&self) -> Vec<Slots> {
        let formats = if self.takes_weights { WeightFormat::ALL.map(Some).to_vec() } else { vec![None] };
        let kv = if self.takes_kv { KvFormat::ALL.map(Some).to_vec() } else { vec![None] };
        let groups: Vec<Option<u32>> = match self.row_groups {
            [] => vec![None],
            groups => groups.iter().copied().map(Some).collect(),
        };
        let formats =
            formats.iter().flat_map(|&weights| kv.iter().map(move |&kv| Slots { weights, kv, ..Slots::NONE }));
        let baselines = formats.flat_map(|slots| groups.iter().map(move |&rows| Slots { rows, ..slots }));
        baselines
            .flat_map(|slots| [slots].into_iter().chain(self.overlays(slots).map(move |o| slots.with_overlay(Some(o)))))
            .collect()
    }

    /// The overlays of one specialisation, the one to be preferred first. A single row waits for the weights, not for the
    /// arithmetic: bytes would only cost the launch that makes them.
    pub fn overlays(&self, slots: Slots) -> impl Iterator<Item = Overlay> {
        self.overlays.iter().copied().filter(move |overlay| {
            slots.weights.is_none_or(|format| overlay.reads(format))
                && (*overlay != Overlay::Dp4a || slots.rows != Some(1))
        })
    }

    /// Names of the output bindings.
    pub fn output_bindings(&self) -> &'static [&'static str] {
        &self.bindings[self.bindings.len() - self.outputs..]
    }

    /// Names of the input bindings.
    pub fn input_bindings(&self) -> &'static [&'static str] {
        &self.bindings[..self.bindings.len() - self.outputs]
    }

    fn check(&self, slots: Slots) {
        assert_eq!(slots.weights.is_some(), self.takes_weights, "{}: weight format slot", self.stem);
        assert_eq!(slots.kv.is_some(), self.takes_kv, "{}: cache format slot", self.stem);
        let takes_rows = !self.row_groups.is_empty();
        assert_eq!(slots.rows.is_some(), takes_rows, "{}: row group slot", self.stem);
        assert!(slots.rows.is_none_or(|rows| self.row_groups.contains(&rows)), "{}: row group {slots:?}", self.stem);
        assert!(slots.overlay.is_none_or(|o| self.overlays(slots).any(|has| has == o)), "{}: {slots:?}", self.stem);
    }
}

/// What stands in `shared/` for the slots of these names. Only the slots decide, not the shader.
fn parts(slots: Slots) -> [(&'static str, &'static str); 13] {
    let overlay = slots.overlay;
    // dp4a's bytes read words and factors as the format's own file does.
    let bytes = match (overlay, slots.weights) {
        (Some(Overlay::Dp4a), Some(WeightFormat::Q8_0)) => include_str!("../shared/bytes_q8_0.wgsl"),
        (Some(Overlay::Dp4a), Some(WeightFormat::Q4_0)) => include_str!("../shared/bytes_q4_0.wgsl"),
        _ => "",
    };
    let activations = match overlay {
        Some(Overlay::Dp4a) => include_str!("../shared/activations_dp4a.wgsl"),
        _ => include_str!("../shared/activations.wgsl"),
    };
    let tile = match overlay {
        Some(Overlay::Dp4a) => include_str!("../shared/tile_dp4a.wgsl"),
        _ => include_str!("../shared/tile.wgsl"),
    };
    let part = match overlay {
        Some(Overlay::F16) => include_str!("../shared/part_f16.wgsl"),
        _ => include_str!("../shared/part.wgsl"),
    };
    let (team_sum, workgroup_sum) = match overlay {
        Some(Overlay::Subgroups) => {
            (include_str!("../shared/team_sum_subgroups.wgsl"), include_str!("../shared/workgroup_sum_subgroups.wgsl"))
        }
        _ => (include_str!("../shared/team_sum.wgsl"), include_str!("../shared/workgroup_sum.wgsl")),
    };
    let (kv, kv_write) = match slots.kv {
        Some(KvFormat::F32) => (include_str!("../shared/kv_f32.wgsl"), include_str!("../shared/kv_write_f32.wgsl")),
        Some(KvFormat::Q8_0) => (include_str!("../shared/kv_q8_0.wgsl"), include_str!("../shared/kv_write_q8_0.wgsl")),
        None => ("", ""),
    };
    [
        ("{{ row_products }}", include_str!("../shared/row_products.wgsl")),
        ("{{ tile }}", tile),
        ("{{ part }}", part),
        ("{{ activations }}", activations),
        ("{{ activation }}", include_str!("../shared/activation.wgsl")),
        ("{{ weights }}", "{{ octet }}\n{{ format }}\n{{ bytes }}"),
        ("{{ octet }}", include_str!("../shared/octet.wgsl")),
        ("{{ format }}", slots.weights.map_or("", weights_source)),
        ("{{ bytes }}", bytes),
        ("{{ kv }}", kv),
        ("{{ kv_write }}", kv_write),
        ("{{ team_sum }}", team_sum),
        ("{{ workgroup_sum }}", workgroup_sum),
    ]
}

const fn weights_source(format: WeightFormat) -> &'static str {
    match format {
        WeightFormat::F32 => include_str!("../shared/weights_f32.wgsl"),
        WeightFormat::F16 => include_str!("../shared/weights_f16.wgsl"),
        WeightFormat::Bf16 => include_str!("../shared/weights_bf16.wgsl"),
        WeightFormat::Q8_0 => include_str!("../shared/weights_q8_0.wgsl"),
        WeightFormat::Q4_0 => include_str!("../shared/weights_q4_0.wgsl"),
        WeightFormat::Q4_1 => include_str!("../shared/weights_q4_1.wgsl"),
        WeightFormat::Q5_0 => include_str!("../shared/weights_q5_0.wgsl"),
        WeightFormat::Q5_1 => include_str!("../shared/weights_q5_1.wgsl"),
        WeightFormat::Iq4_Nl => include_str!("../shared/weights_iq4_nl.wgsl"),
        WeightFormat::Q2_K => include_str!("../shared/weights_q2_k.wgsl"),
        WeightFormat::Q3_K => include_str!("../shared/weights_q3_k.wgsl"),
        WeightFormat::Q4_K => include_str!("../shared/weights_q4_k.wgsl"),
        WeightFormat::Q5_K => include_str!("../shared/weights_q5_k.wgsl"),
        WeightFormat::Q6_K => include_str!("../shared/weights_q6_k.wgsl"),
    }
}

/// Every shader of the crate.
pub const SHADERS: [&Shader; 17] = [
    &EMBED,
    &RMS_NORM,
    &ADD_RMS_NORM,
    &MATVEC,
    &GATED_MATVEC,
    &MATMUL,
    &GATED_MATMUL,
    &QKV_EPILOGUE,
    &ATTENTION_DECODE,
    &ATTENTION_PREFILL,
    &ADD_BIAS,
    &SCALE_LOGITS,
    &SAMPLE,
    &COPY_PAGES,
    &QUANTIZE,
    &STREAM_COPY,
    &MULTIPLY_ADD,
];

macro_rules! shader {
    ($(#[$doc:meta])* $name:ident = $stem:literal, [$($input:literal),*] => [$($output:literal),*], $size:literal
     $(, $slot:ident)* $(=> $groups:ident)? $(; $($overlay:ident),+)?) => {
        $(#[$doc])*
        pub const $name: Shader = Shader {
            bindings: &[$($input,)* $($output,)*],
            outputs: [$($output),*].len(),
            workgroup_size: $size,
            $($slot: true,)*
            $(row_groups: &$groups,)?
            $(overlays: &[$(Overlay::$overlay),+],)?
            ..Shader::plain($stem, include_str!(concat!("../", $stem, ".wgsl")))
        };
    };
}

impl Shader {
    const fn plain(stem: &'static str, template: &'static str) -> Self {
        Self {
            stem,
            template,
            bindings: &[],
            outputs: 0,
            workgroup_size: 0,
            takes_weights: false,
            takes_kv: false,
            row_groups: &[],
            overlays: &[],
        }
    }
}

shader!(
    /// Rows of a weight matrix, picked by token.
    EMBED = "embed", ["weights", "step"] => ["out"], 64, takes_weights);
shader!(
    /// Root-mean-square norm.
    RMS_NORM = "rms_norm", ["x", "weight"] => ["out"], 128; Subgroups);
shader!(
    /// Residual sum and its norm.
    ADD_RMS_NORM = "add_rms_norm", ["x", "delta", "weight"] => ["sum", "out"], 128; Subgroups);
shader!(
    /// Matrix product for few rows.
    MATVEC = "matvec", ["x", "weights"] => ["out"], 64, takes_weights => ROW_GROUPS; Dp4a, Subgroups);
shader!(
    /// Gated matrix product for few rows.
    GATED_MATVEC = "gated_matvec", ["x", "weights"] => ["out"], 64, takes_weights => ROW_GROUPS; Dp4a, Subgroups);
shader!(
    /// Matrix product for many rows.
    MATMUL = "matmul", ["x", "weights"] => ["out"], 64, takes_weights; Dp4a, F16);
shader!(
    /// Gated matrix product for many rows.
    GATED_MATMUL = "gated_matmul", ["x", "weights"] => ["out"], 64, takes_weights; Dp4a, F16);
shader!(
    /// Split into heads, bias, norm, rotation, write of k and v to the KV pages.
    QKV_EPILOGUE = "qkv_epilogue", ["qkv", "step", "rope", "vectors"] => ["q", "k_pages", "v_pages"], 64, takes_kv);
shader!(
    /// Attention of single rows over their sequences' pages.
    ATTENTION_DECODE = "attention_decode", ["q", "step", "k_pages", "v_pages"] => ["out"], 128, takes_kv
    => ATTENTION_GROUPS);
shader!(
    /// Attention of tiles of consecutive rows over their sequences' pages.
    ATTENTION_PREFILL = "attention_prefill", ["q", "step", "k_pages", "v_pages"] => ["out"], 64, takes_kv);
shader!(
    /// A vector added to every row.
    ADD_BIAS = "add_bias", ["x", "bias"] => ["out"], 64);
shader!(
    /// Logits scaled and capped.
    SCALE_LOGITS = "scale_logits", ["x"] => ["out"], 256);
shader!(
    /// Next token of each row of logits.
    SAMPLE = "sample", ["logits", "step"] => ["ids", "logprobs"], 256);
shader!(
    /// Pages of the KV cache to and from where they are kept.
    COPY_PAGES = "copy_pages", ["src_pages", "pairs"] => ["dst_pages"], 64);
shader!(
    /// Activations as bytes, for the overlay of the products that multiplies those.
    QUANTIZE = "quantize", ["x"] => ["out"], 64);
shader!(
    /// Nothing but memory: a yardstick.
    STREAM_COPY = "stream_copy", ["x"] => ["out"], 256);
shader!(
    /// Nothing but arithmetic: a yardstick.
    MULTIPLY_ADD = "multiply_add", ["x"] => ["out"], 64);
