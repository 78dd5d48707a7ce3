import { Engine, Minion, openaiCompatible } from "minions-web";
import { cell, field } from "./cells.js";

const [sent, answer] = ["ol", "output"].map((name) => document.querySelector(name));

for (const input of document.querySelectorAll("textarea, input")) field(input.id, input);

cell("worker", [], () => Engine.load("worker.gguf"));

cell("supervisor", ["baseURL", "model", "apiKey"], (baseURL, model, apiKey) => openaiCompatible({ baseURL, model, apiKey }));

cell("found", ["worker", "supervisor", "text", "task"], async (worker, supervisor, text, task, signal) => {
  sent.replaceChildren();
  answer.textContent = "…";
  const run = new Minion({ worker, supervisor }).run({ task, context: [text], signal });
  for await (const event of run) {
    if (event.type === "supervisor.request") sent.append(item(event.messages.at(-1).content));
  }
  return run.result;
});

cell("shown", ["found"], (found) => (answer.textContent = found.answer));

cell("told", ["failure"], (failure) => (answer.textContent = failure));

function item(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}
