import { attr, h, text } from "./dom.js";
import * as format from "./format.js";
import { describe, sentence } from "./status.js";
import { websocket } from "./transport-websocket.js";
import { mark, Veil } from "./veil.js";

/** One camera of the grid: a link with its picture, its name and how it is. */
export class Tile {
  #live;
  #session;
  #veil = new Veil();
  #name = h("span.name");
  #word = h("span");
  #rate = h("span.figure");
  #status = h("span.status", this.#word, " ", this.#rate);

  constructor(live, id, { link = true } = {}) {
    this.#live = live;
    this.id = id;
    const box = h("div.box", this.#veil.el);
    const caption = h("span.caption", this.#name, this.#status);
    this.el = h(link ? "a.tile" : "div.tile", { href: link ? `/cameras/${id}` : null, data: { camera: id } }, box, caption);
    this.#session = websocket.open({ live, camera: id, box, visible: false });
  }

  /** Says whether the picture is wanted, and how often at most. */
  show(change) {
    this.#session.show(change);
  }

  /** Brings state and figures up to date; returns the status. */
  update() {
    const live = this.#live;
    const camera = live.cameras.get(this.id);
    const figures = this.#session.figures();
    const status = describe(camera, figures, live.link, Date.now(), live.offset);
    mark(this.el, status, figures);
    this.#veil.show(status);
    const name = camera?.name || this.id;
    text(this.#name, name);
    text(this.#word, status.word);
    text(this.#rate, status.live ? format.fps(figures.fps) : "");
    this.#status.classList.toggle("attention", status.attention);
    attr(this.el, "aria-label", `${name}: ${status.live ? "live" : sentence({ ...status, detail: "" })}`);
    return status;
  }

  close() {
    this.#session.close();
    this.el.remove();
  }
}
