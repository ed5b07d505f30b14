import { Controls } from "./controls.js";
import { attr, h, text } from "./dom.js";
import * as format from "./format.js";
import { moreDialog } from "./more.js";
import { Overlay } from "./overlay.js";
import { saveSnapshot } from "./snapshot.js";
import { describe, sentence } from "./status.js";
import { recall, remember } from "./store.js";
import { choose } from "./transports.js";
import { UpdatePanel } from "./updatepanel.js";
import { mark, Veil } from "./veil.js";

/** One camera. With ctx.shared there is nothing but its picture and name. */
export class SingleView {
  #ctx;
  #id;
  #transport = null;
  #session = null;
  #veil = new Veil();
  #overlay = new Overlay();
  #controls = null;
  #firmware = null;
  #name = h("h1", { tabindex: "-1" });
  #status = h("p.status");
  #buttons = {};
  #stage = h("div.stage", { role: "img" });
  #refresh = () => this.#update();
  #tick = () => this.#measure();
  #relink = () => this.#linked();

  constructor(ctx, id) {
    this.#ctx = ctx;
    this.#id = id;
    this.#stage.dataset.camera = id;
    this.#stage.append(this.#veil.el);
    if (ctx.admin && !ctx.shared) this.#controls = new Controls(ctx, id);
    if (!ctx.shared) this.#firmware = new UpdatePanel(ctx, id);
    const back = ctx.shared ? null : h("a.back", { href: "/", "aria-label": "All cameras" }, "‹ Cameras");
    this.el = h("main.single",
      h("header.bar", back, h("div.title", this.#name, this.#status), h("div.tools", this.#tools())),
      h("div.work", h("div.view", this.#stage, this.#overlay.el), this.#firmware?.el, this.#controls?.el));
    this.#showOverlay(recall("overlay", "on") === "on" && !ctx.shared);
    this.#showControls(false);
  }

  get title() {
    return this.#ctx.live.cameras.get(this.#id)?.name || this.#id;
  }

  mount() {
    const { live } = this.#ctx;
    live.addEventListener("cameras", this.#refresh);
    live.addEventListener("figures", this.#tick);
    live.addEventListener("link", this.#relink);
    this.#connect();
    this.#update();
    this.#firmware?.mount();
    this.#name.focus({ preventScroll: true });
  }

  close() {
    const { live } = this.#ctx;
    live.removeEventListener("cameras", this.#refresh);
    live.removeEventListener("figures", this.#tick);
    live.removeEventListener("link", this.#relink);
    this.#session?.close();
    this.#firmware?.close();
    if (document.fullscreenElement) document.exitFullscreen();
  }

  key(key) {
    if (this.#ctx.shared && !["f", "o"].includes(key)) return false;
    switch (key) {
      case "ArrowRight": return this.#go(1);
      case "ArrowLeft": return this.#go(-1);
      case "Escape": this.#ctx.navigate("/"); return true;
      case "f": this.#fullscreen(); return true;
      case "s": this.#snapshot(); return true;
      case "o": this.#showOverlay(this.#overlay.el.hidden, true); return true;
      case "c": this.#showControls(this.#controls?.el.hidden); return Boolean(this.#controls);
      default: return false;
    }
  }

  #tools() {
    const tool = (name, label, key, onclick) =>
      (this.#buttons[name] = h("button", { type: "button", onclick, "aria-keyshortcuts": key, title: key ? `${label} (${key})` : null }, label));
    const { shared } = this.#ctx;
    return [
      tool("overlay", "Figures", "o", () => this.#showOverlay(this.#overlay.el.hidden, true)),
      !shared && tool("snapshot", "Snapshot", "s", () => this.#snapshot()),
      document.fullscreenEnabled && tool("fullscreen", "Full screen", "f", () => this.#fullscreen()),
      this.#controls && tool("controls", "Controls", "c", () => this.#showControls(this.#controls.el.hidden)),
      !shared && tool("more", "More", null, () => this.#more()),
    ];
  }

  #connect() {
    const transport = choose(this.#ctx.live);
    if (transport === this.#transport) return;
    this.#session?.close();
    this.#transport = transport;
    this.#session = transport.open({ live: this.#ctx.live, camera: this.#id, box: this.#stage });
  }

  #linked() {
    this.#connect();
    this.#update();
  }

  #measure() {
    const { live } = this.#ctx;
    this.#overlay.update(live.cameras.get(this.#id), this.#session.figures(), this.#transport.label);
    this.#update();
  }

  #update() {
    const { live } = this.#ctx;
    const camera = live.cameras.get(this.#id);
    const figures = this.#session.figures();
    const status = describe(camera, figures, this.#reach(), Date.now(), live.offset);
    mark(this.#stage, status, figures);
    attr(this.#stage, "data-transport", this.#transport.id);
    this.#veil.show(status);
    text(this.#name, camera?.name || this.#id);
    text(this.#status, status.live ? liveText(figures) : status.word);
    this.#status.classList.toggle("attention", status.attention);
    attr(this.#stage, "aria-label", `${camera?.name || this.#id}: ${sentence(status)}`);
    this.#controls?.update(camera);
    this.#firmware?.update(camera);
    const { width, height } = figures ?? camera ?? {};
    if (width && height) this.#stage.style.setProperty("--ratio", `${width} / ${height}`);
    if (this.#buttons.more) this.#buttons.more.disabled = !camera;
    this.#ctx.setTitle(this.title);
  }

  /** MJPEG needs no WebSocket: while HTTP works the relay is in reach. */
  #reach() {
    const { link } = this.#ctx.live;
    return this.#transport.id === "mjpeg" && link.problem === "blocked" ? { state: "open" } : link;
  }

  #go(step) {
    const ids = [...this.#ctx.live.cameras.keys()];
    const at = ids.indexOf(this.#id);
    if (ids.length < 2 || at < 0) return false;
    this.#ctx.navigate(`/cameras/${ids[(at + step + ids.length) % ids.length]}`, { replace: true });
    return true;
  }

  #showOverlay(shown, byHand = false) {
    this.#overlay.el.hidden = !shown;
    attr(this.#buttons.overlay, "aria-pressed", shown);
    if (byHand) remember("overlay", shown ? "on" : "off");
    this.#overlay.draw();
  }

  #showControls(shown) {
    if (!this.#controls) return;
    this.#controls.el.hidden = !shown;
    attr(this.#buttons.controls, "aria-pressed", Boolean(shown));
  }

  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#stage.parentElement.requestFullscreen?.().catch(() => {});
  }

  async #snapshot() {
    try {
      this.#ctx.toast(await saveSnapshot(this.#id, { stale: this.#ctx.live.cameras.get(this.#id)?.state !== "online" }));
    } catch (e) {
      this.#ctx.toast(e.message, true);
    }
  }

  #more() {
    const camera = this.#ctx.live.cameras.get(this.#id);
    if (camera) moreDialog(this.#ctx, camera, { transport: choose(this.#ctx.live, "auto").label, onTransport: () => this.#linked() });
  }
}

function liveText(figures) {
  return figures.age === null ? "Live" : `Live, ${format.age(figures.age)} old`;
}
