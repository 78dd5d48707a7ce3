/** Where a model comes from. */
export type ModelSource =
  | ModelAddress
  | HubModel
  | {
      /** A `.gguf` file. */
      file: Blob;
    }
  | {
      /**
       * The files of a folder in Hugging Face's layout, or one `.gguf` file: by name, or as an `<input type="file">` has them,
       * with `webkitdirectory` or `multiple`.
       */
      files: Record<string, Blob> | FileList | readonly File[];
    }
  | {
      /** A folder on the user's disk with the same, as `showDirectoryPicker()` gives it. It is read each time the model is loaded. */
      folder: FileSystemDirectoryHandle;
    };

/** Where a model can be fetched. */
export interface ModelAddress extends FetchTerms {
  /** The address of a `.gguf` file, or of a folder in Hugging Face's layout, ending in `/`. */
  url: string | URL;
}

/** A model in a repository of Hugging Face's hub, at `<hub>/<repo>/resolve/<revision>/<file>`. */
export interface HubModel extends FetchTerms {
  /** The repository: `owner/name`. */
  repo: string;
  /** A `.gguf` file in it; the whole repository, a folder in Hugging Face's layout, unless set. */
  file?: string | undefined;
  /** A branch, a tag or a commit; `main` unless set. */
  revision?: string | undefined;
  /** A server with the hub's paths, such as a mirror or your own; `https://huggingface.co` unless set. */
  hub?: string | URL | undefined;
}

/** How a model is to be fetched. */
export interface FetchTerms {
  /** Other addresses of the same, tried in turn where that one fails. */
  mirrors?: (string | URL)[] | undefined;
  /**
   * The SHA-256 that the file must have, in hexadecimal digits; for a model in several files, those of any of them by name.
   * What Hugging Face's hub says of its large files is checked in any case.
   */
  sha256?: string | Record<string, string> | undefined;
  /**
   * An access token for a gated model, or a function that gives it. Sent to the model's own
   * host only, not to mirrors, and never stored. The function is asked whenever the model is loaded, also after a sleep.
   */
  token?: string | (() => string | Promise<string>) | undefined;
}

/** What runs the model: `auto` takes the GPU where there is one and the CPU otherwise. */
export type Device = "auto" | "gpu" | "cpu";

/** ggml's block formats that weights can be quantised to: 8 or 4 bits, and a scale for every 32 weights. */
export type Quantization = "q8_0" | "q4_0";

/** How the cache holds keys and values: 32-bit floats, or 8 bits a number and a scale for every 32 of them. */
export type KvFormat = "f32" | "q8_0";

/** How far loading is, by `phase`: `loaded` of `total` are bytes, and kernels for `compile`. */
export type Progress =
  /** Another tab is fetching this file: it is waited for, so that it is fetched once. */
  | { phase: "wait"; file: string; loaded: 0; total: 0 }
  | DownloadProgress
  /**
   * The last attempt to load this model ended with its tab, most likely for lack of memory: this one takes half the
   * context and cache that it took, whatever the options say, but no context below 512 tokens unless they ask for less.
   */
  | { phase: "caution"; loaded: 0; total: 0; contextLength: number; cacheTokens: number }
  /** The weights go to the device. */
  | { phase: "upload"; loaded: number; total: number }
  /** The kernels are compiled. */
  | { phase: "compile"; loaded: number; total: number }
  /** The model can be used. */
  | { phase: "ready"; elapsedMs: number };

/** A file arrives, or was found in the browser's storage. */
export interface DownloadProgress {
  /** Always this. */
  phase: "download";
  /** The file's name. */
  file: string;
  /** What is there of it, what an earlier load has left included. */
  loaded: number;
  /** 0 where the server does not say how long it is. */
  total: number;
  /** The rate of the last seconds. */
  bytesPerSecond: number;
  /** `null` while that cannot be told. */
  secondsLeft: number | null;
  /** Whether the file is kept, so that a broken download goes on and the next load needs none. */
  stored: boolean;
}

/** What a loaded model is. */
export interface ModelInfo {
  /** The model's own name, or its file's. */
  name: string;
  /** The family, as its file says. */
  architecture: string;
  /** The most tokens that prompt and reply may have together. */
  contextLength: number;
  /** How most weights are encoded. */
  quantization: string;
  /** Weights on the device in bytes. */
  sizeBytes: number;
  /** How many weights there are. */
  parameters: number;
  /** How many tokens the cache has room for. */
  cacheTokens: number;
  /** The cache in bytes. */
  cacheBytes: number;
  /** What steps compute at their largest in bytes, an estimate. */
  activationBytes: number;
}

/** What became of a variant of the kernels on this adapter: each was tried against the plain one when the model was loaded. */
export interface KernelOverlay {
  /** The kernel; `null` for all there are. */
  kernel: string | null;
  /** 16-bit floats, sums over subgroups, or products of four bytes at once. */
  overlay: "f16" | "subgroups" | "dp4a";
  /** Why it is switched off; `null` when the kernel runs with it. */
  reason: string | null;
}

/** How fast a model is on a device, in tokens per second. */
export interface Speed {
  /** Tokens of a prompt that are read. */
  prefill: number;
  /** Tokens of a reply that is written alone. */
  decode: number;
  /** Tokens of all replies together, where eight are written at a time. */
  batchDecode: number;
}

/** How the hidden states of a text's tokens become one vector: their mean, or that of the last token. */
export type Pooling = "mean" | "last";

/** What runs a loaded model. */
export interface Adapter {
  /** GPU or CPU. */
  kind: "gpu" | "cpu";
  /** The adapter's own name. */
  name: string;
  /** The graphics API behind it. */
  backend: string;
  /** Why this and not the GPU; `null` on the GPU. */
  reason: string | null;
  /** Features of the device that kernels may use. */
  features: string[];
  /** Which kernels of the loaded model run in which variant, and which could not and why. */
  overlays: KernelOverlay[];
  /** The largest buffer in bytes. */
  maxBufferBytes: number;
  /** The largest part of a buffer that one kernel can see, in bytes. */
  maxBindingBytes: number;
}
