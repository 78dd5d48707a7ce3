//! Every shader in every specialisation is legal WGSL, within WebGPU's default limits, and what the registry says it is.
//! Needs no GPU. All failures are collected before the test fails.

use std::collections::BTreeSet;
use std::path::Path;

use minions_shaders::{KvFormat, Overlay, SHADERS, Shader, Slots};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage, StorageAccess, TypeInner};

/// WebGPU's default limits that a compute shader can break.
const MAX_WORKGROUP_BYTES: u32 = 16384;
const MAX_INVOCATIONS: u32 = 256;
const MAX_STORAGE_BUFFERS: usize = 8;

#[test]
fn every_specialisation_is_legal_and_as_registered() {
    let mut failures = Vec::new();
    let mut names = BTreeSet::new();
    for shader in SHADERS {
        for slots in shader.specializations() {
            let name = shader.name(slots);
            failures.extend(faults(shader, slots).into_iter().map(|fault| format!("{name}: {fault}")));
            if !names.insert(name.clone()) {
                failures.push(format!("{name}: two specialisations of this name"));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_file_is_registered_and_has_a_twin() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let on_disk = stems(root, "wgsl");
    let registered: BTreeSet<String> = SHADERS.iter().map(|shader| shader.stem.to_owned()).collect();
    assert_eq!(on_disk, registered, "the .wgsl files and the registry");
    let twins = stems(&root.join("src/cpu"), "rs");
    let without: Vec<_> = registered.difference(&twins).collect();
    assert!(without.is_empty(), "no twin in src/cpu: {without:?}");
    let formats = minions_shaders::WeightFormat::ALL.map(|format| format!("weights_{}", format.name()));
    let on_disk = stems(&root.join("shared"), "wgsl");
    let formats_on_disk: Vec<_> = on_disk.iter().filter(|stem| stem.starts_with("weights_")).collect();
    assert_eq!(formats_on_disk, BTreeSet::from(formats).iter().collect::<Vec<_>>(), "the shared files and the formats");
    let formats = KvFormat::ALL.map(KvFormat::name);
    let expected =
        BTreeSet::from_iter(formats.iter().flat_map(|name| [format!("kv_{name}"), format!("kv_write_{name}")]));
    let formats_on_disk: Vec<_> = on_disk.iter().filter(|stem| stem.starts_with("kv_")).collect();
    assert_eq!(formats_on_disk, expected.iter().collect::<Vec<_>>(), "the shared files and the cache's formats");
}

#[test]
fn headers_name_the_twin_and_every_binding() {
    for shader in SHADERS {
        let header: String = shader.template.lines().take_while(|line| line.starts_with("//")).collect();
        assert!(header.contains(&format!("src/cpu/{}.rs", shader.stem)), "{}: the header names no twin", shader.stem);
        assert!(header.contains("Dispatch:"), "{}: the header gives no dispatch rule", shader.stem);
        for (i, binding) in shader.bindings.iter().enumerate() {
            let row = format!("binding {i}  {binding} ");
            assert!(header.contains(&row), "{}: the header lacks `{row}`", shader.stem);
        }
    }
}

/// Stems of the files of one folder.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the crate's own folder");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect()
}

/// Everything wrong with one specialisation.
fn faults(shader: &Shader, slots: Slots) -> Vec<String> {
    // naga has subgroups without the directive, and does not know it.
    let source = shader.source(slots).replace("enable subgroups;\n", "");
    if source.contains("{{") {
        return vec!["a slot is left open".to_owned()];
    }
    let module = match naga::front::wgsl::parse_str(&source) {
        Ok(module) => module,
        Err(error) => return vec![error.emit_to_string(&source)],
    };
    // unpack2x16float is core WGSL; naga names it apart for the sake of old OpenGL.
    let capabilities = Capabilities::default() | Capabilities::SHADER_FLOAT16_IN_FLOAT32 | capabilities(slots.overlay);
    let info = match Validator::new(ValidationFlags::all(), capabilities).validate(&module) {
        Ok(info) => info,
        Err(error) => return vec![error.emit_to_string(&source)],
    };
    let mut faults = binding_faults(shader, &module, &info);
    let [entry] = module.entry_points.as_slice() else {
        faults.push(format!("{} entry points, not one", module.entry_points.len()));
        return faults;
    };
    if entry.name != "main" || entry.stage != ShaderStage::Compute {
        faults.push(format!("the entry point is {:?} {}", entry.stage, entry.name));
    }
    if entry.workgroup_size != [shader.workgroup_size, 1, 1] || shader.workgroup_size > MAX_INVOCATIONS {
        faults.push(format!("workgroup size {:?}, registered {}", entry.workgroup_size, shader.workgroup_size));
    }
    let context = module.to_ctx();
    let shared = module.global_variables.iter().filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
    let bytes: u32 =
        shared.map(|(_, variable)| module.types[variable.ty].inner.size(context).next_multiple_of(16)).sum();
    if bytes > MAX_WORKGROUP_BYTES {
        faults.push(format!("{bytes} bytes of workgroup memory"));
    }
    faults
}

/// What an overlay may use beyond what every adapter has.
fn capabilities(overlay: Option<Overlay>) -> Capabilities {
    match overlay {
        Some(Overlay::F16) => Capabilities::SHADER_FLOAT16,
        Some(Overlay::Subgroups) => Capabilities::SUBGROUP,
        Some(Overlay::Dp4a) | None => Capabilities::empty(),
    }
}

fn binding_faults(shader: &Shader, module: &Module, info: &ModuleInfo) -> Vec<String> {
    let mut faults = Vec::new();
    let mut bound: Vec<_> = module
        .global_variables
        .iter()
        .filter_map(|(handle, variable)| Some((variable.binding?, handle, variable)))
        .collect();
    bound.sort_by_key(|(binding, ..)| (binding.group, binding.binding));
    if shader.bindings.len() > MAX_STORAGE_BUFFERS {
        faults.push(format!("{} storage buffers", shader.bindings.len()));
    }
    let names: Vec<_> = bound.iter().map(|(.., variable)| variable.name.clone().unwrap_or_default()).collect();
    let expected: Vec<_> = shader.bindings.iter().copied().chain(["params"]).collect();
    if names != expected {
        faults.push(format!("bindings {names:?}, registered {expected:?}"));
    }
    for (i, (binding, handle, variable)) in bound.iter().enumerate() {
        let name = variable.name.as_deref().unwrap_or_default();
        if (binding.group, binding.binding as usize) != (0, i) {
            faults.push(format!("{name} stands at {binding:?}, not at {i}"));
        }
        if info.get_entry_point(0)[*handle].is_empty() {
            faults.push(format!("{name} is declared and not used: an inferred layout would lack it"));
        }
        let read_write = AddressSpace::Storage { access: StorageAccess::LOAD | StorageAccess::STORE };
        let space = if i + 1 == bound.len() { AddressSpace::Uniform } else { read_write };
        if variable.space != space {
            faults.push(format!("{name} is in {:?}, not in {space:?}", variable.space));
        }
        if space == AddressSpace::Uniform {
            faults.extend(params_fault(module, &module.types[variable.ty].inner));
        }
    }
    faults
}

/// The params are 8 or 16 scalars of 4 bytes.
fn params_fault(module: &Module, params: &TypeInner) -> Option<String> {
    let TypeInner::Struct { members, span } = params else {
        return Some("params is no struct".to_owned());
    };
    let scalars =
        members.iter().all(|member| matches!(module.types[member.ty].inner, TypeInner::Scalar(s) if s.width == 4));
    (!scalars || !matches!(span, 32 | 64)).then(|| format!("params has {} members in {span} bytes", members.len()))
}
