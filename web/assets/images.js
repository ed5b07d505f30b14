import { api } from "./api.js";
import { copyable } from "./copy.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import * as format from "./format.js";

/** No image is longer, in bytes. */
const MAX_BYTES = 4 << 20;

/** The images that cameras can be given: a list, and a place to drop new ones. For admins. */
export class Images {
  /** Images of the API. */
  list = [];
  #ctx;
  #changed;
  #answer = null;
  #shown = "";
  #rows = h("ul.images");
  #broken = h("ul.broken", { hidden: true });
  #setup = h("div.setup", { hidden: true });
  #drop;
  #uploads = h("ul.uploads", { "aria-label": "Uploads" });
  #busy = Promise.resolve();
  /** A file that misses the drop zone must not replace the page. */
  #guard = (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault();

  constructor(ctx, changed) {
    this.#ctx = ctx;
    this.#changed = changed;
    this.#drop = this.#dropZone();
    this.el = h("section", { "aria-label": "Images" }, h("h2", "Images"), this.#setup, this.#drop, this.#uploads, this.#rows, this.#broken);
    addEventListener("dragover", this.#guard);
    addEventListener("drop", this.#guard);
  }

  close() {
    removeEventListener("dragover", this.#guard);
    removeEventListener("drop", this.#guard);
  }

  async load() {
    try {
      this.#answer = await api.images();
    } catch {
      return; // the cameras, which are asked for before, say so
    }
    this.list = this.#answer.images;
    this.draw();
  }

  /** Draws what has changed: also the names of cameras may have come later. */
  draw() {
    const answer = this.#answer;
    if (!answer) return;
    const shown = JSON.stringify(answer) + [...this.#ctx.live.cameras.values()].map((c) => c.name);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const ready = answer.keys > 0;
    this.#drop.hidden = !ready;
    this.#setup.hidden = ready;
    this.#setup.replaceChildren(...(ready ? [] : setup()));
    const newest = [...this.list].sort((a, b) => b.build - a.build || a.board.localeCompare(b.board));
    this.#rows.replaceChildren(...newest.map((image) => this.#row(image)));
    this.#broken.hidden = !answer.broken.length;
    this.#broken.replaceChildren(...answer.broken.map(({ file, error }) => h("li.error", `${file} is not given out: ${error}`)));
  }

  #dropZone() {
    const input = h("input", { type: "file", multiple: true, accept: ".img", hidden: true, onchange: () => this.#take(input.files, input) });
    const zone = h("div.drop",
      h("p", h("button", { type: "button", onclick: () => input.click() }, "Choose an image"), input, " or drop it here"),
      h("p.hint", "Signed images, as relay image build and relay image sign write them."));
    const over = (on) => (event) => {
      event.preventDefault();
      if (on || !zone.contains(event.relatedTarget)) zone.classList.toggle("over", on);
    };
    zone.addEventListener("dragenter", over(true));
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.#take(event.dataTransfer.files);
    });
    return zone;
  }

  /** Uploads files one after the other. */
  #take(files, input) {
    for (const file of files) {
      const upload = new Upload(file);
      this.#uploads.prepend(upload.el);
      this.#busy = this.#busy.then(() => upload.run()).then((image) => image && this.#changed());
    }
    if (input) input.value = ""; // so that the same file can be chosen again
  }

  #row(image) {
    const { sha256, version, build, board, chip, size, floor, key, by, added, runs_on: on } = image;
    const facts = [
      `build ${build}`, `${board}, ${chip}`, format.kib(size), `signed by key ${key}`, floor && `security floor ${floor}`,
      added && `added ${format.moment(Date.parse(added))}${by ? ` by ${by}` : ""}`,
    ];
    const name = (id) => this.#ctx.live.cameras.get(id)?.name || id;
    const links = on.flatMap((id, i) => [i ? ", " : "", h("a", { href: `/cameras/${id}` }, name(id))]);
    return h("li", { data: { version } },
      h("div", h("p", h("strong", version)), h("p.hint", facts.filter(Boolean).join(" · ")),
        h("p.hint", on.length ? ["Runs on ", links] : "No camera runs it"),
        h("p.sha", { title: "SHA-256 of the file" }, h("code", sha256))),
      h("button.quiet", { type: "button", "aria-label": `Delete image ${version} for ${board}`, onclick: () => this.#remove(image) }, "Delete"));
  }

  async #remove({ sha256, version, board, runs_on: on }) {
    const kept = on.length ? " The cameras that run it keep it." : "";
    if (!(await confirm(`Delete image ${version}`, `No camera with the board ${board} can be updated to it any more.${kept}`, "Delete the image"))) return;
    try {
      await api.removeImage(sha256);
      this.#ctx.toast(`Image ${version} was deleted`);
    } catch (e) {
      this.#ctx.toast(e.message, true);
    }
    this.#changed();
  }
}

/** A file on its way to the relay. */
class Upload {
  #file;
  #bar;
  #said = h("p", { role: "status" });

  constructor(file) {
    this.#file = file;
    this.#bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
    this.el = h("li", h("p", file.name), this.#bar, this.#said);
  }

  /** Resolves with the image, or null if it was refused. */
  async run() {
    try {
      if (this.#file.size > MAX_BYTES) throw new Error(`It has ${format.kib(this.#file.size)}; an image has ${format.kib(MAX_BYTES)} at most.`);
      const image = await api.addImage(this.#file, (part) => {
        this.#bar.value = part;
        if (part === 1) this.#said.textContent = "The relay checks it…";
      });
      this.#end(`Added: ${image.version}, build ${image.build}, for ${image.board}.`);
      return image;
    } catch (e) {
      this.#end(`Not added. ${e.message}`, true);
      return null;
    }
  }

  #end(sentence, bad = false) {
    this.#bar.hidden = true;
    this.#said.textContent = sentence;
    this.#said.classList.toggle("error", bad);
    this.el.dataset.ended = bad ? "refused" : "added";
  }
}

/** What to do before the relay takes images. */
function setup() {
  const step = (what, line) => h("li", h("p", what), copyable(line).el);
  return [
    h("p", "The relay gives out images only if they are signed with a key that it was told to trust, and it was told none yet. Three commands:"),
    h("ol",
      step("Make a signing key. Keep release.pem to yourself, and not on the relay.", "relay image keygen --out release.pem"),
      step("Give the relay the public half, and start it with that. In relay.yaml it is ota.keys.", "relay serve --set ota.keys=release.pub.pem"),
      step("Sign an image. Then it can be dropped here.", "relay image sign --key release.pem camera.img")),
    h("p.hint", "Cameras check images by themselves too: their firmware holds the same public key."),
  ];
}
