/** The last values of a figure, at equal distances in time; null where there was none. */
export class Series {
  constructor(length) {
    this.length = length;
    this.values = [];
  }

  push(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > this.length) this.values.shift();
  }

  /** The top of the scale: the next 1, 2 or 5 × 10ⁿ above the largest value, at least `least`. */
  top(least = 1) {
    const max = this.values.reduce((m, v) => Math.max(m, v ?? 0), least);
    const unit = 10 ** Math.floor(Math.log10(max));
    return [1, 2, 5, 10].map((f) => f * unit).find((v) => v >= max * 0.999999);
  }

  /** Lines to draw in a box of w × h with the newest value at the right; values of null leave a hole. */
  lines(w, h, top) {
    const step = w / (this.length - 1);
    const start = this.length - this.values.length;
    const lines = [];
    let line = null;
    this.values.forEach((v, i) => {
      if (v === null) {
        line = null;
        return;
      }
      if (!line) lines.push((line = []));
      line.push([(start + i) * step, h - (Math.min(v, top) / top) * h]);
    });
    return lines;
  }
}

/** Draws a series on a canvas of the page, in its text colour. */
export function drawSpark(canvas, series, least) {
  const ratio = globalThis.devicePixelRatio || 1;
  const w = Math.round(canvas.clientWidth * ratio);
  const h = Math.round(canvas.clientHeight * ratio);
  if (!w || !h) return;
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const ctx = canvas.getContext("2d");
  const pad = ratio;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, w, h);
  ctx.translate(0, pad);
  ctx.strokeStyle = getComputedStyle(canvas).color;
  ctx.lineWidth = 1.25 * ratio;
  ctx.lineJoin = "round";
  for (const line of series.lines(w - pad, h - 2 * pad, series.top(least))) {
    ctx.beginPath();
    for (const [x, y] of line) ctx.lineTo(x, y);
    if (line.length === 1) ctx.lineTo(line[0][0] + pad, line[0][1]);
    ctx.stroke();
  }
}
