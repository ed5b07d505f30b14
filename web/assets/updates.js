import { api } from "./api.js";
import { CameraRow } from "./camerarow.js";
import { h } from "./dom.js";
import { History } from "./history.js";
import { Images } from "./images.js";
import { Poller } from "./poll.js";
import { Rollouts } from "./rollouts.js";
import { isRunning } from "./timeline.js";

/** How often the images and the rollouts are looked at while nothing happens to them here. */
const IMAGES_MS = 15_000;

/** Firmware updates: what the cameras run, the images, and what was done. */
export class UpdatesView {
  title = "Updates";
  #ctx;
  #rows = new Map();
  #list = h("ul.fleet");
  #none = h("p.hint", { hidden: true }, "There are no cameras yet.");
  #error = h("p.error", { role: "alert", hidden: true });
  #images;
  #imagesAt = -Infinity;
  #rollouts;
  #history;
  #poller = new Poller(() => this.#load());
  #states = "";
  #jobs = "";
  #onCameras = () => this.#watch();

  constructor(ctx) {
    this.#ctx = ctx;
    this.#images = ctx.admin ? new Images(ctx, () => this.refresh()) : null;
    this.#rollouts = new Rollouts(ctx);
    this.#history = new History(ctx);
    this.el = h("main.page.updates", h("h1", { tabindex: "-1" }, "Firmware updates"), this.#error,
      h("section", { "aria-label": "Cameras" }, h("h2", "Cameras"), this.#list, this.#none),
      this.#images?.el, this.#rollouts.el, this.#history.el);
    this.el.addEventListener("changed", () => this.refresh());
  }

  mount() {
    this.#ctx.live.addEventListener("cameras", this.#onCameras);
    this.#poller.start();
    this.el.querySelector("h1").focus();
  }

  close() {
    this.#ctx.live.removeEventListener("cameras", this.#onCameras);
    this.#poller.stop();
    this.#images?.close();
  }

  /** Something was done: looks at once. */
  refresh() {
    this.#imagesAt = -Infinity;
    this.#poller.soon();
  }

  /** An update that was begun elsewhere shows at once, by the state of its camera. */
  #watch() {
    const states = [...this.#ctx.live.cameras.values()].map(({ id, name, state, firmware }) => `${id} ${name} ${state === "updating"} ${firmware}`).join();
    if (states === this.#states) return;
    this.#states = states;
    this.#poller.soon();
  }

  /** Resolves with whether an update runs. */
  async #load() {
    let cameras;
    try {
      ({ cameras } = await api.updates());
    } catch (e) {
      this.#say(e.message);
      return false;
    }
    this.#say("");
    const jobs = cameras.map(({ job }) => `${job?.id} ${job && !isRunning(job)}`).join();
    if (jobs !== this.#jobs || performance.now() - this.#imagesAt > IMAGES_MS) {
      this.#jobs = jobs;
      this.#imagesAt = performance.now();
      await Promise.all([this.#images?.load(), this.#rollouts.load()]);
    } else if (this.#rollouts.running) await this.#rollouts.load();
    this.#show(cameras);
    this.#history.refresh(cameras);
    return cameras.some(({ job }) => isRunning(job));
  }

  #show(cameras) {
    const there = new Set(cameras.map((c) => c.camera));
    for (const [id, row] of this.#rows) {
      if (there.has(id)) continue;
      row.el.remove();
      this.#rows.delete(id);
    }
    for (const info of cameras) {
      let row = this.#rows.get(info.camera);
      if (!row) {
        row = new CameraRow(this.#ctx, info.camera);
        this.#rows.set(info.camera, row);
        this.#list.append(row.el);
      }
      row.update(info, this.#images?.list ?? null);
    }
    this.#images?.draw();
    this.#none.hidden = cameras.length > 0;
  }

  #say(sentence) {
    this.#error.textContent = sentence;
    this.#error.hidden = !sentence;
  }
}
