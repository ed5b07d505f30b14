import { h } from "./dom.js";

/** Frames over the page's one WebSocket, painted by the Player. */
export const websocket = {
  id: "websocket",
  label: "WebSocket",
  usable: (live) => live.link.problem !== "blocked",
  open: (options) => new CanvasSession(options),
};

class CanvasSession {
  #live;
  #camera;
  #canvas;
  #surface;
  #observer;
  #state = { width: 0, height: 0, visible: true, maxFps: 0 };

  constructor({ live, camera, box, visible = true }) {
    this.#live = live;
    this.#camera = camera;
    this.#state.visible = visible;
    this.#canvas = h("canvas.picture", { data: { camera }, "aria-hidden": "true" });
    box.prepend(this.#canvas);
    this.#surface = live.attach(this.#canvas, camera);
    this.#observer = new ResizeObserver(([entry]) => this.#resized(entry));
    try {
      this.#observer.observe(this.#canvas, { box: "device-pixel-content-box" });
    } catch {
      this.#observer.observe(this.#canvas);
    }
  }

  figures() {
    return this.#live.figures[this.#camera] ?? null;
  }

  show(change) {
    const before = JSON.stringify(this.#state);
    Object.assign(this.#state, change);
    if (this.#state.width && before !== JSON.stringify(this.#state)) this.#surface.update(this.#state);
  }

  close() {
    this.#observer.disconnect();
    this.#surface.detach();
    this.#canvas.remove();
  }

  #resized(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = exact?.inlineSize ?? Math.round(entry.contentRect.width * devicePixelRatio);
    const height = exact?.blockSize ?? Math.round(entry.contentRect.height * devicePixelRatio);
    if (width && height) this.show({ width, height });
  }
}
