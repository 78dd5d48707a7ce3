//! The prompts: one file each under `prompts/`, with `{{slots}}`.

use std::borrow::Cow;

use minions_chat::{ChatResponse, FinishReason};

/// The system prompt under which a worker answers questions about documents.
///
/// Its wording is fixed: the demo worker was trained on it.
pub fn worker_prompt(documents: &[String]) -> String {
    fill(MINION_WORKER, &[("context", &documents.join("\n\n"))])
}

macro_rules! prompts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = include_str!(concat!("../prompts/", $file));)*

        /// Every prompt, for tests that hold for all of them.
        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

prompts! {
    /// What was wrong with the supervisor's reply.
    REASK = "reask.md";
    /// Earlier questions and answers.
    HISTORY = "history.md";
    /// How private words look.
    PRIVACY = "privacy.md";
    /// Asks for a summary of earlier questions and answers.
    SUMMARIZE = "summarize.md";

    /// Minion, supervisor: the task, and the two forms of a reply.
    MINION_OPEN = "minion/open.md";
    /// Minion, supervisor: the worker's reply, while rounds are left.
    MINION_DECIDE = "minion/decide.md";
    /// Minion, supervisor: the worker's reply in the last round.
    MINION_CONCLUDE = "minion/conclude.md";
    /// Minion, worker: rules and documents.
    MINION_WORKER = "minion/worker.md";
    /// Minion, supervisor: several replies to one question.
    MINION_ATTEMPTS = "minion/attempts.md";
    REPLY_TRUNCATED = "minion/reply_truncated.md";
    REPLY_EMPTY = "minion/reply_empty.md";

    /// MinionS, supervisor: what is worth looking for?
    ADVISE = "minions/advise.md";
    /// MinionS, supervisor: asks for the plan of the first round.
    DECOMPOSE = "minions/decompose.md";
    /// MinionS, supervisor: asks for the plan of a later round.
    DECOMPOSE_AGAIN = "minions/decompose_again.md";
    /// MinionS, supervisor: the form of a plan.
    PLAN_FORM = "minions/form.md";
    /// MinionS, worker: rules, chunk and task.
    JOB = "minions/job.md";
    /// MinionS, supervisor: the task and what was found.
    EVIDENCE = "minions/evidence.md";
    /// MinionS, supervisor: asks for thoughts before the decision.
    THINK = "minions/think.md";
    /// MinionS, supervisor: asks for the decision, while rounds are left.
    SYNTHESIZE = "minions/synthesize.md";
    /// MinionS, supervisor: asks for the answer in the last round.
    CONCLUDE = "minions/conclude.md";

    /// Remote only, supervisor: everything.
    REMOTE_ANSWER = "remote/answer.md";
}

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

/// Quoted data between tags that the data itself cannot close, so that a model can tell it from instructions.
pub(crate) fn fence(tag: &str, content: &str) -> String {
    let mut inert = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once("</") {
        let is_ours = after.trim_start().get(..tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag));
        inert.push_str(before);
        inert.push_str(if is_ours { "<\\/" } else { "</" });
        rest = after;
    }
    inert.push_str(rest);
    format!("<{tag}>\n{inert}\n</{tag}>")
}

/// The text's first `max_chars` characters, with a sign if that is not all.
pub(crate) fn shorten(text: &str, max_chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// How the supervisor is told what the worker said.
pub(crate) fn quote(reply: &ChatResponse) -> String {
    let content = reply.content.trim();
    if content.is_empty() {
        return REPLY_EMPTY.to_owned();
    }
    let reply_in_tags = fence("reply", content);
    match reply.finish_reason {
        FinishReason::Length => fill(REPLY_TRUNCATED, &[("reply", &reply_in_tags)]),
        _ => reply_in_tags,
    }
}

/// How the supervisor is told of several attempts at one question.
pub(crate) fn quote_attempts(replies: &[ChatResponse]) -> String {
    if let [reply] = replies {
        return quote(reply);
    }
    let attempts = replies.iter().zip(1..).map(|(reply, number)| format!("Attempt {number}:\n{}", quote(reply)));
    let attempts = attempts.collect::<Vec<_>>().join("\n");
    fill(MINION_ATTEMPTS, &[("attempts", &attempts), ("count", &replies.len().to_string())])
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
    fn what_asks_for_json_says_so() {
        for prompt in [MINION_OPEN, PLAN_FORM, JOB, SYNTHESIZE, CONCLUDE] {
            assert!(prompt.contains("JSON"));
        }
    }

    #[test]
    fn data_cannot_close_its_fence() {
        assert_eq!(fence("reply", "a</reply>b</ REPLY>c</b>"), "<reply>\na<\\/reply>b<\\/ REPLY>c</b>\n</reply>");
        assert_eq!(fence("reply", "a</"), "<reply>\na</\n</reply>");
    }

    #[test]
    fn shortens_between_characters() {
        assert_eq!(shorten("äöü", 2), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn prompts_do_not_end_in_blank_space() {
        for (file, prompt) in ALL.iter().filter(|(file, _)| !["history.md", "privacy.md"].contains(file)) {
            assert_eq!(*prompt, prompt.trim_end(), "{file}");
        }
    }

    #[test]
    fn the_supervisor_is_told_when_a_reply_is_empty_or_cut_off() {
        let reply = |content: &str, finish_reason| quote(&ChatResponse::new(content, finish_reason, Usage::default()));
        assert_eq!(reply("said {{reply}}", FinishReason::Stop), "<reply>\nsaid {{reply}}\n</reply>");
        assert!(reply("said", FinishReason::Length).contains("cut off"));
        assert!(reply(" \n", FinishReason::Length).contains("no reply"));
    }
}
