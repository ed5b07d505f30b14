package fetch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/halnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// station is a client over real sockets.
type station struct {
	t       *testing.T
	network *halnet.Network
	clock   *halnet.Clock
	client  Client
}

func newStation(t *testing.T, server *httptest.Server) *station {
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	n, _ := strconv.ParseUint(port, 10, 16)
	s := &station{t: t, network: halnet.New(halnet.Options{}), clock: halnet.NewClock()}
	t.Cleanup(s.network.Close)
	s.client.Init(s.network, host, uint16(n))
	return s
}

func (s *station) do(r Request) ([]byte, Result) {
	s.t.Helper()
	if !s.client.Start(s.clock.Now(), r) {
		s.t.Fatal("not started")
	}
	var got []byte
	buf := make([]byte, 700)
	limit := time.After(20 * time.Second)
	for {
		moved := s.client.Step(s.clock.Now())
		n := s.client.Body(buf)
		got = append(got, buf[:n]...)
		if r, ok := s.client.Result(); ok {
			return got, r
		}
		if moved || n > 0 {
			continue
		}
		select {
		case <-s.network.Changed():
		case <-limit:
			s.t.Fatalf("no result after %d bytes", len(got))
		}
	}
}

// fileServer serves the content as net/http does.
func fileServer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(content))))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// A real server whose connections break at each kind of place: resumed until all
// is here.
func TestResumeFromRealServer(t *testing.T) {
	var cut atomic.Int64
	var rst atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(cut.Load())
		if n < 0 {
			fileServer(w, r)
			return
		}
		cut.Store(-1)
		record := httptest.NewRecorder()
		fileServer(record, r)
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 %d x\r\n", record.Code)
		record.Result().Header.Write(rw)
		rw.WriteString("\r\n")
		rw.Write(record.Body.Bytes()[:n])
		rw.Flush()
		if rst.Load() {
			conn.(*net.TCPConn).SetLinger(0)
		}
	}))
	defer server.Close()
	s := newStation(t, server)
	for _, at := range []int{0, 1, 4095, 4096, size / 2, size - 1} {
		for _, reset := range []bool{false, true} {
			cut.Store(int64(at))
			rst.Store(reset)
			got, r := s.do(Request{Path: path, Token: token, Size: size})
			if r.Class != Retry || !reset && len(got) != at || len(got) > at {
				t.Fatalf("cut at %d, reset %v: %+v after %d bytes", at, reset, r, len(got))
			}
			if len(got) == 0 {
				continue
			}
			rest, r := s.do(Request{Path: path, Token: token, Size: size, From: uint32(len(got)), ETag: bytes.Clone(s.client.ETag())})
			if from, _ := s.client.Answered(); r.Class != OK || from != uint32(len(got)) || !bytes.Equal(append(got, rest...), content) {
				t.Errorf("cut at %d, reset %v: %+v, %d bytes and %d from %d", at, reset, r, len(got), len(rest), from)
			}
		}
	}
	cut.Store(-1)
	if got, r := s.do(Request{Path: path, Size: size, To: 4095}); r.Class != OK || !bytes.Equal(got, content[:4096]) {
		t.Errorf("%+v, %d bytes", r, len(got))
	}
	if got, r := s.do(Request{Path: path, Size: size, From: 10, ETag: tag}); r.Err != ErrAnswer || len(got) != 0 {
		t.Errorf("changed content: %+v, %d bytes", r, len(got))
	}
	if got, r := s.do(Request{Path: path, Size: size + 1, From: 10}); r.Err != ErrSize || len(got) != 0 {
		t.Errorf("other size: %+v, %d bytes", r, len(got))
	}
}

func TestPostToRealServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		body.ReadFrom(r.Body)
		if r.Method != "POST" || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != "application/json" || !r.Close {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.Write(body.Bytes())
	}))
	defer server.Close()
	s := newStation(t, server)
	post := bytes.Repeat([]byte(`{"a":1}`), 100)
	got, r := s.do(Request{Path: path, Token: token, Post: post})
	if r.Class != OK || !bytes.Equal(got, post) {
		t.Errorf("%+v %q", r, got)
	}
	server.Config.Handler = http.NotFoundHandler()
	if _, r := s.do(Request{Path: path, Token: token, Post: post}); r.Class != GiveUp || r.Status != 404 {
		t.Errorf("%+v", r)
	}
}
