/**
 * Makes an element: h("a.tile", {href: "/"}, "text", child). Properties that begin with “on” are listeners, `data` is the dataset, the others
 * attributes; null, undefined and false are left out.
 */
export function h(selector, ...rest) {
  const [tag, ...classes] = selector.split(".");
  const el = document.createElement(tag);
  if (classes.length) el.className = classes.join(" ");
  const plain = rest[0] && typeof rest[0] === "object" && !(rest[0] instanceof Node) && !Array.isArray(rest[0]);
  for (const [name, value] of Object.entries(plain ? rest.shift() : {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(el.dataset, value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...rest.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** Sets text only when it is another one, so that nothing is laid out in vain. */
export function text(el, value) {
  if (el.textContent !== value) el.textContent = value;
}

/** Sets an attribute only when it changes; null removes it. */
export function attr(el, name, value) {
  if (value === null || value === undefined) el.removeAttribute(name);
  else if (el.getAttribute(name) !== String(value)) el.setAttribute(name, value);
}
