import { since } from "./format.js";

/** Frames count as arriving if the last one is no older than three usual intervals, and no older than this. */
const QUIET_MS = 2500;
/** A picture that was painted just now, but is older than this, is from before the camera rested. */
const OLD_MS = 10_000;

/**
 * What to say about a camera. It is “live” only while frames are painted.
 *
 * @param {object|undefined} camera CAMERA of docs/protocol.md
 * @param {object|null} figures of Meter, or of a transport that has none of its own
 * @param {{state: string, problem?: string}} link the connection to the relay (Live.link); that it is lost is said once, not by every camera
 * @param {number} now the page's wall clock, ms
 * @param {number} offset the relay's wall clock minus the page's, ms
 * @returns {{state: string, word: string, detail: string, reason: string, attention: boolean, live: boolean, percent: number|null}} percent is how
 *   much of an update has come
 */
export function describe(camera, figures, link, now, offset = 0) {
  const say = (state, word, detail = "", more = {}) => ({ state, word, detail, reason: "", attention: false, live: false, percent: null, ...more });
  if (link.state === "lost") return say("lost", "Not live", link.problem === "blocked" ? "open it to watch by MJPEG" : "no connection to the relay");
  if (link.state !== "open") return say("connecting", "Connecting");
  if (!camera) return say("unknown", "No such camera", "it may have been removed", { attention: true });

  const at = (micros) => since(Math.min(micros / 1000 - offset, now), now);
  const reason = camera.reason || "";
  switch (camera.state) {
    case "online":
      return online(camera, figures, say);
    case "resting":
      return say("resting", "Resting", at(camera.since), { reason });
    case "stale":
      return say("stale", "No picture", at(camera.last_frame || camera.since), { reason, attention: true });
    case "updating":
      return updating(camera, say, at);
    default:
      return say("offline", "Offline", at(camera.since), { reason, attention: camera.last_frame > 0 });
  }
}

/** The relay's reason reads like “updating to 1.5.0: 37 %, back in about 20 s”. */
function updating({ reason = "", since: start }, say, at) {
  const percent = Number(/: (\d+) %/.exec(reason)?.[1] ?? NaN);
  const more = { percent: Number.isFinite(percent) ? percent : null };
  if (reason.startsWith("updating ")) return say("updating", "Updating", reason.slice(9), more);
  if (reason.startsWith("update cancelled: ")) return say("updating", "Update cancelled", reason.slice(18));
  return say("updating", "Updating", at(start), { reason });
}

function online(camera, figures, say) {
  if (!figures) return say("waiting", "Waiting", "for a picture");
  const patience = Math.max(QUIET_MS, camera.fps > 0 ? 3000 / camera.fps : 0);
  // A transport that does not see single frames shows what was there before the camera came back.
  if (figures.seq === null && camera.last_frame < camera.since) return say("waiting", "Waiting", "for a new picture");
  if (figures.quiet > patience) return say("waiting", "No picture", `for ${Math.floor(figures.quiet / 1000)} s`, { attention: true });
  if (figures.age > Math.max(OLD_MS, patience)) return say("waiting", "Waiting", "for a new picture");
  return say("live", "Live", "", { live: true });
}

/** One line: “Offline since 12:04 (3 min): nothing heard for 30 s”. */
export function sentence({ word, detail, reason }) {
  return [word, detail].filter(Boolean).join(" ") + (reason ? `: ${reason}` : "");
}
