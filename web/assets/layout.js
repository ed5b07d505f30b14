/** The rectangle in which a picture of sw × sh is seen whole and undistorted in the middle of dw × dh (object-fit: contain). */
export function contain(sw, sh, dw, dh) {
  const scale = Math.min(dw / sw, dh / sh);
  const w = Math.round(sw * scale);
  const h = Math.round(sh * scale);
  return { x: Math.round((dw - w) / 2), y: Math.round((dh - h) / 2), w, h };
}

/**
 * How many columns show n tiles of `ratio` (width / height) with a caption below each as large as possible in width × height. Tiles
 * narrower than `least` are not for looking at: then the page scrolls, with tiles about that wide.
 * @returns {{columns: number, tile: number}} tile is the width of one, in the units given
 */
export function fitGrid(n, { width, height, gap, caption, ratio = 4 / 3, least = 220 }) {
  let best = { columns: 1, tile: 0 };
  for (let columns = 1; columns <= Math.max(1, n); columns++) {
    const rows = Math.ceil(n / columns);
    const byWidth = (width - gap * (columns - 1)) / columns;
    const byHeight = ((height - gap * (rows - 1)) / rows - caption) * ratio;
    const tile = Math.floor(Math.min(byWidth, byHeight));
    if (tile > best.tile) best = { columns, tile };
  }
  if (best.tile >= least) return best;
  const columns = Math.max(1, Math.min(n, Math.floor((width + gap) / (least + gap))));
  return { columns, tile: Math.floor((width - gap * (columns - 1)) / columns) };
}
