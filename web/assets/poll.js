const FAST_MS = 1000;
const SLOW_MS = 15_000;

/** Asks again and again while the page is seen: every second while `ask` resolves with true, else every 15 s. */
export class Poller {
  #ask;
  #timer = 0;
  #running = false;
  #asking = false;
  #again = false;
  #onVisibility = () => this.soon();

  /** `ask` deals with its own errors. */
  constructor(ask, { fast = FAST_MS, slow = SLOW_MS } = {}) {
    Object.assign(this, { fast, slow });
    this.#ask = ask;
  }

  start() {
    this.#running = true;
    document.addEventListener("visibilitychange", this.#onVisibility);
    return this.soon();
  }

  stop() {
    this.#running = false;
    document.removeEventListener("visibilitychange", this.#onVisibility);
    clearTimeout(this.#timer);
  }

  /** Asks now. An answer that is on its way may be from before: then it is asked once more. */
  async soon() {
    clearTimeout(this.#timer);
    if (!this.#running || document.hidden) return;
    this.#again = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    const fast = await this.#ask().catch(() => false);
    this.#asking = false;
    if (!this.#running) return;
    if (this.#again) await this.soon();
    else if (!document.hidden) this.#timer = setTimeout(() => this.soon(), fast ? this.fast : this.slow);
  }
}
