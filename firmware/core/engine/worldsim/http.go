package worldsim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/internal/wire"
)

// answering is an answer of the relay that is being sent.
type answering struct {
	*guest
	out    []byte
	pause  time.Duration // between pieces of a slow answer; 0: none
	naps   bool          // in such a pause
	cut    int           // bytes after which the connection breaks; -1: never
	how    fault
	post   []byte // what of a report is here
	length int    // of the report
	token  string // that an image is loaded with
	offset int    // in the image, of what is sent next; below 0 in the head
}

// fault is what goes wrong with an answer.
type fault uint8

const (
	noFault fault = iota
	resets        // TCP breaks
	ends          // TCP ends early
	stops         // nothing more comes
	faults
)

// answer answers a request that is not for the stream.
func (g *guest) answer(req *http.Request, rest []byte) {
	a := &answering{guest: g, cut: -1}
	g.role = a
	auth, _ := req.Get("Authorization")
	token, _ := strings.CutPrefix(string(auth), "Bearer ")
	if token != cameraKey && !g.desk.grants(token) {
		a.status(401, "")
		return
	}
	path := string(req.Path)
	if string(req.Method) == "POST" && path == "/ota/cameras/"+cameraID+"/report" {
		n, _ := req.Length(1000)
		a.length, a.post = int(n), append([]byte(nil), rest...)
		a.step()
		return
	}
	var content []byte
	switch {
	case path == "/ota/probe":
		content = probe[:]
	case strings.HasPrefix(path, "/ota/images/"):
		content, a.token = g.images.file(path), token
		g.quiet(g.end)
	}
	switch {
	case content == nil:
		a.status(404, "")
	case g.conf.Calm || !g.chance(4):
		a.serve(req, content, true)
	default:
		a.wrong(req, content)
	}
}

// wrong is one of the answers that a camera must be able to take.
func (a *answering) wrong(req *http.Request, content []byte) {
	switch a.rnd.IntN(8) {
	case 0:
		a.status(503, "Retry-After: 2\r\n")
	case 1:
		a.status(500, "")
	case 2:
		a.status(429, "Retry-After: 1\r\n")
	case 3: // a proxy that knows no ranges
		a.serve(req, content, false)
	case 4:
		a.pause = 50 * time.Millisecond
		a.serve(req, content, true)
	case 5:
		a.out = []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		a.step()
	default:
		a.CutDownloads++
		a.how = fault(1 + a.rnd.IntN(int(faults)-1))
		a.cut = a.rnd.IntN(len(content))
		if a.chance(3) {
			a.cut = [...]int{0, 1, 4095, 4096, 4097, len(content) - 1}[a.rnd.IntN(6)]
		}
		a.serve(req, content, true)
	}
}

func (a *answering) status(code int, more string) {
	a.out = fmt.Appendf(nil, "HTTP/1.1 %d Because\r\nContent-Length: 0\r\n%sConnection: close\r\n\r\n", code, more)
	a.step()
}

// serve sends content, or the part of it that is asked for.
func (a *answering) serve(req *http.Request, content []byte, parts bool) {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	from, to, partly := 0, len(content)-1, false
	if value, ok := req.Get("Range"); ok && parts {
		condition, has := req.Get("If-Range")
		first, last, _ := strings.Cut(strings.TrimPrefix(string(value), "bytes="), "-")
		from, _ = strconv.Atoi(first)
		if last != "" {
			to, _ = strconv.Atoi(last)
		}
		if partly = !has || string(condition) == tag; !partly {
			from, to = 0, len(content)-1
		}
	}
	if from > to || to >= len(content) {
		a.status(416, "")
		return
	}
	status, span := "200 OK", ""
	if partly {
		status, span = "206 Partial Content", fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", from, to, len(content))
	}
	a.out = fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n%sETag: %s\r\nConnection: close\r\n\r\n", status, to-from+1, span, tag)
	if a.offset = from - len(a.out); a.cut >= 0 {
		a.cut += len(a.out)
	}
	a.out = append(a.out, content[from:to+1]...)
	a.step()
}

// step sends what there is room for.
func (a *answering) step() {
	var piece [1024]byte
	for n := a.end.Read(piece[:]); n > 0; n = a.end.Read(piece[:]) {
		a.post = append(a.post, piece[:n]...)
	}
	if a.length > 0 && len(a.post) >= a.length {
		a.report(a.post[:a.length])
		a.length = 0
	}
	if a.end.state == hal.PeerClosed && len(a.out) == 0 {
		a.end.Close()
		return
	}
	a.write()
}

func (a *answering) write() {
	if len(a.out) == 0 || a.end.state == hal.Closed || a.naps {
		return
	}
	n := min(len(a.out), a.end.Space())
	if a.pause > 0 {
		n = min(n, 1460)
	}
	if a.cut >= 0 {
		n = min(n, a.cut)
		a.cut -= n
	}
	a.end.Write(a.out[:n])
	a.out = a.out[n:]
	if a.offset += n; a.token != "" && n > 0 && a.offset > 0 && a.thinks() {
		a.brain.Served(a.token, int64(a.offset))
	}
	switch {
	case a.cut == 0:
		a.breakOff()
	case len(a.out) == 0:
		a.end.Close()
	case a.pause > 0:
		a.naps = true
		a.after(a.pause, func() { a.naps = false; a.write() })
	}
}

// breakOff ends an answer early.
func (a *answering) breakOff() {
	a.cut, a.out = -1, nil
	switch a.how {
	case resets:
		a.after(100*time.Millisecond, a.end.Abort)
	case ends:
		a.end.Close()
	}
}

// report takes an ack that was posted; the answer may be an order.
func (a *answering) report(p []byte) {
	a.secret("report", p)
	t, err := wire.ParseCameraText(p)
	if err != nil || t.Update == nil {
		a.fail(honest, "a report: %v: %s", err, p)
		return
	}
	a.desk.ack(t.Update, "POST")
	body := a.desk.inReturn(t.Update)
	a.out = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// probe is what a new firmware fetches to prove that it could be updated again.
var probe = func() (p [1024]byte) {
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8)
	}
	return p
}()
