import { dialog } from "./dialog.js";
import { h } from "./dom.js";

const HELP = [
  ["Arrows", "From camera to camera"],
  ["Enter", "Open a camera"],
  ["Esc", "Back to all cameras"],
  ["f", "Full screen"],
  ["s", "Save a snapshot"],
  ["o", "Figures over the picture"],
  ["c", "Picture controls"],
  ["?", "This help"],
];

/** Gives keys to the view that is shown, unless they belong to a field, a dialog or the browser. */
export function listenForKeys(view) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") || belongsTo(event.target, event.key)) return;
    const used = event.key === "?" ? showHelp() : view()?.key?.(event.key);
    if (used) event.preventDefault();
  });
}

/** Whether an element needs a key itself: fields to type in need all of them, sliders and switches those that move them. */
function belongsTo(target, key) {
  const field = target.closest?.("input, select, textarea, pre");
  if (!field) return false;
  return !/^(range|checkbox|radio)$/.test(field.type) || /^(Arrow|Enter|Home|End|Page| )/.test(key);
}

/** Opens the list of keys. */
export function showHelp() {
  dialog("Keys", () => h("dl.keys", HELP.map(([key, what]) => h("div", h("dt", h("kbd", key)), h("dd", what)))));
  return true;
}
