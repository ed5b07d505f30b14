package httpapi

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func pipe() (io.Reader, *io.PipeWriter) {
	r, w := io.Pipe()
	return r, w
}

// wantClose reads until a CLOSE frame comes and compares its code.
func wantClose(t *testing.T, next func() (rawws.Frame, error), code int) {
	t.Helper()
	for {
		f, err := next()
		if err != nil {
			t.Fatalf("no CLOSE %d but %v", code, err)
		}
		if f.Opcode != rawws.Close {
			continue
		}
		if got := int(binary.BigEndian.Uint16(f.Payload)); got != code {
			t.Fatalf("CLOSE %d, want %d", got, code)
		}
		return
	}
}

// answerCommands acknowledges each command of the relay with the next text.
func answerCommands(c *testkit.Camera, acks <-chan string) {
	for {
		f, err := c.Read(30 * time.Second)
		if err != nil {
			return
		}
		var command wire.Command
		if f.Opcode == rawws.Text && json.Unmarshal(f.Payload, &command) == nil && command.ID != 0 {
			c.Text(fmt.Sprintf(`{"t":"ack","id":%d,%s}`, command.ID, <-acks))
		}
	}
}

// socket is a viewer's WebSocket, or the answer that there is none.
type socket struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	head string // of the answer
}

// upgrade asks for a WebSocket, with further lines of header.
func (r *relay) upgrade(t *testing.T, path string, lines ...string) *socket {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	host := strings.TrimPrefix(r.base, "http://")
	all := append([]string{"GET " + path + " HTTP/1.1", "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, lines...)
	io.WriteString(conn, strings.Join(all, "\r\n")+"\r\n\r\n")
	s := &socket{t: t, conn: conn, r: bufio.NewReader(conn)}
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		s.head += line
		if line == "\r\n" {
			return s
		}
	}
}

func (s *socket) status() string {
	_, rest, _ := strings.Cut(s.head, " ")
	return rest[:3]
}

func (s *socket) next() (rawws.Frame, error) { return rawws.Read(s.r, 1<<20) }

func (s *socket) ended() bool {
	_, err := io.Copy(io.Discard, s.r)
	return err == nil
}

// TestUpgradeAnswerIsShort: esp_websocket_client reads the answer's head into a
// buffer of 1,024 bytes.
func TestUpgradeAnswerIsShort(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addCamera("door")
	for _, lines := range [][]string{
		nil,
		{"Sec-WebSocket-Protocol: camrelay.camera.v1"},
		{"Origin: " + r.base, "Cookie: a=b", "User-Agent: " + strings.Repeat("x", 500)},
	} {
		s := r.upgrade(t, "/ws/push/door", append(lines, "Authorization: Bearer "+key)...)
		if s.status() != "101" || len(s.head) > 1023 {
			t.Errorf("upgrade answers %s with %d bytes:\n%s", s.status(), len(s.head), s.head)
		}
		t.Logf("%d bytes", len(s.head))
		for _, needless := range []string{"Nosniff", "Vary", "Access-Control", "Set-Cookie"} {
			if strings.Contains(strings.ToLower(s.head), strings.ToLower(needless)) {
				t.Errorf("upgrade answers with %s:\n%s", needless, s.head)
			}
		}
	}
	if s := r.upgrade(t, "/ws/push/door", "Authorization: Bearer wrong"); s.status() != "401" || len(s.head) > 1023 {
		t.Errorf("wrong key is answered %s with %d bytes", s.status(), len(s.head))
	}
}

// TestBrokenUpgrades are answered as all errors are.
func TestBrokenUpgrades(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addLive("door")
	r.want(http.StatusUpgradeRequired, get("/ws/view/door").as(r.admin))
	r.want(http.StatusUpgradeRequired, get("/ws/view").as(r.admin))
	r.want(http.StatusUpgradeRequired, get("/ws/push/door").as(key))
	bad := func(q request) request {
		return q.with("Connection", "Upgrade").with("Upgrade", "websocket").with("Sec-WebSocket-Version", "12")
	}
	r.want(http.StatusBadRequest, bad(get("/ws/view/door").as(r.admin)))
	r.want(http.StatusBadRequest, bad(get("/ws/view").as(r.admin).with("Sec-WebSocket-Protocol", wire.ViewProtocol)))
	r.want(http.StatusBadRequest, bad(get("/ws/view").as(r.admin)))
	r.want(http.StatusBadRequest, bad(get("/ws/push/door").as(key)))
	r.want(http.StatusNotFound, bad(get("/ws/view/none").as(r.admin)))
}

// TestDeletedTokenEndsSockets at once, those of its sessions too.
func TestDeletedTokenEndsSockets(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	id, viewer := r.addToken("viewer")
	_, other := r.addToken("viewer")
	cookie := r.signIn(viewer)
	plain := r.upgrade(t, "/ws/view/door", "Authorization: Bearer "+viewer)
	byQuery := r.upgrade(t, "/ws/view/door?token="+viewer)
	session := r.upgrade(t, "/ws/view", "Cookie: "+cookie, "Sec-WebSocket-Protocol: "+wire.ViewProtocol)
	stays := r.upgrade(t, "/ws/view/door", "Authorization: Bearer "+other)
	stream, err := r.client.Do(r.build(get("/cameras/door/stream.mjpg").as(viewer)))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()

	r.want(http.StatusNoContent, del("/api/v1/tokens/"+id).as(r.admin))
	for _, s := range []*socket{plain, byQuery, session} {
		wantClose(t, s.next, wire.CloseSignedOut)
	}
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Logf("stream ended with %v", err)
	}
	r.want(http.StatusUnauthorized, get("/api/v1/cameras").as(viewer))
	r.want(http.StatusUnauthorized, get("/api/v1/cameras").with("Cookie", cookie))
	if f, err := stays.next(); err != nil || f.Opcode != rawws.Binary {
		t.Errorf("another token's socket got %v, %v", f.Opcode, err)
	}
	if n := r.Egress.Viewers()["ws"]; n != 1 {
		testkit.Eventually(t, 5*time.Second, func() bool { return r.Egress.Viewers()["ws"] == 1 }, "one viewer is left")
	}
}

// TestRevokeEndsExpired: what runs every minute ends what has expired.
func TestRevokeEndsExpired(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	shared := r.upgrade(t, "/ws/view/door?token="+r.share("door", 1))
	session := r.upgrade(t, "/ws/view/door", "Cookie: "+r.signIn(r.admin))
	r.clock.pass(30 * time.Minute)
	r.Revoke()
	r.clock.pass(31 * time.Minute)
	r.Revoke()
	wantClose(t, shared.next, wire.CloseSignedOut)
	r.clock.pass(31 * 24 * time.Hour)
	r.Revoke()
	wantClose(t, session.next, wire.CloseSignedOut)
}

// TestRemovedCameraEndsViewers with a code that says why.
func TestRemovedCameraEndsViewers(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	plain := r.upgrade(t, "/ws/view/door", "Authorization: Bearer "+r.admin)
	view := r.upgrade(t, "/ws/view", "Authorization: Bearer "+r.admin, "Sec-WebSocket-Protocol: "+wire.ViewProtocol)
	r.want(http.StatusNoContent, del("/api/v1/cameras/door").as(r.admin))
	wantClose(t, plain.next, wire.CloseNoCamera)
	for {
		f, err := view.next()
		if err != nil {
			t.Fatalf("viewer of many cameras is not told: %v", err)
		}
		if strings.Contains(string(f.Payload), `"t":"gone"`) {
			return
		}
	}
}

// TestNotReady: while the relay starts or stops, nobody begins a stream.
func TestNotReady(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addLive("door")
	r.SetReady(false)
	r.want(http.StatusServiceUnavailable, get("/readyz"))
	r.want(http.StatusOK, get("/healthz"))
	r.want(http.StatusServiceUnavailable, get("/cameras/door/stream.mjpg").as(r.admin))
	r.want(http.StatusServiceUnavailable, post("/push/door", picture()).with("Authorization", "Bearer "+key))
	for _, path := range []string{"/ws/view/door", "/ws/push/door"} {
		token := map[bool]string{true: key, false: r.admin}[strings.Contains(path, "push")]
		if s := r.upgrade(t, path, "Authorization: Bearer "+token); s.status() != "503" {
			t.Errorf("%s while the relay is not ready: %s", path, s.status())
		}
	}
}
