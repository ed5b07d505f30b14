import { api } from "./api.js";
import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { plain } from "./timeline.js";

/** The images that a camera takes: for its board, and newer than what it runs; the newest first. */
export function fitting(images, { board, chip, build }) {
  return images.filter((i) => i.board === board && i.chip === chip && i.build > build).sort((a, b) => b.build - a.build);
}

/**
 * Asks whether to update a camera, and says what will happen. Resolves with true when the update was begun.
 * @param {object} info UpdateInfo of the API
 */
export async function askUpdate(ctx, name, info, images) {
  const choice = fitting(images, info);
  const begun = await dialog(`Update ${name}`, (close) => {
    const image = h("select", { name: "sha256" }, choice.map((i) => h("option", { value: i.sha256 }, `${i.version} (build ${i.build})`)));
    const force = h("input", { type: "checkbox", name: "force" });
    const answer = h("p", { role: "status", hidden: true });
    const buttons = [h("button", { value: "dry-run" }, "Check only"), h("button.primary", { value: "install" }, "Update")];
    const say = (words, bad) => {
      answer.textContent = words;
      answer.hidden = false;
      answer.classList.toggle("error", bad);
    };
    return h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        const dry = event.submitter?.value === "dry-run";
        buttons.forEach((b) => (b.disabled = true));
        try {
          const got = await api.update(info.camera, { sha256: image.value, force: force.checked, dry_run: dry });
          if (got.id) close(true);
          else say(dry && got.code === "ok" ? `The check went well: ${plain(got.text, info.camera)} Nothing was done.` : plain(got.text, info.camera), false);
        } catch (e) {
          say(plain(e.message, info.camera), true);
        }
        buttons.forEach((b) => (b.disabled = false));
      },
    },
    choice.length > 1 ? h("label", "To", image) : h("p", h("strong", `${info.firmware || "Unknown"} → ${choice[0]?.version}`)),
    h("ul.plan",
      h("li", `No pictures from ${name} for about 30 to 60 seconds. Who watches reads why, and need not reload.`),
      h("li", "The new firmware is tried. It stays only if it reaches this relay, sends pictures, and could be updated again."),
      h("li", `If anything fails, also the power, the camera goes back to ${info.firmware || "its firmware"} by itself.`)),
    h("label.radio", force, h("span", "At once", h("small", "whatever the relay's window for updates says, and whoever watches"))),
    answer,
    h("div.actions", h("button", { type: "button", onclick: () => close() }, "Cancel"), buttons));
  });
  return begun === true;
}
