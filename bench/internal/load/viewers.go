// Package load is what the benchmarks put on a server: viewers, cameras, and a
// look at what they cost it. Linux only.
package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Viewers are many viewers in one thread that reads much at once and looks at
// the beginnings of frames only, so that it costs less than what it measures.
type Viewers struct {
	epoll   int
	viewers sync.Map // *viewer by descriptor
	frames  atomic.Int64
	closed  atomic.Int64
	stop    atomic.Bool
	done    chan struct{}

	mu   sync.Mutex
	ages []time.Duration
}

type viewer struct {
	skip   int    // bytes of the frame that are still to come
	head   []byte // a header that is not complete yet
	begin  []byte // of the frame, as far as its capture time
	parser func(head []byte) (headLen, bodyLen int)
}

// NewViewers returns none yet: they Join while Run reads.
func NewViewers() (*Viewers, error) {
	epoll, err := unix.EpollCreate1(0)
	return &Viewers{epoll: epoll, done: make(chan struct{})}, err
}

// Frames counts the frames received by all viewers.
func (l *Viewers) Frames() int64 { return l.frames.Load() }

// Closed counts the viewers that the server has dropped.
func (l *Viewers) Closed() int64 { return l.closed.Load() }

// TakeAges returns how old the frames were that came since the last call, from
// the capture time in the frame to its last byte here; frames without one are
// left out.
func (l *Viewers) TakeAges() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	ages := l.ages
	l.ages = nil
	return ages
}

// Stop ends Run and closes all connections.
func (l *Viewers) Stop() {
	l.stop.Store(true)
	<-l.done
}

// Join opens one viewer's connection; transport is ws or mjpeg. Not while Run
// runs.
func (l *Viewers) Join(addr, transport, path string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	request := "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	v := &viewer{parser: parsePart}
	if transport == "ws" {
		request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		v.parser = parseWS
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	if err := readResponse(conn); err != nil {
		return err
	}
	file, err := conn.(*net.TCPConn).File()
	conn.Close()
	if err != nil {
		return err
	}
	fd, err := unix.Dup(int(file.Fd()))
	file.Close()
	if err != nil {
		return err
	}
	unix.SetNonblock(fd, true)
	l.viewers.Store(fd, v)
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// readResponse reads the response head byte by byte, as what follows it
// belongs to the stream.
func readResponse(conn net.Conn) error {
	var head []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := conn.Read(b); err != nil {
			return err
		}
		head = append(head, b[0])
	}
	if line, _, _ := bytes.Cut(head, []byte("\r\n")); !bytes.Contains(line, []byte(" 200 ")) && !bytes.Contains(line, []byte(" 101 ")) {
		return fmt.Errorf("answered %s", line)
	}
	return nil
}

// parseWS returns the lengths of a server's frame header and of its payload;
// 0 if the header is not complete.
func parseWS(b []byte) (int, int) {
	switch {
	case len(b) < 2:
		return 0, 0
	case b[1] < 126:
		return 2, int(b[1])
	case b[1] == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:]))
	case b[1] == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	return 0, 0
}

// parsePart does the same for a part's header and its body with what ends it.
func parsePart(b []byte) (int, int) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, 0
	}
	if bytes.HasPrefix(b, []byte("--frame")) { // the stream's first boundary
		return bytes.IndexByte(b, '\n') + 1, 0
	}
	_, rest, _ := bytes.Cut(b[:end], []byte("Content-Length: "))
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	n, _ := strconv.Atoi(string(digits))
	return end + 4, n + len("\r\n--frame\r\n")
}

// Run reads until Stop.
func (l *Viewers) Run() {
	defer close(l.done)
	defer func() {
		for fd := range l.viewers.Range {
			unix.Close(fd.(int))
		}
		unix.Close(l.epoll)
	}()
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 1<<20)
	for !l.stop.Load() {
		n, err := unix.EpollWait(l.epoll, events, 100)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			fd := int(e.Fd)
			n, err := unix.Read(fd, buf)
			if n <= 0 {
				if err != unix.EAGAIN {
					l.closed.Add(1)
					unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
				}
				continue
			}
			v, _ := l.viewers.Load(fd)
			l.take(v.(*viewer), buf[:n])
		}
	}
}

// take looks at bytes that one viewer received. Small control messages do not
// count.
func (l *Viewers) take(v *viewer, b []byte) {
	for len(b) > 0 {
		if v.skip > 0 {
			n := min(v.skip, len(b))
			v.begin = append(v.begin, b[:min(n, captureEnd-len(v.begin))]...)
			b = b[n:]
			if v.skip -= n; v.skip == 0 {
				l.frame(v)
			}
			continue
		}
		v.head = append(v.head, b[:min(len(b), 256)]...)
		headLen, bodyLen := v.parser(v.head)
		if headLen == 0 {
			return
		}
		b = b[max(0, headLen-(len(v.head)-min(len(b), 256))):]
		v.head, v.begin = v.head[:0], v.begin[:0]
		if v.skip = bodyLen; bodyLen > 0 && bodyLen < 126 { // ping, close
			n := min(bodyLen, len(b))
			b, v.skip = b[n:], 0
		}
	}
}

// frame is called when a viewer has one.
func (l *Viewers) frame(v *viewer) {
	l.frames.Add(1)
	if at, ok := captured(v.begin); ok {
		l.mu.Lock()
		l.ages = append(l.ages, time.Since(at))
		l.mu.Unlock()
	}
}
