import { AddView } from "./add.js";
import { api } from "./api.js";
import { attr, h } from "./dom.js";
import { GridView } from "./grid.js";
import { listenForKeys, showHelp } from "./keys.js";
import { Live } from "./live.js";
import { LoginView, takeToken } from "./login.js";
import { Announcer, LinkNotice, Toast } from "./notices.js";
import { SettingsView } from "./settings.js";
import { SingleView } from "./single.js";
import { UpdatesView } from "./updates.js";

const RETRY_MS = 3000;
/** The pages that stand for themselves, by their address; everything else is the grid. */
const VIEWS = { add: AddView, updates: UpdatesView, settings: SettingsView };

/** What the views share: who is signed in, the live connection, and ways to move and to speak. */
class App {
  session = null;
  /** The only camera to be seen, of a share link. */
  shared = "";
  /** The camera that was open last; the grid gives it the focus. */
  lastCamera = "";
  #token = null;
  #view = null;
  #toast = new Toast();
  #bar;
  #place = h("div.place");
  #notice;
  live = new Live(() => this.#signedOut());

  get admin() {
    return this.session?.role === "admin";
  }

  async start() {
    const [page, id] = route(location.pathname);
    if (page === "login") return this.#show(new LoginView(this));
    try {
      await this.#enter(page, id);
    } catch (e) {
      if (e.status >= 400 && e.status < 500) return this.#show(new LoginView(this, { error: e.message }));
      return this.#unreachable(e);
    }
    if (!this.session.signed_in) return this.#signedOut();
    this.#frame();
    this.live.start();
    this.#route();
  }

  /** Shows another page. */
  navigate(path, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"](null, "", path);
    this.#route();
    scrollTo(0, 0);
  }

  toast(message, isError) {
    this.#toast.show(message, isError);
  }

  setTitle(title) {
    const full = `${title} – ${this.live.relay || "camrelay"}`;
    if (document.title !== full) document.title = full;
  }

  /** Signs in with the token of a share link, unless somebody is signed in already who may see everything: such a session is not to be lost. */
  async #enter(page, id) {
    if (page === "cameras") this.#token ??= takeToken("search");
    this.session = await api.session();
    if (this.#token !== null) {
      if (!this.session.signed_in || this.session.camera) {
        await api.signIn(this.#token);
        this.session = await api.session();
      }
      this.shared = id;
    }
    this.shared ||= this.session.camera ?? "";
  }

  #frame() {
    this.#bar = h("header.top",
      h("a.mark", { href: "/" }, "camrelay"),
      this.#place,
      h("nav.links", { "aria-label": "Pages" },
        this.admin && h("a", { href: "/add" }, "Add camera"),
        h("a", { href: "/updates" }, "Updates"),
        h("a", { href: "/settings" }, "Settings"),
        h("button.quiet.help", { type: "button", "aria-label": "Keys", onclick: showHelp }, "?")));
    this.#notice = new LinkNotice(this.live);
    document.body.append(this.#bar, h("div.notices", this.#toast.el, this.#notice.el), new Announcer(this.live).el);
    document.addEventListener("click", (event) => this.#click(event));
    addEventListener("popstate", () => this.#route());
    listenForKeys(() => this.#view);
  }

  #click(event) {
    const a = event.target.closest("a[href]");
    if (!a || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || a.target) return;
    const url = new URL(a.href);
    if (url.origin !== location.origin || !route(url.pathname)[0]) return;
    event.preventDefault();
    this.navigate(url.pathname);
  }

  #route() {
    const [page, id] = this.shared ? ["cameras", this.shared] : route(location.pathname);
    this.#bar.hidden = page === "cameras";
    for (const a of this.#bar.querySelectorAll("a")) attr(a, "aria-current", a.pathname === location.pathname ? "page" : null);
    if (page === "cameras") this.lastCamera = id;
    this.#show(page === "cameras" ? new SingleView(this, id) : new (VIEWS[page] ?? GridView)(this));
  }

  #show(view) {
    this.#view?.close();
    this.#view?.el.remove();
    this.#view = view;
    this.setTitle(view.title);
    this.#place.replaceChildren(view.heading ?? "");
    document.body.classList.toggle("shared", Boolean(this.shared));
    if (this.#bar) this.#bar.after(view.el);
    else document.body.append(view.el);
    view.mount();
  }

  #signedOut() {
    this.live.stop();
    if (location.pathname !== "/login") location.replace(`/login?next=${encodeURIComponent(location.pathname)}`);
  }

  /** The pages came, perhaps from a cache, but the relay does not answer: waits for it. */
  #unreachable(error) {
    const el = h("main.page.login", h("h1", "camrelay"), h("p.error", { role: "alert" }, error.message), h("p.hint", "Trying again every few seconds."));
    document.body.append(el);
    setTimeout(() => {
      el.remove();
      this.start();
    }, RETRY_MS);
  }
}

/** Splits a path into the page's name ("" if there is none) and a camera id. */
function route(path) {
  const m = /^\/(?:(login|add|updates|settings)|(cameras)\/([a-z0-9][a-z0-9-]*))?$/.exec(path);
  return m ? [m[1] ?? m[2] ?? "grid", m[3] ?? ""] : ["", ""];
}

new App().start();
