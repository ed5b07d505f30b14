package wsclient

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ws"
	"camrelay/internal/auth"
)

func TestRequest(t *testing.T) {
	cfg := config("ws://relay.example:8080/ws/push/door?x=1")
	cfg.Protocol, cfg.UserAgent, cfg.Headers = "camrelay.camera.v1", "camrelay/1.4.2", []string{"X-One: a b", "X-Two:c"}
	cfg.Auth = Auth{Scheme: Bearer, Secret: "crk_secret"}
	r := newRig(t, cfg)
	req := r.open()
	if req.Method != "GET" || req.RequestURI != "/ws/push/door?x=1" || req.Host != "relay.example:8080" || req.Proto != "HTTP/1.1" {
		t.Errorf("%s %s %s at %s", req.Method, req.RequestURI, req.Proto, req.Host)
	}
	for name, want := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "camrelay.camera.v1",
		"User-Agent": "camrelay/1.4.2", "Authorization": "Bearer crk_secret", "X-One": "a b", "X-Two": "c",
	} {
		if got := req.Header[http.CanonicalHeaderKey(name)]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if key := req.Header.Get("Sec-WebSocket-Key"); !ws.ValidKey([]byte(key)) {
		t.Errorf("key %q", key)
	}
	if len(req.Header) != 9 {
		t.Errorf("%d headers: %v", len(req.Header), req.Header)
	}
	r.expect("start", "connecting 1", "open")
}

// Keys differ, and nothing is sent that was not asked for.
func TestPlainRequest(t *testing.T) {
	cfg := config("ws://relay")
	cfg.UserAgent = ""
	r := newRig(t, cfg)
	first := r.open()
	r.far.Abort()
	second := r.accept()
	if first.Host != "relay" || len(first.Header) != 4 || first.Header.Get("Sec-WebSocket-Key") == second.Header.Get("Sec-WebSocket-Key") {
		t.Errorf("%v, %v", first.Header, second.Header)
	}
}

func TestAuthorization(t *testing.T) {
	cfg := config("ws://relay/")
	cfg.Auth = Auth{Scheme: Basic, User: "door", Secret: "open sesame: now"}
	req := newRig(t, cfg).open()
	if user, secret, ok := req.BasicAuth(); !ok || user != "door" || secret != "open sesame: now" {
		t.Errorf("%q: %q, %q", req.Header.Get("Authorization"), user, secret)
	}
}

// The relay's own code takes the proof, and a new one each time.
func TestCamHMAC(t *testing.T) {
	const key = "crk_aaaabbbbccccddddeeeeffffgggghhhh"
	when := time.Unix(1795166000, 999_999_000)
	verifier := auth.NewHMACVerifier(func() time.Time { return when })
	cfg := config("ws://relay.example:8080/ws/push/door?x=not-covered")
	cfg.Auth = Auth{Scheme: CamHMAC, User: "door", Secret: key}
	r := newRig(t, cfg)
	r.clock.SetUnix(when)
	req := r.open()
	for range 3 {
		scheme, params, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		if scheme != "CamHMAC" || !strings.HasPrefix(params, "id=door,ts=17951660") {
			t.Fatalf("%s %s", scheme, params)
		}
		if err := verifier.Verify(req, params, "door", auth.Hash(key)); err != nil {
			t.Fatal(err)
		}
		r.far.Abort()
		req = r.accept()
	}
}

// Without the date there is no proof; the client waits until there is one.
func TestCamHMACWithoutClock(t *testing.T) {
	cfg := config("ws://relay/")
	cfg.Auth = Auth{Scheme: CamHMAC, User: "door", Secret: "key"}
	r := newRig(t, cfg)
	r.client.Start()
	r.step()
	r.expect("start", "connecting 1", "error clock clock not set: CamHMAC needs the date 0 0", "disconnected")
	if r.network.Next() != nil {
		t.Error("dialled")
	}
	r.pass(2 * time.Second)
	r.clock.SetUnix(time.Unix(1795166000, 0))
	r.accept()
}

// Every way in which a handshake fails: an event that says what, and another
// attempt later.
func TestHandshakeFailures(t *testing.T) {
	answer := func(head string) func(*rig, *http.Request) {
		return func(r *rig, req *http.Request) { io.WriteString(writer{r.far}, head); r.step() }
	}
	ok := func(change func(head string) string) func(*rig, *http.Request) {
		return func(r *rig, req *http.Request) { answer(change(switched(req, "Sec-WebSocket-Protocol: p")))(r, req) }
	}
	replace := func(old, new string) func(*rig, *http.Request) {
		return ok(func(head string) string {
			if !strings.Contains(head, old) {
				t.Fatalf("%q is not in %q", old, head)
			}
			return strings.Replace(head, old, new, 1)
		})
	}
	for _, c := range []struct {
		name string
		play func(r *rig, req *http.Request)
		want string
	}{
		{"status 200", answer("HTTP/1.1 200 OK\r\n\r\n"), "handshake handshake refused 200 0"},
		{"redirect", answer("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n"), "handshake handshake refused 302 0"},
		{"status 401", answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"), "handshake handshake refused 401 0"},
		{"status 503", answer("HTTP/1.1 503 Service Unavailable\r\n\r\n"), "handshake handshake refused 503 0"},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), "handshake answer lacks Upgrade: websocket 101 0"},
		{"no HTTP", answer("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "handshake first line is not HTTP/1.1 0 0"},
		{"no Upgrade", replace("Upgrade: websocket\r\n", ""), "handshake answer lacks Upgrade: websocket 101 0"},
		{"other Upgrade", replace("Upgrade: websocket", "Upgrade: h2c"), "handshake answer lacks Upgrade: websocket 101 0"},
		{"no Connection", replace("Connection: Upgrade\r\n", ""), "handshake answer lacks Connection: Upgrade 101 0"},
		{"Connection: close", replace("Connection: Upgrade", "Connection: close"), "handshake answer lacks Connection: Upgrade 101 0"},
		{"no Accept", replace("Sec-WebSocket-Accept", "X-Accept"),
			"handshake answer is not to this handshake: Sec-WebSocket-Accept is wrong 101 0"},
		{"other Accept", func(r *rig, req *http.Request) {
			req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			answer(switched(req, "Sec-WebSocket-Protocol: p"))(r, req)
		}, "handshake answer is not to this handshake: Sec-WebSocket-Accept is wrong 101 0"},
		{"no protocol", replace("Sec-WebSocket-Protocol: p\r\n", ""),
			"handshake server does not take the subprotocol, or chose one nobody asked for 101 0"},
		{"other protocol", replace("Protocol: p", "Protocol: q"),
			"handshake server does not take the subprotocol, or chose one nobody asked for 101 0"},
		{"two protocols", replace("Sec-WebSocket-Protocol: p", "Sec-WebSocket-Protocol: p\r\nSec-WebSocket-Protocol: q"),
			"handshake server does not take the subprotocol, or chose one nobody asked for 101 0"},
		{"two protocols, the right one last", replace("Sec-WebSocket-Protocol: p", "Sec-WebSocket-Protocol: q\r\nSec-WebSocket-Protocol: p"),
			"handshake server does not take the subprotocol, or chose one nobody asked for 101 0"},
		{"extension", replace("Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate"),
			"handshake server uses an extension nobody asked for 101 0"},
		{"bad header", replace("Upgrade: websocket", "Upgrade : websocket"), "handshake malformed header 0 0"},
		{"long answer", answer("HTTP/1.1 101 X\r\nX: " + strings.Repeat("x", 1100)), "handshake head too long 0 0"},
		{"hangs up", func(r *rig, _ *http.Request) { r.far.Close(); r.step() }, "handshake connection ended during the handshake 0 0"},
		{"hangs up half-way", func(r *rig, _ *http.Request) { io.WriteString(writer{r.far}, "HTTP/1.1 101"); r.far.Close(); r.step() },
			"handshake connection ended during the handshake 0 0"},
		{"breaks", func(r *rig, _ *http.Request) { r.far.Abort(); r.step() }, "handshake connection reset 0 0"},
		{"silence", func(r *rig, _ *http.Request) { r.pass(8 * time.Second) }, "handshake no answer to the handshake in time 0 0"},
		{"slow answer", func(r *rig, req *http.Request) {
			for _, b := range []byte(switched(req, "Sec-WebSocket-Protocol: p"))[:81] {
				r.far.Write([]byte{b})
				r.pass(100 * time.Millisecond)
			}
		}, "handshake no answer to the handshake in time 0 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config("ws://relay/")
			cfg.Protocol = "p"
			r := newRig(t, cfg)
			r.client.Start()
			req := r.request()
			c.play(r, req)
			if len(r.events) < 4 || strings.Join(r.events[:4], "; ") != "start; connecting 1; error "+c.want+"; disconnected" {
				t.Fatalf("events %q, want %q", r.events, c.want)
			}
			if r.far.State() != hal.Closed {
				t.Errorf("TCP is %v", r.far.State())
			}
			if r.client.State() == Waiting {
				r.accept() // the next attempt is a fresh one
			}
		})
	}
}

// A protocol that was not asked for is refused, too.
func TestUnaskedProtocol(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.client.Start()
	req := r.request()
	io.WriteString(writer{r.far}, switched(req, "Sec-WebSocket-Protocol: p"))
	r.step()
	r.expect("start", "connecting 1", "error handshake server does not take the subprotocol, or chose one nobody asked for 101 0", "disconnected")
}

func TestDialFailures(t *testing.T) {
	for err, want := range map[error]string{
		hal.ErrRefused: "dial connection refused", hal.ErrName: "name unknown host", hal.ErrTimeout: "dial no answer", nil: "dial connection ended during the handshake",
	} {
		r := newRig(t, config("ws://relay/"))
		r.client.Start()
		r.call().Fail(err)
		r.step()
		r.expect("start", "connecting 1", "error "+want+" 0 0", "disconnected")
	}
	r := newRig(t, config("ws://relay/"))
	r.client.Start()
	r.call() // and nobody answers
	r.pass(7900 * time.Millisecond)
	if r.client.State() != Connecting {
		t.Errorf("%v before 8 s", r.client.State())
	}
	r.events = nil
	r.pass(100 * time.Millisecond)
	r.expect("error dial no answer 0 0", "disconnected")
	// The memory is in use.
	r = newRig(t, config("ws://relay/"))
	r.network.Dial(hal.Download, "x", 1)
	r.client.Start()
	r.step()
	r.expect("start", "connecting 1", "error dial all connections are in use 0 0", "disconnected")
}

// While there is no link there are no attempts, and no events.
func TestNoLink(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.network.SetUp(false)
	r.client.Start()
	r.pass(10 * time.Minute)
	r.expect("start")
	r.network.SetUp(true)
	r.accept()
	r.network.SetUp(false)
	r.step()
	r.expect("connecting 1", "open", "error lost no network 0 0", "disconnected")
}

// The head of an answer may come in any pieces, and frames right behind it.
func TestAnswerInPieces(t *testing.T) {
	for piece := 1; piece < 400; piece = piece*2 + 1 {
		r := newRig(t, config("ws://relay/"))
		r.headers = true
		r.client.Start()
		req := r.request()
		text := strings.Repeat("0123456789", 60)
		all := append([]byte(switched(req, "Server: x")), ws.Header{Fin: true, Op: ws.Text, Length: uint64(len(text))}.Append(nil)...)
		all = append(all, text...)
		for len(all) > 0 {
			n := min(piece, len(all))
			r.far.Write(all[:n])
			r.step()
			all = all[n:]
		}
		accept := string(ws.AppendAccept(nil, []byte(req.Header.Get("Sec-WebSocket-Key"))))
		r.expect("start", "connecting 1", "header Upgrade=websocket", "header Connection=Upgrade", "header Sec-WebSocket-Accept="+accept,
			"header Server=x", "open", "message 1 "+text)
	}
}

// A head of exactly 1,024 bytes is taken.
func TestLongestAnswer(t *testing.T) {
	for _, extra := range []int{0, 1} {
		r := newRig(t, config("ws://relay/"))
		r.client.Start()
		req := r.request()
		n := 1024 - len(switched(req, "X: ")) + extra
		io.WriteString(writer{r.far}, switched(req, "X: "+strings.Repeat("x", n)))
		r.step()
		if open := r.client.State() == Open; open != (extra == 0) {
			t.Errorf("a head of %d bytes: %v", 1024+extra, r.client.State())
		}
	}
}
