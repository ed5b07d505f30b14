// Numbers and times for people. Units are exact: kB = 1,000 bytes, KB = 1,024 bytes.

const NONE = "–";
const MINUS = "−";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const known = (n) => typeof n === "number" && Number.isFinite(n);
const two = (n) => String(n).padStart(2, "0");

export const fps = (n) => (known(n) ? `${n.toFixed(1)} fps` : NONE);

/** An age: 38 ms, 1.4 s, 3 min. */
export function age(ms) {
  if (!known(ms)) return NONE;
  const n = Math.max(0, ms);
  if (n < 999.5) return `${Math.round(n)} ms`;
  return n < 9950 ? `${(n / 1000).toFixed(1)} s` : duration(n);
}

/** A rate in bytes a second. */
export function rate(bytes) {
  if (!known(bytes)) return NONE;
  return bytes < 9950 ? `${(bytes / 1000).toFixed(1)} kB/s` : `${Math.round(bytes / 1000)} kB/s`;
}

export const kib = (bytes) => (known(bytes) ? `${(bytes / 1024).toFixed(1)} KB` : NONE);
export const dbm = (n) => (known(n) ? `${n < 0 ? MINUS : ""}${Math.abs(Math.round(n))} dBm` : NONE);
export const celsius = (n) => (known(n) ? `${n < 0 ? MINUS : ""}${Math.abs(n).toFixed(1)} °C` : NONE);
export const size = (w, h) => (w > 0 && h > 0 ? `${w} × ${h}` : NONE);
export const count = (n) => (known(n) ? Math.round(n).toLocaleString("en") : NONE);
export const signed = (n) => (n < 0 ? `${MINUS}${-n}` : String(n));

/** A length of time in at most two units: 42 s, 3 min, 2 h 5 min, 2 d 3 h. */
export function duration(ms) {
  if (!known(ms)) return NONE;
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${h / 24} d`;
}

/** A moment on the page's clock: 12:04, or 18 Nov 12:04 if it is not today, with the year if not this one. */
export function moment(at, now = Date.now()) {
  const t = new Date(at);
  const n = new Date(now);
  const clock = `${two(t.getHours())}:${two(t.getMinutes())}`;
  if (t.toDateString() === n.toDateString()) return clock;
  const year = t.getFullYear() === n.getFullYear() ? "" : ` ${t.getFullYear()}`;
  return `${t.getDate()} ${MONTHS[t.getMonth()]}${year} ${clock}`;
}

/** A moment of a log: 12:04:31. */
export function clock(at) {
  const t = new Date(at);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/** “since 12:04 (3 min)”. */
export const since = (at, now = Date.now()) => `since ${moment(at, now)} (${duration(now - at)})`;

/** A moment for a file name: 2026-11-20-120405. */
export function stamp(at) {
  const t = new Date(at);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}-${two(t.getHours())}${two(t.getMinutes())}${two(t.getSeconds())}`;
}
