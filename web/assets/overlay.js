import { h, text } from "./dom.js";
import * as format from "./format.js";
import { drawSpark, Series } from "./spark.js";

/** One minute at two values a second. */
const POINTS = 120;

const ROWS = ["Frame rate", "Frame age", "Lens to screen", "Data rate", "Size", "Dropped", "Viewers", "Signal", "Free heap", "Pictures by"];
const ALWAYS = new Set(["Frame rate", "Frame age", "Data rate", "Size", "Dropped", "Pictures by"]);

/** The figures of one camera over its picture. A row that not every camera has appears when its figure is first known, and stays. */
export class Overlay {
  #rows = new Map();
  #list = h("dl");
  #fps = new Series(POINTS);
  #age = new Series(POINTS);
  #fpsSpark = h("canvas.spark", { role: "img", "aria-label": "Frame rate over the last minute" });
  #ageSpark = h("canvas.spark", { role: "img", "aria-label": "Frame age over the last minute" });
  #droppedBefore = null;
  el = h("section.overlay", { "aria-label": "Figures" }, this.#list);

  constructor() {
    const curves = { "Frame rate": this.#fpsSpark, "Frame age": this.#ageSpark };
    for (const name of ROWS) {
      const value = h("dd");
      const spark = curves[name];
      const row = h(spark ? "div.curve" : "div", { hidden: !ALWAYS.has(name) }, h("dt", name), value, spark && h("dd", spark));
      this.#rows.set(name, { row, value });
      this.#list.append(row);
    }
  }

  /** Takes what is known now; either may be missing. */
  update(camera, figures, transport) {
    const stats = camera?.stats ?? {};
    this.#fps.push(figures?.fps);
    this.#age.push(figures?.age);
    if (figures && figures.dropped !== null) this.#droppedBefore ??= figures.dropped;

    this.#show("Frame rate", format.fps(figures?.fps));
    this.#show("Frame age", format.age(figures?.age));
    this.#show("Lens to screen", format.age(figures?.lens), Number.isFinite(figures?.lens));
    this.#show("Data rate", format.rate(figures?.rate));
    this.#show("Size", format.size(figures?.width, figures?.height));
    this.#show("Dropped", format.count(figures?.dropped - this.#droppedBefore), Number.isFinite(figures?.dropped));
    this.#show("Viewers", format.count(camera?.viewers), camera?.viewers !== undefined);
    this.#show("Signal", format.dbm(stats.rssi), stats.rssi !== undefined);
    this.#show("Free heap", format.kib(stats.heap), stats.heap !== undefined);
    this.#show("Pictures by", transport);
    this.draw();
  }

  /** Draws the curves; also needed when the overlay becomes visible. */
  draw() {
    if (this.el.hidden) return;
    drawSpark(this.#fpsSpark, this.#fps, 5);
    drawSpark(this.#ageSpark, this.#age, 50);
  }

  #show(name, shown, known = true) {
    const { row, value } = this.#rows.get(name);
    if (known) row.hidden = false;
    text(value, known ? shown : "–");
  }
}
