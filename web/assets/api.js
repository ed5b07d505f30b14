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

/** Sends a file; onProgress(part) hears how much of it, 0 to 1, has left. fetch() could not tell. */
function upload(path, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1${path}`);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onerror = () => reject(new ApiError(0, "The relay does not answer, or refused the file before it was sent."));
    request.onload = () => {
      const { status, response } = request;
      if (status >= 200 && status < 300) resolve(response);
      else reject(new ApiError(status, sentence(response?.error || `The relay answered ${status}.`)));
    };
    request.send(file);
  });
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
  updates: () => call("GET", "/ota/cameras"),
  cameraUpdates: (id) => call("GET", `/ota${camera(id)}`),
  /** `request` is a trigger of docs/ota.md. */
  update: (id, request) => call("POST", `/ota${camera(id)}`, request),
  cancelUpdate: (id) => call("DELETE", `/ota${camera(id)}`),
  images: () => call("GET", "/ota/images"),
  addImage: (file, onProgress) => upload("/ota/images", file, onProgress),
  removeImage: (sha) => call("DELETE", `/ota/images/${encodeURIComponent(sha)}`),
  rollouts: () => call("GET", "/ota/rollouts"),
  rollout: (id) => call("GET", `/ota/rollouts/${encodeURIComponent(id)}`),
  /** `action` is pause, resume or cancel. */
  changeRollout: (id, action) => call("POST", `/ota/rollouts/${encodeURIComponent(id)}/${action}`),
  tokens: () => call("GET", "/tokens"),
  addToken: (name, role) => call("POST", "/tokens", { name, role }),
  removeToken: (id) => call("DELETE", `/tokens/${encodeURIComponent(id)}`),
};
