import { api } from "./api.js";
import { h } from "./dom.js";
import { JobView } from "./jobview.js";
import { Poller } from "./poll.js";
import { isRunning } from "./timeline.js";

/** The update of the camera that is watched: there while one runs, and with its result until it is put away. */
export class UpdatePanel {
  #id;
  #view;
  #poller = new Poller(() => this.#load());
  #away = ""; // the job that was put away
  #seen = ""; // the last job that was seen running
  #camera = null;

  constructor(ctx, id) {
    this.#id = id;
    this.#view = new JobView(ctx);
    this.el = h("aside.update", { "aria-label": "Firmware update", hidden: true },
      h("header", h("h2", "Firmware update"), h("button.quiet", { type: "button", "aria-label": "Put the update away", onclick: () => this.#close() }, "×")));
    this.el.addEventListener("changed", () => this.#poller.soon());
  }

  mount() {
    this.#poller.start();
  }

  close() {
    this.#poller.stop();
  }

  /** Takes a CAMERA, if there is one: that it has come, or begins or ends to be updated, is a reason to look at once. */
  update(camera = null) {
    const before = this.#camera;
    this.#camera = camera;
    if (camera && (!before || (camera.state === "updating") !== (before.state === "updating"))) this.#poller.soon();
  }

  /** Resolves with whether an update runs. */
  async #load() {
    if (!this.#camera) return false;
    const { job } = await api.cameraUpdates(this.#id);
    if (!job) return false;
    const running = isRunning(job);
    if (running) this.#seen = job.id;
    if (this.#seen && !this.#view.el.isConnected) this.el.append(this.#view.el);
    this.#view.update(job);
    this.el.hidden = job.id === this.#away || job.id !== this.#seen;
    return running;
  }

  #close() {
    this.#away = this.#seen;
    this.el.hidden = true;
  }
}
