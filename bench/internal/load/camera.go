package load

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// captureEnd is where the capture time ends that a camera puts into a JPEG
// (docs/protocol.md, section 1).
const captureEnd = 2 + 4 + 20

// stampable returns the JPEG with room for a capture time.
func stampable(jpeg []byte) []byte {
	out := append([]byte(nil), jpeg[:2]...)
	out = append(out, 0xFF, 0xFE, 0, 22)
	out = append(out, "crl1"...)
	out = append(out, make([]byte, 16)...)
	return append(out, jpeg[2:]...)
}

func stamp(jpeg []byte, count uint32, at time.Time) {
	binary.BigEndian.PutUint32(jpeg[10:], count)
	binary.BigEndian.PutUint64(jpeg[14:], uint64(at.UnixMicro()))
}

func captured(begin []byte) (time.Time, bool) {
	if len(begin) < captureEnd || string(begin[6:10]) != "crl1" {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(begin[14:]))), true
}

// Camera pushes a frame, with the time of sending in it, until its context
// ends. With Rests it takes commands and sends stills while nobody watches.
type Camera struct {
	URL   string // ws://…/ws/push/…
	JPEG  []byte
	FPS   int
	Rests bool
}

// Run returns nil when ctx has ended.
func (c Camera) Run(ctx context.Context) error {
	dialer := *websocket.DefaultDialer
	if c.Rests {
		dialer.Subprotocols = []string{"camrelay.camera.v1"}
	}
	ws, _, err := dialer.DialContext(ctx, c.URL, http.Header{})
	if err != nil {
		return err
	}
	defer ws.Close()
	pace := make(chan time.Duration, 16)
	go c.obey(ws, pace)
	usual := time.Second / time.Duration(c.FPS)
	ticker := time.NewTicker(usual)
	defer ticker.Stop()
	frame := stampable(c.JPEG)
	for count := uint32(1); ; count++ {
		select {
		case <-ctx.Done():
			return nil
		case still := <-pace:
			ticker.Reset(max(still, usual))
			continue
		case <-ticker.C:
		}
		stamp(frame, count, time.Now())
		if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// obey reads what the relay says, until the connection ends, and tells how long
// to wait between frames; 0: as usual.
func (c Camera) obey(ws *websocket.Conn, pace chan<- time.Duration) {
	for {
		_, text, err := ws.ReadMessage()
		if err != nil {
			return
		}
		var command struct {
			T     string
			Still float64
		}
		if json.Unmarshal(text, &command) == nil && command.T == "pace" {
			select {
			case pace <- time.Duration(command.Still * float64(time.Second)):
			default:
			}
		}
	}
}
