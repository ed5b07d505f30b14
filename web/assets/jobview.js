import { api } from "./api.js";
import { confirm } from "./dialog.js";
import { attr, h, text } from "./dom.js";
import * as format from "./format.js";
import { download, isBad, isCancellable, isFinal, isRunning, journal, outcome, outlook, plain, timeline } from "./timeline.js";

const WORDS = { done: "done", now: "now", next: "to come", failed: "failed here", skipped: "not reached", ended: "" };

/** One update: its steps as a timeline, what is now and next, what if it fails, its result, and its log. */
export class JobView {
  #ctx;
  #job = null;
  #steps = new Map();
  #list = h("ol.timeline");
  #said = h("p.said", { role: "status" });
  #detail = h("p.hint");
  #outlook = { now: h("dd"), next: h("dd"), fails: h("dd") };
  #words;
  #log = h("ol.log");
  #lines = 0;
  #cancel;

  constructor(ctx) {
    this.#ctx = ctx;
    this.#cancel = h("button.danger", { type: "button", hidden: true, onclick: () => this.#stop() }, "Cancel the update");
    const { now, next, fails } = this.#outlook;
    this.#words = h("dl.outlook", h("div", h("dt", "Now"), now), h("div", h("dt", "Next"), next), h("div.fails", h("dt", "If it fails"), fails));
    this.el = h("div.job",
      h("div.words", this.#said, this.#detail, this.#words, h("div.actions.start", this.#cancel)),
      this.#list,
      h("details.logbox", { open: true }, h("summary", "Log"), this.#log));
  }

  /** Shows a job as it is now. */
  update(job) {
    if (job.id !== this.#job?.id) this.#clearLog();
    this.#job = job;
    const now = Date.now() + this.#ctx.live.offset;
    attr(this.el, "data-state", job.state);
    this.el.classList.toggle("bad", isBad(job));
    this.#draw(timeline(job, now), download(job, now));
    const running = isRunning(job);
    const words = outlook(job);
    for (const [name, el] of Object.entries(this.#outlook)) text(el, words[name]);
    this.#words.hidden = !running;
    text(this.#said, running ? this.#title(job) : outcome(job));
    text(this.#detail, isFinal(job) && job.text ? plain(job.text, job.camera) : origin(job));
    this.#write(journal(job));
    this.#cancel.hidden = !(this.#ctx.admin && isCancellable(job));
  }

  #title({ state, from, to }) {
    if (state === "queued") return `Update to ${to.version} is queued`;
    if (state === "cancelling") return "The update is being cancelled";
    return `Updating from ${from.version || "an unknown version"} to ${to.version}`;
  }

  #draw(steps, loading) {
    for (const [key, row] of this.#steps) {
      if (steps.some((s) => s.key === key)) continue;
      row.el.remove();
      this.#steps.delete(key);
    }
    steps.forEach((step, i) => {
      let row = this.#steps.get(step.key);
      if (!row) this.#steps.set(step.key, (row = new Step(step.key)));
      if (this.#list.children[i] !== row.el) this.#list.insertBefore(row.el, this.#list.children[i] ?? null);
      row.update(step, step.key === "download" && step.state === "now" ? loading : null);
    });
  }

  #write(lines) {
    if (lines.length < this.#lines) this.#clearLog();
    for (const { at, text: words } of lines.slice(this.#lines)) {
      this.#log.append(h("li", h("time", at ? format.clock(at - this.#ctx.live.offset) : ""), " ", words));
    }
    if (lines.length > this.#lines) this.#log.scrollTop = this.#log.scrollHeight;
    this.#lines = lines.length;
  }

  #clearLog() {
    this.#log.replaceChildren();
    this.#lines = 0;
  }

  async #stop() {
    const { camera, from } = this.#job;
    const sure = await confirm("Cancel the update", `The camera goes back to its pictures and stays on ${from.version || "what it runs"}.`, "Cancel the update", "Go on");
    if (!sure) return;
    try {
      await api.cancelUpdate(camera);
    } catch (e) {
      this.#ctx.toast(plain(e.message, camera), true);
    }
    this.el.dispatchEvent(new Event("changed", { bubbles: true }));
  }
}

/** Who asked for a job, how and why. */
export function origin({ by, source, reason, rollout, force }) {
  const how = { mqtt: "MQTT", api: "the pages or the API", cli: "the command line", rollout: `rollout ${rollout}` }[source] ?? source;
  return [by ? `Asked for by ${by}` : "Asked for", how && `by way of ${how}`, force && "at once, whatever the policy", reason && `– ${reason}`].filter(Boolean).join(" ");
}

/** One step of the timeline. */
class Step {
  #label = h("span.label");
  #state = h("span.offscreen");
  #time = h("span.time");
  #note = h("p.note");
  #bar = null;

  constructor(key) {
    if (key === "download") this.#bar = h("progress", { max: 100, "aria-label": "Download", hidden: true });
    this.el = h("li", { data: { step: key } }, h("p.line", this.#label, this.#state, this.#time), this.#bar, this.#note);
  }

  update({ label, state, at, took, note }, loading) {
    attr(this.el, "data-state", state);
    attr(this.el, "aria-current", state === "now" ? "step" : null);
    text(this.#label, label);
    text(this.#state, WORDS[state] && `, ${WORDS[state]}`);
    const times = [at && format.clock(at), took !== null && (state !== "now" || took >= 1000) && (state === "now" ? `for ${format.duration(took)}` : format.age(took))];
    text(this.#time, times.filter(Boolean).join(" · "));
    if (this.#bar) this.#bar.hidden = !loading;
    if (loading) this.#bar.value = loading.percent;
    text(this.#note, loading ? loadingText(loading) : note);
    this.#note.hidden = !this.#note.textContent;
  }
}

function loadingText({ percent, offset, size, rate, eta }) {
  const how = rate ? `, ${format.rate(rate)}, ${eta >= 1000 ? `${format.duration(Math.ceil(eta / 1000) * 1000)} to go` : "almost there"}` : "";
  return `${percent} %, ${format.kib(offset)} of ${format.kib(size)}${how}`;
}
