// What the steps of an update (docs/ota.md) mean to people: which are done, which is now, what is next, what if one fails.

import * as format from "./format.js";

const STEPS = [
  { key: "queued", done: "Queued", now: "Waiting for its turn" },
  { key: "stream", done: "Stream closed", now: "Closing the stream" },
  { key: "server", done: "Server stopped", now: "Stopping the camera's own server" },
  { key: "memory", done: "Memory freed", now: "Freeing memory" },
  { key: "header", done: "Header checked", now: "Checking the image's header" },
  { key: "download", done: "Downloaded", now: "Downloading" },
  { key: "verify", done: "Verified", now: "Reading back what was written" },
  { key: "activate", done: "Activated", now: "Activating" },
  { key: "restart", done: "Restarted", now: "Restarting" },
  { key: "trial", done: "New firmware tried", now: "New firmware on trial", next: "New firmware on trial" },
  { key: "confirm", done: "Confirmed", now: "Confirming" },
];

/** How many steps are behind the camera when a mark of the journal is made. Marks that are not here change nothing. */
const REACHED = {
  queued: 0, "queued:retry": 0, precheck: 1,
  "preparing:announced": 1, "preparing:ordered": 1, "preparing:accepted": 1, "preparing:stream_closed": 2, "preparing:server_stopped": 3,
  "preparing:restarting": 3, "preparing:update_mode": 3,
  ready: 4, "ready:header_ok": 5, downloading: 5, verifying: 6, "verifying:verified": 7,
  activated: 8, rebooting: 8, confirming: 9, "confirming:streaming": 10, succeeded: 11,
};

const OUTCOMES = {
  succeeded: () => "Updated",
  failed: ({ from }) => `Failed, stays on ${from}`,
  rolled_back: ({ from }) => `Went back to ${from}`,
  cancelled: ({ from }) => `Cancelled, stays on ${from}`,
  rejected: () => "Refused by the relay's check",
  superseded: () => "Another update took its place",
  lost: () => "Has not come back",
};

/** All results, for choosing among them. */
export const RESULTS = {
  succeeded: "Updated", failed: "Failed", rolled_back: "Went back", cancelled: "Cancelled", rejected: "Refused", superseded: "Replaced", lost: "Lost",
};

export const isFinal = (job) => job.state in OUTCOMES;
export const isRunning = (job) => Boolean(job) && !isFinal(job);
/** Whether somebody has to do something about it. */
export const isBad = (job) => ["failed", "rolled_back", "lost", "rejected"].includes(job.state);
export const isCancellable = (job) => ["queued", "precheck", "preparing", "ready", "downloading", "verifying"].includes(job.state);

/** How it ended, in a few words; empty while it runs. */
export const outcome = (job) => OUTCOMES[job.state]?.(versions(job)) ?? "";

const versions = ({ from, to }) => ({ from: from.version || "what it runs", to: to.version });
const time = (at) => (at ? Date.parse(at) : null);

/** When each step was done, ms; null if the camera's word of it was lost. An attempt that begins anew forgets the one before. */
function replay(job) {
  const done = [];
  for (const { name, at } of job.steps ?? []) {
    const n = REACHED[name];
    if (n === undefined) continue;
    if (n < done.length) done.length = n;
    while (done.length < n) done.push(done.length === n - 1 ? time(at) : null);
  }
  if (job.state === "rolled_back") while (done.length < 9) done.push(null); // it did start
  return done;
}

/**
 * The steps of a job: {key, label, state, at, took, note}. `state` is done, now, next, failed, or skipped; at and took are in ms, null if
 * not known. A job that did not succeed ends with a step "outcome" in the state "ended". `now` is the relay's time, ms.
 */
export function timeline(job, now) {
  const done = replay(job);
  const begun = job.steps?.findLast?.(({ name }) => name.startsWith("queued"))?.at ?? job.created;
  const before = (i) => (i === 0 ? time(begun) : done[i - 1]);
  const took = (i, end) => (before(i) === null || end === null || end === undefined ? null : Math.max(0, end - before(i)));
  const running = isRunning(job);
  const list = STEPS.map((step, i) => {
    const state = i < done.length ? "done" : i > done.length ? (running ? "next" : "skipped") : running ? "now" : isBad(job) ? "failed" : "skipped";
    const label = state === "now" ? step.now : (state !== "done" && step.next) || step.done;
    const at = state === "done" ? done[i] : null;
    return { key: step.key, label, state, at, took: state === "done" ? took(i, at) : state === "now" ? took(i, now) : null, note: note(job, step.key, state, done) };
  });
  if (isFinal(job) && job.state !== "succeeded") {
    list[list.length - 1] = { key: "outcome", label: outcome(job), state: "ended", at: time(job.ended), took: null, note: "" };
  }
  return list;
}

function note(job, key, state, done) {
  if (key === "queued" && state === "now" && job.waits) return `Waits ${job.waits}`;
  if (key === "queued" && job.retries) return "Tried once more";
  if (key === "memory" && job.clean && state === "now") return "It restarts to have more memory: nothing else runs then";
  if (key === "memory" && job.heap && state === "done") return heapText(job.heap);
  if (key === "download" && state === "done" && job.to.size) {
    const ms = done[4] !== null && done[5] !== null ? done[5] - done[4] : 0;
    const broke = job.resumes ? `, went on after ${job.resumes === 1 ? "a break" : `${job.resumes} breaks`}` : "";
    return `${format.kib(job.to.size)}${ms > 0 ? ` at ${format.rate((job.to.size * 1000) / ms)}` : ""}${broke}`;
  }
  if (key === "restart" && job.state === "overdue") return "It should have been back by now";
  if (key === "trial" && state === "done") return "Pictures came from it";
  return "";
}

/** The camera's memory before the update and with everything stopped. */
export const heapText = ({ before_free: before, before_largest: piece, free, largest }) =>
  `Free ${before ? `${format.kib(before)} → ` : ""}${format.kib(free)}, in one piece ${piece ? `${format.kib(piece)} → ` : ""}${format.kib(largest)}`;

/** How the download goes: percent, and as soon as it can be told, rate in bytes a second and eta in ms; null if none runs. */
export function download(job, now) {
  if (job.state !== "downloading" || !job.to.size) return null;
  const offset = job.offset ?? 0;
  const ms = now - time(job.entered);
  const rate = ms > 1000 && offset > 4096 ? (offset * 1000) / ms : null;
  return {
    percent: Math.min(99, Math.floor((100 * offset) / job.to.size)), offset, size: job.to.size, rate,
    eta: rate ? ((job.to.size - offset) * 1000) / rate : null,
  };
}

/** A running job in sentences: what happens now, what is next, and what happens if this fails. */
export function outlook(job) {
  const { from, to } = versions(job);
  const old = `If the power fails now, the camera starts ${from} again.`;
  const word = {
    queued: [
      job.waits ? `Waits ${job.waits}.` : "Waits for its turn.",
      "Viewers are told, then the camera closes its stream.",
      "Nothing has been touched. If its turn does not come in time, the update ends and the camera goes on as it is.",
    ],
    precheck: [
      "The relay checks the image once more.",
      "Viewers are told, then the camera closes its stream.",
      "Nothing has been touched.",
    ],
    preparing: [
      "The camera closes its stream and stops its server to free its memory. No pictures for about 30 to 60 seconds.",
      "It checks the image's header.",
      `If it cannot, it starts its stream again. Nothing is written yet. ${old}`,
    ],
    ready: [
      "The camera checks the image's header: signature, board, build.",
      "It loads the image.",
      `If the image is not for it, it starts its stream again. Nothing is erased yet. ${old}`,
    ],
    downloading: [
      "The camera loads the image into the half of its flash that is not in use.",
      "It reads back what it has written.",
      `If the connection breaks, it goes on where it was. ${old}`,
    ],
    verifying: [
      "The camera reads back what it has written and compares it with the signed hash.",
      `It is told to start ${to}.`,
      `If a single bit is wrong, it stays on ${from}. ${old}`,
    ],
    activated: [
      `The camera is about to restart into ${to}.`,
      `${to} runs on trial.`,
      `It cannot be cancelled any more. If ${to} does not start, the camera starts ${from} again by itself.`,
    ],
    rebooting: [
      `The camera restarts into ${to}.`,
      `${to} runs on trial: it has to reach the relay, deliver pictures, and show that it could be updated again.`,
      `If ${to} does not start, the camera starts ${from} again by itself.`,
    ],
    confirming: [
      `${to} runs, on trial.`,
      "It confirms itself, and stays.",
      `If it crashes, hangs, or has not proved itself within two minutes, the camera starts ${from} again by itself.`,
    ],
    cancelling: [
      "The camera goes back to its pictures.",
      `It streams ${from} as before.`,
      "If it does not hear of it, its own timer restarts it, with the firmware that it runs.",
    ],
    overdue: [
      "The camera should have come back by now.",
      "It is waited for, ten minutes in all.",
      `If ${to} hangs, a watchdog restarts the camera, and ${from} starts again. If it stays away, switch its power off and on once.`,
    ],
  }[job.state] ?? ["", "", ""];
  return { now: word[0], next: word[1], fails: word[2] };
}

const MARKS = {
  queued: "Accepted", "queued:retry": "Tried once more", precheck: "The relay checks the image", "preparing:announced": "Viewers are told",
  "preparing:ordered": "The camera is given the order", "preparing:accepted": "The camera accepts", "preparing:stream_closed": "Stream closed",
  "preparing:stream_forced": "The relay closes the stream, as the camera does not", "preparing:server_stopped": "Server stopped",
  "preparing:restarting": "The camera restarts to have more memory", "preparing:update_mode": "The camera runs for the update alone",
  ready: "Memory freed", "ready:header_ok": "Header checked", downloading: "Download begins", verifying: "All bytes sent", "verifying:verified": "Read back, and right",
  activated: "Activated", rebooting: "Restarts", confirming: "New firmware has come, on trial", "confirming:streaming": "First picture of the new firmware",
  cancelling: "Cancelled: the camera is told", overdue: "It should have come back by now",
};

/** The journal of a job: {at, text}, the oldest first. */
export function journal(job) {
  const lines = (job.steps ?? []).map(({ name, at, took_ms: took }) => {
    let words = MARKS[name] ?? (name.endsWith(":came_back") ? "The old firmware has come back" : name in OUTCOMES ? outcome({ ...job, state: name }) : name);
    if (name === "ready" && job.heap) words += `: ${heapText(job.heap)}`;
    return { at: time(at), text: took ? `${words}, in ${format.age(took)}` : words };
  });
  if (job.text) lines.push({ at: time(job.ended), text: plain(job.text, job.camera) });
  return lines;
}

/** A sentence of the relay's about a camera, where it is plain which camera is meant. */
export function plain(text, camera) {
  const rest = text.toLowerCase().startsWith(`${camera}: `) ? text.slice(camera.length + 2) : text;
  return rest && rest[0].toUpperCase() + rest.slice(1);
}
