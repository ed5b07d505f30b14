package egress

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"camrelay/internal/stream"
)

// quietAfter is how long an MJPEG viewer sees the last frame before a picture
// says that there are none, and how often that is repeated: proxies and
// players give up on a stream that stands still.
const quietAfter = 5 * time.Second

// During an update it is known that no frames come, and its progress changes.
const (
	cutAfter   = time.Second
	tellUpdate = 2 * time.Second
)

// streamHead answers without chunking, which VLC dislikes, and tells nginx not
// to collect the stream.
const streamHead = "HTTP/1.1 200 OK\r\n" +
	"Content-Type: multipart/x-mixed-replace; boundary=" + boundary + "\r\n" +
	"Cache-Control: no-store\r\n" +
	"X-Accel-Buffering: no\r\n" +
	"X-Content-Type-Options: nosniff\r\n" +
	"Connection: close\r\n\r\n"

// mjpegConn is a viewer of a multipart stream.
type mjpegConn struct {
	socket
	out    stream.Outlet
	hub    *stream.Hub
	viewer stream.Viewer
	srv    *Server
	who    Access
	paints bool // it is a browser

	ignored [32]byte
	said    time.Time // when the viewer was last told that there are no frames; the sweep's
}

// ServeMJPEG serves GET /cameras/{camera}/stream.mjpg.
func (s *Server) ServeMJPEG(w http.ResponseWriter, r *http.Request, hub *stream.Hub, who Access) {
	maxFPS, err := queryNumber(r, "max_fps", 0, 120)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	if !s.admit(w, hub) {
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
		w.Header().Set("Connection", "close")
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		writeError(w, http.StatusInternalServerError, "this connection cannot carry a stream")
		return
	}
	conn.SetDeadline(time.Time{})
	c := &mjpegConn{srv: s, who: who, hub: hub, said: time.Now()}
	wrapping, head := s.part, streamHead+"--"+boundary+"\r\n"
	if c.paints = isBrowser(r); c.paints {
		wrapping, head = s.image, head+imageHead
	}
	c.socket.init(conn, wrapping, s.options().WriteStall)
	c.tune(tuning(hub))
	c.out.Init(&c.socket, nil)
	if !s.add(c) {
		conn.Close()
		return
	}
	c.out.Post([]byte(head))
	if !hub.JoinAs(&c.viewer, &c.out, stream.ViewerOptions{LiveOnly: true, MaxFPS: maxFPS}) {
		c.out.Close(stream.ErrClosed)
	}
	s.checkIn(c)
	go c.watch() // with the smallest stack there is: it only reads
}

// isBrowser reports whether a browser paints the stream, in <img> or as a page:
// only browsers ask for images by name. Sec-Fetch-Dest would say it better, but
// is not sent over plain HTTP.
func isBrowser(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "image/") }

// watch waits until the viewer has gone; what it sends is ignored.
func (c *mjpegConn) watch() {
	defer c.srv.remove(c)
	defer c.socket.done()
	for {
		if _, err := c.conn.Read(c.ignored[:]); err != nil {
			c.out.Close(err)
			return
		}
	}
}

func (c *mjpegConn) kind() string   { return KindMJPEG }
func (c *mjpegConn) access() Access { return c.who }

func (c *mjpegConn) sweep(now time.Time) {
	c.tune(tuning(c.hub))
	camera := c.hub.Camera()
	pause, quiet := quietAfter, quietAfter
	if camera.State == stream.Updating.String() {
		pause, quiet = tellUpdate, cutAfter
	}
	if now.Sub(c.said) < pause || now.Sub(time.UnixMicro(camera.LastFrame)) < quiet {
		return
	}
	c.said = now
	picture := c.srv.notices.jpeg(camera)
	if c.paints {
		c.out.Post(appendImage(nil, picture))
		return
	}
	c.out.Post(appendPart(nil, picture, now, 0))
}

func (c *mjpegConn) changed(*stream.Hub, func() []byte) {}

func (c *mjpegConn) removed(h *stream.Hub) {
	if c.hub == h {
		c.out.Close(stream.ErrClosed)
	}
}

func (c *mjpegConn) goodbye(int, string) { c.out.Close(stream.ErrClosed) }
func (c *mjpegConn) drop()               { c.out.Close(stream.ErrClosed) }

// queryNumber reads a number from the query; 0 if there is none.
func queryNumber(r *http.Request, name string, low, high float64) (float64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= low && v <= high) {
		return 0, &queryError{name, text, low, high}
	}
	return v, nil
}

type queryError struct {
	name, text string
	low, high  float64
}

func (e *queryError) Error() string {
	return "query " + e.name + "=" + strconv.Quote(e.text) + ": a number from " +
		strconv.FormatFloat(e.low, 'f', -1, 64) + " to " + strconv.FormatFloat(e.high, 'f', -1, 64) + " is allowed"
}
