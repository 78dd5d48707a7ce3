/** What a paused download waits at. */
export class Gate {
  #closed: Promise<void> | undefined;
  #open = () => {};

  set isPaused(isPaused: boolean) {
    if (!isPaused) {
      this.#open();
      this.#closed = undefined;
    } else this.#closed ??= new Promise((resolve) => (this.#open = resolve));
  }

  /** Resolves when the download may go on; nothing to wait for if it is not paused. */
  pass(signal: AbortSignal): Promise<void> | undefined {
    const closed = this.#closed;
    return closed && new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void closed.then(resolve);
    });
  }
}
