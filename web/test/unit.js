import { fitting } from "../assets/ask.js";
import { Backoff } from "../assets/backoff.js";
import { sentence as stands } from "../assets/camerarow.js";
import { Clock } from "../assets/clock.js";
import { Commander } from "../assets/commander.js";
import * as format from "../assets/format.js";
import { idError, suggestId } from "../assets/ident.js";
import { contain, fitGrid } from "../assets/layout.js";
import { Meter } from "../assets/meter.js";
import { COMMON, MORE, offered } from "../assets/parameters.js";
import { waveNames } from "../assets/rollouts.js";
import { hostError, isLoopback, pushLines, splitHost } from "../assets/snippets.js";
import { Series } from "../assets/spark.js";
import { describe, sentence } from "../assets/status.js";
import { download, heapText, isBad, isCancellable, isFinal, isRunning, journal, outlook, plain, RESULTS, timeline } from "../assets/timeline.js";
import { decodeFrame, encodeAcks, gap } from "../assets/wire.js";
import { equal, near, test } from "./check.js";

export { run } from "./check.js";

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
const bytes = (text) => new Uint8Array(text.match(/../g).map((b) => parseInt(b, 16))).buffer;

const FRAME = "01200001" + "00000007" + "fffffffe" + "028001e0" + "000660ad9e2f6240" + "000660ad9e2f4b10" + "ffd8ffd9";

test("a frame is read as the protocol says", () => {
  const { jpeg, ...frame } = decodeFrame(bytes(FRAME));
  equal(frame, { still: true, stream: 7, seq: 0xfffffffe, width: 640, height: 480, received: 0x660ad9e2f6240 / 1000, captured: 0x660ad9e2f4b10 / 1000 });
  equal(hex(jpeg), "ffd8ffd9");
});

test("a longer header is skipped", () => {
  const longer = "0124" + FRAME.slice(4, 64) + "deadbeef" + "ffd8ffd9";
  equal(hex(decodeFrame(bytes(longer)).jpeg), "ffd8ffd9");
});

test("what is no frame is refused", () => {
  equal(decodeFrame(new ArrayBuffer(0)), null, "empty");
  equal(decodeFrame(bytes(FRAME.slice(0, 64))), null, "no JPEG");
  equal(decodeFrame(bytes("02" + FRAME.slice(2))), null, "version");
  equal(decodeFrame(bytes("011f" + FRAME.slice(4))), null, "short header");
  equal(decodeFrame(bytes("01ff" + FRAME.slice(4))), null, "header beyond the end");
});

test("acknowledgements are written as the protocol says", () => {
  equal(hex(encodeAcks([{ stream: 7, seq: 0xfffffffe, hold: 20.4 }, { stream: 1, seq: 2, hold: 1e9 }])),
    "01000014" + "00000007" + "fffffffe" + "0100ffff" + "00000001" + "00000002");
});

test("gaps in sequence numbers", () => {
  equal(gap(1, 2), 0);
  equal(gap(1, 5), 3);
  equal(gap(0xffffffff, 0), 0, "wrap");
  equal(gap(0xfffffffe, 2), 3, "wrap with a gap");
  equal(gap(5, 5), 0, "again");
  equal(gap(5, 3), 0, "backwards");
});

test("the clock believes the shortest round trip", () => {
  const clock = new Clock();
  equal(clock.offset, null);
  clock.sample(1000, 1200, 5000); // asymmetric: off by up to 100 ms
  clock.sample(2000, 2010, 6005);
  clock.sample(3000, 3300, 6900);
  near(clock.offset, 4000, 0.001);
  equal(clock.rtt, 10);
});

test("the clock forgets old samples, and nonsense", () => {
  const clock = new Clock();
  clock.sample(0, 10, 1005);
  clock.sample(40_000, 40_100, 42_050);
  near(clock.offset, 2000, 0.001, "an old short round trip is of no use");
  clock.sample(50_000, 49_000, 1);
  clock.sample(50_000, 50_001, NaN);
  near(clock.offset, 2000, 0.001, "nonsense");
  clock.reset();
  equal(clock.offset, null);
});

test("delays grow, have jitter and an end", () => {
  const low = new Backoff({ first: 500, max: 15_000, random: () => 0 });
  const high = new Backoff({ first: 500, max: 15_000, random: () => 1 });
  equal([1, 2, 3, 4, 5, 6, 7].map(() => low.next()), [250, 500, 1000, 2000, 4000, 7500, 7500]);
  equal([1, 2, 3, 4, 5, 6, 7].map(() => high.next()), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  low.reset();
  equal(low.next(), 250);
});

test("ids from names", () => {
  const cases = { "Front door": "front-door", "  Küche 2! ": "kuche-2", "Straße": "strasse", "Łódź": "lodz", "Anna's room": "annas-room", "日本": "", "---": "", ["a".repeat(40)]: "a".repeat(32) };
  for (const [name, id] of Object.entries(cases)) equal(suggestId(name), id, name);
  equal(suggestId("Door", new Set(["door", "door-2"])), "door-3");
  const long = "a".repeat(32);
  equal(suggestId(long, new Set([long])), `${"a".repeat(30)}-2`);
});

test("every suggestion is valid", () => {
  for (const name of ["x", "-x-", "é", "A B", "9 lives", "x".repeat(31) + " y"]) equal(idError(suggestId(name)), "", name);
});

test("wrong ids are explained", () => {
  equal(idError("door"), "");
  equal(idError("").includes("needed"), true);
  equal(idError("Front"), "“F” cannot be in an id: use a to z, 0 to 9 and -.");
  equal(idError("a b").includes("space"), true);
  equal(idError("-a").includes("begins"), true);
  equal(idError("a".repeat(33)).includes("33"), true);
  equal(idError("door", new Set(["door"])).includes("already"), true);
});

test("figures for people", () => {
  equal([format.fps(24.96), format.fps(0), format.fps(undefined)], ["25.0 fps", "0.0 fps", "–"]);
  equal([format.age(37.6), format.age(-3), format.age(999.4), format.age(999.9), format.age(1449), format.age(192_000), format.age(null)],
    ["38 ms", "0 ms", "999 ms", "1.0 s", "1.4 s", "3 min", "–"]);
  equal([format.rate(498_321), format.rate(1234), format.rate(0)], ["498 kB/s", "1.2 kB/s", "0.0 kB/s"]);
  equal([format.kib(61_208), format.dbm(-61), format.celsius(-2.25), format.size(640, 480), format.size(0, 0)], ["59.8 KB", "−61 dBm", "−2.3 °C", "640 × 480", "–"]);
});

test("lengths of time", () => {
  const cases = { 0: "0 s", 59_999: "59 s", 60_000: "1 min", 3_599_999: "59 min", 3_600_000: "1 h", 7_500_000: "2 h 5 min", 86_400_000: "1 d", 183_600_000: "2 d 3 h", "-5": "0 s" };
  for (const [ms, text] of Object.entries(cases)) equal(format.duration(Number(ms)), text, ms);
});

test("moments", () => {
  const now = new Date(2026, 10, 20, 12, 7, 30).getTime();
  equal(format.since(new Date(2026, 10, 20, 12, 4).getTime(), now), "since 12:04 (3 min)");
  equal(format.since(new Date(2026, 10, 18, 9, 5).getTime(), now), "since 18 Nov 09:05 (2 d 3 h)");
  equal(format.moment(new Date(2025, 0, 2, 3, 4).getTime(), now), "2 Jan 2025 03:04");
  equal(format.stamp(now), "2026-11-20-120730");
});

const arrive = (meter, now, seq, more = {}) => {
  const frame = { seq, jpeg: { byteLength: 20_000 }, width: 640, height: 480, still: false, received: 1_000_000 + now - 30, captured: 0, ...more };
  meter.arrived(frame);
  meter.painted(frame, now);
};

test("the meter measures rate and age", () => {
  const meter = new Meter();
  equal(meter.figures(0, 0), null);
  for (let i = 0; i <= 100; i++) arrive(meter, i * 40, i + 1);
  const f = meter.figures(4000, 1_000_000);
  near(f.fps, 25, 0.01, "fps");
  near(f.rate, 500_000, 200, "rate");
  near(f.age, 30, 0.01, "age");
  equal([f.seq, f.lens, f.dropped, f.quiet], [101, null, 0, 0]);
});

test("an unknown clock gives no age, a known capture time gives both", () => {
  const meter = new Meter();
  arrive(meter, 0, 1, { captured: 999_900 });
  equal(meter.figures(0, null).age, null);
  near(meter.figures(0, 1_000_000).lens, 100, 0.01);
  arrive(meter, 40, 2, { captured: 5 });
  equal(meter.figures(40, 1_000_000).lens, null, "a camera whose clock is wrong");
  arrive(meter, 80, 3, { captured: 2_000_000 });
  equal(meter.figures(80, 1_000_000).lens, null, "a camera that is ahead of its time");
});

test("the first frame, which waited for the viewer, does not raise the rate", () => {
  const meter = new Meter();
  arrive(meter, 2, 1);
  for (let i = 1; i <= 8; i++) arrive(meter, i * 100, i + 1);
  near(meter.figures(800, null).fps, 10, 0.001);
  meter.restart();
  arrive(meter, 5099, 50);
  for (let i = 1; i <= 8; i++) arrive(meter, 5000 + i * 100, i + 50);
  near(meter.figures(5800, null).fps, 10, 0.001, "after a restart");
});

test("when frames stay away the age grows and the rate falls", () => {
  const meter = new Meter();
  for (let i = 0; i <= 50; i++) arrive(meter, i * 40, i + 1);
  const f = meter.figures(7000, 1_000_000);
  near(f.age, 5030, 1, "age of what stands there");
  equal(f.quiet, 5000);
  equal(f.fps < 1, true, `fps ${f.fps}`);
});

test("a slow camera has a rate too", () => {
  const meter = new Meter();
  for (let i = 0; i < 5; i++) arrive(meter, i * 5000, i + 1);
  near(meter.figures(22_000, 1_000_000).fps, 0.2, 0.001);
});

test("gaps and overtaken frames are drops, a pause or a wanted limit is none", () => {
  const meter = new Meter();
  arrive(meter, 0, 1);
  arrive(meter, 40, 4);
  meter.lost();
  equal(meter.figures(40, null).dropped, 3);
  meter.restart();
  arrive(meter, 5000, 900);
  equal(meter.figures(5000, null).dropped, 3);
  meter.arrived({ seq: 910, jpeg: { byteLength: 1 } }, true);
  equal(meter.figures(5000, null).dropped, 3);
});

test("sparkline data", () => {
  const s = new Series(5);
  for (const v of [1, 2, undefined, 4, 40, 10]) s.push(v);
  equal(s.values, [2, null, 4, 40, 10], "the oldest is gone");
  equal(s.top(5), 50);
  equal(new Series(3).top(5), 5);
  equal(s.lines(100, 50, 50), [[[0, 48]], [[50, 46], [75, 10], [100, 40]]]);
});

test("the scale is a round number", () => {
  for (const [value, top] of [[0.3, 1], [1, 1], [1.2, 2], [24.9, 50], [25, 50], [99, 100], [100, 100], [101, 200], [1200, 2000]]) {
    const s = new Series(2);
    s.push(value);
    equal(s.top(1), top, value);
  }
});

test("a picture is seen whole and undistorted", () => {
  equal(contain(640, 480, 640, 480), { x: 0, y: 0, w: 640, h: 480 });
  equal(contain(1280, 720, 400, 300), { x: 0, y: 38, w: 400, h: 225 });
  equal(contain(240, 240, 400, 300), { x: 50, y: 0, w: 300, h: 300 });
});

test("the grid fills the window", () => {
  const room = { width: 1248, height: 720, gap: 12, caption: 36 };
  equal([1, 2, 4, 5, 12].map((n) => fitGrid(n, room).columns), [1, 2, 2, 3, 4]);
  const phone = { width: 358, height: 700, gap: 12, caption: 36 };
  equal(fitGrid(12, phone), { columns: 1, tile: 358 });
  equal(fitGrid(12, { ...phone, least: 150 }), { columns: 2, tile: 173 });
  equal(fitGrid(1, { ...phone, width: 100 }).columns, 1);
});

const camera = { state: "online", since: 1e15, last_frame: 1e15, fps: 25, reason: "" };
const open = { state: "open" };
const now = 1e12 + 180_000;

test("live is only what moves", () => {
  const state = (cam, figures, link = open) => describe({ ...camera, ...cam }, figures, link, now).state;
  equal(state({}, { quiet: 100 }), "live");
  equal(state({}, null), "waiting", "no frame yet");
  equal(state({}, { quiet: 2600 }), "waiting", "frames stay away");
  equal(state({ fps: 0.5 }, { quiet: 4000 }), "live", "a slow camera");
  equal(state({}, { quiet: 0, age: 11_000 }), "waiting", "the last picture from before the camera rested");
  equal(state({ fps: 0.1 }, { quiet: 9000, age: 11_000 }), "live", "a very slow camera");
  equal(state({ state: "offline" }, { quiet: 0 }), "offline");
  equal(state({}, { quiet: 0 }, { state: "lost" }), "lost");
  equal(state({}, { quiet: 0 }, { state: "off" }), "connecting");
  equal(describe(undefined, null, open, now).state, "unknown");
  for (const s of ["offline", "stale", "resting", "updating", "something new"]) equal(describe({ ...camera, state: s }, { quiet: 0 }, open, now).live, false, s);
});

test("a state says since when and why", () => {
  const said = sentence(describe({ ...camera, state: "offline", reason: "nothing heard for 30 s" }, null, open, now));
  equal(/^Offline since .*\d\d:\d\d \(3 min\): nothing heard for 30 s$/.test(said), true, said);
  const ahead = describe({ ...camera, state: "offline", since: 1e15 + 3600e6 }, null, open, now, 3600_000);
  equal(ahead.detail.includes("(3 min)"), true, "the relay's clock is an hour ahead");
});

test("only what needs somebody has a colour", () => {
  const attention = (state, more) => describe({ ...camera, state, ...more }, { quiet: 0 }, open, now).attention;
  equal(["online", "resting", "updating", "stale", "offline"].map((s) => attention(s)), [false, false, false, true, true]);
  equal(attention("offline", { last_frame: 0 }), false, "a camera that has yet to come");
});

test("changes go one at a time, the newest value wins", async () => {
  const sent = [];
  const answers = [];
  const c = new Commander((settings, take) => {
    sent.push([settings, take]);
    return new Promise((resolve) => answers.push(resolve));
  }, () => {});
  const first = c.change("quality", 10);
  c.change("quality", 11);
  c.change("quality", 12);
  c.change("vflip", 1);
  equal(sent, [[{ quality: 10 }, false]]);
  equal([c.pending("quality"), c.pending("hmirror")], [true, false]);
  answers.shift()({ ok: true });
  await Promise.resolve();
  await Promise.resolve();
  equal(sent[1], [{ quality: 12, vflip: 1 }, false]);
  answers.shift()({ ok: true });
  await first;
  equal(c.pending("quality"), false);
});

test("what was refused as busy can be taken over", async () => {
  const sent = [];
  const heard = [];
  const c = new Commander(async (settings, take) => {
    sent.push([settings, take]);
    return take ? { ok: true } : { ok: false, busy: true, error: "busy" };
  }, (answer) => heard.push(answer.ok));
  await c.change("quality", 10);
  equal(c.pending("quality"), false);
  await c.takeOver();
  equal(sent, [[{ quality: 10 }, false], [{ quality: 10 }, true]]);
  equal(heard, [false, true]);
});

test("the settings are those of the protocol, each once", () => {
  const names = [...COMMON, ...MORE.flatMap((g) => g.settings)].map((s) => s.name);
  equal([...names].sort(), [
    "ae_level", "aec", "aec2", "aec_value", "agc", "agc_gain", "awb", "awb_gain", "bpc", "brightness", "colorbar", "contrast", "dcw", "fps",
    "framesize", "gainceiling", "hmirror", "led_intensity", "lenc", "quality", "raw_gma", "saturation", "special_effect", "vflip", "wb_mode", "wpc",
  ]);
  equal(offered(COMMON, { quality: 1 }).map((s) => s.name), ["quality"]);
  equal(offered(COMMON, {}).length, COMMON.length);
});

test("ready lines for a camera", () => {
  const { url, snippets } = pushLines({ host: "192.168.1.2:8080", secure: false, id: "door", key: "KEY" });
  equal(url, "ws://192.168.1.2:8080/ws/push/door");
  equal(snippets[0].text, "host = 192.168.1.2\nport = 8080\npath = /ws/push/door\nkey  = KEY");
  const c = snippets.find((s) => s.title === "ESP-IDF").text;
  for (const part of [`.uri = "${url}"`, '.headers = "Authorization: Bearer KEY\\r\\n"', ".enable_close_reconnect = true"]) equal(c.includes(part), true, part);
  for (const tool of ["ffmpeg", "curl"]) equal(snippets.find((s) => s.title === tool).text.endsWith(" http://192.168.1.2:8080/push/door"), true, tool);
  equal(pushLines({ host: "cams.example", secure: true, id: "a", key: "k" }).url, "wss://cams.example/ws/push/a");
});

test("addresses of the relay", () => {
  equal(splitHost("[fd00::1]:8080", false), { hostname: "[fd00::1]", port: "8080" });
  equal(splitHost("relay.local", true), { hostname: "relay.local", port: "443" });
  equal(["relay:8080", "[fd00::1]", "10.0.0.1"].map(hostError), ["", "", ""]);
  equal(["", "http://relay", "a b", "relay:99999", "relay:0"].every((host) => hostError(host) !== ""), true);
  equal(["localhost:8080", "127.0.0.1", "[::1]:8080", "relay.localhost", "192.168.1.2:8080", "localhost.example"].map(isLoopback), [true, true, true, true, false, false]);
});

test("what the relay says of an update lies over the picture", () => {
  const over = (reason) => describe({ ...camera, state: "updating", reason }, { quiet: 0 }, open, now);
  const { word, detail, reason, percent, live } = over("updating to 1.5.0: 37 %, back in about 20 s");
  equal([word, detail, reason, percent, live], ["Updating", "to 1.5.0: 37 %, back in about 20 s", "", 37, false]);
  equal(over("updating to 1.5.0: preparing, back in about 20 s").percent, null);
  equal(sentence(over("update cancelled: going back to pictures")), "Update cancelled going back to pictures");
  equal(over("the camera has not come back from its restart yet").reason, "the camera has not come back from its restart yet");
  equal(/^Updating since /.test(sentence(over(""))), true);
});

test("a transport without frame numbers waits for a picture from after the update", () => {
  const image = { quiet: 0, seq: null, age: null };
  equal(describe({ ...camera, last_frame: 1e15 - 1 }, image, open, now).live, false);
  equal(describe({ ...camera, last_frame: 1e15 + 1 }, image, open, now).live, true);
});

const at = (s) => new Date(Date.UTC(2026, 10, 20, 12) + s * 1000).toISOString();
const MARKS = [
  ["queued", 0], ["precheck", 2], ["preparing:announced", 2], ["preparing:ordered", 3], ["preparing:accepted", 3.1], ["preparing:stream_closed", 3.5],
  ["preparing:server_stopped", 4], ["ready", 5], ["ready:header_ok", 6], ["downloading", 6], ["verifying", 16], ["verifying:verified", 17],
  ["activated", 17.5], ["rebooting", 18], ["confirming", 21], ["confirming:streaming", 22], ["succeeded", 23],
];

/** A job as it is after a number of marks. */
function job(n, more = {}) {
  const steps = MARKS.slice(0, n).map(([name, s]) => ({ name, at: at(s) }));
  const [name, s] = MARKS[n - 1];
  const [state, step] = name.split(":");
  return {
    id: "j", camera: "door", from: { version: "1.4.0", build: 4 }, to: { version: "1.5.0", build: 5, size: 1_000_000 },
    state, step, steps, created: at(0), entered: at(MARKS.find((m) => m[0].split(":")[0] === state)[1]), stepped: at(s), attempt: 1, ...more,
  };
}

const KEYS = ["queued", "stream", "server", "memory", "header", "download", "verify", "activate", "restart", "trial", "confirm"];
const drawn = (j, s = 30) => timeline(j, Date.parse(at(s)));
const states = (j) => drawn(j).map((x) => x.state[0]).join("");

test("an update's steps are done one after the other, one is now, and the others come", () => {
  const done = MARKS.map((_, i) => states(job(i + 1)));
  equal(done.map((s) => s.indexOf("n")), [0, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, -1], "the first that is not done");
  for (const s of done.slice(0, -1)) equal(/^d*n+$/.test(s), true, s);
  equal(drawn(job(10)).map((x) => x.state), ["done", "done", "done", "done", "done", "now", "next", "next", "next", "next", "next"]);
  equal(drawn(job(17)).map((x) => x.key), KEYS);
  equal(states(job(17)), "ddddddddddd");
});

test("a step has its time and how long it took", () => {
  const list = drawn(job(17));
  equal(list.map((x) => x.took), [2000, 1500, 500, 1000, 1000, 10_000, 1000, 500, 3500, 1000, 1000]);
  equal(list[5].at, Date.parse(at(16)));
  equal(drawn(job(10), 9).find((x) => x.state === "now").took, 3000, "so far");
});

test("words of the camera that were lost leave a step without a time", () => {
  const j = job(14);
  j.steps = j.steps.filter(({ name }) => !["preparing:server_stopped", "verifying:verified", "activated"].includes(name));
  const list = drawn(j);
  equal(list.map((x) => x.state[0]).join(""), "ddddddddnnn");
  equal([list[2].at, list[3].at, list[3].took], [null, Date.parse(at(5)), null]);
  equal([list[6].at, list[7].at, list[7].took], [null, Date.parse(at(18)), null]);
});

test("an attempt that begins anew forgets the one before", () => {
  const again = job(12, { retries: 1 });
  again.steps.push({ name: "queued:retry", at: at(60) }, { name: "precheck", at: at(61) });
  again.state = "precheck";
  const list = drawn(again, 70);
  equal([list[0].took, list[0].note, list[1].state, list[5].state], [1000, "Tried once more", "now", "next"]);
  const clean = job(8, { clean: true, state: "preparing", step: "restarting" });
  clean.steps.push({ name: "preparing:restarting", at: at(8) });
  equal(drawn(clean).map((x) => x.state[0]).join(""), "dddnnnnnnnn", "the memory has to be freed again");
  equal(/restarts to have more memory/.test(drawn(clean)[3].note), true);
});

test("what ended badly says where, and how things are", () => {
  const end = (n, state) => drawn(job(n, { state, ended: at(40), begun: at(2), steps: job(n).steps.concat({ name: state, at: at(40) }) }));
  const failed = end(10, "failed");
  equal(failed.map((x) => x.state), ["done", "done", "done", "done", "done", "failed", "skipped", "skipped", "skipped", "skipped", "ended"]);
  equal([failed.at(-1).key, failed.at(-1).label, failed.at(-1).at], ["outcome", "Failed, stays on 1.4.0", Date.parse(at(40))]);
  const back = end(14, "rolled_back");
  equal(back.slice(7).map((x) => [x.key, x.state]), [["activate", "done"], ["restart", "done"], ["trial", "failed"], ["outcome", "ended"]], "it crashed before it could say anything");
  equal(back.at(-1).label, "Went back to 1.4.0");
  equal(end(10, "cancelled").map((x) => x.state).includes("failed"), false, "nobody is needed");
  equal(end(14, "lost").at(8).state, "failed");
  for (const state of Object.keys(RESULTS)) equal(isFinal({ state }) && !isRunning({ state }), true, state);
  equal([isBad({ state: "rolled_back" }), isBad({ state: "cancelled" }), isBad({ state: "succeeded" })], [true, false, false]);
});

test("a download has a rate and an end", () => {
  const loading = (offset, s) => download(job(10, { offset }), Date.parse(at(s)));
  equal(loading(0, 6.5), { percent: 0, offset: 0, size: 1_000_000, rate: null, eta: null });
  equal(loading(250_000, 8.5), { percent: 25, offset: 250_000, size: 1_000_000, rate: 100_000, eta: 7500 });
  equal(loading(1_000_000, 16).percent, 99, "not before it is verified");
  equal(download(job(9), 0), null);
  equal(drawn(job(17))[5].note, "976.6 KB at 100 kB/s");
  equal(drawn(job(17, { resumes: 2 }))[5].note, "976.6 KB at 100 kB/s, went on after 2 breaks");
});

test("the heap is shown before and after", () => {
  const heap = { free: 108_800, largest: 68_000, before_free: 60_800, before_largest: 38_000 };
  equal(drawn(job(8, { heap }))[3].note, "Free 59.4 KB → 106.3 KB, in one piece 37.1 KB → 66.4 KB");
  equal(heapText({ free: 1024, largest: 512 }), "Free 1.0 KB, in one piece 0.5 KB");
});

test("every state says what is now, what is next, and what if it fails", () => {
  const running = ["queued", "precheck", "preparing", "ready", "downloading", "verifying", "activated", "rebooting", "confirming", "cancelling", "overdue"];
  for (const state of running) {
    for (const [name, words] of Object.entries(outlook(job(10, { state })))) equal(/^[A-Z1].*\.$/.test(words), true, `${state} ${name} ${words}`);
    equal(isRunning({ state }), true, state);
  }
  for (const state of ["preparing", "ready", "downloading", "verifying"]) equal(outlook(job(10, { state })).fails.includes("If the power fails now, the camera starts 1.4.0 again."), true, state);
  equal(outlook(job(1, { waits: "for its window" })).now, "Waits for its window.");
  equal(running.filter((state) => isCancellable({ state })), ["queued", "precheck", "preparing", "ready", "downloading", "verifying"]);
});

test("the log has every mark, also those that are not known", () => {
  const lines = journal(job(17, { text: "door: updated from 1.4.0 to 1.5.0 in 21s.", ended: at(23), steps: job(17).steps.concat({ name: "rebooting:came_back", at: at(24) }, { name: "new:mark", at: at(25), took_ms: 1500 }) }));
  equal(lines.length, MARKS.length + 3);
  equal(lines[0], { at: Date.parse(at(0)), text: "Accepted" });
  equal(lines.slice(-4).map((l) => l.text), ["Updated", "The old firmware has come back", "new:mark, in 1.5 s", "Updated from 1.4.0 to 1.5.0 in 21s."]);
  equal([plain("Door: no such camera.", "door"), plain("yard: x.", "door"), plain("", "door")], ["No such camera.", "Yard: x.", ""]);
});

const image = (version, build, board = "vcam", chip = "host") => ({ version, build, board, chip, sha256: version });

test("a camera is offered what it can take", () => {
  const info = { board: "vcam", chip: "host", build: 10, firmware: "1.0.0", updatable: true, newest: "1.2.0" };
  const images = [image("1.1.0", 11), image("0.9.0", 9), image("1.2.0", 12), image("2.0.0", 20, "other"), image("2.0.0", 20, "vcam", "esp32")];
  equal(fitting(images, info).map((i) => i.version), ["1.2.0", "1.1.0"]);
  equal(stands(info, images), "1.2.0 is there for it.");
  equal(stands(info, null), "1.2.0 is there for it.", "for those who may not see the images");
  equal(stands({ ...info, build: 12, firmware: "1.2.0" }, images), "Up to date.");
  equal(stands({ ...info, build: 13, firmware: "1.3.0" }, images), "Runs a newer build than any image, which is 1.2.0.");
  equal(stands({ ...info, newest: undefined }, []), "There is no image for it.");
  equal(stands({ updatable: false, firmware: "x" }, []), "Its firmware cannot be updated by a relay.");
  equal(stands({ updatable: false }, []), "Has not said what it runs.");
  equal(stands({ ...info, job: job(1, { waits: "for its window" }) }, images), "Update to 1.5.0 waits for its window.");
  equal(stands({ ...info, job: job(10, { offset: 370_000 }) }, images, "updating to 1.5.0: 37 %, back in about 20 s"), "Updating to 1.5.0, 37 %, pictures back in about 20 s.");
});

test("waves are named by how far they go", () => {
  equal(waveNames({ waves: [{ count: 1 }, { count: 3 }, { percent: 50 }, { percent: 100 }] }), ["1 camera", "3 cameras", "50 %", "100 %"]);
  equal(waveNames({ canary: ["lab"], waves: [{ percent: 100 }] }), ["Canary", "100 %"]);
  equal(waveNames({ canary: ["lab", "yard"], waves: [] }), ["2 canaries"]);
});
