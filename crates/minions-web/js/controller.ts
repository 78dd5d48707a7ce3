/**
 * Pauses a download and lets it go on.
 *
 * ```ts
 * const controller = new DownloadController();
 * const loading = Engine.load(url, { controller });
 * controller.pause();
 * controller.resume();
 * ```
 */
export class DownloadController extends EventTarget {
  #isPaused = false;

  /** Whether nothing is fetched for now. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Fetches nothing until {@link DownloadController.resume}; what is there stays. */
  pause(): void {
    this.#set(true);
  }

  /** Fetches again. */
  resume(): void {
    this.#set(false);
  }

  #set(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    this.dispatchEvent(new Event("change"));
  }
}
