import { h, text } from "./dom.js";
import { describe } from "./status.js";

const TOAST_MS = 5000;
const WORTH_SAYING = new Set(["online", "stale", "updating", "offline"]);

/** The strip that says that the relay is out of reach. */
export class LinkNotice {
  #live;
  #what = h("strong", { role: "status" });
  #when = h("span");
  #retry;
  #timer = 0;
  el;

  constructor(live) {
    this.#live = live;
    this.#retry = h("button", { type: "button", onclick: () => live.retry() }, "Try now");
    this.el = h("div.link-notice", { hidden: true }, h("p", this.#what, " ", this.#when), this.#retry);
    live.addEventListener("link", () => this.#update());
  }

  #update() {
    const { link } = this.#live;
    clearTimeout(this.#timer);
    this.el.hidden = link.state !== "lost";
    if (link.state !== "lost") return text(this.#what, "");
    text(this.#what, link.problem === "blocked"
      ? "The relay answers, but its WebSocket does not get through; is there a proxy? A single camera can be watched by MJPEG."
      : "No connection to the relay. The pictures are not live.");
    const seconds = Math.ceil((link.retryAt - Date.now()) / 1000);
    text(this.#when, seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…");
    if (link.retryAt) this.#timer = setTimeout(() => this.#update(), 500);
  }
}

/** Tells screen readers when the state of a camera changes; the numbers stay silent. */
export class Announcer {
  #live;
  #known = null;
  el = h("div.offscreen", { role: "log", "aria-live": "polite" });

  constructor(live) {
    this.#live = live;
    live.addEventListener("cameras", () => this.#update());
  }

  #update() {
    const { cameras, link, offset } = this.#live;
    const before = this.#known;
    this.#known = new Map([...cameras].map(([id, { state }]) => [id, state]));
    if (!before) return;
    for (const [id, camera] of cameras) {
      if (!before.has(id) || before.get(id) === camera.state || !WORTH_SAYING.has(camera.state)) continue;
      const { word } = describe(camera, null, { state: link.state }, Date.now(), offset);
      this.#say(`${camera.name}: ${camera.state === "online" ? "online" : word.toLowerCase()}`);
    }
  }

  #say(line) {
    this.el.append(h("p", line));
    if (this.el.childElementCount > 5) this.el.firstChild.remove();
  }
}

/** Short messages about what was just done. */
export class Toast {
  #timer = 0;
  el = h("div.toast", { role: "status", hidden: true });

  show(message, isError = false) {
    clearTimeout(this.#timer);
    this.el.textContent = message;
    this.el.hidden = false;
    this.el.classList.toggle("attention", isError);
    this.#timer = setTimeout(() => (this.el.hidden = true), TOAST_MS);
  }
}
