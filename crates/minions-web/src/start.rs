//! What happens once, when the wasm is instantiated.

use std::panic;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Tells the worker's script, which defines it, that this instance is dead.
    #[wasm_bindgen(catch, js_namespace = globalThis, js_name = __minions_panic)]
    fn report_panic(text: &str) -> Result<(), JsValue>;
}

#[cfg(target_arch = "wasm32")]
unsafe extern "C" {
    /// Runs the static constructors. The linker makes it.
    fn __wasm_call_ctors();
}

#[wasm_bindgen(start)]
fn start() {
    // The GPU runtime registers things in static constructors. As long as nobody calls them, the linker takes this for
    // a program rather than a library and wraps every export in a call of all of them: a hundred times slower.
    // SAFETY: the constructors take no arguments and rely on nothing but the instance's memory, which is ready; the
    // start function runs before any other export, so nothing has used what they set up.
    #[cfg(target_arch = "wasm32")]
    unsafe {
        __wasm_call_ctors();
    }
    panic::set_hook(Box::new(|info| {
        // Without a listener there is nobody to tell; the trap that follows is then the only sign.
        let _ = report_panic(&info.to_string());
    }));
}
