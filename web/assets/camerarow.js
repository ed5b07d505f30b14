import { askUpdate, fitting } from "./ask.js";
import { attr, h, text } from "./dom.js";
import * as format from "./format.js";
import { JobView } from "./jobview.js";
import { download, isBad, isRunning, outcome } from "./timeline.js";

/** A camera among those that can be updated: what it runs, what there is for it, and its update. */
export class CameraRow {
  #ctx;
  #id;
  #info = null;
  #images = [];
  #name;
  #runs = h("strong");
  #board = h("small");
  #word = h("p.word");
  #update;
  #more;
  #view;
  #seen = "";

  constructor(ctx, id) {
    this.#ctx = ctx;
    this.#id = id;
    this.#name = h("a", { href: `/cameras/${id}` });
    this.#view = new JobView(ctx);
    this.#view.el.id = `job-${id}`;
    this.#view.el.hidden = true;
    this.#update = h("button", { type: "button", hidden: true, onclick: () => this.#ask() });
    this.#more = h("button.quiet", { type: "button", hidden: true, "aria-controls": this.#view.el.id, onclick: () => this.#open(this.#view.el.hidden) });
    this.el = h("li", { data: { camera: id } },
      h("div.row", h("p.who", this.#name, this.#board), h("p.runs", this.#runs), this.#word, h("div.do", this.#more, this.#update)),
      this.#view.el);
  }

  /** Takes an UpdateInfo, and the images, which only admins see. */
  update(info, images) {
    this.#info = info;
    this.#images = images ?? [];
    const { job } = info;
    const name = this.#ctx.live.cameras.get(this.#id)?.name || this.#id;
    text(this.#name, name);
    text(this.#runs, info.firmware || "–");
    text(this.#board, info.build ? `build ${info.build}, ${info.board}${info.slot ? `, slot ${info.slot}` : ""}` : this.#id);
    text(this.#word, sentence(info, images, this.#ctx.live.cameras.get(this.#id)?.reason));
    this.#word.classList.toggle("attention", Boolean(job) && isBad(job));
    attr(this.el, "data-job", job?.state ?? null);

    const running = isRunning(job);
    const choice = fitting(this.#images, info);
    this.#update.hidden = !this.#ctx.admin || running || !info.updatable || !choice.length;
    text(this.#update, choice.length ? `Update to ${choice[0].version}` : "");
    attr(this.#update, "aria-label", choice.length ? `Update ${name} to ${choice[0].version}` : null);
    this.#more.hidden = !job;
    if (!job) return;
    this.#view.update(job);
    if (running && this.#seen !== job.id) {
      this.#seen = job.id;
      this.#open(true);
    }
    this.#label();
  }

  #open(open) {
    this.#view.el.hidden = !open;
    this.#label();
  }

  #label() {
    const open = !this.#view.el.hidden;
    attr(this.#more, "aria-expanded", open);
    text(this.#more, open ? "Hide steps" : isRunning(this.#info.job) ? "Show steps" : "Last update");
  }

  async #ask() {
    const begun = await askUpdate(this.#ctx, this.#name.textContent, this.#info, this.#images);
    if (!begun) return;
    this.#more.focus();
    this.el.dispatchEvent(new Event("changed", { bubbles: true }));
  }
}

/** How a camera stands, in one sentence. `images` is null for those who may not see them; `reason` is what the relay tells its viewers. */
export function sentence(info, images, reason = "") {
  const { job, firmware, newest } = info;
  if (isRunning(job)) return running(job, reason);
  const last = job && job.state !== "succeeded" ? `${outcome(job)}${job.ended ? `, ${format.moment(Date.parse(job.ended))}` : ""}. ` : "";
  if (!firmware) return `${last}Has not said what it runs.`;
  if (!info.updatable) return `${last}Its firmware cannot be updated by a relay.`;
  if (!newest) return `${last}There is no image for it.`;
  const newer = images ? fitting(images, info)[0]?.version : newest !== firmware && newest;
  return last + (newer ? `${newer} is there for it.` : newest === firmware ? "Up to date." : `Runs a newer build than any image, which is ${newest}.`);
}

function running(job, reason) {
  const back = /, back in about \d+ s/.exec(reason)?.[0].replace(",", ", pictures") ?? "";
  if (job.state === "queued") return `Update to ${job.to.version} waits ${job.waits || "for its turn"}.`;
  const loading = download(job, Date.now());
  return `Updating to ${job.to.version}${loading ? `, ${loading.percent} %` : ""}${back}.`;
}
