import { contain } from "./layout.js";

/** One canvas, of the page or an OffscreenCanvas, on which the pictures of one camera are painted whole. */
export class Surface {
  visible = false;
  maxFps = 0;
  #ctx;

  constructor(camera, canvas) {
    this.camera = camera;
    this.canvas = canvas;
    this.#ctx = canvas.getContext("2d", { alpha: false });
  }

  /** Sets the size in device pixels and paints `bitmap`, if there is one, anew. */
  resize(width, height, bitmap) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    if (bitmap) this.paint(bitmap);
  }

  paint(bitmap) {
    const { width, height } = this.canvas;
    const { x, y, w, h } = contain(bitmap.width, bitmap.height, width, height);
    if (w < 1 || h < 1) return;
    const ctx = this.#ctx;
    if (w < width || h < height) ctx.clearRect(0, 0, width, height);
    ctx.imageSmoothingQuality = bitmap.width > 2 * w ? "medium" : "low";
    ctx.drawImage(bitmap, x, y, w, h);
  }
}
