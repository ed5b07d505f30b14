import { Backoff } from "./backoff.js";
import { Clock } from "./clock.js";
import { decodeFrame, encodeAcks } from "./wire.js";

const PROTOCOL = "camrelay.view.v1";
const CONNECT_MS = 8000;
const CLOCK_MS = 5000;
const CLOCK_BURST_MS = [0, 200, 600];
/** A connection on which nothing came for so long, not even the answer to a clock message, is dead. */
const SILENT_MS = 2 * CLOCK_MS + 1000;
/** Only a connection that lasted starts the delays from the beginning. */
const STEADY_MS = 5000;
const GOING_AWAY = 1001;

/**
 * One camrelay.view.v1 connection that comes back by itself. `on` has the handlers
 * link({state, retryIn, code, opened}), text(message), frame(frame).
 */
export class ViewSocket {
  clock = new Clock();
  #on;
  #url;
  #socket = null;
  #backoff = new Backoff();
  #timers = new Set();
  #openedAt = 0;
  #heardAt = 0;
  #opened = false;

  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Connects now, whatever delay was still to come. */
  open() {
    if (this.#socket) return;
    this.#clear();
    this.#opened = false;
    this.#on.link({ state: "connecting" });
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#message(data);
    socket.onclose = ({ code }) => this.#lost(code);
    this.#after(CONNECT_MS, () => this.#opened || this.#lost(0));
  }

  /** Disconnects and stays so until open(). */
  close() {
    this.#drop();
    this.#on.link({ state: "off" });
  }

  /** Sends a JSON message; false if there is no connection. */
  send(message) {
    if (this.#opened) this.#socket.send(JSON.stringify(message));
    return this.#opened;
  }

  /** Acknowledges frames that are painted, or will never be. */
  ack(frames) {
    const now = performance.now();
    if (this.#opened) this.#socket.send(encodeAcks(frames.map(({ stream, seq, arrived }) => ({ stream, seq, hold: now - arrived }))));
  }

  #message(data) {
    this.#heardAt = performance.now();
    if (typeof data !== "string") {
      const frame = decodeFrame(data);
      if (frame) this.#on.frame({ ...frame, arrived: this.#heardAt });
      return;
    }
    const message = parse(data);
    if (message?.t === "welcome") this.#welcome();
    if (message?.t === "clock") this.clock.sample(message.client, this.#heardAt, message.relay / 1000);
    else if (message) this.#on.text(message);
  }

  #welcome() {
    this.#clear();
    this.#opened = true;
    this.#openedAt = this.#heardAt;
    this.clock.reset();
    for (const ms of CLOCK_BURST_MS) this.#after(ms, () => this.#askClock());
    const tick = () => {
      if (performance.now() - this.#heardAt > SILENT_MS) return this.#lost(0);
      this.#askClock();
      this.#after(CLOCK_MS, tick);
    };
    this.#after(CLOCK_MS, tick);
    this.#on.link({ state: "open" });
  }

  #askClock() {
    this.send({ t: "clock", client: performance.now() });
  }

  #lost(code) {
    const opened = this.#opened;
    if (opened && performance.now() - this.#openedAt > STEADY_MS) this.#backoff.reset();
    this.#drop();
    const retryIn = (code === GOING_AWAY ? 500 : 0) + this.#backoff.next();
    this.#after(retryIn, () => this.open());
    this.#on.link({ state: "lost", code, opened, retryIn });
  }

  #drop() {
    this.#clear();
    const socket = this.#socket;
    this.#socket = null;
    this.#opened = false;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #after(ms, task) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    this.#timers.add(timer);
  }

  #clear() {
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
