import { h } from "./dom.js";

const RETRY_MS = 3000;
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
  #retry = 0;
  #onVisibility = () => this.#load();

  constructor({ live, camera, box }) {
    this.#live = live;
    this.#camera = camera;
    this.#img = h("img.picture", { alt: "", data: { camera }, onerror: () => this.#failed() });
    box.prepend(this.#img);
    live.addEventListener("visibility", this.#onVisibility);
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
    clearTimeout(this.#retry);
    this.#img.onerror = null;
    this.#img.removeAttribute("src"); // removing the element alone would keep the stream open
    this.#img.remove();
  }

  #load() {
    clearTimeout(this.#retry);
    if (document.hidden) this.#img.removeAttribute("src");
    else this.#img.src = `/cameras/${encodeURIComponent(this.#camera)}/stream.mjpg`;
  }

  #failed() {
    if (!document.hidden && this.#img.isConnected) this.#retry = setTimeout(() => this.#load(), RETRY_MS);
  }
}
