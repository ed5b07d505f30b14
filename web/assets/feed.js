import { Meter } from "./meter.js";

const KEEP_WIDTH = 640;

/**
 * The frames of one camera on their way to the screen. Only the newest one waits to be decoded, and the next is only decoded
 * when the last one was painted; so nothing ages here. An acknowledgement covers all earlier frames, therefore an overtaken one needs none of its own.
 */
export class Feed {
  meter = new Meter();
  surfaces = new Set();
  stream = null;
  /** The last state of the camera. */
  state = "";
  /** The picture that stands on the surfaces, also when the connection is lost. */
  shown = null;
  /** Frames that the relay received before, ms on its clock, are from before the camera was updated. */
  #notBefore = 0;
  #waiting = null;
  #ready = null;
  #decoding = false;
  #generation = 0;
  #on;

  /** `on` has the handlers ready(feed), a frame can be painted, and broken(frame), one could not be decoded. */
  constructor(on) {
    this.#on = on;
  }

  get watched() {
    return [...this.surfaces].some((s) => s.visible);
  }

  /** The highest rate one of the surfaces asks for, 0 for all frames. */
  get maxFps() {
    const rates = [...this.surfaces].filter((s) => s.visible).map((s) => s.maxFps);
    return rates.includes(0) ? 0 : Math.max(0, ...rates);
  }

  /** Takes a frame for the screen; false if it is too old for that. */
  push(frame) {
    if (frame.received < this.#notBefore) return false;
    this.meter.arrived(frame, this.maxFps > 0);
    if (this.#waiting) this.meter.lost();
    this.#waiting = frame;
    this.#decode();
    return true;
  }

  /** The camera has come back from an update, at `since` on the relay's clock, ms: what was there before is not shown as live any more. */
  renew(since) {
    this.#notBefore = since;
    this.restart();
  }

  /** Paints the decoded frame and returns it, or null if there is none. */
  paint(now) {
    if (!this.#ready) return null;
    const { frame, bitmap } = this.#ready;
    this.#ready = null;
    for (const surface of this.surfaces) if (surface.visible) surface.paint(bitmap);
    this.shown?.close();
    this.shown = bitmap;
    this.meter.painted(frame, now);
    this.#decode();
    return frame;
  }

  /** Forgets the frames on their way: the connection is gone. */
  restart() {
    this.#generation++;
    this.#waiting = null;
    this.#ready?.bitmap.close();
    this.#ready = null;
    this.meter.restart();
  }

  /** Nobody looks any more: keeps a small copy of the picture, so that many large ones do not fill the memory. */
  async rest() {
    this.restart();
    const large = this.shown;
    if (!large || large.width <= KEEP_WIDTH) return;
    const small = await createImageBitmap(large, { resizeWidth: KEEP_WIDTH, resizeQuality: "medium" }).catch(() => null);
    if (!small || this.shown !== large) return small?.close();
    large.close();
    this.shown = small;
  }

  /** Gives back the memory. */
  close() {
    this.restart();
    this.shown?.close();
    this.shown = null;
  }

  async #decode() {
    if (this.#decoding || this.#ready || !this.#waiting) return;
    const frame = this.#waiting;
    const generation = this.#generation;
    this.#waiting = null;
    this.#decoding = true;
    let bitmap = null;
    try {
      bitmap = await createImageBitmap(new Blob([frame.jpeg], { type: "image/jpeg" }));
    } catch {
      this.meter.lost();
    }
    this.#decoding = false;
    if (generation !== this.#generation) bitmap?.close();
    else if (bitmap) {
      this.#ready = { frame, bitmap };
      this.#on.ready(this);
    } else this.#on.broken(frame);
    this.#decode();
  }
}
