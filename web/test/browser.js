// Tests of what needs a browser: decoding, painting, and the whole way of a frame through the Player.

import { Feed } from "../assets/feed.js";
import { Surface } from "../assets/painter.js";
import { Player } from "../assets/player.js";
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

    player.handle({ t: "close" });
    equal(wire.closed, true);
    equal(posts.filter((p) => p.t === "link").map((p) => p.link.state), ["connecting", "open", "off"]);
  } finally {
    player.handle({ t: "close" });
    globalThis.WebSocket = real;
  }
});
