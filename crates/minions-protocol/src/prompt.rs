//! The prompts: one file each under `prompts/`, with `{{slots}}`.

use minions_chat::{ChatResponse, FinishReason};

/// The system prompt under which a worker answers questions about documents.
///
/// Its wording is fixed: the demo worker was trained on it.
pub fn worker_prompt(documents: &[String]) -> String {
    fill(MINION_WORKER, &[("context", &documents.join("\n\n"))])
}

/// The supervisor's first message: the task, and the two forms of a reply.
pub(crate) const MINION_OPEN: &str = include_str!("../prompts/minion/open.md");
/// The worker's reply, while rounds are left.
pub(crate) const MINION_DECIDE: &str = include_str!("../prompts/minion/decide.md");
/// The worker's reply in the last round.
pub(crate) const MINION_CONCLUDE: &str = include_str!("../prompts/minion/conclude.md");
/// What was wrong with the supervisor's reply.
pub(crate) const REASK: &str = include_str!("../prompts/reask.md");

const MINION_WORKER: &str = include_str!("../prompts/minion/worker.md");
const REPLY: &str = include_str!("../prompts/minion/reply.md");
const REPLY_TRUNCATED: &str = include_str!("../prompts/minion/reply_truncated.md");
const REPLY_EMPTY: &str = include_str!("../prompts/minion/reply_empty.md");

/// Fills the slots of a prompt. What is filled in is not searched for slots again.
///
/// # Panics
/// If the prompt has a slot that is not among `slots`: prompts are ours, so that is our mistake.
pub(crate) fn fill(prompt: &str, slots: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(prompt.len());
    let mut rest = prompt;
    while let Some((before, name, after)) = next_slot(rest) {
        let value = slots.iter().find(|(slot, _)| *slot == name);
        let (_, value) = value.unwrap_or_else(|| panic!("a prompt has the unknown slot {name}"));
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// How the supervisor is told what the worker said: between tags, so that it can tell data from instructions.
pub(crate) fn quote(reply: &ChatResponse) -> String {
    let content = reply.content.trim();
    let prompt = match reply.finish_reason {
        _ if content.is_empty() => REPLY_EMPTY,
        FinishReason::Length => REPLY_TRUNCATED,
        _ => REPLY,
    };
    fill(prompt, &[("reply", content)])
}

fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let (before, slot) = text.split_once("{{")?;
    let (name, after) = slot.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use minions_chat::Usage;

    use super::*;

    #[test]
    fn what_is_filled_in_is_not_searched_again() {
        let filled = fill("a {{x}} b {{y}} c", &[("x", "{{y}}"), ("y", "1")]);
        assert_eq!(filled, "a {{y}} b 1 c");
    }

    /// The demo worker was trained on these words.
    #[test]
    fn the_workers_prompt_keeps_its_wording() {
        assert_eq!(
            worker_prompt(&["one".to_owned(), "two".to_owned()]),
            "You answer questions about the document below. Use only the document and quote the words that answer. \
             If the document does not say, say so.\n\n## Document\none\n\ntwo"
        );
    }

    /// OpenAI's JSON mode refuses conversations that do not mention JSON.
    #[test]
    fn the_first_message_mentions_json() {
        assert!(MINION_OPEN.contains("JSON"));
    }

    #[test]
    fn prompts_do_not_end_in_blank_space() {
        for prompt in [MINION_WORKER, MINION_OPEN, MINION_DECIDE, MINION_CONCLUDE, REASK, REPLY] {
            assert_eq!(prompt, prompt.trim_end());
        }
    }

    #[test]
    fn the_supervisor_is_told_when_a_reply_is_empty_or_cut_off() {
        let reply = |content: &str, finish_reason| {
            quote(&ChatResponse { content: content.into(), finish_reason, usage: Usage::default() })
        };
        assert_eq!(reply("said {{reply}}", FinishReason::Stop), "<reply>\nsaid {{reply}}\n</reply>");
        assert!(reply("said", FinishReason::Length).contains("cut off"));
        assert!(reply(" \n", FinishReason::Length).contains("no reply"));
    }
}
