package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/config"
)

func TestOrigin(t *testing.T) {
	r := newRelay(t, func(c *config.Config) {
		c.Origins = []string{"https://home.example:8123"}
		c.PublicURL = "https://cams.example"
	})
	key := r.addLive("door")
	for _, c := range []struct {
		origin  string
		allowed bool
	}{
		{"", true}, {r.base, true}, {"https://home.example:8123", true}, {"https://cams.example", true},
		{"HTTPS://CAMS.example:443", true},
		{"https://evil.example", false}, {"null", false}, {"https://home.example", false}, {"*", false},
		{"http://home.example:8123", false}, {"https://cams.example.evil.example", false}, {"file://", false},
	} {
		for _, q := range []request{
			get("/healthz"), get("/"), get("/api/v1/cameras").as(r.admin), get("/cameras/door/snapshot.jpg?stale=ok").as(r.admin),
			get("/nowhere"), post("/push/door", picture()).with("Authorization", "Bearer "+key), get("/cameras/door/stream.mjpg").as(r.admin),
			post("/api/v1/session", object{"token": r.admin}),
		} {
			if c.origin != "" {
				q = q.with("Origin", c.origin)
			}
			a := r.do(q)
			if (a.StatusCode != http.StatusForbidden) != c.allowed {
				t.Errorf("%s %s for origin %q: %d", q.method, q.path, c.origin, a.StatusCode)
			}
			stream := strings.HasPrefix(a.Header.Get("Content-Type"), "multipart/") // its head is its own
			want := c.origin
			if !c.allowed {
				want = ""
			}
			if got := a.Header.Get("Access-Control-Allow-Origin"); got != want && !stream {
				t.Errorf("%s %s for origin %q allows %q", q.method, q.path, c.origin, got)
			}
			if a.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s lets pages of others use the session", q.path)
			}
		}
		for _, path := range []string{"/ws/view/door", "/ws/push/door"} {
			lines := []string{"Authorization: Bearer " + map[bool]string{true: key, false: r.admin}[strings.Contains(path, "push")]}
			if c.origin != "" {
				lines = append(lines, "Origin: "+c.origin)
			}
			if s := r.upgrade(t, path, lines...); (s.status() == "101") != c.allowed {
				t.Errorf("%s for origin %q: %s", path, c.origin, s.status())
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Origins = []string{"https://home.example"} })
	q := request{method: http.MethodOptions, path: "/api/v1/cameras"}
	a := r.want(http.StatusNoContent, q.with("Origin", "https://home.example").with("Access-Control-Request-Method", "POST"))
	if !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "PATCH") || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight is answered with %v", a.Header)
	}
	a = r.want(http.StatusForbidden, q.with("Origin", "https://evil.example"))
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a strange page may read that it may not")
	}
	if a = r.do(q); a.StatusCode != http.StatusNoContent || !strings.Contains(a.Header.Get("Allow"), "POST") {
		t.Errorf("OPTIONS is answered %d with Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
}

// TestForgery: a strange page cannot use somebody's session, by any method.
func TestForgery(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	cookie := r.signIn(r.admin)
	for _, q := range []request{
		del("/api/v1/cameras/door"), post("/api/v1/cameras/door/key", nil), post("/api/v1/cameras/door/pause", nil),
		post("/api/v1/tokens", object{"name": "x", "role": "admin"}), patch("/api/v1/cameras/door", object{"name": "x"}),
		post("/api/v1/tokens", `{"name":"x","role":"admin"}`).with("Content-Type", "text/plain"),
		del("/api/v1/session"), get("/cameras/door/snapshot.jpg"),
	} {
		r.want(http.StatusForbidden, q.with("Cookie", cookie).with("Origin", "https://evil.example"))
	}
	// A form needs no preflight, and some old browsers send no Origin with it.
	q := post("/api/v1/tokens", `{"name":"x","role":"admin","a":"="}`).with("Cookie", cookie)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"} {
		r.want(http.StatusUnsupportedMediaType, q.with("Content-Type", kind))
	}
	a := r.do(post("/api/v1/session", object{"token": r.admin}))
	if c := a.Cookies()[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge < 30*24*60*60-2 || c.Secure {
		t.Errorf("session cookie is %v", c)
	}
}

// TestSecureCookie: behind a trusted proxy that ends TLS.
func TestSecureCookie(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.TrustedProxies = loopback() })
	a := r.want(http.StatusOK, post("/api/v1/session", object{"token": r.admin}).with("X-Forwarded-Proto", "https"))
	if c := a.Cookies()[0]; c.Name != "__Host-camrelay" || !c.Secure {
		t.Errorf("session cookie over TLS is %v", c)
	}
}

func TestBodies(t *testing.T) {
	r := newRelay(t, nil)
	r.addCamera("door")
	big := `{"name":"` + strings.Repeat("x", 70<<10) + `","role":"viewer"}`
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"name":"x","role":"viewer"}`, 201, ""},
		{" \n{\"name\":\"x\",\"role\":\"viewer\"}\n ", 201, ""},
		{``, 400, "empty"},
		{`{`, 400, "too early"},
		{`{"name":"x","role":"viewer"} {}`, 400, "after the JSON"},
		{`{"name":"x","role":"viewer"}]`, 400, "after the JSON"},
		{`{"name":"x","rôle":"viewer"}`, 400, "unknown field"},
		{`{"name":5,"role":"viewer"}`, 400, "name cannot be a JSON number"},
		{`[]`, 400, "should be an object"},
		{`nonsense`, 400, "invalid character"},
		{`{"name":"x","role":"root"}`, 422, "viewer or admin"},
		{`{"name":"","role":"viewer"}`, 422, "name is missing"},
		{`{"name":"  ","role":"viewer"}`, 422, "name is missing"},
		{`{"name":"a\u0000b","role":"viewer"}`, 422, "one line"},
		{big, 413, "limits.request_body"},
	} {
		q := post("/api/v1/tokens", c.body).as(r.admin).with("Content-Type", "application/json; charset=utf-8")
		a := r.want(c.status, q)
		if !strings.Contains(a.errorText(), c.says) || strings.Contains(a.errorText(), "Go ") {
			t.Errorf("%.40q: %q, want %q in it", c.body, a.errorText(), c.says)
		}
	}
}

func TestErrorsAreJSON(t *testing.T) {
	r := newRelay(t, nil)
	r.addCamera("door")
	for _, c := range []struct {
		status int
		q      request
	}{
		{404, get("/nowhere")},
		{404, get("/api/v1/nowhere")},
		{404, get("/assets/")},
		{404, get("/assets/../index.html")},
		{404, get("/assets/%2e%2e/index.html")},
		{405, del("/healthz")},
		{405, request{method: "PUT", path: "/api/v1/cameras"}},
		{405, post("/", "x")},
		{400, get("/cameras/door/stream.mjpg?max_fps=lots").as(r.admin)},
		{400, get("/cameras/door/snapshot.jpg?max_age=-1").as(r.admin)},
		{404, get("/cameras/none/stream.mjpg").as(r.admin)},
		{404, get("/cameras/%E9%96%80/snapshot.jpg").as(r.admin)},
		{404, del("/api/v1/tokens/none").as(r.admin)},
	} {
		a := r.want(c.status, c.q) // do looks at the body
		if c.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.q.method, c.q.path)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: the error may be cached", c.q.method, c.q.path)
		}
	}
}

// TestChallenge: programs are told how to sign in, and no browser opens a window
// of its own because of something that a page asked for.
func TestChallenge(t *testing.T) {
	r := newRelay(t, nil)
	const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
	for _, c := range []struct {
		name   string
		header map[string]string
		basic  bool
	}{
		{"curl", map[string]string{"User-Agent": "curl/8.5", "Accept": "*/*"}, true},
		{"VLC", map[string]string{"User-Agent": "VLC/3.0.20 LibVLC/3.0.20"}, true},
		{"Home Assistant", map[string]string{"User-Agent": "HomeAssistant/2025.1 aiohttp/3.11"}, true},
		{"an opened address", map[string]string{"User-Agent": browser, "Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}, true},
		{"the same without TLS", map[string]string{"User-Agent": browser, "Accept": "text/html,*/*"}, true},
		{"a script", map[string]string{"User-Agent": browser, "Accept": "*/*", "Sec-Fetch-Mode": "cors"}, false},
		{"the same without TLS", map[string]string{"User-Agent": browser, "Accept": "*/*"}, false},
		{"an image", map[string]string{"User-Agent": browser, "Accept": "image/avif,image/webp,*/*", "Sec-Fetch-Mode": "no-cors"}, false},
		{"the same without TLS", map[string]string{"User-Agent": browser, "Accept": "image/avif,image/webp,*/*"}, false},
		{"a script that posts", map[string]string{"Origin": r.base}, false},
	} {
		for _, path := range []string{"/api/v1/cameras", "/cameras/door/stream.mjpg", "/cameras/door/snapshot.jpg", "/ws/view"} {
			a := r.want(http.StatusUnauthorized, request{method: http.MethodGet, path: path, header: c.header})
			challenges := strings.Join(a.Header.Values("WWW-Authenticate"), ", ")
			if !strings.Contains(challenges, "Bearer") || strings.Contains(challenges, "Basic") != c.basic {
				t.Errorf("%s asking for %s is challenged by %q", c.name, path, challenges)
			}
		}
	}
}

// TestSignInLimit: ten wrong tokens, then everybody at that address waits; right
// tokens are served all the same.
func TestSignInLimit(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.TrustedProxies = loopback() })
	from := func(address string, token string) request {
		return post("/api/v1/session", object{"token": token}).with("X-Forwarded-For", address)
	}
	for range 10 {
		r.want(http.StatusUnauthorized, from("203.0.113.5", "crt_wrong"))
	}
	a := r.want(http.StatusTooManyRequests, from("203.0.113.5", "crt_wrong"))
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	r.want(http.StatusTooManyRequests, from("203.0.113.5", r.admin))
	r.want(http.StatusTooManyRequests, get("/api/v1/session").as("crt_wrong").with("X-Forwarded-For", "203.0.113.5"))
	r.want(http.StatusOK, get("/api/v1/cameras").as(r.admin).with("X-Forwarded-For", "203.0.113.5"))
	r.want(http.StatusOK, from("203.0.113.6", r.admin))
	r.clock.pass(61 * time.Second)
	r.want(http.StatusOK, from("203.0.113.5", r.admin))

	for range 10 { // the same for IPv6, by /64
		r.want(http.StatusUnauthorized, from("2001:db8::1", "crt_wrong"))
	}
	r.want(http.StatusTooManyRequests, from("2001:db8::2", "crt_wrong"))
	r.want(http.StatusUnauthorized, from("2001:db8:0:1::2", "crt_wrong"))
}

func TestKeyLimit(t *testing.T) {
	r := newRelay(t, nil)
	key, other := r.addCamera("door"), r.addCamera("yard")
	for range 10 {
		r.want(http.StatusUnauthorized, post("/push/door", picture()).as("crk_wrong"))
	}
	r.want(http.StatusTooManyRequests, post("/push/door", picture()).as(key))
	r.want(http.StatusNoContent, post("/push/yard", picture()).as(other))
	r.clock.pass(61 * time.Second)
	r.want(http.StatusNoContent, post("/push/door", picture()).as(key))
}

func TestSession(t *testing.T) {
	r := newRelay(t, nil)
	var who sessionInfo
	r.want(http.StatusOK, get("/api/v1/session")).into(t, &who)
	if who != (sessionInfo{Version: "1.2.3"}) {
		t.Errorf("nobody is %+v", who)
	}
	cookie := r.signIn(r.admin)
	r.want(http.StatusOK, get("/api/v1/session").with("Cookie", cookie)).into(t, &who)
	if who != (sessionInfo{SignedIn: true, Role: "admin", Name: "admin", Version: "1.2.3"}) {
		t.Errorf("an admin is %+v", who)
	}
	r.addCamera("door")
	r.want(http.StatusOK, get("/api/v1/session").with("Cookie", r.signIn(r.share("door", 1)))).into(t, &who)
	if who.Camera != "door" || who.Role != "viewer" {
		t.Errorf("a share link is %+v", who)
	}
	a := r.want(http.StatusNoContent, del("/api/v1/session").with("Cookie", cookie))
	if c := a.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("signing out sets %v", c)
	}
	r.clock.pass(31 * 24 * time.Hour)
	r.want(http.StatusUnauthorized, get("/api/v1/cameras").with("Cookie", cookie))
	r.want(http.StatusUnauthorized, post("/api/v1/session", object{"token": ""}))
}

func TestTokens(t *testing.T) {
	r := newRelay(t, nil)
	id, _ := r.addToken("viewer")
	var list struct{ Tokens []tokenInfo }
	r.want(http.StatusOK, get("/api/v1/tokens").as(r.admin)).into(t, &list)
	if len(list.Tokens) != 2 || list.Tokens[0].Token != "" || list.Tokens[1].ID != id {
		t.Errorf("tokens are %+v", list.Tokens)
	}
	if a := r.want(http.StatusConflict, del("/api/v1/tokens/"+list.Tokens[0].ID).as(r.admin)); !strings.Contains(a.errorText(), "last admin") {
		t.Errorf("deleting the last admin token: %q", a.errorText())
	}
	r.want(http.StatusNoContent, del("/api/v1/tokens/"+id).as(r.admin))
	r.want(http.StatusNotFound, del("/api/v1/tokens/"+id).as(r.admin))
}

// TestSlowBody: a body that does not come is answered, and the connection ends.
func TestSlowBody(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Limits.Handshake = 300 * time.Millisecond })
	for _, c := range []struct{ head, status string }{
		{"POST /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n", "408"},
		{"POST /api/v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n", "401"},
		{"GET /healthz HTTP/1.1\r\nContent-Length: 100\r\n", "200"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		began := time.Now()
		fmt.Fprintf(conn, "%sHost: x\r\n\r\n{\"to", c.head)
		text, err := io.ReadAll(bufio.NewReader(conn))
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 "+c.status) {
			t.Errorf("%.30q: %q, %v, want status %s", c.head, text, err, c.status)
		}
		t.Logf("%.30q: %v", c.head, time.Since(began).Round(time.Millisecond))
	}
}

// TestPostAfterRequest: a stream that is posted on a connection that served
// something else before is not bounded by that.
func TestPostAfterRequest(t *testing.T) {
	r := newRelay(t, nil)
	rec := &deadlines{}
	c := r.echo.NewContext(r.build(post("/push/door", picture())), rec)
	c.SetPath("/healthz")
	r.bound(c)
	if rec.write.IsZero() {
		t.Error("an ordinary answer has no limit")
	}
	c.SetPath(pushPath)
	r.bound(c)
	if !rec.write.IsZero() {
		t.Errorf("the answer to a posted stream has a limit: %v", rec.write)
	}
}

// deadlines is a response that keeps its limits.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = at; return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }
