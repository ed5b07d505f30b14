package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"camrelay/bench/internal/load"
)

// bare is the server that the relay is measured against: one thread, and for
// each viewer and frame one write of bytes that were made beforehand. Whatever
// the relay costs more is the price of being a relay.
type bare struct {
	message []byte // a WebSocket message or a multipart part
	fps     int

	mu  sync.Mutex
	fds []int
}

func serveBare(addr, transport string, size, fps int) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := &bare{fps: fps}
	handler := http.HandlerFunc(s.websocket)
	if transport == "mjpeg" {
		handler = s.multipart
		s.message = fmt.Appendf(nil, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", size)
		s.message = append(append(s.message, load.JPEG(size)...), "\r\n--frame\r\n"...)
	} else {
		s.message = wsBinary(load.JPEG(size))
	}
	go http.Serve(ln, handler)
	go s.run()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
	return nil
}

func (s *bare) websocket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 256}
	ws, err := up.Upgrade(w, r, nil)
	if err == nil {
		s.add(ws.NetConn())
	}
}

func (s *bare) multipart(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n--frame\r\n")
	rw.Flush()
	s.add(conn)
}

// add takes the socket itself out of Go's hands.
func (s *bare) add(conn net.Conn) {
	file, err := conn.(*net.TCPConn).File()
	conn.Close()
	if err != nil {
		return
	}
	fd, err := unix.Dup(int(file.Fd()))
	file.Close()
	if err != nil {
		return
	}
	unix.SetNonblock(fd, true)
	s.mu.Lock()
	s.fds = append(s.fds, fd)
	s.mu.Unlock()
}

func (s *bare) run() {
	runtime.LockOSThread()
	next := time.Now()
	for {
		next = next.Add(time.Second / time.Duration(s.fps))
		time.Sleep(time.Until(next))
		s.mu.Lock()
		fds := s.fds
		s.mu.Unlock()
		for _, fd := range fds {
			b := s.message
			for len(b) > 0 { // only a full buffer needs more than one
				n, err := unix.Write(fd, b)
				if err == unix.EAGAIN {
					continue
				}
				if err != nil {
					break
				}
				b = b[n:]
			}
		}
	}
}

// wsBinary is a server's binary message (RFC 6455 section 5.2).
func wsBinary(payload []byte) []byte {
	n := len(payload)
	head := []byte{0x82, 126, byte(n >> 8), byte(n)}
	if n >= 1<<16 {
		head = []byte{0x82, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	return append(head, payload...)
}
