/** An answer other than 2xx, with the relay's own sentence. `status` is 0 if there was no answer. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout?.(15_000),
    });
  } catch {
    throw new ApiError(0, "The relay does not answer.");
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, sentence(answer?.error || `The relay answered ${response.status}.`));
  return answer;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
const camera = (id) => `/cameras/${encodeURIComponent(id)}`;

/** The requests of docs/api.md that the pages make. */
export const api = {
  session: () => call("GET", "/session"),
  signIn: (token) => call("POST", "/session", { token }),
  signOut: () => call("DELETE", "/session"),
  cameras: () => call("GET", "/cameras"),
  addCamera: (fields) => call("POST", "/cameras", fields),
  renameCamera: (id, name) => call("PATCH", camera(id), { name }),
  removeCamera: (id) => call("DELETE", camera(id)),
  newKey: (id) => call("POST", `${camera(id)}/key`),
  share: (id, hours) => call("POST", `${camera(id)}/shares`, { hours }),
  setSettings: (id, settings, take) => call("PATCH", `${camera(id)}/settings`, { settings, take }),
  tokens: () => call("GET", "/tokens"),
  addToken: (name, role) => call("POST", "/tokens", { name, role }),
  removeToken: (id) => call("DELETE", `/tokens/${encodeURIComponent(id)}`),
};
