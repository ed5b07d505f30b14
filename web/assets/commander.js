/**
 * Sends changes of settings one message at a time: what is changed while one is under way goes with the next, so that a slider neither
 * floods a camera nor lags behind. `send(settings, take)` resolves with {ok, error, busy}; `done(answer, settings)` hears of each.
 */
export class Commander {
  #wanted = {};
  #flying = null;
  #refused = null;
  #send;
  #done;

  constructor(send, done) {
    this.#send = send;
    this.#done = done;
  }

  change(name, value) {
    this.#wanted[name] = value;
    return this.#next(false);
  }

  /** Sends what was refused because somebody else controls the camera once more, and takes over. */
  takeOver() {
    this.#wanted = { ...this.#refused, ...this.#wanted };
    this.#refused = null;
    return this.#next(true);
  }

  /** Whether a value is on its way. */
  pending(name) {
    return name in this.#wanted || (this.#flying !== null && name in this.#flying);
  }

  async #next(take) {
    if (this.#flying || !Object.keys(this.#wanted).length) return;
    this.#flying = this.#wanted;
    this.#wanted = {};
    const answer = await this.#send(this.#flying, take);
    const settings = this.#flying;
    this.#flying = null;
    if (answer.busy) {
      this.#refused = { ...this.#refused, ...settings, ...this.#wanted };
      this.#wanted = {};
    }
    this.#done(answer, settings);
    await this.#next(false);
  }
}
