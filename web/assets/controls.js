import { api } from "./api.js";
import { Commander } from "./commander.js";
import { attr, h, text } from "./dom.js";
import * as format from "./format.js";
import { COMMON, MORE, offered } from "./parameters.js";

const DRAG_MS = 150;
/** So long after its ack a camera may take to show a new value. */
const SETTLE_MS = 3000;

/** Picture settings of one camera. Each shows what the camera has confirmed, except while a change is on its way. */
export class Controls {
  #ctx;
  #camera;
  #rows = new Map();
  #commander;
  #notice = h("div.notice", { role: "status", hidden: true });
  #body = h("div.settings");
  #names = "";

  constructor(ctx, camera) {
    this.#ctx = ctx;
    this.#camera = camera;
    this.#commander = new Commander(
      (settings, take) => this.#send(settings, take),
      (answer, settings) => this.#answered(answer, settings));
    this.el = h("aside.controls", { "aria-label": "Picture controls" }, this.#notice, this.#body);
  }

  /** Shows what a CAMERA says. */
  update(camera) {
    const values = camera?.settings ?? {};
    const usable = Boolean(camera?.control);
    const names = usable ? Object.keys(values).sort().join() : "none";
    if (names !== this.#names) {
      this.#names = names;
      this.#build(usable, values, camera);
    }
    for (const row of this.#rows.values()) row.confirm(values[row.name], this.#commander.pending(row.name));
  }

  #build(usable, values, camera) {
    this.#rows.clear();
    if (!usable) {
      this.#body.replaceChildren(h("p.hint", camera?.kind === "pull"
        ? "The relay only fetches this camera's pictures. To change its settings here, its control address must be known to the relay."
        : "This camera takes no settings now: it is not connected, or its firmware does not offer the subprotocol camrelay.camera.v1."));
      return;
    }
    const rows = (list) => offered(list, values).map((setting) => {
      const row = new Row(setting, (value) => this.#change(setting.name, value));
      this.#rows.set(setting.name, row);
      return row.el;
    });
    const groups = MORE.map(({ title, settings }) => ({ title, rows: rows(settings) })).filter((g) => g.rows.length);
    this.#body.replaceChildren(
      h("section", rows(COMMON)),
      groups.length ? h("details", h("summary", "More"), groups.map((g) => h("section", h("h3", g.title), g.rows))) : "");
  }

  #change(name, value) {
    this.#notice.hidden = true;
    this.#commander.change(name, value);
    this.update(this.#ctx.live.cameras.get(this.#camera));
  }

  async #send(settings, take) {
    const { live } = this.#ctx;
    if (live.link.state === "open") return live.set(this.#camera, settings, take);
    try {
      await api.setSettings(this.#camera, settings, take);
      return { ok: true };
    } catch (e) {
      return { ok: false, error: e.message, busy: e.status === 409 };
    }
  }

  #answered({ ok, error, busy }, settings) {
    for (const [name, value] of Object.entries(settings)) this.#rows.get(name)?.settle(ok ? value : undefined);
    this.#notice.hidden = ok;
    if (!ok) {
      this.#notice.replaceChildren(h("p", sentence(error)),
        busy ? h("button", { type: "button", onclick: () => this.#takeOver() }, "Take over") : "");
    }
    this.update(this.#ctx.live.cameras.get(this.#camera));
  }

  #takeOver() {
    this.#notice.hidden = true;
    this.#commander.takeOver();
  }
}

const sentence = (s = "The camera did not do it") => s[0].toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? "" : ".");

/** One setting: its label, its input and its value. */
class Row {
  #setting;
  #input;
  #value = h("output");
  #expected;
  #expectedUntil = 0;
  #timer = 0;

  constructor(setting, change) {
    this.#setting = setting;
    this.name = setting.name;
    const id = `setting-${setting.name}`;
    this.#input = makeInput(setting, id);
    this.#input.addEventListener("input", () => {
      text(this.#value, this.#shown(this.#read()));
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        change(this.#read());
      }, setting.type === "range" ? DRAG_MS : 0);
    });
    const hint = setting.hint ? h("small", { id: `${id}-hint` }, setting.hint) : "";
    if (hint) this.#input.setAttribute("aria-describedby", hint.id);
    this.el = h(`div.setting.${setting.type}`, h("label", { for: id }, setting.label), this.#value, this.#input, hint);
  }

  /** A change was answered: `value` is what was asked for, undefined if it was refused. */
  settle(value) {
    this.#expected = value;
    this.#expectedUntil = value === undefined ? 0 : performance.now() + SETTLE_MS;
  }

  confirm(value, pending) {
    if (String(value) === String(this.#expected)) this.#expectedUntil = 0;
    const waits = pending || performance.now() < this.#expectedUntil;
    attr(this.el, "aria-busy", waits ? "true" : null);
    if (waits || this.#timer || this.#input.matches(":active")) return;
    this.#write(value);
    text(this.#value, value === undefined ? "–" : this.#shown(value));
  }

  #read() {
    if (this.#setting.type === "toggle") return this.#input.checked ? 1 : 0;
    const value = this.#input.value;
    return /^-?\d+$/.test(value) ? Number(value) : value;
  }

  #write(value) {
    if (value === undefined) return;
    if (this.#setting.type === "toggle") this.#input.checked = Number(value) === 1;
    else if (this.#input.value !== String(value)) this.#input.value = String(value);
  }

  #shown(value) {
    if (this.#setting.type === "toggle") return Number(value) === 1 ? "on" : "off";
    return this.#setting.type === "range" ? format.signed(Number(value)) : "";
  }
}

function makeInput({ type, min, max, options }, id) {
  if (type === "range") return h("input", { type: "range", id, min, max, step: 1 });
  if (type === "toggle") return h("input", { type: "checkbox", role: "switch", id });
  return h("select", { id }, options.map(({ value, label }) => h("option", { value }, label)));
}
