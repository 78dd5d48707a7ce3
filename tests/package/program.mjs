// What every page does: load the demo model, answer one question. Runs in the page.

export const QUESTION = "What is the heart rate?";

/** Loads the model and has it continue a conversation, streamed. */
export async function complete({ device, question }) {
  const { Engine } = window.minions;
  const progress = [];
  const engine = await Engine.load("demo-worker.gguf", { device, onProgress: (p) => progress.push(p) });
  const stream = await engine.chat.completions.create({
    messages: [{ role: "user", content: question }],
    max_tokens: 16,
    temperature: 0,
    stream: true,
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const completion = await stream.finalCompletion();
  const result = { model: engine.model, adapter: engine.adapter, progress, chunks, completion };
  await engine.unload();
  return result;
}
