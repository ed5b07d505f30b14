package pusher

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestESPRequest(t *testing.T) {
	testkit.Leaks(t)
	address, accept := rawRelay(t)
	start(t, Config{Relay: address, ID: "door", Key: "secret", ESPIDF: true})
	host := strings.TrimPrefix(address, "ws://")
	head := readHead(t, accept())
	want := regexp.MustCompile(`^GET /ws/push/door HTTP/1\.1\r\nConnection: Upgrade\r\nHost: ` + regexp.QuoteMeta(host) +
		`\r\nUser-Agent: ESP32 Websocket Client\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
		`Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==\r\nAuthorization: Bearer secret\r\n\r\n$`)
	if !want.MatchString(head) {
		t.Errorf("request is\n%s", head)
	}
}

func TestESPHasNoRoomForLongHead(t *testing.T) {
	testkit.Leaks(t)
	address, accept := rawRelay(t)
	start(t, Config{Relay: address, ID: "door", Key: "secret", ESPIDF: true, Retry: Retry{Fixed: time.Millisecond}})
	conn := accept()
	readHead(t, conn)
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 1100))
	accept() // it gave up and came back
}

func TestESPSendsNothingButFrames(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	cfg := r.config()
	cfg.ESPIDF = true
	cfg.Timing.Stats = 10 * time.Millisecond
	_, ended := start(t, cfg)
	p := r.next()
	if p.ws.Subprotocol() != "" {
		t.Errorf("subprotocol %q was asked for", p.ws.Subprotocol())
	}
	for range 4 {
		kind, body := p.read()
		if _, stamped := wire.ParseCapture(body); kind != websocket.BinaryMessage || stamped {
			t.Errorf("message of kind %d, capture time %v", kind, stamped)
		}
	}
	p.close(websocket.CloseGoingAway)
	if err := p.end(); !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
		t.Errorf("CLOSE was answered by %v, want an empty CLOSE", err)
	}
	if err := <-ended; !errors.Is(err, ErrStaysAway) {
		t.Errorf("Run returned %v", err)
	}
}
