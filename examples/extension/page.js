import { Engine, Minion, openaiCompatible } from "./node_modules/minions-web/index.js";

const [form, button, sent, answer] = ["form", "button", "ol", "output"].map((name) => document.querySelector(name));

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const { document, task, ...server } = Object.fromEntries(new FormData(form));
  button.disabled = true;
  sent.replaceChildren();
  answer.textContent = "";
  try {
    const run = new Minion({ worker, supervisor: openaiCompatible(server) }).run({ task, context: [document] });
    for await (const event of run) {
      if (event.type === "supervisor.request") show(event.messages.at(-1).content);
    }
    answer.textContent = (await run.result).answer;
  } catch (error) {
    answer.textContent = error.message;
  }
  button.disabled = false;
});

function show(message) {
  const item = document.createElement("li");
  item.textContent = message;
  sent.append(item);
}

// Said in full, for extensions whose build puts the files elsewhere: these are the defaults here.
const address = (path) => chrome.runtime.getURL(`node_modules/minions-web/${path}`);
const worker = await Engine.load("worker.gguf", {
  worker: new Worker(address("worker.js"), { type: "module" }),
  wasmUrl: address("wasm/minions_web_bg.wasm"),
}).catch((error) => {
  button.textContent = error.message;
  throw error;
});
button.textContent = "Ask";
button.disabled = false;
