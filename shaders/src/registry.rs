//! The table of shaders and how their template slots are filled.

use bytemuck::Pod;

use crate::weights::WeightFormat;

/// Row counts a shader with a `{{ ROWS }}` slot comes in.
pub const ROW_GROUPS: [u32; 3] = [1, 4, 8];
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
    /// Has a `{{ ROWS }}` slot.
    pub takes_rows: bool,
}

/// What fills a shader's template slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slots {
    /// Format behind `{{ weights }}`.
    pub weights: Option<WeightFormat>,
    /// Row group behind `{{ ROWS }}`: one of [`ROW_GROUPS`].
    pub rows: Option<u32>,
}

impl Slots {
    /// For a shader without slots.
    pub const NONE: Self = Self { weights: None, rows: None };

    /// For a shader that reads a weight matrix.
    pub const fn weights(format: WeightFormat) -> Self {
        Self { weights: Some(format), rows: None }
    }

    /// For a shader that reads a weight matrix and serves a fixed number of rows per workgroup.
    pub const fn weights_and_rows(format: WeightFormat, rows: u32) -> Self {
        Self { weights: Some(format), rows: Some(rows) }
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
    /// Stable name of one specialisation, fit for a pipeline cache: `matvec.q8_0.r4`.
    pub fn name(&self, slots: Slots) -> String {
        self.check(slots);
        let mut name = self.stem.to_owned();
        if let Some(format) = slots.weights {
            name = name + "." + format.name();
        }
        if let Some(rows) = slots.rows {
            name = format!("{name}.r{rows}");
        }
        name
    }

    /// WGSL with all slots filled.
    pub fn source(&self, slots: Slots) -> String {
        self.check(slots);
        let mut source = self.template.to_owned();
        if let Some(format) = slots.weights {
            source = source.replace("{{ weights }}", &[OCTET, weights_source(format)].join("\n"));
        }
        if let Some(rows) = slots.rows {
            source = source.replace("{{ ROWS }}", &rows.to_string());
        }
        source
    }

    /// All ways to fill the slots.
    pub fn specializations(&self) -> Vec<Slots> {
        let formats = if self.takes_weights { WeightFormat::ALL.map(Some).to_vec() } else { vec![None] };
        let groups = if self.takes_rows { ROW_GROUPS.map(Some).to_vec() } else { vec![None] };
        formats.iter().flat_map(|&weights| groups.iter().map(move |&rows| Slots { weights, rows })).collect()
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
        assert_eq!(slots.rows.is_some(), self.takes_rows, "{}: row group slot", self.stem);
        assert!(slots.rows.is_none_or(|rows| ROW_GROUPS.contains(&rows)), "{}: row group {slots:?}", self.stem);
    }
}

/// What the formats' files are written with.
const OCTET: &str = include_str!("../shared/octet.wgsl");

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
pub const SHADERS: [&Shader; 13] = [
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
];

macro_rules! shader {
    ($(#[$doc:meta])* $name:ident = $stem:literal, [$($input:literal),*] => [$($output:literal),*], $size:literal $(, $slot:ident)*) => {
        $(#[$doc])*
        pub const $name: Shader = Shader {
            bindings: &[$($input,)* $($output,)*],
            outputs: [$($output),*].len(),
            workgroup_size: $size,
            $($slot: true,)*
            ..Shader::plain($stem, include_str!(concat!("../", $stem, ".wgsl")))
        };
    };
}

impl Shader {
    const fn plain(stem: &'static str, template: &'static str) -> Self {
        Self { stem, template, bindings: &[], outputs: 0, workgroup_size: 0, takes_weights: false, takes_rows: false }
    }
}

shader!(
    /// Rows of a weight matrix, picked by token.
    EMBED = "embed", ["weights", "step"] => ["out"], 64, takes_weights);
shader!(
    /// Root-mean-square norm.
    RMS_NORM = "rms_norm", ["x", "weight"] => ["out"], 128);
shader!(
    /// Residual sum and its norm.
    ADD_RMS_NORM = "add_rms_norm", ["x", "delta", "weight"] => ["sum", "out"], 128);
shader!(
    /// Matrix product for few rows.
    MATVEC = "matvec", ["x", "weights"] => ["out"], 64, takes_weights, takes_rows);
shader!(
    /// Gated matrix product for few rows.
    GATED_MATVEC = "gated_matvec", ["x", "weights"] => ["out"], 64, takes_weights, takes_rows);
shader!(
    /// Matrix product for many rows.
    MATMUL = "matmul", ["x", "weights"] => ["out"], 128, takes_weights);
shader!(
    /// Gated matrix product for many rows.
    GATED_MATMUL = "gated_matmul", ["x", "weights"] => ["out"], 128, takes_weights);
shader!(
    /// Split into heads, bias, norm, rotation, write of k and v to the KV pages.
    QKV_EPILOGUE = "qkv_epilogue", ["qkv", "step", "rope", "vectors"] => ["q", "k_pages", "v_pages"], 64);
shader!(
    /// Attention of single rows over their sequences' pages.
    ATTENTION_DECODE = "attention_decode", ["q", "step", "k_pages", "v_pages"] => ["out"], 128);
shader!(
    /// Attention of tiles of consecutive rows over their sequences' pages.
    ATTENTION_PREFILL = "attention_prefill", ["q", "step", "k_pages", "v_pages"] => ["out"], 64);
shader!(
    /// A vector added to every row.
    ADD_BIAS = "add_bias", ["x", "bias"] => ["out"], 64);
shader!(
    /// Logits scaled and capped.
    SCALE_LOGITS = "scale_logits", ["x"] => ["out"], 256);
shader!(
    /// Next token of each row of logits.
    SAMPLE = "sample", ["logits", "step"] => ["ids", "logprobs"], 256);
