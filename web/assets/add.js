import { api } from "./api.js";
import { connection } from "./connection.js";
import { h, text } from "./dom.js";
import * as format from "./format.js";
import { idError, suggestId } from "./ident.js";
import { Tile } from "./tile.js";

const EXAMPLES = [
  ["Espressif CameraWebServer", "http://192.168.1.40:81/stream"],
  ["ESP32-CAM_MJPEG2SD", "http://192.168.1.40/sustain?video=1"],
  ["ESPHome, at the port of its web server", "http://192.168.1.40:8080/"],
  ["Tasmota", "http://192.168.1.40:81/cam.mjpeg"],
];

/** Adding a camera: what it is called, then how it connects, then its first picture. */
export class AddView {
  title = "Add a camera";
  #ctx;
  #preview = null;

  constructor(ctx) {
    this.#ctx = ctx;
    this.el = h("main.page.narrow", h("h1", { tabindex: "-1" }, this.title),
      ctx.admin ? this.#form() : h("p", "Only somebody with the admin role can add cameras. ", h("a", { href: "/" }, "Back to the cameras")));
  }

  mount() {
    (this.el.querySelector("input") ?? this.el.querySelector("h1")).focus();
  }

  close() {
    this.#preview?.close();
  }

  #form() {
    const taken = () => new Set(this.#ctx.live.cameras.keys());
    let ownId = false;
    const name = h("input", {
      name: "name", required: true, maxlength: 100, autocomplete: "off", placeholder: "Front door",
      oninput: () => {
        if (!ownId) id.value = suggestId(name.value, taken());
        checkId();
      },
    });
    const id = h("input", {
      name: "id", autocomplete: "off", spellcheck: "false", autocapitalize: "none", "aria-describedby": "id-error", placeholder: "front-door",
      oninput: () => {
        ownId = id.value !== "";
        checkId();
      },
    });
    const wrongId = h("p.error", { id: "id-error", role: "alert", hidden: true });
    const checkId = (always = false) => {
      const wrong = id.value || always ? idError(id.value, taken()) : "";
      wrongId.textContent = wrong;
      wrongId.hidden = !wrong;
      id.setAttribute("aria-invalid", wrong ? "true" : "false");
      return !wrong;
    };
    const pull = pullFields();
    const kind = (value, label, hint) =>
      h("label.radio",
        h("input", { type: "radio", name: "kind", value, checked: value === "push", onchange: () => pull.show(value === "pull") }),
        h("span", label, h("small", hint)));
    const error = h("p.error", { role: "alert", hidden: true });
    const button = h("button.primary", "Add");
    return h("form", {
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        const fields = Object.fromEntries(new FormData(event.target));
        fields.name = fields.name.trim() || fields.id;
        const wrong = checkId(true) ? (fields.kind === "pull" ? pull.wrong() : "") : "";
        error.textContent = wrong;
        error.hidden = !wrong;
        if (wrong || !wrongId.hidden) return (wrong ? pull.url : id).focus();
        button.disabled = true;
        try {
          const answer = await api.addCamera(fields.kind === "pull" ? fields : { id: fields.id, name: fields.name, kind: "push" });
          this.#added(fields, answer.key);
        } catch (e) {
          error.textContent = e.message;
          error.hidden = false;
        }
        button.disabled = false;
      },
    },
    h("label", "Name", name),
    h("label", "Id, used in addresses", id), wrongId,
    h("fieldset", h("legend", "How the pictures come"),
      kind("push", "The camera pushes them", "It connects to this relay by itself, from any network, with a key."),
      kind("pull", "The relay fetches them", "The camera already serves an MJPEG stream that this relay can reach.")),
    pull.el, error, h("div.actions", h("a.button", { href: "/" }, "Cancel"), button));
  }

  #added({ id, name, kind }, key) {
    const { live } = this.#ctx;
    const words = h("p.waiting", { role: "status" });
    const tile = new Tile(live, id, { link: false });
    const update = () => {
      const status = tile.update();
      const camera = live.cameras.get(id);
      const connected = camera && camera.state !== "offline";
      text(words, status.live || (connected && camera.last_frame)
        ? `Connected: ${name} sends ${format.size(camera.width, camera.height)}.`
        : connected ? `${name} is connected. Waiting for its first picture…`
        : camera?.reason && kind === "pull" ? `Waiting for ${name}: ${camera.reason}`
        : `Waiting for ${name}…`);
    };
    const events = ["cameras", "figures", "link"];
    events.forEach((e) => live.addEventListener(e, update));
    this.#preview = {
      close: () => {
        events.forEach((e) => live.removeEventListener(e, update));
        tile.close();
      },
    };
    const title = h("h1", { tabindex: "-1" }, `${name} is added`);
    this.el.classList.replace("narrow", "wide");
    this.el.classList.add("added");
    this.el.replaceChildren(title, h("div.columns",
      key ? connection(id, key) : h("div.connection", h("p", "The relay fetches its pictures while somebody watches.")),
      h("div.preview", words, tile.el,
        h("div.actions", h("a.button", { href: "/add" }, "Add another"), h("a.button.primary", { href: `/cameras/${id}` }, "Open the camera")))));
    tile.show({ visible: true, maxFps: 0 });
    update();
    title.focus();
  }
}

function pullFields() {
  const url = h("input", { name: "url", type: "url", inputmode: "url", autocomplete: "off", spellcheck: "false", placeholder: EXAMPLES[0][1] });
  const el = h("div.pull", { hidden: true },
    h("label", "Address of its MJPEG stream", url),
    h("dl.examples", EXAMPLES.map(([who, address]) => h("div", h("dt", who), h("dd", h("code", address))))),
    h("div.pair",
      h("label", "User, if it has one", h("input", { name: "username", autocomplete: "off" })),
      h("label", "Password", h("input", { name: "password", type: "password", autocomplete: "new-password" }))),
    h("label", "Control address, optional", h("input", { name: "control_url", type: "url", autocomplete: "off", placeholder: "http://192.168.1.40" }),
      h("small", "With it the picture settings of a CameraWebServer can be changed here.")));
  return {
    el,
    url,
    show: (shown) => (el.hidden = !shown),
    wrong: () => {
      try {
        return /^https?:$/.test(new URL(url.value).protocol) ? "" : "The address must begin with http:// or https://.";
      } catch {
        return url.value ? `“${url.value}” is no address: write it like ${EXAMPLES[0][1]}.` : "The address of the stream is needed.";
      }
    },
  };
}
