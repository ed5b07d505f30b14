package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// How a proxy breaks a download.
type breakage string

const (
	withRST  breakage = "RST"
	withFIN  breakage = "FIN"
	withHole breakage = "black hole" // nothing more comes, and nobody is told
	withDrip breakage = "drip"       // a byte at a time
)

// toll is what lies between a camera and its relay: TCP that breaks when an
// image has come as far as it is told. It keeps what the camera said last on
// each WebSocket.
type toll struct {
	t      testing.TB
	target string
	ln     net.Listener
	how    breakage

	mu     sync.Mutex
	at     []int64 // offsets in the image, each for one time
	broken int
	codes  []int // close codes of the camera
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

func newToll(t testing.TB, target string, how breakage, at ...int64) *toll {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &toll{t: t, target: target, ln: ln, how: how, at: at, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *toll) url() string { return "ws://" + p.ln.Addr().String() }

func (p *toll) close() {
	p.ln.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *toll) keep(c net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
		c.Close()
	}
}

func (p *toll) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.keep(near, true)
		p.wg.Go(func() {
			defer p.keep(near, false)
			far, err := net.Dial("tcp", p.target)
			if err != nil {
				near.(*net.TCPConn).SetLinger(0) // as the relay's host does
				return
			}
			p.keep(far, true)
			defer p.keep(far, false)
			p.join(near.(*net.TCPConn), far.(*net.TCPConn))
		})
	}
}

// join carries one connection.
func (p *toll) join(near, far *net.TCPConn) {
	from := bufio.NewReaderSize(near, 64<<10)
	head, err := peekHead(from)
	if err != nil {
		return
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		p.t.Errorf("a camera asks %q: %v", head, err)
		return
	}
	upgrade := request.Header.Get("Upgrade") != ""
	var wg sync.WaitGroup
	wg.Go(func() {
		last := &tailWriter{}
		io.Copy(io.MultiWriter(far, last), from)
		far.CloseWrite()
		if upgrade {
			p.said(last.b)
		}
	})
	if strings.HasPrefix(request.URL.Path, "/ota/images/") {
		p.download(near, far, request)
	} else {
		io.Copy(near, far)
		near.CloseWrite()
		if upgrade {
			near.Close()
			far.Close()
		}
	}
	wg.Wait()
}

// peekHead reads the head of a request and leaves it where it is.
func peekHead(r *bufio.Reader) ([]byte, error) {
	for n := 1; ; n = r.Buffered() + 1 {
		b, err := r.Peek(n)
		if err != nil {
			return nil, err
		}
		b, _ = r.Peek(r.Buffered())
		if at := bytes.Index(b, []byte("\r\n\r\n")); at >= 0 {
			return b[:at+4], nil
		}
	}
}

// download carries an image's bytes until one of the offsets is reached.
func (p *toll) download(near, far *net.TCPConn, request *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(request.Header.Get("Range"), "bytes="), "-")
	offset, _ := strconv.ParseInt(first, 10, 64)
	body := bufio.NewReaderSize(far, 64<<10)
	head, err := peekHead(body)
	if err != nil {
		near.Close()
		return
	}
	near.Write(head)
	body.Discard(len(head))
	if !bytes.Contains(head, []byte(" 206 ")) {
		offset = 0
	}
	for {
		due, yes := p.next(offset)
		b := make([]byte, 1024)
		if yes {
			if due == offset {
				p.breakOff(near, far)
				return
			}
			b = b[:min(int64(len(b)), due-offset)]
		}
		n, err := body.Read(b)
		if _, e := near.Write(b[:n]); e != nil || err != nil {
			near.CloseWrite()
			return
		}
		offset += int64(n)
	}
}

// next is where the download is to break that has come to an offset.
func (p *toll) next(offset int64) (at int64, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.at {
		if a >= offset {
			return a, true
		}
	}
	return 0, false
}

// breakOff breaks, and does so at this offset once.
func (p *toll) breakOff(near, far *net.TCPConn) {
	p.mu.Lock()
	p.at = p.at[1:]
	p.broken++
	p.mu.Unlock()
	switch p.how {
	case withRST:
		near.SetLinger(0)
		near.Close()
		far.SetLinger(0)
		far.Close()
	case withFIN:
		near.CloseWrite()
		far.Close()
	case withHole: // until the camera gives up
		b := make([]byte, 1)
		near.SetReadDeadline(time.Now().Add(2 * patience))
		for {
			if _, err := near.Read(b); err != nil {
				return
			}
		}
	case withDrip:
		b := make([]byte, 1)
		for {
			if _, err := far.Read(b); err != nil {
				return
			}
			if _, err := near.Write(b); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // this is what a drip is
		}
	}
}

// tailWriter keeps the last bytes.
type tailWriter struct{ b []byte }

func (w *tailWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	w.b = w.b[max(0, len(w.b)-140):]
	return len(p), nil
}

// said looks for a CLOSE frame (RFC 6455 section 5.5.1) at the end of what a
// camera said.
func (p *toll) said(last []byte) {
	for i := range last {
		rest := last[i:]
		if len(rest) < 8 || rest[0] != 0x88 || rest[1]&0x80 == 0 || len(rest) != 6+int(rest[1]&0x7f) {
			continue
		}
		code := [2]byte{rest[6] ^ rest[2], rest[7] ^ rest[3]}
		p.mu.Lock()
		p.codes = append(p.codes, int(binary.BigEndian.Uint16(code[:])))
		p.mu.Unlock()
		return
	}
}

func (p *toll) closeCodes() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int(nil), p.codes...)
}

func (p *toll) breaks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}
