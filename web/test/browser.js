// Tests of what needs a browser: decoding, painting, and the whole way of a frame through the Player.

import { Feed } from "../assets/feed.js";
import { JobView } from "../assets/jobview.js";
import { Surface } from "../assets/painter.js";
import { Player } from "../assets/player.js";
import { Poller } from "../assets/poll.js";
import { equal, test } from "./check.js";

const canvas = (w, h) => Object.assign(document.createElement("canvas"), { width: w, height: h });

async function jpeg(colour, w = 64, h = 48) {
  const c = canvas(w, h);
  const ctx = c.getContext("2d");
  ctx.fillStyle = colour;
  ctx.fillRect(0, 0, w, h);
  const blob = await new Promise((resolve) => c.toBlob(resolve, "image/jpeg", 0.95));
  return new Uint8Array(await blob.arrayBuffer());
}

const frame = (seq, data) => ({ seq, stream: 7, jpeg: data, width: 64, height: 48, received: 1, captured: 0, still: false, arrived: 0 });
const at = (c, x, y) => [...c.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3)].map((v) => (v > 128 ? 1 : 0));

/** Waits for the next call of a handler. */
function signal() {
  let resolve;
  let next = new Promise((r) => (resolve = r));
  return {
    call: (value) => {
      resolve(value);
      next = new Promise((r) => (resolve = r));
    },
    wait: () => next,
  };
}

test("a feed decodes the newest frame and no other", async () => {
  const ready = signal();
  const feed = new Feed({ ready: ready.call, broken: () => {} });
  const c = canvas(64, 48);
  const surface = Object.assign(new Surface("door", c), { visible: true });
  feed.surfaces.add(surface);
  const [red, green, blue] = await Promise.all(["#f00", "#0f0", "#00f"].map((colour) => jpeg(colour)));
  const first = ready.wait();
  feed.push(frame(1, red));
  feed.push(frame(2, green));
  feed.push(frame(3, blue));
  await first;
  for (let i = 0; i < 3; i++) (await createImageBitmap(new Blob([blue]))).close(); // time enough to decode
  const second = ready.wait();
  equal(feed.paint(0).seq, 1, "the next is not decoded before this one is painted");
  equal(at(c, 32, 24), [1, 0, 0]);
  await second;
  equal(feed.paint(40).seq, 3, "frame 2 was overtaken");
  equal(at(c, 32, 24), [0, 0, 1]);
  equal(feed.meter.figures(40, null).dropped, 1);
  feed.close();
});

test("a damaged frame is reported and does not stop the next", async () => {
  const ready = signal();
  const broken = signal();
  const feed = new Feed({ ready: ready.call, broken: broken.call });
  const damaged = broken.wait();
  feed.push(frame(1, new Uint8Array([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9])));
  equal((await damaged).seq, 1);
  const next = ready.wait();
  feed.push(frame(2, await jpeg("#0f0")));
  await next;
  equal(feed.paint(0).seq, 2);
  feed.close();
});

test("after a reconnection no old frame is painted", async () => {
  const ready = signal();
  const feed = new Feed({ ready: ready.call, broken: () => {} });
  const data = await jpeg("#f00");
  feed.push(frame(1, data));
  feed.restart();
  const next = ready.wait();
  feed.push(frame(9, data));
  await next;
  equal(feed.paint(0).seq, 9);
  feed.close();
});

test("after an update no picture from before is painted", async () => {
  const ready = signal();
  const feed = new Feed({ ready: ready.call, broken: () => {} });
  const data = await jpeg("#f00");
  const first = ready.wait();
  equal(feed.push({ ...frame(1, data), received: 1000 }), true);
  await first;
  feed.paint(0);
  feed.renew(5000);
  equal(feed.meter.figures(1, 0), null, "what was painted before is no sign of life");
  equal(feed.push({ ...frame(2, data), received: 4999 }), false);
  const next = ready.wait();
  equal(feed.push({ ...frame(3, data), received: 5000 }), true);
  await next;
  equal(feed.paint(2).seq, 3);
  feed.close();
});

test("large pictures are kept small when nobody looks", async () => {
  const ready = signal();
  const feed = new Feed({ ready: ready.call, broken: () => {} });
  const next = ready.wait();
  feed.push(frame(1, await jpeg("#f00", 1600, 1200)));
  await next;
  feed.paint(0);
  await feed.rest();
  equal([feed.shown.width, feed.shown.height], [640, 480]);
  feed.close();
});

test("a surface paints the whole picture in the middle", async () => {
  const c = canvas(200, 100);
  const surface = new Surface("door", c);
  const bitmap = await createImageBitmap(new Blob([await jpeg("#0f0", 50, 50)]));
  surface.paint(bitmap);
  equal([at(c, 10, 50), at(c, 100, 50), at(c, 52, 2), at(c, 148, 98), at(c, 190, 50)], [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]);
  surface.resize(60, 60, bitmap);
  equal(at(c, 5, 5), [0, 1, 0], "painted anew after a change of size");
  bitmap.close();
});

/** Stands for the relay's end of a WebSocket. */
class Wire {
  sent = [];
  static last;

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    Wire.last = this;
  }

  send(data) {
    this.sent.push(data);
    this.onsend?.(data);
  }

  close() {
    this.closed = true;
  }

  /** Waits until the page has sent what `wanted` finds. */
  async until(wanted) {
    while (!this.sent.some(wanted)) await new Promise((resolve) => (this.onsend = resolve));
    return this.sent.find(wanted);
  }

  say(message) {
    this.onmessage({ data: message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  }
}

function message(seq, data) {
  const buffer = new ArrayBuffer(32 + data.length);
  const view = new DataView(buffer);
  view.setUint8(0, 1);
  view.setUint8(1, 32);
  view.setUint32(4, 7);
  view.setUint32(8, seq);
  view.setUint16(12, 64);
  view.setUint16(14, 48);
  view.setBigInt64(16, BigInt(Date.now()) * 1000n);
  new Uint8Array(buffer, 32).set(data);
  return buffer;
}

test("a frame goes from the socket to the screen and is acknowledged when it is painted", async () => {
  const real = globalThis.WebSocket;
  globalThis.WebSocket = Wire;
  const posts = [];
  const player = new Player((post) => posts.push(post));
  try {
    const c = canvas(1, 1);
    player.handle({ t: "attach", surface: 1, camera: "door", canvas: c });
    player.handle({ t: "surface", surface: 1, width: 64, height: 48, visible: true, maxFps: 0 });
    player.handle({ t: "open", url: "ws://relay/ws/view" });
    const wire = Wire.last;
    equal(wire.protocol, "camrelay.view.v1");
    wire.say({ t: "welcome", relay: "lab", version: "1", role: "viewer" });
    wire.say({ t: "cameras", cameras: [{ id: "door", stream: 7, state: "online" }, { id: "yard", stream: 8, state: "online" }] });
    equal(JSON.parse(await wire.until((m) => typeof m === "string" && m.includes("watch"))), { t: "watch", cameras: [{ id: "door" }] });

    wire.say(message(41, await jpeg("#00f")));
    const ack = new DataView(await wire.until((m) => m instanceof ArrayBuffer));
    equal([ack.byteLength, ack.getUint8(0), ack.getUint32(4), ack.getUint32(8)], [12, 1, 7, 41]);
    equal(at(c, 32, 24), [0, 0, 1], "painted before it was acknowledged");

    wire.sent = [];
    wire.say(message(42, new Uint8Array([0xff, 0xd8, 0, 0xff, 0xd9])));
    equal(new DataView(await wire.until((m) => m instanceof ArrayBuffer)).getUint32(8), 42, "a damaged frame is acknowledged too");

    const camera = (state, since) => wire.say({ t: "camera", camera: { id: "door", stream: 7, state, since } });
    camera("updating", 0);
    camera("online", (Date.now() + 60_000) * 1000);
    wire.sent = [];
    wire.say(message(43, await jpeg("#0f0")));
    equal(new DataView(await wire.until((m) => m instanceof ArrayBuffer)).getUint32(8), 43, "a frame from before the update is acknowledged");
    equal(at(c, 32, 24), [0, 0, 1], "and not painted");

    player.handle({ t: "close" });
    equal(wire.closed, true);
    equal(posts.filter((p) => p.t === "link").map((p) => p.link.state), ["connecting", "open", "off"]);
  } finally {
    player.handle({ t: "close" });
    globalThis.WebSocket = real;
  }
});

test("a job is drawn, goes on in place, and tells a script-like version as text", () => {
  const view = new JobView({ live: { offset: 0 }, admin: true });
  const steps = [{ name: "queued", at: "2026-11-20T12:00:00Z" }, { name: "precheck", at: "2026-11-20T12:00:01Z" }];
  const job = { id: "a", camera: "door", from: { version: "<b>1</b>" }, to: { version: "2", size: 10_000 }, state: "preparing", steps, entered: steps[1].at, by: "<i>me</i>" };
  const step = (name) => view.el.querySelector(`[data-step=${name}]`);
  const current = () => [...view.el.querySelectorAll("[aria-current=step]")].map((e) => e.dataset.step);
  view.update(job);
  equal([current(), view.el.querySelectorAll("b, i").length], [["stream"], 0]);
  const before = step("download");
  view.update({ ...job, state: "downloading", offset: 5000, steps: steps.concat({ name: "downloading", at: steps[1].at }) });
  equal([current(), before === step("download"), before.querySelector("progress").value], [["download"], true, 50]);
  equal(view.el.querySelector(".danger").hidden, false, "it can be cancelled");
  equal(view.el.querySelectorAll(".log li").length, 3);
  view.update({ ...job, state: "failed", ended: steps[1].at, text: "door: it failed.", steps: steps.concat({ name: "failed", at: steps[1].at }) });
  equal([current(), step("confirm"), step("outcome").dataset.state, step("stream").dataset.state], [[], null, "ended", "failed"]);
  equal([view.el.querySelector(".danger").hidden, view.el.querySelector(".outlook").hidden, view.el.querySelector(".hint").textContent], [true, true, "It failed."]);
  const other = [1, 2, 3, 4, 5].map(() => ({ name: "queued:retry", at: steps[0].at }));
  view.update({ ...job, id: "b", state: "queued", steps: other });
  equal([view.el.querySelectorAll(".log li").length, current(), step("outcome")], [5, ["queued"], null], "another job");
  equal(view.el.querySelector(".log").textContent.includes("Accepted"), false, "the other job's log is gone");
});

test("a poller asks fast while something runs, slowly else, and once more if it was told to while it asked", async () => {
  const real = globalThis.setTimeout;
  const delays = [];
  let answer;
  const asked = [];
  const poller = new Poller(() => new Promise((resolve) => asked.push((answer = resolve))), { fast: 1, slow: 99 });
  const settle = async () => { for (let i = 0; i < 10; i++) await null; };
  globalThis.setTimeout = (_, ms) => delays.push(ms);
  try {
    poller.start();
    answer(true);
    await settle();
    poller.soon();
    poller.soon(); // while it asks
    answer(false);
    await settle();
    equal([asked.length, delays], [3, [1]], "asked once more, at once");
    answer(false);
    await settle();
    equal(delays, [1, 99]);
    poller.soon();
    poller.stop();
    answer(true);
    await settle();
    equal([asked.length, delays], [4, [1, 99]], "stopped");
  } finally {
    globalThis.setTimeout = real;
    poller.stop();
  }
});
