import "./browser.js";
import { run } from "./unit.js";

// The page says how it went to whoever looks: window.results, and to people.
globalThis.results = await run();
const lines = globalThis.results.map(({ name, error }) => (error ? `FAIL ${name}\n     ${error}` : `ok   ${name}`));
document.querySelector("#report").textContent = lines.join("\n");
