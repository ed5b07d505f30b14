package ingest

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"camrelay/internal/jpeg"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

const (
	readBuffer  = 8 << 10
	writeBuffer = wire.MaxCommand + 24 // so that a command is one frame and one write

	// maxSkipped is how much of a message that is too long is read, in
	// multiples of the limit, before the connection is dropped.
	maxSkipped = 8

	// maxTexts is how many texts a second a camera may send.
	maxTexts = 50

	// closeWait is how long a camera has for its side of the closing handshake.
	closeWait = 2 * time.Second
)

var errEndless = errors.New("message has no end")

// ServePush upgrades r to a WebSocket on which the camera of hub pushes frames
// (docs/protocol.md section 1), and returns when that has ended. The caller has
// authenticated the camera and looked at the request's Origin.
func (s *Server) ServePush(w http.ResponseWriter, r *http.Request, hub *stream.Hub) {
	opt := *s.opt.Load()
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		fail(w, http.StatusUpgradeRequired, "this address takes a WebSocket; to push by plain HTTP, POST to /push/"+hub.ID())
		return
	}
	quiet := &quietWriter{ResponseWriter: w}
	upgrader := websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer,
		Subprotocols: []string{wire.CameraProtocol},
		CheckOrigin:  func(*http.Request) bool { return true },
		Error: func(_ http.ResponseWriter, _ *http.Request, status int, reason error) {
			fail(w, status, reason.Error())
		},
	}
	ws, err := upgrader.Upgrade(quiet, r, nil)
	if err != nil {
		opt.Logger.Info("camera upgrade failed", "camera", hub.ID(), "remote", r.RemoteAddr, "error", err)
		return
	}
	quiet.conn.keepAlive()
	log := opt.Logger.With("camera", hub.ID(), "remote", r.RemoteAddr)
	c := newPushConn(ws, quiet.conn, s.pool, opt, log)
	if c.commands {
		s.orders.add(hub.ID(), c)
		defer s.orders.remove(hub.ID(), c)
	}
	c.serve(hub, r.Host)
}

// pushConn is the WebSocket of one camera. One goroutine reads, one writes.
type pushConn struct {
	ws       *websocket.Conn
	conn     *quietConn
	opt      Options
	id       string // of the camera, while it has the hub
	commands bool   // the camera takes commands
	out      *outbox
	log      *slog.Logger
	done     chan struct{} // closed when reading has ended

	// The reader's.
	intake
	texts     *rate.Limiter
	inMessage bool
	streams   bool // a frame has come

	mu      sync.Mutex
	why     string // the connection ends, for people; the first reason counts
	leaving bool   // frames no longer count
	lastID  uint32
	waiting map[uint32]chan wire.Ack
}

func newPushConn(ws *websocket.Conn, conn *quietConn, pool *stream.Pool, opt Options, log *slog.Logger) *pushConn {
	return &pushConn{
		ws: ws, conn: conn, opt: opt, out: newOutbox(), log: log, done: make(chan struct{}),
		commands: ws.Subprotocol() == wire.CameraProtocol,
		intake:   newIntake(pool, opt.MaxFPS, opt.Now),
		texts:    rate.NewLimiter(maxTexts, maxTexts),
		waiting:  make(map[uint32]chan wire.Ack),
	}
}

// serve runs the connection.
func (c *pushConn) serve(hub *stream.Hub, host string) {
	c.ws.SetPingHandler(c.onPing)
	c.ws.SetPongHandler(func(string) error { c.heard(); return nil })
	c.ws.SetCloseHandler(func(code int, _ string) error {
		c.out.putClose(websocket.FormatCloseMessage(code, ""))
		return nil
	})
	var writer sync.WaitGroup
	writer.Go(c.write)
	if c.feed = hub.Attach(c, true); c.feed != nil {
		c.log.Info("camera connected", "commands", c.commands)
		c.id = hub.ID()
		c.opt.Updates.StreamOpened(c.id, withPort(host))
	}
	err := c.read()
	close(c.done)
	var closed *websocket.CloseError
	if !errors.As(err, &closed) { // else the writer still answers
		c.conn.abort()
	}
	writer.Wait()
	_ = c.conn.Close()
	if c.feed == nil {
		return
	}
	reason, framing := c.judge(err)
	if framing {
		c.feed.Fault(stream.FaultFraming)
	}
	c.feed.Close(reason)
	c.opt.Updates.StreamClosed(c.id)
	c.log.Info("camera disconnected", "reason", reason, "error", err)
}

// withPort is a Host header with the port that it may leave out.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err != nil && host != "" {
		return net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	return host
}

// heard gives the camera time for its next sign of life.
func (c *pushConn) heard() {
	if !c.inMessage {
		_ = c.ws.SetReadDeadline(time.Now().Add(c.opt.PongTimeout))
	}
}

func (c *pushConn) onPing(payload string) error {
	c.out.putPong(payload)
	c.heard()
	return nil
}

// read takes messages until the connection ends.
func (c *pushConn) read() error {
	for {
		if err := c.message(); err != nil {
			return err
		}
	}
}

// message takes one message.
func (c *pushConn) message() error {
	c.heard()
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return err
	}
	c.inMessage = true
	_ = c.ws.SetReadDeadline(time.Now().Add(c.opt.MessageTimeout))
	switch {
	case c.isLeaving():
		_, err = io.Copy(io.Discard, r)
	case kind == websocket.BinaryMessage:
		err = c.frame(r)
	default:
		err = c.text(r)
	}
	if err == nil {
		c.inMessage = false
	}
	return err
}

// frame reads a binary message.
func (c *pushConn) frame(r io.Reader) error {
	d := c.draft()
	if err := d.ReadAll(r, c.opt.MaxFrame); err != nil {
		d.Discard()
		if errors.Is(err, stream.ErrFrameTooBig) {
			c.feed.Fault(stream.FaultTooBig)
			return skip(r, (maxSkipped-1)*c.opt.MaxFrame)
		}
		return err
	}
	now := c.now()
	if !c.allow(now) {
		d.Discard()
		return nil
	}
	info, err := jpeg.Scan(d.Bytes())
	if err != nil {
		c.feed.Fault(stream.FaultPartial)
		c.log.Debug("no whole frame", "error", err, "bytes", len(d.Bytes()))
		d.Discard()
		return nil
	}
	if c.publish(&d, info, time.Time{}, now) && !c.streams {
		c.streams = true
		c.opt.Updates.Streams(c.id)
	}
	return nil
}

// skip reads what is left of a message, up to a limit.
func skip(r io.Reader, limit int) error {
	switch _, err := io.CopyN(io.Discard, r, int64(limit)+1); err {
	case io.EOF:
		return nil
	case nil:
		return errEndless
	default:
		return err
	}
}

// text reads a text message.
func (c *pushConn) text(r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, wire.MaxText+1))
	if err != nil {
		return err
	}
	if len(b) > wire.MaxText {
		c.feed.Fault(stream.FaultText)
		return skip(r, maxSkipped*c.opt.MaxFrame)
	}
	if !c.texts.AllowN(c.now(), 1) {
		c.feed.Fault(stream.FaultText)
		return nil
	}
	text, err := wire.ParseCameraText(b)
	switch {
	case err != nil:
		c.feed.Fault(stream.FaultText)
		c.log.Debug("text not understood", "error", err)
	case text.Hello != nil:
		c.feed.Hello(*text.Hello)
		c.opt.Updates.Hello(c.id, *text.Hello)
	case text.Stats != nil:
		c.feed.Stats(*text.Stats)
	case text.Ack != nil:
		c.acknowledge(*text.Ack)
	case text.Update != nil:
		c.opt.Updates.Ack(c.id, *text.Update)
	}
	return nil
}

// judge says for people why reading ended, and whether the camera's framing was
// to blame.
func (c *pushConn) judge(err error) (reason string, framing bool) {
	c.mu.Lock()
	why := c.why
	c.mu.Unlock()
	var closed *websocket.CloseError
	var network net.Error
	switch {
	case why != "":
		return why, false
	case errors.Is(err, errEndless):
		return fmt.Sprintf("it sent a message of more than %d bytes", maxSkipped*c.opt.MaxFrame), false
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return "the camera closed the connection", false
	case errors.As(err, &network) && network.Timeout() && c.inMessage:
		return fmt.Sprintf("a message took longer than %v", c.opt.MessageTimeout), false
	case errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("nothing heard for %v", c.opt.PongTimeout), false
	case closed != nil, network != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost", false
	}
	return "the camera's WebSocket framing broke, as happens on bad Wi-Fi", true
}
