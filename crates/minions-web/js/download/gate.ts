/** What a paused download waits at. */
export class Gate {
  #closed: Promise<void> | undefined;
  #open = () => {};

  /** Resolves when the download may go on. */
  readonly going = (): Promise<void> | undefined => this.#closed;

  set isPaused(isPaused: boolean) {
    if (!isPaused) {
      this.#open();
      this.#closed = undefined;
    } else this.#closed ??= new Promise((resolve) => (this.#open = resolve));
  }
}
