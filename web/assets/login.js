import { api } from "./api.js";
import { h } from "./dom.js";

/** A path of this origin that somebody wanted to see, or the start page. */
export function wanted(search = location.search) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  try {
    const url = new URL(next, location.origin);
    const ours = next.startsWith("/") && url.origin === location.origin && url.pathname !== "/login";
    return ours ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

/** Signing in by a token, typed or from the address that the relay prints when it starts (#token=…). */
export class LoginView {
  title = "Sign in";
  #ctx;
  #error = h("p.error", { role: "alert", hidden: true });
  #button = h("button.primary", "Sign in");
  #token = h("input", {
    name: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false", autocapitalize: "none",
  });

  constructor(ctx, { error = "" } = {}) {
    this.#ctx = ctx;
    this.#say(error);
    this.el = h("main.page.login",
      h("h1", "camrelay"),
      h("form", {
        onsubmit: (event) => {
          event.preventDefault();
          this.#signIn(this.#token.value.trim());
        },
      },
      h("label", "Token", this.#token),
      this.#error, this.#button),
      h("p.hint", "The relay printed an address with the first token when it was started for the first time. Whoever has an admin token can make more under Settings. A shared link that worked before has expired: ask for a new one."));
  }

  mount() {
    const token = takeToken("hash");
    if (token) this.#signIn(token);
    else this.#token.focus();
  }

  close() {}

  async #signIn(token) {
    if (!token) return this.#token.focus();
    this.#button.disabled = true;
    this.#say("");
    try {
      await api.signIn(token);
      location.replace(wanted());
    } catch (e) {
      this.#say(e.message);
      this.#button.disabled = false;
      this.#token.select();
    }
  }

  #say(sentence) {
    this.#error.textContent = sentence;
    this.#error.hidden = !sentence;
  }
}

/** The token in the address (in its "hash" or "search" part), which is removed from it and from the history; or null. */
export function takeToken(part) {
  const url = new URL(location.href);
  const params = new URLSearchParams(part === "hash" ? url.hash.slice(1) : url.search);
  const token = params.get("token");
  if (token === null) return null;
  params.delete("token");
  url[part] = params.toString();
  history.replaceState(history.state, "", url);
  return token;
}
