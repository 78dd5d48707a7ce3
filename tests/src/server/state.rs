//! What the server keeps: the rest of the script, and the requests so far.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::Step;

/// The server's memory, shared by its handlers.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    script: VecDeque<Step>,
    requests: Vec<Value>,
    /// Counts resets, so that an answer that outlives one does not write into the next test's list.
    generation: u64,
}

impl Shared {
    pub(super) fn set_script(&self, steps: Vec<Step>) {
        self.memory().script = steps.into();
    }

    /// Takes the next step for a request that ends in this message: of those with a `when` the first that fits, else
    /// the first without one.
    pub(super) fn next_step(&self, last_message: &str) -> Option<Step> {
        let script = &mut self.memory().script;
        let fits = |step: &Step| step.when.as_ref().is_some_and(|when| last_message.contains(&when.contains));
        let index = script.iter().position(fits).or_else(|| script.iter().position(|step| step.when.is_none()))?;
        script.remove(index)
    }

    pub(super) fn requests(&self) -> Vec<Value> {
        self.memory().requests.clone()
    }

    pub(super) fn reset(&self) {
        let mut memory = self.memory();
        let generation = memory.generation + 1;
        *memory = Memory { generation, ..Memory::default() };
    }

    /// Writes a request down; the entry tells how its answer ended.
    pub(super) fn record(&self, method: &str, path: &str, headers: Value, body: Value) -> Entry {
        let mut memory = self.memory();
        let request = json!({"method": method, "path": path, "headers": headers, "body": body, "state": "open"});
        memory.requests.push(request);
        Entry { shared: self.clone(), generation: memory.generation, index: memory.requests.len() - 1, state: None }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("no handler panics while it holds the memory")
    }
}

/// A request in the list. Dropped before its answer ended, it says that the client left.
pub(super) struct Entry {
    shared: Shared,
    generation: u64,
    index: usize,
    state: Option<&'static str>,
}

impl Entry {
    pub(super) fn end(&mut self, state: &'static str) {
        self.state = Some(state);
        self.write(state);
    }

    fn write(&self, state: &str) {
        let mut memory = self.shared.memory();
        if memory.generation == self.generation {
            memory.requests[self.index]["state"] = state.into();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.state.is_none() {
            self.write("aborted");
        }
    }
}
