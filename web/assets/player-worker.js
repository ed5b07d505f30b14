import { Player } from "./player.js";

const player = new Player((message) => postMessage(message));
onmessage = ({ data }) => player.handle(data);
postMessage({ t: "ready", paints: typeof requestAnimationFrame === "function" && typeof OffscreenCanvas === "function" });
