package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// load is the viewers: one thread that reads much at once and looks at frame
// headers only, so that it costs less than what it measures.
type load struct {
	epoll   int
	viewers map[int]*viewer
	frames  atomic.Int64
	closed  atomic.Int64
	stop    atomic.Bool
	done    chan struct{}
}

type viewer struct {
	skip   int    // bytes of the frame that are still to come
	head   []byte // a header that is not complete yet
	parser func(head []byte) (headLen, bodyLen int)
}

func newLoad() (*load, error) {
	epoll, err := unix.EpollCreate1(0)
	return &load{epoll: epoll, viewers: make(map[int]*viewer), done: make(chan struct{})}, err
}

// join opens one viewer's connection.
func (l *load) join(addr, transport, path string) error {
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
	l.viewers[fd] = v
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

func (l *load) run() {
	defer close(l.done)
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
			l.frames.Add(int64(l.viewers[fd].take(buf[:n])))
		}
	}
	for fd := range l.viewers {
		unix.Close(fd)
	}
	unix.Close(l.epoll)
}

// take counts the frames that end in b. Small control messages do not count.
func (v *viewer) take(b []byte) (frames int) {
	for len(b) > 0 {
		if v.skip > 0 {
			n := min(v.skip, len(b))
			b = b[n:]
			if v.skip -= n; v.skip == 0 {
				frames++
			}
			continue
		}
		v.head = append(v.head, b[:min(len(b), 256)]...)
		headLen, bodyLen := v.parser(v.head)
		if headLen == 0 {
			return frames
		}
		b = b[max(0, headLen-(len(v.head)-min(len(b), 256))):]
		v.head = v.head[:0]
		if v.skip = bodyLen; bodyLen > 0 && bodyLen < 126 { // ping, close
			n := min(bodyLen, len(b))
			b, v.skip = b[n:], 0
		}
	}
	return frames
}

// push is the camera: it sends the frame at the given rate until ctx ends.
func push(ctx context.Context, url, key string, frame []byte, fps int) error {
	header := http.Header{}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, url, header)
	if err != nil {
		return err
	}
	defer ws.Close()
	go func() {
		for {
			if _, _, err := ws.NextReader(); err != nil {
				return
			}
		}
	}()
	ticker := time.NewTicker(time.Second / time.Duration(fps))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
				return err
			}
		}
	}
}
