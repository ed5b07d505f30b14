import * as format from "./format.js";

/** The address of a camera's newest frame. */
export const snapshotURL = (id, { stale = false } = {}) => `/cameras/${encodeURIComponent(id)}/snapshot.jpg${stale ? "?stale=ok" : ""}`;

/** Saves the newest frame as a file. Resolves with a sentence about it, rejects with the relay's own. */
export async function saveSnapshot(id, { stale }) {
  const response = await fetch(snapshotURL(id, { stale }), { cache: "no-store" }).catch(() => null);
  if (!response) throw new Error("The relay does not answer.");
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new Error(answer?.error ?? `The relay answered ${response.status}.`);
  }
  const age = parseFloat(response.headers.get("X-Frame-Age")) * 1000;
  const blob = await response.blob();
  const name = `${id}-${format.stamp(Date.now() - (Number.isFinite(age) ? age : 0))}.jpg`;
  const url = URL.createObjectURL(blob);
  const a = Object.assign(document.createElement("a"), { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return Number.isFinite(age) ? `Saved ${name}, ${format.age(age)} old` : `Saved ${name}`;
}
