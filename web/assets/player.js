import { Feed } from "./feed.js";
import { Surface } from "./painter.js";
import { ViewSocket } from "./viewsocket.js";

const REPORT_MS = 500;
const WATCH_MS = 30;
/** Animation frames stop when a window is covered; a frame must not wait for them for ever. */
const PAINT_MS = 250;

/**
 * Receives, decodes, paints and acknowledges. Runs in a worker, or on the page where a worker cannot paint; talks in the messages of
 * Live (live.js) either way: `post` takes what it says, handle() what it is told.
 */
export class Player {
  #post;
  #socket = null;
  #feeds = new Map(); // by camera id
  #streams = new Map(); // feeds by stream number
  #surfaces = new Map(); // by surface number
  #states = new Map(); // last state and settings of each camera
  #changed = new Map(); // cameras to report
  #ready = new Set();
  #paintTimer = 0;
  #watchTimer = 0;
  #reportTimer = 0;
  #watched = "";

  constructor(post) {
    this.#post = post;
  }

  handle(message) {
    this[`on_${message.t}`]?.(message);
  }

  on_open({ url }) {
    this.#socket ??= new ViewSocket(url, {
      link: (link) => this.#link(link),
      text: (message) => this.#text(message),
      frame: (frame) => this.#frame(frame),
    });
    this.#socket.open();
    this.#reportTimer ||= setInterval(() => this.#report(), REPORT_MS);
  }

  on_close() {
    this.#socket?.close();
    clearInterval(this.#reportTimer);
    this.#reportTimer = 0;
  }

  on_attach({ surface, camera, canvas }) {
    const s = new Surface(camera, canvas);
    this.#surfaces.set(surface, s);
    this.#feed(camera).surfaces.add(s);
  }

  on_surface({ surface, width, height, visible, maxFps }) {
    const s = this.#surfaces.get(surface);
    if (!s) return;
    const shown = this.#feed(s.camera).shown;
    const returns = visible && !s.visible;
    Object.assign(s, { visible, maxFps });
    s.resize(width, height, shown);
    if (returns && shown) s.paint(shown);
    this.#watchSoon();
  }

  on_detach({ surface }) {
    const s = this.#surfaces.get(surface);
    if (!s) return;
    this.#surfaces.delete(surface);
    this.#feed(s.camera).surfaces.delete(s);
    this.#watchSoon();
  }

  on_send({ message }) {
    if (!this.#socket?.send(message)) this.#post({ t: "text", message: { ...message, ok: false, error: "there is no connection to the relay" } });
  }

  #feed(id) {
    let feed = this.#feeds.get(id);
    if (!feed) {
      feed = new Feed({
        ready: (f) => this.#paintSoon(f),
        broken: (frame) => this.#socket.ack([frame]),
      });
      this.#feeds.set(id, feed);
    }
    return feed;
  }

  #link(link) {
    if (link.state !== "open") {
      this.#watched = "";
      this.#feeds.forEach((feed) => feed.restart());
      this.#ready.clear();
    }
    this.#post({ t: "link", link });
  }

  #text(message) {
    switch (message.t) {
      case "cameras":
        this.#streams.clear();
        this.#states.clear();
        message.cameras.forEach((camera) => this.#know(camera));
        for (const [id, feed] of this.#feeds) if (!this.#states.has(id) && !feed.surfaces.size) this.#forget(id);
        this.#post({ t: "text", message });
        this.#watchSoon();
        break;
      case "camera":
        this.#changed.set(message.camera.id, message.camera);
        if (this.#know(message.camera)) this.#report();
        break;
      case "gone":
        this.#states.delete(message.id);
        this.#changed.delete(message.id);
        this.#forget(message.id);
        this.#post({ t: "text", message });
        break;
      default:
        this.#post({ t: "text", message });
    }
  }

  /** Notes a camera's stream number; true if something changed that people wait for: its state, with the reason for it, or its settings. */
  #know({ id, stream, state, reason, since, settings }) {
    const feed = this.#feed(id);
    if (feed.state === "updating" && state !== "updating") feed.renew(since / 1000);
    feed.state = state;
    feed.stream = stream;
    this.#streams.set(stream, feed);
    const told = JSON.stringify([state, reason, settings]);
    const changed = this.#states.get(id) !== told;
    this.#states.set(id, told);
    return changed;
  }

  #forget(id) {
    const feed = this.#feeds.get(id);
    if (!feed) return;
    feed.close();
    this.#streams.delete(feed.stream);
    if (!feed.surfaces.size) this.#feeds.delete(id);
  }

  #frame(frame) {
    const feed = this.#streams.get(frame.stream);
    if (!feed?.watched || !feed.push(frame)) this.#socket.ack([frame]);
  }

  #paintSoon(feed) {
    this.#ready.add(feed);
    if (this.#paintTimer) return;
    let done = false;
    const paint = () => {
      if (done) return;
      done = true;
      clearTimeout(this.#paintTimer);
      this.#paintTimer = 0;
      this.#paint();
    };
    this.#paintTimer = setTimeout(paint, PAINT_MS);
    requestAnimationFrame(paint);
  }

  #paint() {
    const now = performance.now();
    const ready = [...this.#ready];
    this.#ready.clear();
    const painted = ready.map((feed) => feed.paint(now)).filter(Boolean);
    if (painted.length) this.#socket.ack(painted);
  }

  #watchSoon() {
    this.#watchTimer ||= setTimeout(() => {
      this.#watchTimer = 0;
      this.#watch();
    }, WATCH_MS);
  }

  #watch() {
    const cameras = [];
    for (const [id, feed] of this.#feeds) {
      if (feed.watched) cameras.push(feed.maxFps ? { id, max_fps: feed.maxFps } : { id });
      else feed.rest();
    }
    const message = { t: "watch", cameras };
    const text = JSON.stringify(message);
    if (text !== this.#watched && this.#socket?.send(message)) this.#watched = text;
  }

  #report() {
    const now = performance.now();
    const { offset, rtt } = this.#socket.clock;
    const figures = {};
    for (const [id, feed] of this.#feeds) {
      const f = feed.watched ? feed.meter.figures(now, offset) : null;
      if (f) figures[id] = f;
    }
    const wall = offset === null ? null : offset - (Date.now() - now);
    this.#post({ t: "report", figures, cameras: [...this.#changed.values()], clock: { offset: wall, rtt } });
    this.#changed.clear();
  }
}
