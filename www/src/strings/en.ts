/**
 * The page in English, view by view. Another language is another file like this one, for `../strings.ts` to choose.
 *
 * A message is a text. Where a number or a name goes in, it is a function, so that a language can put it where it belongs and
 * choose the forms that go with it. Where markup stands within a sentence, it is a Lit template.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { ChunkBy, ErrorCode, Fallback, JobCounts, JobStatus, PrivateKind, Stage } from "minions-web";
import type { Protocol } from "../protocols.js";
import type { Key } from "../settings.js";
import type { ServerName } from "../supervisors.js";
import type { Stretch } from "../timing.js";

const LOCALE = "en";

const integer = new Intl.NumberFormat(LOCALE);
const oneDigit = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const timeOfDay = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dateAndTime = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });

const count = (value: number): string => integer.format(value);

const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;

function bytes(value: number): string {
  if (value < 1000) return plural(value, "byte");
  if (value < 1e6) return `${oneDigit.format(value / 1e3)} kB`;
  if (value < 1e9) return `${oneDigit.format(value / 1e6)} MB`;
  return `${oneDigit.format(value / 1e9)} GB`;
}

const seconds = (milliseconds: number): string => `${oneDigit.format(milliseconds / 1000)} s`;

/** A length of time that is not known to the second. */
function duration(seconds: number): string {
  if (seconds < 90) return `about ${plural(Math.max(Math.round(seconds), 1), "second")}`;
  if (seconds < 5400) return `about ${plural(Math.round(seconds / 60), "minute")}`;
  return `about ${plural(Math.round(seconds / 3600), "hour")}`;
}

/** A length of time that is not known to the second, for a table. */
function brief(seconds: number): string {
  if (seconds < 0.5) return "at once";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** An amount in the price table's currency; small ones keep two digits that say something. */
function money(value: number): string {
  const digits = value === 0 || value >= 0.01 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(value)));
  return `$${value.toFixed(digits)}`;
}

/** How many times one amount is another. */
function times(ratio: number): string {
  return ratio < 1.05 ? "about" : `${ratio < 10 ? oneDigit.format(ratio) : count(Math.round(ratio))} times`;
}

function parameters(value: number): string {
  return value < 1e9 ? `${oneDigit.format(value / 1e6)} million` : `${oneDigit.format(value / 1e9)} billion`;
}

/** The documents of a run in a word, with their size. */
const text = (documents: number, size: number): string =>
  documents > 1 ? `text of ${documents} documents (${bytes(size)})` : `document (${bytes(size)})`;

const needs = (memory: number): string => `It takes at least ${bytes(memory)} of memory`;

const proxy = "write the address of a proxy of yours";

export const en = {
  amounts: {
    count,
    bytes,
    seconds,
    brief,
    money,
    time: (at: Date): string => timeOfDay.format(at),
    date: (at: number): string => dateAndTime.format(at),
  },

  page: {
    title: "Minions in the browser",
    lead: html`A small model <span class="here">on this device</span> reads your document. A large model
      <span class="away">in the cloud</span> thinks. You see every word that passes between them.`,
    footer:
      "No account, no analytics, no third-party code. What the worker says can be wrong: check it against the document before " +
      "you rely on it.",
    runStarted: "The run has started.",
    runStopped: "The run was stopped.",
    runFailed: (title: string, advice: string) => `The run failed. ${title}. ${advice}`,
    recordedCannotGoOn: "The recorded supervisor has only its one question. Choose a live supervisor to ask on.",
    otherDocuments: "The documents are others now: the next question begins anew.",
  },

  /** What stands in the way of what the user wants. */
  refusals: {
    noWorkerToAsk: "The worker does the asking, and there is none yet.",
    running: "A run is in progress. Wait for it to end, or stop it.",
    loading: "The worker is still loading.",
    noWorker: "There is no worker. Load a model first.",
    noDocument: "The document is empty. Paste a text or open a file.",
    noQuestion: "There is no question. Write what you want to know.",
    notRecorded: "The recorded supervisor has only its own question. Restore it, or choose a live supervisor.",
    noModel: "Name the supervisor’s model.",
    rounds: "Allow between 1 and 10 rounds.",
    placeholder: (placeholder: string) => `Write yours in place of ${placeholder} in the base URL.`,
    noAddress: "The base URL is not an address such as https://api.openai.com/v1.",
    notEncrypted: "The base URL must begin with https:. Only servers on this computer may be asked over http:.",
    noKey: "There is no API key. Enter yours, or choose the recorded supervisor.",
    notListed: (origin: string) =>
      `This page may not connect to ${origin}. Whoever hosts it can allow that: connect-src of its Content-Security-Policy.`,
  },

  /** By the error's code: the package's, and one of the page's own. */
  failures: {
    webgpu_unavailable: {
      title: "WebGPU is not available",
      advice: "Choose “Automatic” or “CPU” as the device, or open this page in a current Chrome, Edge or Safari.",
    },
    device_lost: {
      title: "The GPU was reset or taken away",
      advice: "Load the model again. A smaller model helps if this repeats.",
    },
    out_of_memory: {
      title: "The model does not fit",
      advice: "Choose a smaller model, or a more strongly quantised file of it.",
    },
    unknown_model: {
      title: "This model cannot be used",
      advice: "Choose a GGUF file of a Llama, Mistral, Qwen, SmolLM, Gemma, Phi or Granite model.",
    },
    download_failed: {
      title: "The model could not be fetched",
      advice: "Check the address. Its server must allow other sites to read the file (CORS).",
    },
    integrity_failed: {
      title: "The file was damaged or exchanged on its way",
      advice: "Load it again. If that repeats, the file at this address is not the one that is expected.",
    },
    invalid_model: {
      title: "The file is not a usable model",
      advice: "The file may be damaged or cut short. Download it again.",
    },
    context_overflow: {
      title: "The document is too long for this worker",
      advice: "Choose MinionS, which reads in pieces, shorten the document, or load a worker model with a longer context.",
    },
    invalid_request: {
      title: "The request is not possible as it stands",
      advice: "Change what the message names and run again.",
    },
    busy: { title: "A run is already in progress", advice: "Wait for it to end, or stop it." },
    auth_failed: {
      title: "Access was refused",
      advice: "Check that the key or token is complete, still valid, and meant for this server and model.",
    },
    rate_limited: {
      title: "The server asks to slow down",
      advice: "It was asked again and still refused. Wait a while, or check the account’s quota and credit.",
    },
    provider_error: {
      title: "The supervisor answered with an error",
      advice: "Check the base URL and the model’s name. If both are right, the fault is the server’s: try again later.",
    },
    network_error: {
      title: "The supervisor could not be reached",
      advice: "Check the base URL and your connection, then run again.",
    },
    timeout: { title: "The supervisor took too long", advice: "Try again, or choose a faster model." },
    bad_reply: {
      title: "The supervisor’s reply makes no sense here",
      advice: "The server does not seem to speak the OpenAI chat completions protocol at this base URL.",
    },
    internal: {
      title: "Something broke in this page",
      advice: "The worker is started again when needed: load the model once more. Please report this.",
    },
    stopped: {
      title: "Loading was stopped",
      advice: "What was fetched is kept: the next attempt goes on from there.",
    },
  } satisfies Record<ErrorCode | "stopped", { title: string; advice: string }>,

  worker: {
    heading: "Worker",
    where: "on this device",
    again: "Try again",
    loadDemo: "Load the demo worker",
    readyOnGpu: (elapsedMs: number) => `Ready on the GPU, loaded in ${seconds(elapsedMs)}.`,
    readyOnCpu: (elapsedMs: number) => `Ready on the CPU, loaded in ${seconds(elapsedMs)}.`,
    notOnGpu: (reason: string) => `Not on the GPU: ${reason}.`,
    progress: "Loading the worker",
    notKept: "This browser does not keep it: the next visit fetches it again.",
    pause: "Pause",
    resume: "Go on",
    stop: "Stop loading",
    model: "Model",
    size: "Size",
    sizeOf: (of: { parameters: number; sizeBytes: number; quantization: string }) =>
      `${parameters(of.parameters)} parameters, ${bytes(of.sizeBytes)}, ${of.quantization}`,
    reads: "Reads",
    readsTokens: (tokens: number) => `up to ${plural(tokens, "token")} at a time`,
    runsOn: "Runs on",
    demo: (size: number, card: string) => html`This is a demonstration model: ${parameters(size)} parameters, trained from nothing
      on synthetic text. It looks up facts stated in short documents and often errs. <a href=${card}>Model card</a>`,
    other: "Use another model or device",
    device: "Device",
    devices: { auto: "Automatic", gpu: "GPU", cpu: "CPU" },
    file: "Or a GGUF file on this computer",
    openFile: "Open a file…",
    address: "Or the address of one",
    addressPlaceholder: "https://…/model.gguf",
    addressHint:
      "Llama, Mistral, Qwen, SmolLM, Gemma, Phi or Granite, in any of GGUF’s usual formats. The server must allow other sites " +
      "to read it.",
    noAddress: "This is not an address.",
    load: "Load",
    catalogue: "A model of Hugging Face’s hub",
    entry: (name: string, size: number, isStored: boolean) => `${name}, ${bytes(size)}${isStored ? " (stored here)" : ""}`,
    entryFacts: (of: { parameters: number; sizeBytes: number; quantization: string; licence: string }, isStored: boolean) =>
      `${parameters(of.parameters)} parameters, ${of.quantization}, ${of.licence}; ` +
      `${isStored ? "stored in this browser" : `${bytes(of.sizeBytes)} to fetch, once`}.`,
    deleteEntry: "Delete it from this browser",
  },

  /** How far a model is that is being loaded. */
  loading: {
    starting: (name: string) => `Starting the engine for ${name}…`,
    waiting: (file: string) => `Another tab is fetching ${file}; waiting for it…`,
    caution: (name: string, tokens: number) =>
      `The last attempt to load ${name} ended with its page; trying with room for ${count(tokens)} tokens…`,
    fetching: (of: { file: string; loaded: number; total: number; bytesPerSecond: number; secondsLeft: number | null }) => {
      const share = of.total > 0 ? `${bytes(of.loaded)} of ${bytes(of.total)}` : bytes(of.loaded);
      const rate = of.bytesPerSecond > 0 && of.loaded < of.total ? `, ${bytes(of.bytesPerSecond)} a second` : "";
      const left = of.secondsLeft ? `, ${duration(of.secondsLeft)} left` : "";
      return `Fetching ${of.file}: ${share}${rate}${left}`;
    },
    uploading: (loaded: number, total: number) => `Handing over the weights: ${bytes(loaded)} of ${bytes(total)}`,
    compiling: (loaded: number, total: number) => `Preparing the kernels: ${count(loaded)} of ${count(total)}`,
    ready: "Almost ready…",
  },

  /** Whether a model may fit, by the memory that it takes in bytes, and that of the device in GB. */
  verdict: {
    tooMuchForCpu: (memory: number) => `${needs(memory)}: too much for the CPU, which a page may use with 4 GB.`,
    onCpu: (memory: number) => `${needs(memory)} and runs on the CPU, slowly.`,
    unknown: (memory: number) => `${needs(memory)}; how much there is, this browser does not tell.`,
    atLeast8: (memory: number) => `${needs(memory)}; this device has 8 GB or more.`,
    enough: (memory: number) => `${needs(memory)}; this device should have that.`,
    tooMuch: (memory: number, device: number) => `${needs(memory)}: more than this device has, about ${device} GB.`,
    maybe: (memory: number, device: number) => `${needs(memory)}; this device has about ${device} GB for everything.`,
  },

  document: {
    heading: "Document",
    headings: "Documents",
    /** What a text without a name is called: by itself, and within a sentence. */
    unnamed: "Pasted text",
    unnamedWithin: "pasted text",
    leaves: { never: "never sent", maybe: "may be sent: as you set", whole: "sent whole: remote only" },
    placeholder: "Paste a text here, or drop files.",
    size: (characters: number, tokens: number, documents: number) =>
      `${count(characters)} characters, about ${plural(tokens, "token")}${documents > 1 ? ` in ${documents} documents` : ""}`,
    reading: (name: string) => `Reading ${name}…`,
    stopReading: "Stop",
    pagesRead: "Pages read",
    tooLong: (tokens: number) =>
      `The worker reads up to ${count(tokens)} tokens at a time, its reply included: this may not fit. MinionS reads in pieces.`,
    aside: "What you had before is kept.",
    takeUp: "Take it up again",
    openFiles: "Open files…",
    clear: "Clear",
    remove: (name: string) => `Remove ${name}`,
    samples: "Try a sample",
    sampleFailed: "The sample could not be fetched: try again.",
  },

  /** Why a file could not be read, or not all of it. */
  reading: {
    tooLarge: (name: string, megabytes: number) => `${name} is larger than this page reads (${count(megabytes)} MB).`,
    tooMuchText: (name: string, megabytes: number) => `${name} has more text than this page reads (${count(megabytes)} MB).`,
    archive: (name: string) => `${name} is a Word file or another archive: save it as text or PDF first.`,
    notText: (name: string) => `${name} is not a plain text file.`,
    noReader: (name: string) => `${name} is a PDF, and what reads those could not be fetched: try again.`,
    changed: (name: string) => `${name} cannot be read: it was moved or changed meanwhile.`,
    cutShort: (name: string) => `${name} is damaged: its end is missing.`,
    stopped: (name: string) => `${name} was not read: you stopped it.`,
    scanned: (name: string) =>
      `${name} has pictures of pages but no text: it was scanned. Run text recognition (OCR) over it first.`,
    locked: (name: string) => `${name} is locked with a password: save it without one first.`,
    damaged: (name: string) => `${name} is damaged: its pages cannot be read.`,
    partlyScanned: (name: string, empty: number, pages: number) => {
      const which =
        empty > pages / 2
          ? `Most of ${name} was scanned: ${count(empty)} of its ${plural(pages, "page")}`
          : `${count(empty)} of the ${plural(pages, "page")} of ${name}`;
      return `${which} ${empty === 1 ? "has" : "have"} no text, and what pictures show is not read.`;
    },
  },

  /** A place in a document, and the way there and back. */
  place: {
    show: "Show it in the document",
    label: (name: string) => `${name}, as it was read`,
    back: "Back to the citation",
    edit: "Edit the text",
  },

  question: {
    heading: "Question and supervisor",
    sends: {
      nothing: "nothing is sent",
      all: "question and document are sent",
      question: "the question is sent",
      maybeDocument: "the question is sent, the document may be",
    },
    question: "Question",
    supervisor: "Supervisor",
    recorded: "Recorded supervisor",
    recordedHint: "Needs no key. Its words were written beforehand for the sample record; the worker’s replies are live.",
    server: "A model of a provider, or a server of yours",
    serverHint: "With your key where it wants one, asked straight from this page.",
    run: "Run",
    running: "Running…",
    stop: "Stop",
    protocol: "Protocol",
    recordedProtocol: "The recorded supervisor knows only this one; another choice takes a live supervisor.",
    hide: "Hide names and identifiers from the cloud",
    hideHint: "Found by rules, not by a model: what the rules miss is sent. The answer has the names again.",
    hideAlso: "Hide these as well",
    hideAlsoPlaceholder: "Names or words, separated by commas",
    otherQuestion: (restore: (words: string) => TemplateResult) => html`The recorded supervisor has only its own question.
      ${restore("Restore it")}, or choose a live supervisor, or “Local only” as the protocol.`,
    otherDocument:
      "The recorded supervisor’s conclusion was written for the sample record. With this document only the worker’s replies " +
      "mean something.",
    provider: "Provider",
    baseURL: "Base URL",
    key: "API key",
    keyIfWanted: "API key, if the server wants one",
    keyHint: "Sent to this base URL alone. Kept in this tab’s memory, never stored; forgotten with another provider.",
    forget: "Forget",
    model: "Model",
    listModels: "List models",
    rounds: "Rounds",
    asking: "Asking…",
    answers: (models: number) => `It answers, and has ${plural(models, "model")}: choose one as you type.`,
  },

  protocols: {
    auto: {
      short: "Automatic",
      name: "Automatic",
      sentence: "Estimates what each way would cost, picks one that keeps the document here, and says why.",
    },
    minion: {
      short: "Minion",
      name: "Minion: a conversation",
      sentence: "The supervisor asks the worker one question after another. The document must fit into the worker’s context.",
    },
    minions: {
      short: "MinionS",
      name: "MinionS: many jobs at once",
      sentence: "The supervisor plans, the worker reads every piece of a long document, and checked quotes go up.",
    },
    local_only: {
      short: "Local only",
      name: "Local only",
      sentence: "No supervisor and nothing is sent; the worker’s own answer is as good as the worker.",
    },
    remote_only: {
      short: "Remote only",
      name: "Remote only",
      sentence: "Sends the whole document to the supervisor: for comparison, and for texts that are not private.",
    },
  } satisfies Record<Protocol, { short: string; name: string; sentence: string }>,

  supervisors: {
    withAccount: "With an account",
    here: "On this computer",
    byAddress: "By its address",
    names: {
      openai: "OpenAI",
      azure: "Azure OpenAI",
      anthropic: "Anthropic",
      gemini: "Google Gemini",
      together: "Together AI",
      deepseek: "DeepSeek",
      mistral: "Mistral",
      groq: "Groq",
      perplexity: "Perplexity",
      xai: "xAI",
      cerebras: "Cerebras",
      sambanova: "SambaNova",
      fireworks: "Fireworks",
      cohere: "Cohere",
      qwen: "Qwen (Alibaba Cloud)",
      moonshot: "Moonshot",
      "ollama-cloud": "Ollama’s cloud",
      openrouter: "OpenRouter",
      huggingface: "Hugging Face",
      vercel: "Vercel AI Gateway",
      cloudflare: "Cloudflare AI Gateway",
      ollama: "Ollama",
      lmstudio: "LM Studio",
      llamacpp: "llama.cpp’s server",
      vllm: "vLLM",
      tokasaurus: "tokasaurus",
      lemonade: "Lemonade",
      other: "Another server",
    } satisfies Record<ServerName, string>,
    answersIfSet: (name: string, setting: string) => `To answer web pages, ${name} needs ${setting}.`,
    answersNot: (name: string) => `${name} answers no web pages: ${proxy}.`,
    mayAnswer: (name: string) => `Whether ${name} answers web pages is not known. If it does not, ${proxy}.`,
    other: "Any server that speaks OpenAI’s chat completions and answers web pages (CORS).",
  },

  forecasts: {
    summary: "Predicted time, tokens and cost",
    timing: "The worker is being timed…",
    later: "As soon as the worker is free.",
    caption: "What each protocol would take",
    protocol: "Protocol",
    time: "Time",
    tokens: "Cloud tokens",
    cost: "Cost",
    choice: (protocol: string, reason: string) => html`Automatic would take <strong>${protocol}</strong>: ${reason}`,
    speeds: (reads: number, writes: number, together: number) =>
      `Estimates. The worker reads ${count(reads)} tokens a second here and writes ${count(writes)}, or ${count(together)} ` +
      "with many replies at a time.",
    documentsLeave: "the documents leave",
  },

  settings: {
    heading: "Settings",
    changed: (settings: number) => `${plural(settings, "setting")} changed`,
    unchanged: "none changed",
    noneForRemoteOnly: "Remote only has none: the supervisor reads the document itself.",
    ofRuns: "Runs with this protocol",
    ofLoading: "The worker, when a model is loaded next",
    reset: "Reset all",
    hint:
      "The address of this page holds what is changed here, and nothing else of what you do: no document, no question, no key. " +
      "A bookmark brings it back.",
    wrong: (min: number, max: number) => `Not used: only whole numbers from ${count(min)} to ${count(max)} can be.`,
    /** Each with what it is as long as it is not set, and what there is to choose. */
    knobs: {
      costSensitivity: {
        label: "How much the supervisor’s cost matters",
        hint: "What “Automatic” goes by when it picks a protocol.",
        unset: "Medium: the cheapest way of full quality",
        choices: { low: "Low: quality first", high: "High: few supervisor tokens", max: "Most: no supervisor at all" },
      },
      documentsMayLeave: {
        label: "The documents may be sent",
        hint: "Then “Automatic” may pick remote only, which sends them whole.",
      },
      workerMaxTokens: {
        label: "Longest reply, in tokens",
        hint:
          "The worker’s: it is asked for facts, not for essays. In MinionS a reply that is cut off is asked for again with " +
          "twice as many.",
        unset: "256",
      },
      samples: {
        label: "Attempts at each question",
        hint: "The supervisor sees all of the worker’s attempts and judges them.",
        unset: "1",
      },
      tasksPerRound: {
        label: "Most tasks of a plan",
        hint: "Every task is put to every piece. The paper finds more than 16 harmful.",
        unset: "3",
      },
      samplesPerTask: {
        label: "Attempts at each job",
        hint: "How often a task is put to the same piece, where the plan does not say.",
        unset: "1",
      },
      maxJobsPerRound: {
        label: "Most jobs of a round",
        hint: "Pieces times tasks times attempts; a plan that needs more is refused.",
        unset: "2,048",
      },
      maxJobs: {
        label: "Most pieces that are read",
        hint: "Of a longer document those that share words with the question.",
        unset: "2,048",
      },
      maxChunkSize: {
        label: "Longest piece, in characters",
        hint: "What the worker reads at once; less where the model cannot read so much.",
        unset: "32,000; local only 3,000",
      },
      maxConcurrency: {
        label: "Jobs at the same time",
        hint: "The included engine works on up to 32 together.",
        unset: "32",
      },
      maxEvidenceChars: {
        label: "Most evidence, in characters",
        hint: "What goes up in a round of all that the worker found.",
        unset: "6,000",
      },
      seed: {
        label: "Seed",
        hint: "The same seed makes the worker’s attempts the same again.",
        unset: "0",
      },
      keepUnsupported: {
        label: "Send up answers without a valid quote, too",
        hint: "More is found, and more of it is wrong.",
      },
      verbatimCitations: {
        label: "Hold the worker to quotes that stand in the text word for word",
        hint: "It cannot write any other.",
      },
      twoStepSynthesis: {
        label: "Let the supervisor think in one call and decide in another",
        hint: "As the reference implementation does; it costs a call a round more.",
      },
      contextLength: {
        label: "Context, in tokens",
        hint: "The most that prompt and reply may have together: at most the model’s own limit.",
        unset: "4,096, or what fits",
      },
      cacheTokens: {
        label: "Room of the cache, in tokens",
        hint: "For all replies that are worked on at a time: at least the context.",
        unset: "what fits in 512 MB",
      },
      kvCache: {
        label: "Form of the cache",
        hint: "In 8 bits about 3.5 times as many tokens fit, and replies are a little less exact.",
        unset: "32-bit floats",
        choices: { q8_0: "8 bits" },
      },
      quantize: {
        label: "Weights in 16 or 32 bits become",
        hint: "To take less memory. Weights that the file holds in fewer bits stay as they are.",
        unset: "what they are",
        choices: { q8_0: "8 bits", q4_0: "4 bits" },
      },
    } satisfies Record<Key, { label: string; hint: string; unset?: string; choices?: Record<string, string> }>,
  },

  run: {
    heading: "Conversation",
    stop: "Stop",
    nothingYet: html`Press <strong>Run</strong>. The supervisor asks the worker for what it needs to know, one question at a time
      or by a plan of many; the worker looks it up in the document; the supervisor draws the conclusion.`,
    running: "Running",
    answered: (rounds: number) => `Answered in ${plural(rounds, "round")}`,
    unanswered: "Ended without an answer",
    failed: "Failed",
    stopped: "Stopped",
    earlier: "Earlier questions",
    messages: "Messages",
    asked: "You asked: ",
    goOn: "Go on",
    saveAnswer: "Save the answer (Markdown)",
    compare: "Send the document too, and compare",
    saveTranscript: "Save the transcript (JSON)",
    followUp: "Follow up on this",
    followUpHint: "On the terms of the form above. The supervisor is told what was asked and answered so far.",
    askOn: "Ask on",
    round: (round: number) => `Round ${round}`,
    plan: "Plan",
    fallbackPlan: "Plan (ours: the supervisor’s could not be used)",
    worker: "Worker",
    supervisor: "Supervisor",
    recordedSupervisor: "Supervisor (recorded)",
    nothingHidden: "The rules found no names or identifiers to hide.",
    hidden: (what: string) => `Hidden from the supervisor: ${what}`,
    placeholders: (placeholders: string) => `In their place it sees ${placeholders}.`,
    tookTokens: (tokens: number, elapsedMs: number) => `${plural(tokens, "token")}, ${seconds(elapsedMs)}`,
    reasoning: "Its reasoning",
    thinking: "Thinking…",
    reading: "Reading the document…",
    noReply: "No reply.",
    emptyReply: "(an empty reply)",
    inDocument: "In the document",
    cutOff: "Cut off here.",
    stoppedHere: "Stopped. Nothing more was asked or sent after that.",
    answer: "Answer",
    noAnswer: "There is no answer.",
    wasNoAnswer: "There was no answer.",
    rawReply: "This is the supervisor’s last reply as it stands: it was not in the form asked for.",
    recording:
      "The supervisor is a recording: its words were written beforehand. The worker’s words, quoted in them, were found just " +
      "now.",
  },

  /** What an answer rests on. */
  evidence: {
    cited: "The answer rests on",
    found: "The worker found",
    more: (answers: number) => `${plural(answers, "more answer")} of the worker`,
    chunk: (chunk: number) => `chunk ${chunk}`,
    where: (chunk: TemplateResult | string, document: string | undefined, votes: number, hasQuote: boolean) =>
      html`${chunk}${document ? ` of ${document}` : nothing}${votes > 1 ? `, ${votes} times` : nothing}${hasQuote
        ? nothing
        : ", without a quote"}`,
  },

  /** What happens in a run, as the conversation remarks on it or as it is announced. */
  conversation: {
    chosen: (protocol: string, reason: string) => `${protocol} was chosen. ${reason}`,
    hidden: (what: string) => `Hidden from the supervisor: ${what}.`,
    jobsStarted: (jobs: number) => `${plural(jobs, "job")} started.`,
    jobsDone: (tally: string) => `Jobs done: ${tally}.`,
    supervisor: (text: string) => `Supervisor: ${text}`,
    worker: (text: string) => `Worker: ${text}`,
    answer: (text: string) => `Answer: ${text}`,
    rejected: (reason: string) => `The supervisor’s reply could not be used: ${reason}.`,
    cutOff: "The worker’s reply was cut off at its token limit.",
    canAnswer: "I can answer now.",
    plans: "This is my plan.",
    fallbacks: {
      reply_as_message: "The supervisor’s words are put to the worker as they stand.",
      task_as_message: "The worker is asked the task itself.",
      reply_as_answer: "The supervisor’s words as they stand are taken as the answer.",
      no_answer: "There is no answer in the supervisor’s last reply.",
      default_plan: "There is no usable plan: every piece of the document is asked the question itself.",
    } satisfies Record<Fallback, string>,
  },

  /** A plan's steps, one sentence each. */
  plan: {
    documents: (documents: number) => plural(documents, "document"),
    everything: "everything",
    previousHits: "what answered before",
    earlierAnswers: "the earlier answers",
    pieces: {
      section: "pieces of equal size",
      page: "pages",
      paragraph: "paragraphs",
      sentence: "groups of sentences",
      code: "definitions",
      none: "whole documents",
    } satisfies Record<ChunkBy, string>,
    cut: (what: string, pieces: string, size: number | null) =>
      `Cut ${what} into ${pieces}${size === null ? "" : ` of at most ${count(size)} characters`}.`,
    withWords: (best: number | undefined, words: readonly string[]) =>
      `Read only ${best ? `the best ${count(best)}` : "those"} with ${words.map((word) => `“${word}”`).join(" or ")}.`,
    matching: (pattern: string) => `Read only those that match ${pattern}.`,
    ask: (task: string, advice: string | undefined) => `Ask each: “${task}”${advice ? ` (${advice})` : ""}`,
    askTimes: (attempts: number) => `Ask ${count(attempts)} times.`,
    keep: (pattern: string) => `Keep answers that match ${pattern}.`,
  },

  jobs: {
    done: (done: number, all: number) => `${count(done)} of ${count(all)} jobs done`,
    ofRound: (round: number) => `Jobs of round ${round}`,
    first: (shown: number) => `The first ${count(shown)} are shown; the transcript has all.`,
    job: (job: number) => `Job ${job}`,
    jobIs: (job: number, status: string) => `Job ${job}: ${status}`,
    status: {
      waiting: "not read yet",
      supported: "found, with a quote",
      unsupported: "answered without a valid quote",
      absent: "does not say",
      truncated: "cut off",
      unreadable: "unreadable reply",
      failed: "could not be asked",
    } satisfies Record<JobStatus | "waiting", string>,
    attempts: (attempts: number) => `, asked ${attempts} times`,
    task: "Task",
    answer: "Answer",
    noAnswer: "none",
    quote: "Quote",
    error: "Error",
    chunk: (chunk: number, document: string | undefined) => `Chunk ${chunk}${document ? ` of ${document}` : ""}`,
    ofEarlierAnswers: "made of earlier answers",
    /** What became of a round's jobs, each with how many. */
    tally: {
      kept: (jobs: number) => `${count(jobs)} found`,
      absent: (jobs: number) => `${count(jobs)} do not say`,
      unsupported: (jobs: number) => `${count(jobs)} without a valid quote, left out`,
      filtered: (jobs: number) => `${count(jobs)} left out by the plan’s filter`,
      truncated: (jobs: number) => `${count(jobs)} cut off`,
      unreadable: (jobs: number) => `${count(jobs)} unreadable`,
      failed: (jobs: number) => `${count(jobs)} could not be asked`,
    } satisfies Partial<Record<keyof JobCounts, (jobs: number) => string>>,
  },

  /** What is hidden from the supervisor, each with how many. */
  hidden: {
    person: (number: number) => plural(number, "name of a person", "names of persons"),
    organization: (number: number) => plural(number, "organization"),
    address: (number: number) => plural(number, "address", "addresses"),
    email: (number: number) => plural(number, "e-mail address", "e-mail addresses"),
    phone: (number: number) => plural(number, "phone number"),
    ssn: (number: number) => plural(number, "social security number"),
    credit_card: (number: number) => plural(number, "card number"),
    bank_account: (number: number) => plural(number, "bank account"),
    id: (number: number) => plural(number, "identifier"),
    ip_address: (number: number) => plural(number, "IP address", "IP addresses"),
    date: (number: number) => plural(number, "date"),
    url: (number: number) => plural(number, "web address", "web addresses"),
    zip_code: (number: number) => plural(number, "postal code"),
    listed: (number: number) => plural(number, "listed text"),
    other: (number: number) => plural(number, "text"),
  } satisfies Record<PrivateKind | "other", (number: number) => string>,

  costs: {
    worker: "Worker, on this device",
    supervisor: "Supervisor",
    recordedSupervisor: "Supervisor, as recorded",
    tokens: (tokens: number) => `${count(tokens)} tokens`,
    aboutTokens: (tokens: number) => `about ${count(tokens)} tokens`,
    readAndWritten: (read: number, written: number) => `${count(read)} read, ${count(written)} written`,
    about: (amount: number) => `about ${money(amount)}`,
    instead: "Had the document been sent",
    time: "Time",
    wasSent: "The document was sent.",
    nothingPaid: "Nothing was paid for: no supervisor took part.",
    insteadCosts: (ratio: number) => `Sending the document would have cost ${times(ratio)} as much.`,
    insteadTakes: (ratio: number) => `Sending the document would have taken ${times(ratio)} as many of the supervisor’s tokens.`,
    insteadCostsLess: (ratio: number) =>
      `Sending so short a document would have cost less: this took ${times(ratio)} as much. But the document stayed here.`,
    insteadTakesLess: (ratio: number) =>
      `Sending so short a document would have taken less: this took ${times(ratio)} as many of the supervisor’s tokens. ` +
      "But the document stayed here.",
  },

  times: {
    summary: (worker: number, supervisor: number) =>
      `Where the time went: worker ${seconds(worker)}, supervisor ${seconds(supervisor)}`,
    stretch: (round: number, what: string) => `Round ${round}, ${what}`,
    what: { thinks: "supervisor", replies: "worker", jobs: "worker’s jobs" } satisfies Record<Stretch["what"], string>,
  },

  beside: {
    caption: "Side by side",
    answer: "Answer",
    noAnswer: "none",
    supervisor: "Supervisor",
    tokens: (tokens: number) => `${count(tokens)} tokens`,
    tokensAndCost: (tokens: number, cost: number) => `${count(tokens)} tokens, about ${money(cost)}`,
    time: "Time",
    document: "The document",
    sent: "was sent whole",
    stayed: "stayed here",
  },

  ledger: {
    heading: "Ledger",
    where: "what leaves this page",
    nothingYet:
      "Every message to the supervisor is listed here, whole, as it is sent. The document is not among them; what the worker " +
      "replies is, and it can quote the document.",
    nobody: html`<strong>Nothing left this page.</strong> No supervisor took part.`,
    recording: (requests: number, size: number) => html`<strong>Nothing left this page.</strong> The supervisor is a recording;
      these are the messages that a live one would have been sent: ${plural(requests, "request")}, ${bytes(size)}.`,
    server: (requests: number, size: number, host: string) => html`<strong
        >${plural(requests, "request")}, ${bytes(size)} of text</strong
      >, to ${host} and nowhere else. A request that failed for a passing reason may have been repeated.`,
    sentWhole: (documents: number, size: number) =>
      `The whole ${text(documents, size)} was sent: that is what “remote only” does.`,
    replaced: "Names and identifiers that the rules found were replaced before.",
    stayed: (documents: number, size: number) => `The ${text(documents, size)} stayed here.`,
    marked: (size: number) => html`The worker’s replies are <mark>marked</mark> above: ${bytes(size)} that can quote it, counted
      each time they are sent again.`,
    looking: "Looking for words of the document in what was sent…",
    checked: "Checked: no five words in a row come from the document.",
    checkedOutsideReplies: "Checked: outside those replies, no five words in a row come from the document.",
    leaked: (words: string) =>
      `Outside those replies, these words of the document are in the messages: “${words}”. They are part of your question, or ` +
      "ordinary words.",
    notSent: (round: number) => `Not sent, round ${round}`,
    sentTo: (host: string, round: number) => `To ${host}, round ${round}`,
    repeats: (messages: number) => `Repeats the ${plural(messages, "message")} above, and adds:`,
    stages: {
      open: "the question, and how to work with the worker",
      decide: "the worker’s reply",
      conclude: "the worker’s last reply, and a request to conclude",
      advise: "the question, to be told what to look for",
      decompose: "a request for a plan",
      think: "what the worker found, to think about",
      synthesize: "what the worker found, and a request to conclude",
      answer: "the question with the whole document",
      summarize: "earlier questions, to be summarised",
    } satisfies Record<Stage, string>,
    roles: { system: "Instructions", user: "This page says", assistant: "The supervisor said" },
  },

  history: {
    heading: "History",
    kept: (answers: number) => `${plural(answers, "answer")} kept`,
    nothingKept: "nothing is kept",
    keep: "Keep questions and answers in this browser",
    keepHint:
      "With the documents’ names, but not their text, and no key. Answers can quote a document. Without the tick, all of it is " +
      "deleted.",
    deleteAll: "Delete all",
  },

  /** An answer as a file in Markdown. */
  answerFile: {
    ground: (answer: string, quote: string | undefined, where: string) =>
      `${answer}${quote === undefined ? "" : ` — “${quote}”`} (${where})`,
    votes: (votes: number) => `${votes} times`,
    withoutQuote: "without a quote",
    how: "How it came about",
    documents: (names: string) => `Documents: ${names}`,
    protocol: (protocol: string, rounds: number) => `Protocol: ${protocol}, ${plural(rounds, "round")}`,
    worker: (name: string, tokens: number) => `Worker, on the user’s device: ${name}, ${count(tokens)} tokens`,
    noSupervisor: "Supervisor: none",
    supervisor: (name: string, tokens: number, cost: number | undefined) =>
      `Supervisor: ${name}, ${count(tokens)} tokens${cost === undefined ? "" : `, about ${money(cost)}`}`,
    recording: "a recording",
    modelAt: (model: string, host: string) => `${model} at ${host}`,
    check: "Models err: check the answer against the documents.",
  },
};
