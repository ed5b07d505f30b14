import { attr, h, text } from "./dom.js";

/** What lies over a picture that is not live: dims it and says why. */
export class Veil {
  #word = h("strong");
  #detail = h("span.detail");
  #reason = h("span.reason");
  #bar = h("progress", { max: 100, "aria-hidden": "true", hidden: true });
  el = h("div.veil", h("p", this.#word, " ", this.#detail, " ", this.#reason, this.#bar));

  /** Shows a status of describe(). */
  show(status) {
    this.el.hidden = status.live;
    text(this.#word, status.word);
    text(this.#detail, status.detail);
    text(this.#reason, status.reason);
    this.#bar.hidden = status.percent === null;
    if (status.percent !== null) this.#bar.value = status.percent;
    this.el.classList.toggle("attention", status.attention);
  }
}

/** Writes a camera's status and figures to the attributes of an element. */
export function mark(el, status, figures) {
  attr(el, "data-state", status.state);
  attr(el, "data-seq", figures?.seq ?? null);
  attr(el, "data-age-ms", Number.isFinite(figures?.age) ? Math.round(figures.age) : null);
  attr(el, "data-fps", figures ? figures.fps.toFixed(1) : null);
}
