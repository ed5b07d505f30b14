import { api } from "./api.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { plain } from "./timeline.js";

const WORDS = {
  running: "Running", paused: "Paused", stopping: "Stops, too many have failed", cancelling: "Is being cancelled", expiring: "Its time is over",
  completed: "Completed", stopped: "Stopped, too many had failed", cancelled: "Cancelled", expired: "Its time was over",
};
/** Cameras by state, in the order in which they come. */
const CAMERAS = {
  pending: "to come", updating: "being updated", soaking: "being watched", succeeded: "updated", failed: "failed", rolled_back: "went back",
  lost: "lost", regressed: "fell back", rejected: "refused", already_installed: "had it already", offline: "offline", cancelled: "cancelled", not_started: "not started",
};
const BAD = new Set(["failed", "rolled_back", "lost", "regressed"]);
const OVER = new Set(["succeeded", "failed", "rolled_back", "lost", "regressed", "rejected", "already_installed", "offline", "cancelled", "not_started"]);
const ENDED = new Set(["completed", "stopped", "cancelled", "expired"]);
/** A rollout that ends can only be waited for. */
const ENDING = new Set(["stopping", "cancelling", "expiring"]);

/** Updates of many cameras, wave after wave. There is nothing to see where the relay has none, or where they may not be seen. */
export class Rollouts {
  /** Whether one is under way. */
  running = false;
  #ctx;
  #list = h("ul.rollouts");
  #none = h("p.hint", "None yet. One begins by MQTT, with a message to the topic ota/all or ota/group/…, or by the API.");
  #shown = "";
  #absent = false;
  #open = new Set(); // ids of those whose cameras are listed
  el = h("section", { "aria-label": "Rollouts", hidden: true }, h("h2", "Rollouts"), this.#list, this.#none);

  constructor(ctx) {
    this.#ctx = ctx;
  }

  async load() {
    if (this.#absent) return;
    let rollouts;
    try {
      ({ rollouts } = await api.rollouts());
    } catch (e) {
      this.#absent = e.status === 404 || e.status === 403;
      return; // what was there stays
    }
    this.running = rollouts.some(({ state }) => !ENDED.has(state));
    this.el.hidden = !rollouts.length && !this.#ctx.admin;
    this.#none.hidden = rollouts.length > 0;
    const shown = JSON.stringify(rollouts);
    if (shown !== this.#shown) this.#draw(rollouts);
    this.#shown = shown;
  }

  #draw(rollouts) {
    const focus = document.activeElement?.dataset.action;
    this.#list.replaceChildren(...rollouts.map((r) => this.#row(r)));
    if (focus) this.#list.querySelector(`[data-action="${CSS.escape(focus)}"]`)?.focus();
  }

  #row(rollout) {
    const { id, state, version, wave, waits, counts, total, created, ended, text, why, by, reason, not_journalled: volatile } = rollout;
    const over = Object.entries(counts).reduce((sum, [s, n]) => sum + (OVER.has(s) ? n : 0), 0);
    const running = !ENDED.has(state);
    const waveState = (n) => (!running || n < wave ? "done" : n === wave ? "now" : "next");
    const facts = [`since ${format.moment(Date.parse(created))}`, ended && `until ${format.moment(Date.parse(ended))}`, by && `by ${by}`, reason];
    return h("li", { data: { rollout: id, state } },
      h("div.head",
        h("p", h("strong", `${id}: to ${version}`), " ", h(state.startsWith("stop") ? "span.attention" : "span", WORDS[state] ?? state)),
        this.#ctx.admin && running && h("div.do",
          state === "running" && this.#button(id, "pause", "Pause"),
          state === "paused" && this.#button(id, "resume", "Resume"),
          !ENDING.has(state) && this.#button(id, "cancel", "Cancel"))),
      h("progress", { max: Math.max(total, 1), value: over, "aria-label": `${over} of ${total} cameras are through` }),
      h("ol.waves", { "aria-label": "Waves" }, waveNames(rollout).map((name, i) =>
        h("li", { "aria-current": waveState(i + 1) === "now" ? "step" : null, data: { state: waveState(i + 1) } }, `Wave ${i + 1}: ${name}`))),
      h("ul.waves.counts", { "aria-label": "Cameras by state" }, Object.keys(CAMERAS).filter((s) => counts[s]).map((s) =>
        h(BAD.has(s) ? "li.attention" : "li", `${counts[s]} ${CAMERAS[s]}`))),
      Boolean(waits) && h("p", `Waits ${waits}.`),
      volatile && h("p.attention", "The relay cannot write it down: it would be forgotten by a restart."),
      Boolean(text || why) && h("p", plain(text || why, id)),
      h("p.hint", facts.filter(Boolean).join(" · ")),
      this.#cameras(id));
  }

  #button(id, action, label) {
    return h(action === "cancel" ? "button.danger" : "button",
      { type: "button", data: { action: `${id} ${action}` }, "aria-label": `${label} rollout ${id}`, onclick: () => this.#change(id, action) }, label);
  }

  /** The cameras of a rollout, asked for when somebody wants to see them. */
  #cameras(id) {
    const list = h("ul.members");
    const name = (camera) => this.#ctx.live.cameras.get(camera)?.name || camera;
    const fill = async () => {
      let rows;
      try {
        const { cameras = [] } = await api.rollout(id);
        rows = cameras.map(({ camera, state, wave, text }) => h("li",
          h("a", { href: `/cameras/${camera}` }, name(camera)), " ",
          h(BAD.has(state) ? "span.attention" : "span", CAMERAS[state] ?? state),
          wave > 0 && h("span.hint", ` wave ${wave}`), Boolean(text) && h("span.hint", ` ${plain(text, camera)}`)));
      } catch (e) {
        rows = [h("li.error", e.message)];
      }
      list.replaceChildren(...rows);
    };
    if (this.#open.has(id)) fill();
    return h("details", {
      open: this.#open.has(id),
      ontoggle: ({ target }) => {
        if (target.open === this.#open.has(id)) return; // it was drawn so
        this.#open[target.open ? "add" : "delete"](id);
        if (target.open) fill();
      },
    }, h("summary", { data: { action: `${id} cameras` } }, "Cameras"), list);
  }

  async #change(id, action) {
    if (action === "cancel") {
      const sure = await confirm(`Cancel rollout ${id}`, "No more updates begin, and those that can still go back are cancelled. Cameras that are updated stay so.", "Cancel the rollout", "Go on");
      if (!sure) return;
    }
    try {
      await api.changeRollout(id, action);
    } catch (e) {
      this.#ctx.toast(e.message, true);
    }
    this.el.dispatchEvent(new Event("changed", { bubbles: true }));
  }
}

/** The waves, by how many cameras have been updated when each is through. */
export function waveNames({ canary = [], waves }) {
  const names = waves.map(({ count, percent }) => (percent ? `${percent} %` : count === 1 ? "1 camera" : `${count} cameras`));
  return canary.length ? [canary.length === 1 ? "Canary" : `${canary.length} canaries`, ...names] : names;
}
