package control

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

func post(line, headers, body string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", line, host, headers, len(body), body)
}

func get(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\n" + host + headers + "\r\n"
}

func TestAnswers(t *testing.T) {
	upgrade := strings.TrimSuffix(strings.TrimPrefix(handshake, "GET /ws HTTP/1.1\r\n"+host+bearer), "\r\n")
	for _, test := range []struct {
		request string
		code    int
		body    string // some of it
	}{
		{get("/", ""), 200, "POST /led"},
		{get("/", bearer), 200, "door: the control server"},
		{"HEAD / HTTP/1.1\r\n" + host + "\r\n", 200, ""},
		{get("/status", ""), 200, `{"id":"door","version":"1.4.2","uptime":0}`},
		{get("/status", bearer), 200, `"settings":{"framesize":"VGA","quality":12},"pad":""}`},
		{get("/status?t="+key, ""), 200, `"settings"`},
		{get("/status?a=1&t=%63rk_"+key[4:], ""), 200, `"settings"`},
		{get("/status", basic("", key)), 200, `"settings"`},
		{get("/status", basic("anybody", key)), 200, `"settings"`},
		{get("/status", "authorization:bearer  "+key+" \r\n"), 200, `"settings"`},
		{"HEAD /status HTTP/1.1\r\n" + host + bearer + "\r\n", 200, ""},
		{"GET /status HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n", 200, `"id"`},
		{"GET /status HTTP/1.1\n" + "Host: 192.168.1.20\n\n", 200, `"id"`},
		{get("/status", "Content-Length: 3\r\n") + "abc", 200, `"id"`},
		{get("/status", "Origin: http://192.168.1.20\r\n"), 200, `"id"`},
		{post("POST /led", bearer, `{"flash":128,"red":true}`), 200, `{"ok":true}`},
		{post("POST /led?t="+key, "", `{"flash":0}`), 200, `{"ok":true}`},
		{post("POST /led", bearer+"Expect: 100-continue\r\n", `{"red":false}`), 200, `{"ok":true}`}, // nothing was held back
		{post("PUT /settings", bearer, `{"quality":12}`), 200, `{"ok":true}`},
		{post("POST /reboot", bearer, ``), 200, `{"ok":true}`},
		{post("POST /reboot", bearer, `ignored`), 200, `{"ok":true}`},
		{"POST /reboot HTTP/1.1\r\n" + host + bearer + "\r\n", 200, `{"ok":true}`},
		{handshake, 101, ""},
		{get("/ws?t="+key, upgrade), 101, ""},

		{"\r\n\r\n", 400, "first line"},
		{"GET /\r\n\r\n", 400, "first line"},
		{"GET http://192.168.1.20/ HTTP/1.1\r\n\r\n", 400, "first line"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400, "first line"},
		{get("/", "A : b\r\n"), 400, "malformed header"},
		{get("/", host), 400, "given twice"},
		{"GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
		{get("/ws", bearer+strings.Replace(upgrade, "dGhl", "dG", 1)), 400, "Sec-WebSocket-Key"},
		{handshake + "\x81\x80abcd", 400, "before the handshake"},
		{post("POST /led", bearer, `{"flash":256}`), 400, "flash is not"},
		{post("POST /led", bearer, `{"flash":-1}`), 400, "flash is not"},
		{post("POST /led", bearer, `{"flash":"1"}`), 400, "flash is not"},
		{post("POST /led", bearer, `{"flash":1,"red":1}`), 400, "red is neither"},
		{post("POST /led", bearer, `{"blue":1}`), 400, "neither flash nor red"},
		{post("POST /led", bearer, `[1]`), 400, "not a JSON object"},
		{post("POST /led", bearer, `{"flash":1`), 400, "not a JSON object"},
		{post("POST /led", bearer, ``), 400, "not a JSON object"},
		{post("PUT /settings", bearer, `12`), 400, "not a JSON object"},
		{post("PUT /settings", bearer, `{}`), 400, "no setting"},
		{post("PUT /settings", bearer, `{"quality":1,"save":1}`), 400, "save is neither"},
		{post("PUT /settings", bearer, `{"settings":[]}`), 400, "settings is not"},
		{post("PUT /settings", bearer, `{"settings":{},"quality":1}`), 400, "beside"},
		{get("/status", "Content-Length: x\r\n"), 400, "Content-Length"},
		{get("/status", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400, "Content-Length"},

		{post("POST /led", "", `{"flash":1}`), 401, "needs the camera's key"},
		{get("/ws", upgrade), 401, "needs the camera's key"},
		{get("/status", "Authorization: Bearer crk_wrong\r\n"), 401, "not the camera's key"},
		{get("/", "Authorization: Bearer \r\n"), 401, "not the camera's key"},
		{get("/status?t=", ""), 401, "not the camera's key"},
		{get("/status?t=%6", ""), 401, "not the camera's key"},
		{get("/status?t="+strings.Repeat("x", 300), ""), 401, "not the camera's key"},
		{get("/status?t="+key, "Authorization: Digest x\r\n"), 401, "not the camera's key"},
		{get("/status", "Authorization: Basic x\r\n"), 401, "not the camera's key"},
		{get("/status", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(key))+"\r\n"), 401, "not the camera's key"},
		{get("/status", basic(strings.Repeat("u", 300), key)), 401, "not the camera's key"},

		{get("/", "Origin: http://evil.example\r\n"), 403, "origins"},
		{get("/", "Origin: null\r\n"), 403, "origins"},
		{get("/", "Origin: https://192.168.1.20\r\n"), 403, "origins"},
		{get("/", "Origin: http://192.168.1.20:8080\r\n"), 403, "origins"},
		{get("/ws", bearer+upgrade+"Origin: http://192.168.1.2\r\n"), 403, "origins"},
		{get("/favicon.ico", ""), 404, "nothing here"},
		{get("//", ""), 404, "nothing here"},
		{get("/status/", ""), 404, "nothing here"},
		{get("/led", bearer), 405, "Allow"},
		{post("POST /status", bearer, ""), 405, "Allow"},
		{"HEAD /ws HTTP/1.1\r\n" + host + bearer + "\r\n", 405, ""},
		{post("OPTIONS /led", "", ""), 405, "Allow"},
		{"POST /led HTTP/1.1\r\n" + host + bearer + "\r\n", 411, "Content-Length"},
		{"POST /led HTTP/1.1\r\n" + host + bearer + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 411, "Content-Length"},
		{"GET / HTTP/1.1\r\n" + host + bearer + "Transfer-Encoding: chunked\r\n\r\n", 411, "Content-Length"},
		{post("PUT /settings", bearer, strings.Repeat(" ", MaxBody+1)), 413, "512"},
		{post("POST /led", bearer, strings.Repeat(" ", 20_000)), 413, "512"},
		{post("POST /reboot", bearer, strings.Repeat(" ", MaxBody+1)), 413, "512"},
		{get("/", "Content-Length: 9223372036854775807\r\n"), 413, "512"},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "Host"},
		{get("/ws", bearer), 426, "WebSocket"},
		{get("/ws", bearer+strings.Replace(upgrade, "13", "8", 1)), 426, "WebSocket"},
		{strings.Replace(handshake, "HTTP/1.1", "HTTP/1.0", 1), 426, "WebSocket"},
		{get("/", "A: "+strings.Repeat("a", MaxHead)+"\r\n"), 431, "1024"},
		{strings.Repeat("A", 5000), 431, "1024"},
	} {
		r := newRig(t)
		if test.code == 101 {
			if c, err := r.connectSocket(); err != nil || c == nil {
				t.Errorf("%.80q: %v", test.request, err)
			}
			continue
		}
		a := r.ask(test.request)
		if a.code != test.code || !strings.Contains(a.body, test.body) {
			t.Errorf("%.80q: %d %q, want %d with %q", test.request, a.code, a.body, test.code, test.body)
		}
		if a.code != 200 && r.dev.calls > 0 {
			t.Errorf("%.80q: %d, and the camera was told something", test.request, a.code)
		}
	}
}

// The longest head of a request that is served, and the longest body.
func TestSizes(t *testing.T) {
	r := newRig(t)
	fill := func(n int) string {
		const before, after = "GET / HTTP/1.1\r\n" + host + "A: ", "\r\n\r\n"
		return before + strings.Repeat("a", n-len(before)-len(after)) + after
	}
	if a := r.ask(fill(MaxHead)); a.code != 200 {
		t.Errorf("%d: %s", a.code, a.body)
	}
	if a := r.ask(fill(MaxHead + 1)); a.code != 431 {
		t.Errorf("%d: %s", a.code, a.body)
	}
	body := `{"quality":12` + strings.Repeat(" ", MaxBody-len(`{"quality":12}`)) + "}"
	if a := r.ask(post("PUT /settings", bearer, body)); a.code != 200 || r.dev.settings[0] != `{"quality":12}` {
		t.Errorf("%d: %s, %q", a.code, a.body, r.dev.settings)
	}
	r.dev.long = true
	if a := r.ask(get("/status", "")); a.code != 500 {
		t.Errorf("%d: %s", a.code, a.body)
	}
}

// What comes behind HEAD on another connection has nothing of it.
func TestNothingIsLeft(t *testing.T) {
	r := newRig(t)
	r.ask("HEAD / HTTP/1.1\r\n" + host + "\r\n")
	if a := r.ask("\r\n\r\n"); a.code != 400 || a.body == "" {
		t.Errorf("%d: %q", a.code, a.body)
	}
}

// Whatever answer, its head fits.
func TestHeadsFit(t *testing.T) {
	for code := 100; code < 600; code++ {
		s := New(new(lan), nil, newDevice())
		c := &s.conns[0]
		for c.route = toPage; c.route <= nowhere; c.route++ {
			s.answer(c, code, plainText, MaxStatus, 0)
			if len(c.out) <= MaxStatus {
				t.Errorf("%d: %q", code, c.out)
			}
		}
	}
}

func TestExtraHeaders(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct{ request, name, want string }{
		{get("/led", ""), "Allow", "POST"},
		{get("/settings", ""), "Allow", "PUT"},
		{post("POST /ws", "", ""), "Allow", "GET"},
		{post("POST /", "", ""), "Allow", "GET, HEAD"},
		{get("/ws", ""), "Www-Authenticate", `Basic realm="camera"`},
		{get("/ws", bearer), "Upgrade", "websocket"},
		{get("/ws", bearer), "Sec-Websocket-Version", "13"},
		{get("/", ""), "Content-Type", "text/plain; charset=utf-8"},
		{get("/", ""), "X-Content-Type-Options", "nosniff"},
	} {
		if a := r.ask(test.request); a.header.Get(test.name) != test.want {
			t.Errorf("%.20q: %v", test.request, a.header)
		}
	}
	a, b := r.ask(get("/status", bearer)), r.ask("HEAD"+strings.TrimPrefix(get("/status", bearer), "GET"))
	if a.header.Get("Content-Length") != b.header.Get("Content-Length") || b.body != "" {
		t.Errorf("GET %v, HEAD %v", a.header, b.header)
	}
}

func TestHosts(t *testing.T) {
	for name, want := range map[string]bool{
		"192.168.1.20": true, "192.168.1.20:80": true, "10.0.0.1:65535": true, "[::1]": true, "[fe80::1]:8080": true, "[::ffff:1.2.3.4]": true,
		"localhost": true, "LocalHost:81": true, "door": true, "DOOR:80": true, "door.local": true, "Door.Local:80": true,
		"": false, ":80": false, "evil.example": false, "door.example": false, "door.local.example": false, "xdoor": false, ".local": false,
		"door:": false, "door:x": false, "door:65536": false, "door:80:80": false, "1.2.3": false, "1.2.3.4.5": false, "1.2.3.256": false, "1.2.3.0004": false,
		"1.2.3.4.example": false, "1..2.3": false, "0x7f.1.1.1": false, "[::1": false, "::1": false, "[]": false, "[a]": false, "[::g]": false, "[::1]x": false,
		"localhost.evil.example": false, "1.2.3.4.": false, "door.local.local": false, "evil@door": false,
	} {
		if ownHost([]byte(name), camera) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if ownHost([]byte(".local"), "") || ownHost(nil, "") {
		t.Error("without an id any name is its own")
	}
}

func TestWithoutKey(t *testing.T) {
	r := newRig(t)
	r.s.Stop(r.clock.Now())
	r.settle()
	if err := r.s.Start(Options{ID: camera}); err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]int{
		get("/", ""):          200,
		get("/status", ""):    200,
		get("/status?t=", ""): 200,
		get("/status", "Authorization: Bearer \r\n"): 200,
		post("POST /led", bearer, `{"flash":1}`):     403,
		post("POST /led?t=", "", `{"flash":1}`):      403,
		post("POST /reboot", "", ""):                 403,
		get("/nothing", ""):                          404,
		handshake:                                    403,
	} {
		a := r.ask(request)
		if a.code != want || strings.Contains(a.body, "heap") || r.dev.calls > 0 {
			t.Errorf("%.40q: %d %s", request, a.code, a.body)
		}
	}
}

func TestWhatIsAskedIsDone(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		body       string
		flash, red int
	}{{`{"flash":128,"red":true}`, 128, 1}, {`{"red":false}`, -1, 0}, {`{"x":{"flash":9},"flash":255}`, 255, -1}} {
		r.ask(post("POST /led", bearer, test.body))
		if r.dev.flash != test.flash || r.dev.red != test.red {
			t.Errorf("%s: flash %d, red %d", test.body, r.dev.flash, r.dev.red)
		}
	}
	for _, test := range []struct {
		body, want string
		saved      int
	}{
		{`{"quality":12,"save":true}`, `{"quality":12}`, 1},
		{` { "save" : false , "framesize" : "VGA" , "hmirror" : 1 } `, `{"framesize":"VGA","hmirror":1}`, 1},
		{`{"settings":{"quality": 9},"save":true}`, `{"quality": 9}`, 2},
		{`{"t":"set","id":3,"a":{"b":[1,{}]},"c\u0020":"\"}"}`, `{"a":{"b":[1,{}]},"c\u0020":"\"}"}`, 2},
		{`{"save":true}`, `{}`, 3},
	} {
		a := r.ask(post("PUT /settings", bearer, test.body))
		if got := r.dev.settings[len(r.dev.settings)-1]; a.code != 200 || got != test.want || r.dev.saved != test.saved {
			t.Errorf("%s: %d %s, saved %d times", test.body, a.code, got, r.dev.saved)
		}
	}
	r.dev.why = "framesize \"UXGA\": not enough memory\n"
	if a := r.ask(post("PUT /settings", bearer, `{"framesize":"UXGA"}`)); a.code != 400 || a.body != `{"error":"framesize \"UXGA\": not enough memory\u000a"}` {
		t.Errorf("%d: %s", a.code, a.body)
	}
	r.dev.why = strings.Repeat("\x01", 3000)
	if a := r.ask(post("PUT /settings", bearer, `{"framesize":"UXGA"}`)); a.code != 400 || !strings.HasSuffix(a.body, `"}`) {
		t.Errorf("%d: %s", a.code, a.body)
	}
	r.ask(post("POST /reboot", bearer, ""))
	r.pass(400 * time.Millisecond)
	if r.dev.reboots != 0 {
		t.Error("there was no time to read the answer")
	}
	r.pass(100 * time.Millisecond)
	r.pass(10 * time.Second)
	if r.dev.reboots != 1 {
		t.Errorf("%d restarts", r.dev.reboots)
	}
}

// A client that holds its body back is asked for it.
func TestContinue(t *testing.T) {
	r := newRig(t)
	far := r.connect(ample)
	head, body, _ := strings.Cut(post("POST /led", bearer+"Expect: 100-continue\r\n", `{"flash":7}`), "\r\n\r\n")
	far.Write([]byte(head + "\r\n\r\n"))
	r.settle()
	if got := string(far.ReadAll()); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("%q", got)
	}
	far.Write([]byte(body))
	r.settle()
	if a := parse(t, head, far.ReadAll()); a.code != 200 || r.dev.flash != 7 {
		t.Errorf("%d: %s", a.code, a.body)
	}
	// One that is refused anyway is not.
	far = r.connect(ample)
	far.Write([]byte("POST /led HTTP/1.1\r\n" + host + bearer + "Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n"))
	r.settle()
	if a := parse(t, head, far.ReadAll()); a.code != 413 {
		t.Errorf("%d: %s", a.code, a.body)
	}
}

// One connection, one request.
func TestNoPipelining(t *testing.T) {
	r := newRig(t)
	two := post("POST /led", bearer, `{"flash":1}`) + post("POST /led", bearer, `{"flash":2}`)
	if a := r.ask(two); a.code != 200 || r.dev.flash != 1 || r.dev.calls != 1 {
		t.Errorf("%d: %s, %d calls", a.code, a.body, r.dev.calls)
	}
}

func TestWrongTokens(t *testing.T) {
	r := newRig(t)
	try := func(headers string) int { t.Helper(); return r.ask(get("/status", headers)).code }
	const bad = "Authorization: Bearer wrong\r\n"

	// Nine in each minute are fine.
	for range 3 {
		for range maxWrong - 1 {
			if try(bad) != 401 {
				t.Fatal("locked too early")
			}
		}
		r.pass(time.Minute)
	}
	if try(bearer) != 200 {
		t.Fatal("locked too early")
	}
	socket, err := r.connectSocket()
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxWrong {
		if try(bad) != 401 {
			t.Fatalf("locked after %d", i)
		}
		if i < maxWrong-1 {
			socket.pass(5 * time.Second)
		}
	}
	a := r.ask(get("/status", bearer))
	if a.code != 429 || a.header.Get("Retry-After") != "60" {
		t.Errorf("%d: %v", a.code, a.header)
	}
	if try("") != 200 || try(bad) != 429 || r.ask(handshake).code != 429 || r.ask(post("POST /led?t="+key, "", "{}")).code != 429 {
		t.Error("not locked, or for those who have no token too")
	}
	if got := socket.say(`{"t":"led","flash":3}`); len(got) != 1 || got[0]["ok"] != true {
		t.Errorf("a client that is in is locked out: %v", got)
	}
	socket.pass(time.Minute - 100*time.Millisecond)
	if a := r.ask(get("/status", bearer)); a.code != 429 || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d: %v", a.code, a.header)
	}
	socket.pass(100 * time.Millisecond)
	if try(bearer) != 200 || try(bad) != 401 {
		t.Error("locked for longer than a minute")
	}
	// Requests without a token never count.
	for range 2 * maxWrong {
		r.ask(post("POST /reboot", "", ""))
	}
	if try(bearer) != 200 {
		t.Error("missing tokens count as wrong ones")
	}
}
