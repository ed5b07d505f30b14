package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/testkit"
)

func loopback() config.Networks { return config.Networks{netip.MustParsePrefix("127.0.0.0/8")} }

func TestPages(t *testing.T) {
	r := newRelay(t, nil)
	for _, path := range []string{"/", "/login", "/add", "/settings", "/cameras/door", "/cameras/%E9%96%80", "/cameras/door?token=crs_x"} {
		a := r.want(http.StatusOK, get(path))
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: Content-Security-Policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: Content-Security-Policy is %q", path, csp)
		}
		if a := r.want(http.StatusNotModified, get(path).with("If-None-Match", a.Header.Get("ETag"))); len(a.body) > 0 {
			t.Errorf("%s: 304 with a body", path)
		}
	}
	for path, want := range map[string]string{
		"/assets/app.js": "text/javascript; charset=utf-8", "/assets/style.css": "text/css; charset=utf-8", "/assets/icon.svg": "image/svg+xml",
	} {
		a := r.want(http.StatusOK, get(path))
		if got := a.Header.Get("Content-Type"); got != want || len(a.body) == 0 {
			t.Errorf("%s: %d bytes of %q", path, len(a.body), got)
		}
		tag := a.Header.Get("ETag")
		for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			r.want(http.StatusNotModified, get(path).with("If-None-Match", header))
		}
		r.want(http.StatusOK, get(path).with("If-None-Match", `"x"`))
	}
	if a := r.want(http.StatusMovedPermanently, get("/favicon.ico")); a.Header.Get("Location") != "/assets/icon.svg" {
		t.Errorf("favicon is at %q", a.Header.Get("Location"))
	}
}

func TestHead(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Metrics.Allow = loopback() })
	r.addLive("door")
	for _, path := range []string{
		"/", "/login", "/assets/app.js", "/healthz", "/readyz", "/metrics", "/api/openapi.yaml", "/api/v1/cameras", "/api/v1/session",
		"/cameras/door/snapshot.jpg?stale=ok", "/cameras/door/stream.mjpg", "/nowhere",
	} {
		full := r.do(get(path).as(r.admin))
		q := get(path).as(r.admin)
		q.method = http.MethodHead
		head := r.do(q)
		if head.StatusCode != full.StatusCode || len(head.body) > 0 || head.Header.Get("Content-Type") != full.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d, %d bytes, %q; GET: %d, %q", path, head.StatusCode, len(head.body), head.Header.Get("Content-Type"),
				full.StatusCode, full.Header.Get("Content-Type"))
		}
	}
}

// TestMetricNames holds the names and labels: dashboards depend on them.
func TestMetricNames(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Metrics.Allow = loopback() })
	camera := testkit.DialCamera(t, r.ws("/ws/push/door"), r.addCamera("door"))
	camera.Text(`{"t":"stats","uptime":3600,"heap":61208,"heap_largest":31744,"rssi":-61,"temperature":48.5}`)
	camera.Message(picture(), 0)
	r.upgrade(t, "/ws/view/door", "Authorization: Bearer "+r.admin)
	r.want(http.StatusUnauthorized, get("/api/v1/tokens"))
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Registry.Get("door").Totals().Frames == 1 }, "a frame came")
	text := ""
	testkit.Eventually(t, 5*time.Second, func() bool { // an upgrade is counted after its answer
		text = string(r.want(http.StatusOK, get("/metrics")).body)
		return strings.Contains(text, `camrelay_http_requests_total{code="101"} 1`)
	}, "the viewer's upgrade is counted")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^(camrelay_[a-z_]+)(\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		labels := regexp.MustCompile(`([a-z]+)=`).FindAllString(m[2], -1)
		name := m[1] + "{" + strings.ReplaceAll(strings.Join(labels, ","), "=", "") + "}"
		if !slices.Contains(got, name) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	want := []string{
		"camrelay_auth_failures_total{}",
		"camrelay_camera_bytes_total{camera}", "camrelay_camera_connections_total{camera}", "camrelay_camera_delivered_frames_total{camera}",
		"camrelay_camera_faults_total{camera,fault}", "camrelay_camera_fps{camera}", "camrelay_camera_frame_age_seconds{camera}",
		"camrelay_camera_frames_total{camera}", "camrelay_camera_heap_bytes{camera}", "camrelay_camera_heap_largest_bytes{camera}",
		"camrelay_camera_rssi_dbm{camera}", "camrelay_camera_skipped_frames_total{camera}", "camrelay_camera_state{camera,state}",
		"camrelay_camera_temperature_celsius{camera}", "camrelay_camera_uptime_seconds{camera}", "camrelay_camera_viewers{camera}",
		"camrelay_frames_live{}", "camrelay_http_requests_total{code}", "camrelay_viewers{kind}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("metrics are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{
		`camrelay_camera_state{camera="door",state="online"} 1`, `camrelay_camera_state{camera="door",state="offline"} 0`,
		`camrelay_camera_frames_total{camera="door"} 1`, fmt.Sprintf(`camrelay_camera_bytes_total{camera="door"} %d`, len(picture())),
		`camrelay_camera_faults_total{camera="door",fault="partial"} 0`, `camrelay_camera_rssi_dbm{camera="door"} -61`,
		`camrelay_camera_uptime_seconds{camera="door"} 3600`, `camrelay_camera_connections_total{camera="door"} 1`,
		`camrelay_viewers{kind="ws"} 1`, `camrelay_viewers{kind="mjpeg"} 0`, `camrelay_auth_failures_total 1`,
		`camrelay_http_requests_total{code="101"} 1`, `camrelay_http_requests_total{code="401"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
}

func TestMetricsAccess(t *testing.T) {
	closed := newRelay(t, nil)
	_, viewer := closed.addToken("viewer")
	closed.want(http.StatusUnauthorized, get("/metrics"))
	closed.want(http.StatusOK, get("/metrics").as(viewer))

	open := newRelay(t, func(c *config.Config) { c.Metrics.Allow = loopback() })
	open.want(http.StatusOK, get("/metrics"))
	// A proxy on this machine that nobody told the relay of is not its clients.
	open.want(http.StatusUnauthorized, get("/metrics").with("X-Forwarded-For", "203.0.113.5"))
	open.want(http.StatusUnauthorized, get("/metrics").with("Forwarded", "for=203.0.113.5"))

	proxied := newRelay(t, func(c *config.Config) {
		c.TrustedProxies, c.Metrics.Allow = loopback(), config.Networks{netip.MustParsePrefix("203.0.113.0/24")}
	})
	proxied.want(http.StatusOK, get("/metrics").with("X-Forwarded-For", "203.0.113.5"))
	proxied.want(http.StatusUnauthorized, get("/metrics").with("X-Forwarded-For", "198.51.100.1"))
	proxied.want(http.StatusUnauthorized, get("/metrics"))
}

// TestNoSecretIsLogged uses every kind of secret in every way, right and wrong,
// and looks for them in a log at level debug.
func TestNoSecretIsLogged(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addCamera("door")
	_, viewer := r.addToken("viewer")
	share := r.share("door", 1)
	cookie := r.signIn(viewer)
	wrong := auth.NewToken()
	wrongKey := auth.NewKey()
	password := "camera-password-1"
	r.want(http.StatusCreated, post("/api/v1/cameras", object{
		"id": "yard", "url": "http://user:url-password@127.0.0.1:1/stream?pwd=query-password", "username": "user", "password": password,
	}).as(r.admin))
	var made struct{ Key string }
	r.want(http.StatusOK, post("/api/v1/cameras/door/key", nil).as(r.admin)).into(t, &made)
	proof := auth.SignHMAC("door", made.Key, "POST", "/push/door", strings.TrimPrefix(r.base, "http://"), "nonce-1234", time.Now())
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("door:"+s)) }

	r.want(http.StatusNoContent, post("/push/door", picture()).with("Authorization", proof))
	r.want(http.StatusNoContent, post("/push/door", picture()).with("Authorization", basic(made.Key)))
	r.want(http.StatusNoContent, post("/push/door?key="+made.Key, picture()))
	r.want(http.StatusUnauthorized, post("/push/door?key="+wrongKey, picture()))
	r.want(http.StatusUnauthorized, post("/push/door", picture()).with("Authorization", proof)) // used before
	testkit.DialCamera(t, r.ws("/ws/push/door?key="+made.Key), "").Close()
	r.upgrade(t, "/ws/view/door?token="+viewer)
	r.upgrade(t, "/ws/view/door?%74oken="+viewer)
	r.upgrade(t, "/ws/view/door?token="+share)
	r.upgrade(t, "/ws/view", "Cookie: "+cookie, "Sec-WebSocket-Protocol: camrelay.view.v1")
	for _, path := range []string{"/cameras/door/snapshot.jpg?stale=ok&token=", "/cameras/door?token=", "/nowhere?token=", "/api/v1/cameras?x=1&token="} {
		for _, token := range []string{viewer, share, wrong, share + "x"} {
			r.do(get(path + token))
		}
	}
	r.do(get("/api/v1/cameras").with("Authorization", basic(viewer)))
	r.do(get("/api/v1/cameras").with("Authorization", "Bearer "+wrong))
	r.do(post("/api/v1/session", object{"token": wrong}))
	r.do(post("/api/v1/session", `{"token":"`+viewer+`"} x`).with("Content-Type", "application/json"))
	r.do(del("/api/v1/session").with("Cookie", cookie))
	r.upgrade(t, "/ws/view/yard", "Authorization: Bearer "+r.admin) // the puller tries
	testkit.Eventually(t, 10*time.Second, func() bool { return strings.Contains(r.log.String(), "camera cannot be read") }, "the puller complains")

	log := r.log.String()
	if !strings.Contains(log, "/ws/view/door") || !strings.Contains(log, "REDACTED") {
		t.Fatal("requests are not logged")
	}
	_, value, _ := strings.Cut(cookie, "=")
	for name, secret := range map[string]string{
		"admin token": r.admin, "viewer token": viewer, "share link": share, "session": value, "old key": key, "key": made.Key,
		"wrong token": wrong, "wrong key": wrongKey, "password": password, "password in a URL": "url-password", "password in a query": "query-password",
		"proof": proof[strings.Index(proof, "mac="):], "Basic": basic(made.Key)[6:], "Basic token": basic(viewer)[6:],
	} {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log has the %s: %s", name, log[max(0, i-200):min(len(log), i+100)])
		}
	}
}
