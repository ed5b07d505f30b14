import { api } from "./api.js";
import { connection } from "./connection.js";
import { copyable } from "./copy.js";
import { confirm, dialog, form } from "./dialog.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { snapshotURL } from "./snapshot.js";
import { AUTOMATIC, pin, pinned, TRANSPORTS } from "./transports.js";

/** What else can be done with a camera: how its pictures come, their addresses, and its administration. */
export async function moreDialog(ctx, camera, { transport, onTransport }) {
  const todo = await dialog(camera.name || camera.id, (close) => {
    const act = (label, action, kind = "") =>
      h(`button${kind}`, { type: "button", onclick: () => close(action) }, label);
    return [
      facts(ctx, camera),
      transportChoice(transport, onTransport),
      h("section", h("h3", "Addresses"),
        h("div.links",
          h("a.button", { href: snapshotURL(camera.id, { stale: true }), target: "_blank", rel: "noopener" }, "Open snapshot"),
          h("a.button", { href: `/cameras/${camera.id}/stream.mjpg`, target: "_blank", rel: "noopener" }, "Open MJPEG stream"))),
      ctx.admin &&
        h("section", h("h3", "Camera"),
          h("div.links",
            act("Rename", rename),
            act("Share link", share),
            h("a.button", { href: "/updates", onclick: () => close() }, "Firmware updates"),
            camera.kind === "push" && act("New key", newKey),
            act("Remove", remove, ".danger"))),
    ];
  });
  if (typeof todo === "function") await todo(ctx, camera);
}

/** What is known of the device when the dialog opens. */
function facts({ live }, { id, kind, firmware, board, stats = {} }) {
  const rows = [
    ["Id", id],
    ["Pictures", kind === "pull" ? "fetched by the relay" : "pushed by the camera"],
    ["Firmware", [firmware, board].filter(Boolean).join(", ")],
    ["Up", stats.uptime !== undefined && format.duration(stats.uptime * 1000)],
    ["Temperature", stats.temperature !== undefined && format.celsius(stats.temperature)],
    ["Free memory", stats.heap !== undefined && `${format.kib(stats.heap)}, largest block ${format.kib(stats.heap_largest)}`],
    ["Not sent", stats.dropped !== undefined && `${format.count(stats.dropped)} of ${format.count(stats.sent + stats.dropped)} frames`],
    ["Round trip", live.rtt !== null && `${format.age(live.rtt)} from here to the relay`],
  ];
  return h("dl.facts", rows.filter(([, value]) => value).map(([name, value]) => h("div", h("dt", name), h("dd", value))));
}

function transportChoice(current, onTransport) {
  const options = [{ id: AUTOMATIC, label: "Automatic" }, ...TRANSPORTS];
  return h("fieldset", h("legend", "Pictures by"),
    options.map(({ id, label }) =>
      h("label.radio",
        h("input", {
          type: "radio", name: "transport", value: id, checked: id === pinned(),
          onchange: () => {
            pin(id);
            onTransport();
          },
        }),
        id === AUTOMATIC ? `${label} (now ${current})` : label)));
}

function rename(ctx, camera) {
  return form(`Rename ${camera.id}`, h("label", "Name", h("input", { name: "name", value: camera.name, required: true, maxlength: 100, autocomplete: "off" })),
    "Rename", ({ name }) => api.renameCamera(camera.id, name.trim()));
}

async function share(ctx, camera) {
  const link = await form(`Share ${camera.name}`, [
    h("p", "Who has the link sees this camera, and nothing else, until it expires."),
    h("label", "Valid for", h("select", { name: "hours" },
      [[1, "1 hour"], [24, "1 day"], [24 * 7, "1 week"], [24 * 30, "30 days"], [24 * 365, "1 year"]].map(([hours, label]) =>
        h("option", { value: hours, selected: hours === 24 }, label)))),
  ], "Make the link", ({ hours }) => api.share(camera.id, Number(hours)));
  if (!link) return;
  await dialog(`Share ${camera.name}`, () => [
    h("p", `Valid until ${new Date(link.expires).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}. It is shown this once.`),
    copyable(link.url).el,
  ]);
}

async function newKey(ctx, camera) {
  const sure = await confirm(`New key for ${camera.name}`,
    "The old key is void at once: the camera is disconnected and stays offline until it has the new one.", "Make a new key");
  if (!sure) return;
  try {
    const { key } = await api.newKey(camera.id);
    await dialog(`New key for ${camera.name}`, () => connection(camera.id, key));
  } catch (e) {
    ctx.toast(e.message, true);
  }
}

async function remove(ctx, camera) {
  const sure = await confirm(`Remove ${camera.name}`,
    "Its key and its share links become void, and its viewers are disconnected. This cannot be undone.", "Remove the camera");
  if (!sure) return;
  try {
    await api.removeCamera(camera.id);
    ctx.toast(`${camera.name} was removed`);
    ctx.navigate("/");
  } catch (e) {
    ctx.toast(e.message, true);
  }
}
