import { api } from "./api.js";
import { copyable } from "./copy.js";
import { confirm, dialog, form } from "./dialog.js";
import { h } from "./dom.js";
import * as format from "./format.js";

/** Tokens, and what this relay is. */
export class SettingsView {
  title = "Settings";
  #ctx;
  #tokens = h("div");
  #relay = h("dd");
  #onLink = () => (this.#relay.textContent = this.#ctx.live.relay || location.host);

  constructor(ctx) {
    this.#ctx = ctx;
    const { session } = ctx;
    this.el = h("main.page.narrow", h("h1", { tabindex: "-1" }, this.title),
      ctx.admin && h("section", h("h2", "Tokens"),
        h("p.hint", "A token is what a person or a program signs in with. A viewer sees all cameras; an admin also changes them."),
        this.#tokens,
        h("div.actions", h("button", { type: "button", onclick: () => this.#add() }, "Make a token"))),
      h("section", h("h2", "This relay"),
        h("dl.facts",
          h("div", h("dt", "Relay"), this.#relay),
          h("div", h("dt", "Version"), h("dd", session.version)),
          h("div", h("dt", "Signed in"), h("dd", session.lab ? "not needed (lab mode)" : `${session.name}, ${session.role}`))),
        !session.lab && h("div.actions", h("button", { type: "button", onclick: () => this.#signOut() }, "Sign out"))));
  }

  mount() {
    this.#ctx.live.addEventListener("link", this.#onLink);
    this.#onLink();
    this.el.querySelector("h1").focus();
    if (this.#ctx.admin) this.#load();
  }

  close() {
    this.#ctx.live.removeEventListener("link", this.#onLink);
  }

  async #load() {
    try {
      const { tokens } = await api.tokens();
      this.#tokens.replaceChildren(h("ul.tokens", tokens.map((token) => this.#row(token))));
    } catch (e) {
      this.#tokens.replaceChildren(h("p.error", { role: "alert" }, e.message));
    }
  }

  #row(token) {
    return h("li",
      h("p", token.name, h("small", `${token.role}, made ${format.moment(Date.parse(token.created))}`)),
      h("button.quiet", { type: "button", "aria-label": `Delete ${token.name}`, onclick: () => this.#remove(token) }, "Delete"));
  }

  async #add() {
    const made = await form("Make a token", [
      h("label", "For whom or what", h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", placeholder: "kitchen tablet" })),
      h("label", "Role", h("select", { name: "role" }, h("option", { value: "viewer" }, "viewer: sees all cameras"), h("option", { value: "admin" }, "admin: changes everything"))),
    ], "Make it", ({ name, role }) => api.addToken(name.trim(), role));
    if (!made) return;
    this.#load();
    await dialog(`Token for ${made.name}`, () => [
      h("p.warning", "This is the only time the token is shown."),
      h("h3", "Token"), copyable(made.token).el,
      h("h3", "Or an address that signs in"), copyable(`${location.origin}/login#token=${encodeURIComponent(made.token)}`).el,
    ]);
  }

  async #remove(token) {
    if (!(await confirm(`Delete ${token.name}`, "Whoever signed in with this token is signed out.", "Delete the token"))) return;
    try {
      await api.removeToken(token.id);
    } catch (e) {
      this.#ctx.toast(e.message, true);
    }
    this.#load();
  }

  async #signOut() {
    await api.signOut().catch(() => {});
    location.assign("/login");
  }
}
