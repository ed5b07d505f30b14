import { h } from "./dom.js";

const RETRY_MS = 3000;
/** So long an online camera's picture may stay exactly the same before the stream is opened anew; doubles while that does not help. */
const SAME_MS = 5000;
const SAME_MAX_MS = 60_000;
const SAMPLE = { width: 32, height: 24 };

/** The relay's multipart stream in an <img>: works through any proxy, but the browser tells nothing of single frames. */
export const mjpeg = {
  id: "mjpeg",
  label: "MJPEG",
  usable: () => true,
  open: (options) => new ImageSession(options),
};

class ImageSession {
  #live;
  #camera;
  #img;
  #opened = 0;
  #retry = 0;
  #reachable = true;
  #sample = h("canvas", SAMPLE).getContext("2d", { willReadFrequently: true });
  #pixels = "";
  #sameSince = performance.now();
  #patience = SAME_MS;
  #onVisibility = () => this.#load();
  #onLink = () => this.#linked();
  #onFigures = () => this.#check();

  constructor({ live, camera, box }) {
    this.#live = live;
    this.#camera = camera;
    this.#img = h("img.picture", { alt: "", data: { camera }, onerror: () => this.#failed() });
    box.prepend(this.#img);
    live.addEventListener("visibility", this.#onVisibility);
    live.addEventListener("link", this.#onLink);
    live.addEventListener("figures", this.#onFigures);
    this.#linked();
    this.#load();
  }

  figures() {
    const camera = this.#live.cameras.get(this.#camera);
    const { naturalWidth: width, naturalHeight: height } = this.#img;
    if (!width || !camera) return null;
    return { width, height, fps: camera.fps, rate: camera.rate, seq: null, still: false, quiet: 0, age: null, lens: null, dropped: null };
  }

  show() {}

  close() {
    this.#live.removeEventListener("visibility", this.#onVisibility);
    this.#live.removeEventListener("link", this.#onLink);
    this.#live.removeEventListener("figures", this.#onFigures);
    clearTimeout(this.#retry);
    this.#img.removeAttribute("src"); // removing the element alone would keep the stream open
    this.#img.remove();
  }

  #load() {
    clearTimeout(this.#retry);
    this.#sameSince = performance.now();
    if (document.hidden) this.#img.removeAttribute("src");
    else this.#img.src = `/cameras/${encodeURIComponent(this.#camera)}/stream.mjpg?n=${++this.#opened}`; // the same address again might not be fetched
  }

  #failed() {
    if (!document.hidden && this.#img.isConnected) this.#retry = setTimeout(() => this.#load(), RETRY_MS);
  }

  /** The relay is back: its old stream has ended, which an <img> does not tell. */
  #linked() {
    const { state, problem } = this.#live.link;
    const reachable = state !== "lost" || problem === "blocked";
    if (reachable && !this.#reachable) this.#load();
    this.#reachable = reachable;
  }

  /** A stream may also end alone, at a proxy's time limit: then the picture stands still. */
  #check() {
    const camera = this.#live.cameras.get(this.#camera);
    if (document.hidden || camera?.state !== "online" || !this.#img.naturalWidth) {
      this.#sameSince = performance.now();
      return;
    }
    const { width, height } = SAMPLE;
    this.#sample.drawImage(this.#img, 0, 0, width, height);
    const pixels = this.#sample.getImageData(0, 0, width, height).data.join();
    if (pixels !== this.#pixels) {
      this.#pixels = pixels;
      this.#sameSince = performance.now();
      this.#patience = SAME_MS;
    } else if (performance.now() - this.#sameSince > Math.max(this.#patience, 5000 / camera.fps)) {
      this.#patience = Math.min(2 * this.#patience, SAME_MAX_MS);
      this.#load();
    }
  }
}
