// Written by crates/minions-web/tests/event_types.rs: one event of every shape that Rust serializes.
import type { ErrorCode, MinionEvent } from "minions-web";

export const events = [
  {"type":"run.started","task":"t","chars":1},
  {"type":"round.started","round":1},
  {"type":"supervisor.request","round":1,"stage":"open","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]},
  {"type":"supervisor.delta","round":1,"stage":"open","delta":"d"},
  {"type":"supervisor.response","round":1,"stage":"decide","content":"c","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},
  {"type":"reply.rejected","round":1,"stage":"conclude","attempt":1,"reason":"r"},
  {"type":"worker.request","round":1,"message":"m"},
  {"type":"worker.delta","round":1,"delta":"d"},
  {"type":"round.finished","round":1,"decision":"provide_final_answer"},
  {"type":"round.finished","round":1,"decision":"request_additional_info","message":"m"},
  {"type":"reply.degraded","round":1,"stage":"open","fallback":"reply_as_message"},
  {"type":"reply.degraded","round":1,"stage":"open","fallback":"task_as_message"},
  {"type":"reply.degraded","round":1,"stage":"open","fallback":"reply_as_answer"},
  {"type":"reply.degraded","round":1,"stage":"open","fallback":"no_answer"},
  {"type":"worker.response","round":1,"content":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},
  {"type":"worker.response","round":1,"content":"c","finishReason":"length","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},
  {"type":"worker.response","round":1,"content":"c","finishReason":"content_filter","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},
  {"type":"run.finished","outcome":{"answer":"a","isRawReply":false,"rounds":1,"usage":{"local":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1},"remote":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},"transcript":{"turns":[{"speaker":"supervisor","round":1,"stage":"open","sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},{"speaker":"worker","round":1,"sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}}]}}},
  {"type":"run.finished","outcome":{"answer":null,"reason":{"code":"unknown","message":"The supervisor found no answer in what the worker reported."},"isRawReply":false,"rounds":1,"usage":{"local":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1},"remote":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},"transcript":{"turns":[{"speaker":"supervisor","round":1,"stage":"open","sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},{"speaker":"worker","round":1,"sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}}]}}},
  {"type":"run.finished","outcome":{"answer":null,"reason":{"code":"out_of_rounds","message":"The supervisor wanted to know more, and no round was left: allow more rounds."},"isRawReply":false,"rounds":1,"usage":{"local":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1},"remote":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},"transcript":{"turns":[{"speaker":"supervisor","round":1,"stage":"open","sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},{"speaker":"worker","round":1,"sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}}]}}},
  {"type":"run.finished","outcome":{"answer":null,"reason":{"code":"unreadable_reply","message":"The supervisor's last reply was not the JSON object that it was asked for."},"isRawReply":false,"rounds":1,"usage":{"local":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1},"remote":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},"transcript":{"turns":[{"speaker":"supervisor","round":1,"stage":"open","sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}},{"speaker":"worker","round":1,"sent":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"reply":"c","finishReason":"stop","usage":{"prompt_tokens":4,"completion_tokens":3,"cached_tokens":2,"reasoning_tokens":1}}]}}},
] satisfies MinionEvent[];

export const codes = {
  "webgpu_unavailable": true,
  "device_lost": true,
  "out_of_memory": true,
  "unknown_model": true,
  "download_failed": true,
  "invalid_model": true,
  "context_overflow": true,
  "invalid_request": true,
  "busy": true,
  "auth_failed": true,
  "rate_limited": true,
  "provider_error": true,
  "network_error": true,
  "timeout": true,
  "bad_reply": true,
  "internal": true,
} satisfies Record<ErrorCode, true>;

const types = events.map((event) => event.type);
/** Fails to compile if TypeScript knows a type of event that Rust does not have. */
export const all: (typeof types)[number] = null as unknown as MinionEvent["type"];
