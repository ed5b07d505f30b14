// Binary messages of camrelay.view.v1 (docs/protocol.md, section 4). All integers are big endian.

const VERSION = 1;
const MIN_HEADER = 32;
const ACK_BYTES = 12;

/** Flag of a frame from a camera that rests: a still. */
export const STILL = 1;

/**
 * Reads one frame message. Times are milliseconds since 1970 on the relay's clock; `captured` is 0 if unknown.
 * Returns null for a message of another version or a damaged one.
 * @param {ArrayBuffer} buffer
 */
export function decodeFrame(buffer) {
  if (buffer.byteLength < MIN_HEADER) return null;
  const view = new DataView(buffer);
  const header = view.getUint8(1);
  if (view.getUint8(0) !== VERSION || header < MIN_HEADER || header >= buffer.byteLength) return null;
  return {
    still: (view.getUint16(2) & STILL) !== 0,
    stream: view.getUint32(4),
    seq: view.getUint32(8),
    width: view.getUint16(12),
    height: view.getUint16(14),
    received: Number(view.getBigInt64(16)) / 1000,
    captured: Number(view.getBigInt64(24)) / 1000,
    jpeg: new Uint8Array(buffer, header),
  };
}

/**
 * Writes acknowledgements into one message. `hold` is how long the viewer had the frame, in ms.
 * @param {{stream: number, seq: number, hold?: number}[]} acks
 * @returns {ArrayBuffer}
 */
export function encodeAcks(acks) {
  const buffer = new ArrayBuffer(ACK_BYTES * acks.length);
  const view = new DataView(buffer);
  acks.forEach(({ stream, seq, hold = 0 }, i) => {
    view.setUint8(i * ACK_BYTES, VERSION);
    view.setUint16(i * ACK_BYTES + 2, Math.min(Math.max(Math.round(hold), 0), 0xffff));
    view.setUint32(i * ACK_BYTES + 4, stream);
    view.setUint32(i * ACK_BYTES + 8, seq);
  });
  return buffer;
}

/** How many frames lie between two sequence numbers, which wrap at 32 bits; 0 if `next` is not newer. */
export function gap(previous, next) {
  const step = (next - previous) >>> 0;
  return step === 0 || step > 0x7fffffff ? 0 : step - 1;
}
