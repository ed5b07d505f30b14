import { h, text } from "./dom.js";
import { fitGrid } from "./layout.js";
import { Tile } from "./tile.js";

const GAP = 12;
const CAPTION = 36;
/** Least width of a tile; on a phone more than a few cameras stand two abreast. */
const LEAST = 220;
const LEAST_PHONE = 150;
const PHONE = 520;
const FEW = 5;
/** In narrower tiles the caption has no room for a number. */
const DENSE = 230;
/** With this many cameras on the screen each is asked for fewer frames: nobody follows them all. */
const MANY = 9;
const MANY_FPS = 10;

/** All cameras. */
export class GridView {
  title = "Cameras";
  #ctx;
  #tiles = new Map();
  #visible = new Set();
  #columns = 1;
  #grid = h("div.grid", { role: "list" });
  /** Stands in the line at the top of the page. */
  heading = h("h1.summary", { tabindex: "-1" });
  #empty;
  #observer;
  #resize;
  #refresh = () => this.#update();
  #relist = () => this.#list();

  constructor(ctx) {
    this.#ctx = ctx;
    this.#empty = emptyState(ctx.admin);
    this.el = h("main.page.wide", this.#grid, this.#empty);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "80px" });
    this.#resize = new ResizeObserver(() => this.#fit());
  }

  mount() {
    const { live } = this.#ctx;
    live.addEventListener("cameras", this.#relist);
    live.addEventListener("figures", this.#refresh);
    live.addEventListener("link", this.#relist);
    this.#resize.observe(document.documentElement);
    this.#list();
    this.#tiles.get(this.#ctx.lastCamera)?.el.focus();
  }

  close() {
    const { live } = this.#ctx;
    live.removeEventListener("cameras", this.#relist);
    live.removeEventListener("figures", this.#refresh);
    live.removeEventListener("link", this.#relist);
    this.#observer.disconnect();
    this.#resize.disconnect();
    this.#tiles.forEach((tile) => tile.close());
  }

  /** Arrow keys go from tile to tile; the browser's Enter opens one. */
  key(key) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns }[key];
    if (!step) return false;
    const tiles = [...this.#grid.children].map((item) => item.firstChild);
    const at = tiles.indexOf(document.activeElement);
    const next = at < 0 ? tiles[0] : tiles[at + step];
    next?.focus();
    return Boolean(next);
  }

  #list() {
    const { live } = this.#ctx;
    const ids = [...live.cameras.keys()];
    for (const [id, tile] of this.#tiles) {
      if (live.cameras.has(id)) continue;
      this.#observer.unobserve(tile.el);
      tile.el.parentElement.remove();
      tile.close();
      this.#tiles.delete(id);
      this.#visible.delete(tile);
    }
    for (const id of ids) {
      if (this.#tiles.has(id)) continue;
      const tile = new Tile(live, id);
      this.#tiles.set(id, tile);
      this.#grid.append(h("div.cell", { role: "listitem" }, tile.el));
      this.#observer.observe(tile.el);
    }
    this.#grid.hidden = !ids.length;
    this.#empty.hidden = ids.length > 0 || !live.known;
    this.#fit();
    this.#update();
  }

  #update() {
    let attention = 0;
    for (const tile of this.#tiles.values()) if (tile.update().attention) attention++;
    const n = this.#tiles.size;
    const lost = this.#ctx.live.link.state === "lost";
    const all = n === 1 ? "1 camera" : `${n} cameras`;
    text(this.heading, !n ? "Cameras" : lost ? `${all}, none live` : attention ? `${all}, ${attention} ${attention === 1 ? "needs" : "need"} attention` : all);
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#tiles.get(target.dataset.camera);
      if (tile) this.#visible[isIntersecting ? "add" : "delete"](tile);
    }
    const maxFps = this.#visible.size >= MANY ? MANY_FPS : 0;
    for (const tile of this.#tiles.values()) tile.show({ visible: this.#visible.has(tile), maxFps });
  }

  #fit() {
    const n = this.#tiles.size;
    if (!n || !this.#grid.clientWidth) return;
    const { width } = this.el.getBoundingClientRect();
    const style = getComputedStyle(this.el);
    const top = this.#grid.getBoundingClientRect().top + scrollY;
    const inner = width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const { columns, tile } = fitGrid(n, {
      width: inner,
      height: innerHeight - top - parseFloat(style.paddingBottom),
      gap: GAP,
      caption: CAPTION,
      least: inner > PHONE || n < FEW ? LEAST : LEAST_PHONE,
    });
    this.#columns = columns;
    this.#grid.classList.toggle("dense", tile < DENSE);
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${tile}px))`;
  }
}

function emptyState(admin) {
  return h("div.empty", { hidden: true },
    h("h2", "No cameras yet"),
    admin
      ? [
          h("p", "A camera pushes its pictures to this relay, or the relay fetches them from an address in your network. Add one to see it here."),
          h("p", h("a.button.primary", { href: "/add" }, "Add a camera")),
        ]
      : h("p", "Somebody with the admin role can add one; it then appears here by itself."));
}
