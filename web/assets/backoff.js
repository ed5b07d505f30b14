/** Growing delays with jitter, so that a relay that restarts is not met by all its viewers in the same moment. */
export class Backoff {
  #step = 0;

  constructor({ first = 500, max = 15_000, random = Math.random } = {}) {
    this.first = first;
    this.max = max;
    this.random = random;
  }

  /** The next delay in milliseconds: between half and all of first × 2ⁿ, at most max. */
  next() {
    const full = Math.min(this.max, this.first * 2 ** this.#step);
    if (full < this.max) this.#step++;
    return full / 2 + (this.random() * full) / 2;
  }

  reset() {
    this.#step = 0;
  }
}
