import { Player } from "./player.js";
import { api } from "./api.js";

/** A tab may be hidden for this long before its connection is closed. */
const HIDDEN_MS = 2000;
const POLL_MS = 3000;
const READY_MS = 4000;
/** The relay itself gives a camera 10 s to confirm a change. */
const SET_MS = 12_000;

/**
 * What the pages know of the relay: cameras, figures and the connection. Pictures are received and painted by a Player, in a worker
 * wherever it can paint there. Events: `link`, `cameras` (the list or something in it), `figures` (twice a second).
 */
export class Live extends EventTarget {
  cameras = new Map();
  figures = {};
  /** state: connecting, open, lost, off. While lost: retryAt (ms), problem: "", down, blocked (HTTP works, WebSocket does not). */
  link = { state: "connecting" };
  /** Whether the list of cameras has come. */
  known = false;
  relay = "";
  /** Relay's wall clock minus the page's, ms. */
  offset = 0;
  /** Shortest round trip to the relay, ms, or null. */
  rtt = null;
  #send = null;
  #endPlayer = () => {};
  #queue = [];
  #nextSurface = 1;
  #nextSet = 1;
  #sets = new Map();
  #hideTimer = 0;
  #pollTimer = 0;
  #failures = 0;
  #onSignedOut;

  constructor(onSignedOut) {
    super();
    this.#onSignedOut = onSignedOut;
  }

  async start() {
    const player = await startPlayer((message) => this.#handle(message));
    this.#send = player.send;
    this.#endPlayer = player.end;
    this.#queue.splice(0).forEach(([message, transfer]) => this.#send(message, transfer));
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#hide() : this.#show()));
    // A page that the browser keeps for the way back is frozen before it could close its connection, and the relay would count it as a viewer.
    addEventListener("pagehide", () => this.#endPlayer());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    addEventListener("online", () => this.retry());
    if (!document.hidden) this.#open();
  }

  /** Connects at once if the connection is lost. */
  retry() {
    if (this.link.state === "lost") this.#open();
  }

  /** Closes the connection until the page is shown again. */
  stop() {
    this.#tell({ t: "close" });
  }

  /**
   * Paints a camera on a canvas from now on. The canvas can be used only once.
   * @returns {{update: ({width, height, visible, maxFps}) => void, detach: () => void}}
   */
  attach(canvas, camera) {
    const surface = this.#nextSurface++;
    this.#tell({ t: "attach", surface, camera, canvas });
    return {
      update: ({ width, height, visible, maxFps = 0 }) => this.#tell({ t: "surface", surface, width, height, visible, maxFps }),
      detach: () => this.#tell({ t: "detach", surface }),
    };
  }

  /** Changes picture settings. Resolves with {ok, error, busy}. */
  set(camera, settings, take = false) {
    const id = this.#nextSet++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer({ id, ok: false, error: `${camera} did not answer` }), SET_MS);
      this.#sets.set(id, { resolve, timer });
      this.#tell({ t: "send", message: { t: "set", id, camera, settings, take } });
    });
  }

  /** The page's time of a moment on the relay's clock. */
  localTime(micros) {
    return micros / 1000 - this.offset;
  }

  #tell(message) {
    const transfer = message.canvas ? [message.canvas] : [];
    if (this.#send) this.#send(message, transfer);
    else this.#queue.push([message, transfer]);
  }

  #open() {
    const url = new URL("/ws/view", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#tell({ t: "open", url: url.href });
  }

  #hide() {
    clearTimeout(this.#hideTimer);
    this.#hideTimer = setTimeout(() => this.stop(), HIDDEN_MS);
    this.#emit("visibility");
  }

  #show() {
    clearTimeout(this.#hideTimer);
    if (this.link.state !== "open") this.#open();
    this.#emit("visibility");
  }

  #handle(message) {
    if (message.t === "link") this.#linked(message.link);
    else if (message.t === "report") this.#reported(message);
    else if (message.t === "text") this.#text(message.message);
  }

  #linked(link) {
    clearTimeout(this.#pollTimer);
    if (link.state === "open") this.#failures = 0;
    // An attempt to come back is still no connection: “lost” stands until there is one.
    if (link.state === "connecting" && this.#failures) link = { ...this.link, retryAt: 0 };
    if (link.state === "lost") {
      this.#failures++;
      link = { ...link, retryAt: Date.now() + link.retryIn, problem: this.link.problem ?? "" };
    }
    this.link = link;
    if (link.state !== "open") this.figures = {};
    this.#emit("link");
    if (link.state === "lost" && link.retryAt) this.#diagnose();
  }

  /** Asks by HTTP why there is no connection: the relay is down, the session has ended, or WebSocket is blocked on the way. */
  async #diagnose() {
    const failures = this.#failures;
    const session = await api.session().catch(() => null);
    if (session && !session.signed_in) return this.#onSignedOut();
    if (this.link.state !== "lost" || failures !== this.#failures) return;
    const problem = !session ? "down" : failures > 1 ? "blocked" : "";
    this.link = { ...this.link, problem };
    this.#emit("link");
    if (problem === "blocked") this.#poll();
  }

  async #poll() {
    clearTimeout(this.#pollTimer);
    const answer = await api.cameras().catch(() => null);
    if (this.link.problem !== "blocked" || document.hidden) return;
    if (answer) this.#setAll(answer.cameras);
    this.#pollTimer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #reported({ figures, cameras, clock }) {
    this.figures = this.link.state === "open" ? figures : {};
    if (clock.offset !== null) Object.assign(this, { offset: clock.offset, rtt: clock.rtt });
    for (const camera of cameras) this.cameras.set(camera.id, camera);
    if (cameras.length) this.#emit("cameras");
    this.#emit("figures");
  }

  #text(message) {
    if (message.t === "welcome") {
      this.relay = message.relay;
      this.#emit("link");
    }
    if (message.t === "cameras") this.#setAll(message.cameras);
    if (message.t === "gone" && this.cameras.delete(message.id)) this.#emit("cameras");
    if (message.t === "set") this.#answer(message);
  }

  #setAll(cameras) {
    this.cameras = new Map(cameras.map((camera) => [camera.id, camera]));
    this.known = true;
    this.#emit("cameras");
  }

  #answer(message) {
    const waiting = this.#sets.get(message.id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#sets.delete(message.id);
    waiting.resolve(message);
  }

  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** Starts a Player. `send` tells it things, `end` cuts its connection at once and for good. */
async function startPlayer(handle) {
  const worker = await startWorker().catch(() => null);
  if (worker) {
    worker.onmessage = ({ data }) => handle(data);
    const send = (message, transfer) => {
      if (!message.canvas) return worker.postMessage(message);
      const canvas = transfer[0].transferControlToOffscreen();
      worker.postMessage({ ...message, canvas }, [canvas]);
    };
    return { send, end: () => worker.terminate() };
  }
  const player = new Player(handle);
  return { send: (message) => player.handle(message), end: () => player.handle({ t: "close" }) };
}

/** A worker that can paint, or an error. */
function startWorker() {
  return new Promise((resolve, reject) => {
    if (!HTMLCanvasElement.prototype.transferControlToOffscreen) throw new Error("no OffscreenCanvas");
    const worker = new Worker(new URL("./player-worker.js", import.meta.url), { type: "module" });
    const fail = (reason) => {
      worker.terminate();
      reject(new Error(reason));
    };
    const timer = setTimeout(() => fail("worker does not start"), READY_MS);
    worker.onerror = () => {
      clearTimeout(timer);
      fail("worker failed");
    };
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      worker.onerror = null;
      if (data.paints) resolve(worker);
      else fail("worker cannot paint");
    };
  });
}
