import { Minions, openaiCompatible } from "minions-web";

const [form, button, sent, answer] = ["form", "button", "ol", "output"].map((name) => document.querySelector(name));

/** The cluster behind `server.js`, as a worker. It is sent the document, piece by piece. */
const worker = {
  contextLength: 4096,
  async chat(request, { signal }) {
    const response = await fetch("chat", { method: "POST", body: JSON.stringify(request), signal });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  },
};

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const { document, task, ...server } = Object.fromEntries(new FormData(form));
  button.disabled = true;
  sent.replaceChildren();
  answer.textContent = "";
  try {
    const run = new Minions({ worker, supervisor: openaiCompatible(server) }).run({ task, context: [document] });
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
