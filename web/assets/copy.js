import { h } from "./dom.js";

/** Copies text; also on plain http, where browsers offer no clipboard. */
async function copy(value, near) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    const area = h("textarea.offscreen", { readonly: true, "aria-hidden": "true" });
    area.value = value;
    near.append(area); // inside an open dialog nothing outside can be selected
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A button that copies what `value()` gives. */
export function copyButton(value, label = "Copy") {
  let timer = 0;
  const button = h("button.copy", {
    type: "button",
    onclick: async () => {
      const done = await copy(value(), button.parentElement);
      button.textContent = done ? "Copied" : "Select and copy it";
      clearTimeout(timer);
      timer = setTimeout(() => (button.textContent = label), 2000);
      button.focus();
    },
  }, label);
  button.setAttribute("aria-live", "polite");
  return button;
}

/** A line or block of text to be copied; `set(value)` changes it. */
export function copyable(value, { block = false, label } = {}) {
  const code = h(block ? "pre" : "code", { tabindex: block ? "0" : null }, value);
  const el = h(block ? "div.copyable.block" : "div.copyable", code, copyButton(() => code.textContent, label));
  return { el, set: (v) => (code.textContent = v) };
}
