import { gap } from "./wire.js";

const WINDOW_MS = 2000;
/** An age is that of the frames that were painted; once none is, that of the picture that still stands there. */
const QUIET_MS = 1500;

/** A capture time is believed if the frame took no longer than this to the relay; otherwise the camera's clock is wrong. */
const TRAVEL_MS = 60_000;
const plausible = ({ received, captured }) => captured > 0 && captured <= received + 20 && received - captured <= TRAVEL_MS;

/** The figures of one camera as this viewer sees it: counted when a frame is painted. */
export class Meter {
  #frames = []; // painted, newest last
  #bytes = 0; // of frames that were not painted, until the next one that is
  #seq = null;
  #skipped = 0;
  #late = 0;
  #first = true; // the next frame that is painted is the first since restart

  /** The camera was not watched for a while: the next gap in sequence numbers is no loss. */
  restart() {
    this.#seq = null;
    this.#frames = [];
    this.#bytes = 0;
    this.#first = true;
  }

  /** A frame came over the network. Gaps are no loss where fewer frames were asked for (`capped`). */
  arrived(frame, capped = false) {
    if (this.#seq !== null && !capped) this.#skipped += gap(this.#seq, frame.seq);
    this.#seq = frame.seq;
    this.#bytes += frame.jpeg.byteLength;
  }

  /** A frame came but was overtaken or could not be decoded. */
  lost() {
    this.#late++;
  }

  /** A frame is on the screen, at `now` on the page's clock (ms). */
  painted(frame, now) {
    this.#frames.push({
      now, bytes: this.#bytes, seq: frame.seq, width: frame.width, height: frame.height, still: frame.still,
      received: frame.received, captured: frame.captured, first: this.#first,
    });
    this.#bytes = 0;
    this.#first = false;
    while (this.#frames.length > 2 && now - this.#frames[0].now > WINDOW_MS) this.#frames.shift();
  }

  /**
   * The figures, or null if nothing was painted yet. Ages are in ms, null if the relay's clock (`offset`, see Clock) or the
   * capture time is not known; `rate` in bytes a second; `quiet` is how long ago the last frame was painted.
   */
  figures(now, offset) {
    const last = this.#frames.at(-1);
    if (!last) return null;
    const quiet = now - last.now;
    const { fps, rate } = this.#pace(now);
    return {
      seq: last.seq, width: last.width, height: last.height, still: last.still, quiet, fps, rate,
      age: this.#age((f) => f.received, now, offset),
      lens: plausible(last) ? this.#age((f) => f.captured, now, offset) : null,
      dropped: this.#skipped + this.#late,
    };
  }

  #pace(now) {
    let frames = this.#frames.filter((f) => now - f.now <= WINDOW_MS || this.#frames.length <= 2);
    // The first frame came when the viewer did, not when it was its turn.
    if (frames.length > 2 && frames[0].first) frames = frames.slice(1);
    if (frames.length < 2) return { fps: 0, rate: 0 };
    const first = frames[0].now;
    const usual = (frames.at(-1).now - first) / (frames.length - 1);
    const span = Math.max(frames.at(-1).now, now - usual) - first;
    if (!(span > 0)) return { fps: 0, rate: 0 };
    const bytes = frames.slice(1).reduce((sum, f) => sum + f.bytes, 0);
    return { fps: ((frames.length - 1) * 1000) / span, rate: (bytes * 1000) / span };
  }

  #age(time, now, offset) {
    if (offset === null) return null;
    const last = this.#frames.at(-1);
    if (last.still || now - last.now > QUIET_MS) return Math.max(0, now + offset - time(last));
    const ages = this.#frames.filter((f) => now - f.now <= QUIET_MS).map((f) => f.now + offset - time(f));
    ages.sort((a, b) => a - b);
    return Math.max(0, ages[ages.length >> 1]);
  }
}
