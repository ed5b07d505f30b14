import { h } from "./dom.js";

/**
 * Opens a dialog. `build(close)` gives its content; close(value) ends it. Resolves with that value, or undefined when it was dismissed.
 */
export function dialog(title, build) {
  return new Promise((resolve) => {
    let result;
    const close = (value) => {
      result = value;
      el.close();
    };
    const el = h("dialog", { "aria-label": title },
      h("header", h("h2", title), h("button.quiet", { type: "button", "aria-label": "Close", onclick: () => close() }, "×")),
      h("div.content", build(close)));
    el.addEventListener("close", () => {
      el.remove();
      resolve(result);
    });
    el.addEventListener("click", (event) => event.target === el && close());
    document.body.append(el);
    el.showModal();
    el.querySelector("form input, form select")?.focus();
  });
}

/** Asks before something that cannot be undone. Resolves with true only if it was agreed to. */
export async function confirm(title, sentence, action, otherwise = "Cancel") {
  const yes = await dialog(title, (close) => [
    h("p", sentence),
    h("div.actions",
      h("button", { type: "button", onclick: () => close(false), autofocus: true }, otherwise),
      h("button.danger", { type: "button", onclick: () => close(true) }, action)),
  ]);
  return yes === true;
}

/** A form in a dialog: `submit(data)` may throw an error, which is shown; its result closes the dialog. */
export function form(title, fields, action, submit) {
  return dialog(title, (close) => {
    const error = h("p.error", { role: "alert", hidden: true });
    const button = h("button.primary", action);
    return h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        try {
          close((await submit(Object.fromEntries(new FormData(event.target)))) ?? true);
        } catch (e) {
          error.textContent = e.message;
          error.hidden = false;
        }
        button.disabled = false;
      },
    }, fields, error, h("div.actions", h("button", { type: "button", onclick: () => close() }, "Cancel"), button));
  });
}
