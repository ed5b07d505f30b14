import { api } from "./api.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { JobView, origin } from "./jobview.js";
import { isBad, isFinal, outcome, RESULTS } from "./timeline.js";

/** So many updates are listed. */
const MOST = 20;
/** So many cameras are asked for theirs at a time. */
const ABREAST = 4;

/** Who updated what to what, when, and how it ended; by camera and result. */
export class History {
  #ctx;
  #jobs = new Map(); // by camera: {mark, jobs}
  #shown = "";
  #loading = false;
  #camera;
  #result;
  #list = h("ul.history");
  #none = h("p.hint");

  constructor(ctx) {
    this.#ctx = ctx;
    const select = (label, ...options) => h("select", { "aria-label": label, onchange: () => this.#draw() }, options);
    this.#camera = select("Camera", h("option", { value: "" }, "All cameras"));
    this.#result = select("Result", h("option", { value: "" }, "All results"), Object.entries(RESULTS).map(([value, label]) => h("option", { value }, label)));
    this.el = h("section", { "aria-label": "History" }, h("h2", "History"), h("div.filter", this.#camera, this.#result), this.#list, this.#none);
  }

  /** Takes the list of UpdateInfo; asks for the jobs of those cameras of which another job has ended. */
  async refresh(infos) {
    this.#options(infos);
    for (const id of this.#jobs.keys()) if (!infos.some((i) => i.camera === id)) this.#jobs.delete(id);
    this.#draw();
    if (this.#loading) return;
    const mark = ({ job }) => `${job.id} ${isFinal(job)} ${job.state}`;
    const stale = infos.filter((info) => info.job && isFinal(info.job) && this.#jobs.get(info.camera)?.mark !== mark(info));
    this.#loading = true;
    const next = async () => {
      for (let info = stale.shift(); info; info = stale.shift()) {
        const { jobs = [] } = await api.cameraUpdates(info.camera).catch(() => ({}));
        this.#jobs.set(info.camera, { mark: mark(info), jobs: jobs.filter(isFinal) });
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, next));
    this.#loading = false;
    this.#draw();
  }

  #name(id) {
    return this.#ctx.live.cameras.get(id)?.name || id;
  }

  #options(infos) {
    const known = new Set([...this.#camera.options].map((o) => o.value));
    for (const { camera, job } of infos) if (job && !known.has(camera)) this.#camera.append(h("option", { value: camera }, this.#name(camera)));
  }

  #draw() {
    const [camera, result] = [this.#camera.value, this.#result.value];
    const all = [...this.#jobs.values()].flatMap(({ jobs }) => jobs);
    const wanted = all.filter((j) => (!camera || j.camera === camera) && (!result || j.state === result));
    const newest = wanted.sort((a, b) => Date.parse(b.ended) - Date.parse(a.ended)).slice(0, MOST);
    const shown = newest.map((j) => `${j.id} ${j.state} ${this.#name(j.camera)}`).join() + wanted.length;
    if (shown !== this.#shown || !newest.length) this.#list.replaceChildren(...newest.map((job) => this.#row(job)));
    this.#shown = shown;
    this.#none.textContent = !all.length ? "No camera has been updated yet."
      : !newest.length ? "No update fits."
      : wanted.length > newest.length ? `The newest ${newest.length} of ${wanted.length}.` : "";
  }

  #row(job) {
    const took = job.begun ? ` in ${format.age(Date.parse(job.ended) - Date.parse(job.begun))}` : "";
    let view = null;
    return h("li", { data: { camera: job.camera, state: job.state } }, h("details", {
      ontoggle: (event) => {
        if (view || !event.target.open) return;
        view = new JobView(this.#ctx);
        view.update(job);
        event.target.append(view.el);
      },
    },
    h("summary", h("span.when", format.moment(Date.parse(job.ended))), h("strong", this.#name(job.camera)),
      h("span", `${job.from.version || "?"} → ${job.to.version}`),
      h(isBad(job) ? "span.attention" : "span", `${outcome(job)}${job.state === "succeeded" ? took : ""}`),
      h("span.hint", origin(job)))));
  }
}
