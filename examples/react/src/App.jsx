import { Minion, openaiCompatible } from "minions-web";
import { useState } from "react";
import { useEngine } from "./useEngine.js";

export function App() {
  const { engine, error } = useEngine("/worker.gguf");
  const [sent, setSent] = useState([]);
  const [answer, setAnswer] = useState("");
  const [isRunning, setRunning] = useState(false);

  async function ask(submitted) {
    submitted.preventDefault();
    const { document, task, ...server } = Object.fromEntries(new FormData(submitted.target));
    setRunning(true);
    setSent([]);
    setAnswer("");
    try {
      const run = new Minion({ worker: engine, supervisor: openaiCompatible(server) }).run({ task, context: [document] });
      for await (const event of run) {
        if (event.type === "supervisor.request") setSent((sent) => [...sent, event.messages.at(-1).content]);
      }
      setAnswer((await run.result).answer);
    } catch (failure) {
      setAnswer(failure.message);
    }
    setRunning(false);
  }

  return (
    <>
      <form onSubmit={ask}>
        <label>Document <textarea name="document" rows="8" required /></label>
        <label>Question <input name="task" required /></label>
        <label>Server <input name="baseURL" defaultValue="https://api.openai.com/v1" required /></label>
        <label>Model <input name="model" defaultValue="gpt-4o" required /></label>
        <label>Key <input name="apiKey" type="password" /></label>
        <button disabled={!engine || isRunning}>{engine ? "Ask" : (error?.message ?? "Loading the worker …")}</button>
      </form>
      <h2>What leaves this page</h2>
      <ol>{sent.map((message, index) => <li key={index}>{message}</li>)}</ol>
      <h2>Answer</h2>
      <output>{answer}</output>
    </>
  );
}
