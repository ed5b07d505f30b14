// How the relay's clock relates to this page's: the answer with the shortest round trip is the most exact one.

/** Samples older than this are forgotten, because clocks drift and are set. */
const KEEP_MS = 30_000;

export class Clock {
  #samples = [];

  /**
   * Takes one answer. `sent` and `now` are on the page's clock, `relay` on the relay's, all in milliseconds.
   */
  sample(sent, now, relay) {
    const rtt = now - sent;
    if (!(rtt >= 0) || !Number.isFinite(relay)) return;
    this.#samples.push({ at: now, rtt, offset: relay - (sent + rtt / 2) });
    this.#samples = this.#samples.filter((s) => now - s.at <= KEEP_MS);
  }

  /** Forgets everything: after a reconnection it may be another relay. */
  reset() {
    this.#samples = [];
  }

  /** Relay's time minus page's time in milliseconds, or null as long as it is not known. */
  get offset() {
    return this.#best()?.offset ?? null;
  }

  /** The shortest round trip of the kept samples in milliseconds, or null. */
  get rtt() {
    return this.#best()?.rtt ?? null;
  }

  #best() {
    return this.#samples.reduce((best, s) => (best && best.rtt <= s.rtt ? best : s), null);
  }
}
