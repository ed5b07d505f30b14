import { mjpeg } from "./transport-mjpeg.js";
import { websocket } from "./transport-websocket.js";
import { recall, remember } from "./store.js";

/**
 * A transport brings the pictures of one camera into a box of the page:
 *
 *   id, label        its name in storage, and for people
 *   usable(live)     whether it can work now
 *   open({live, camera, box}) → session
 *
 *   session.figures()   what Meter.figures gives; members that the transport cannot know are null; null before the first picture
 *   session.show({visible, maxFps})
 *   session.close()
 *
 * In order of preference.
 */
export const TRANSPORTS = [websocket, mjpeg];

export const AUTOMATIC = "auto";

/** The transport this browser was told to use, or AUTOMATIC. */
export function pinned() {
  const id = recall("transport", AUTOMATIC);
  return TRANSPORTS.some((t) => t.id === id) ? id : AUTOMATIC;
}

export const pin = (id) => remember("transport", id);

/** The transport to use now. */
export function choose(live, id = pinned()) {
  return TRANSPORTS.find((t) => t.id === id) ?? TRANSPORTS.find((t) => t.usable(live)) ?? TRANSPORTS[0];
}
