import { copyable } from "./copy.js";
import { h } from "./dom.js";
import { hostError, isLoopback, pushLines } from "./snippets.js";

/** How a camera connects: its address, its key and ready lines, for the address at which cameras reach the relay. */
export function connection(id, key) {
  const secure = location.protocol === "https:";
  const lines = (host) => pushLines({ host, secure, id, key });
  const first = lines(location.host);
  const url = copyable(first.url);
  const blocks = first.snippets.map(({ text }) => copyable(text, { block: true }));
  const error = h("p.error", { role: "alert", hidden: true });
  const host = h("input", {
    value: location.host, autocomplete: "off", spellcheck: "false", autocapitalize: "none",
    oninput: () => {
      const value = host.value.trim();
      error.textContent = hostError(value);
      error.hidden = !error.textContent;
      if (error.textContent) return;
      const { url: address, snippets } = lines(value);
      url.set(address);
      snippets.forEach(({ text }, i) => blocks[i].set(text));
    },
  });
  return h("div.connection",
    h("p.warning", "This is the only time the key is shown. The relay keeps no copy that could be read."),
    h("h3", "Key"), copyable(key).el,
    h("h3", "Address"), url.el,
    h("label", "Where cameras reach this relay", host,
      isLoopback(location.host) && h("small", `A camera cannot reach ${location.host}: write this computer's address in your network.`)),
    error,
    first.snippets.map(({ title, note }, i) =>
      h("details", { open: i === 0 }, h("summary", title), note && h("p.hint", note), blocks[i].el)));
}
