// Ready lines for a new camera: where to connect and with which key.

/**
 * @param {{host: string, secure: boolean, id: string, key: string}} target host may carry a port
 * @returns {{url: string, snippets: {title: string, note?: string, text: string}[]}}
 */
export function pushLines({ host, secure, id, key }) {
  const path = `/ws/push/${id}`;
  const url = `${secure ? "wss" : "ws"}://${host}${path}`;
  const http = `${secure ? "https" : "http"}://${host}/push/${id}`;
  const { hostname, port } = splitHost(host, secure);
  return {
    url,
    snippets: [
      {
        title: "Firmware",
        note: "The four values a camera needs.",
        text: `host = ${hostname}\nport = ${port}${secure ? " (TLS)" : ""}\npath = ${path}\nkey  = ${key}`,
      },
      {
        title: "ESP-IDF",
        note: "esp_websocket_client. Without enable_close_reconnect it stays away for good after any clean close.",
        text: espIdf(url, key, secure),
      },
      {
        title: "ffmpeg",
        note: "Any video as a camera: a file, a webcam, an RTSP address.",
        text: `ffmpeg -re -i INPUT -c:v mjpeg -q:v 6 -f mpjpeg -headers "Authorization: Bearer ${key}" ${http}`,
      },
      {
        title: "curl",
        note: "One picture.",
        text: `curl -H "Authorization: Bearer ${key}" -H "Content-Type: image/jpeg" --data-binary @file.jpg ${http}`,
      },
    ],
  };
}

/** Splits host[:port]; an IPv6 address stands in brackets. */
export function splitHost(host, secure) {
  const m = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host);
  return { hostname: m ? m[1] : host, port: m?.[2] ?? (secure ? "443" : "80") };
}

/** What is wrong with host[:port], or an empty string. */
export function hostError(host) {
  if (!/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(host)) return "Write a name or an address, and a port if need be: 192.168.1.10:8080";
  const port = Number(/:(\d+)$/.exec(host.replace(/^\[.*\]/, ""))?.[1] ?? 1);
  return port >= 1 && port <= 65535 ? "" : "A port is between 1 and 65535.";
}

/** Whether only this computer itself can reach the address. */
export function isLoopback(host) {
  const { hostname } = splitHost(host, false);
  return /^(localhost|127\.[\d.]+|\[::1\])$/i.test(hostname) || hostname.endsWith(".localhost");
}

function espIdf(url, key, secure) {
  return `esp_websocket_client_config_t config = {
    .uri = "${url}",
    .headers = "Authorization: Bearer ${key}\\r\\n",
    .buffer_size = 4096,
    .network_timeout_ms = 10000,
    .reconnect_timeout_ms = 5000,
    .enable_close_reconnect = true,${secure ? "\n    .crt_bundle_attach = esp_crt_bundle_attach," : ""}
};
esp_websocket_client_handle_t relay = esp_websocket_client_init(&config);
esp_websocket_client_start(relay);

for (;;) {
    camera_fb_t *fb = esp_camera_fb_get();
    if (fb && esp_websocket_client_is_connected(relay))
        esp_websocket_client_send_bin(relay, (const char *)fb->buf, fb->len, pdMS_TO_TICKS(5000));
    if (fb) esp_camera_fb_return(fb);
    vTaskDelay(1);
}`;
}
