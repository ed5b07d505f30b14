// What this browser remembers. Storage may be forbidden or full: then nothing is remembered.

const PREFIX = "camrelay.";

export function recall(name, fallback) {
  try {
    return localStorage.getItem(PREFIX + name) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Not remembered.
  }
}
