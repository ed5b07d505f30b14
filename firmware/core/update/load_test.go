package update

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
)

// bodyOf is where the content of an answer begins.
func bodyOf(answer []byte) int { return bytes.Index(answer, []byte("\r\n\r\n")) + 4 }

// The download goes on after a break at each kind of place, however the
// connection ends.
func TestResume(t *testing.T) {
	const size = 40 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	body := size - image.HeaderSize
	for _, at := range []int{0, 1, 4095, 4096, body / 2, body - 1} {
		for how, name := range []string{"fin", "rst", "silence"} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				w := started(t, size, old, next)
				var ranges []string
				w.relay.cut = func(n int, r *http.Request, answer []byte) ([]byte, end) {
					ranges = append(ranges, r.Header.Get("Range"))
					if r.Header.Get("Range") == "bytes=4096-" && len(ranges) == 2 {
						return answer[:bodyOf(answer)+at], end(how)
					}
					if len(ranges) > 1 && r.URL.Path == next.path() && r.Header.Get("If-Range") == "" {
						t.Error("resumed without If-Range")
					}
					return answer, inOrder
				}
				w.command(orderFor(next, "job-1", ""))
				must(t, w.settle())
				if w.running != next || len(ranges) != 5 { // header, body, body, probe, probe
					t.Errorf("%s: %v", w.phases(0), ranges)
				}
				if want := fmt.Sprintf("bytes=%d-", image.HeaderSize+at); how != 1 && ranges[2] != want {
					t.Errorf("resumed with %s, want %s", ranges[2], want)
				}
			})
		}
	}
}

// replace answers requests for a part of the body in the given way.
func replace(w *world, every bool, change func(rw http.ResponseWriter, q *http.Request)) *int {
	handle, times := w.relay.handle(w), 0
	w.relay.handler = func(rw http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.Header.Get("Range"), "bytes=4096-") && (every || times == 0) {
			times++
			change(rw, q)
			return
		}
		handle(rw, q)
	}
	return &times
}

func TestWrongAnswers(t *testing.T) {
	old, next := pair()
	part := func(contentRange string, n int) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, q *http.Request) {
			if contentRange != "" {
				rw.Header().Set("Content-Range", contentRange)
			}
			rw.WriteHeader(206)
			rw.Write(make([]byte, n))
		}
	}
	code := func(c int, header ...string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, q *http.Request) {
			for i := 0; i < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			rw.WriteHeader(c)
		}
	}
	rest := small - image.HeaderSize
	for _, c := range []struct {
		name   string
		change func(http.ResponseWriter, *http.Request)
		code   string
		times  int
	}{
		{"earlier", part("bytes 4092-8191/8192", rest+4), "bad_answer", 6},
		{"later", part("bytes 4100-8191/8192", rest-4), "bad_answer", 6},
		{"other total", part("bytes 4096-8191/8196", rest), "size_mismatch", 6},
		{"no total", part("bytes 4096-8191/*", rest), "bad_answer", 6},
		{"garbage", part("lots", rest), "bad_answer", 6},
		{"missing", part("", rest), "bad_answer", 6},
		{"short", part("bytes 4096-8191/8192", rest-1), "bad_answer", 6},
		{"other tag", func(rw http.ResponseWriter, q *http.Request) {
			rw.Header().Set("ETag", `"other"`)
			part("bytes 4096-8191/8192", rest)(rw, q)
		}, "bad_answer", 6},
		{"gzip", func(rw http.ResponseWriter, q *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			part("bytes 4096-8191/8192", rest)(rw, q)
		}, "bad_answer", 6},
		{"another image", func(rw http.ResponseWriter, q *http.Request) { rw.Write(newArtefact("x", 12, small, nil).bytes) }, "bad_answer", 1},
		{"other size", func(rw http.ResponseWriter, q *http.Request) { rw.Write(make([]byte, small+4)) }, "size_mismatch", 6},
		{"301", code(301, "Location", "http://evil/"), "http_301", 1},
		{"401", code(401), "http_401", 1},
		{"403", code(403), "http_403", 1},
		{"404", code(404), "http_404", 1},
		{"410", code(410), "http_410", 1},
		{"416", code(416), "http_416", 1},
		{"408", code(408), "http_408", 6},
		{"409", code(409), "http_409", 6},
		{"429", code(429, "Retry-After", "20"), "http_429", 6},
		{"429, a date", code(429, "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"), "http_429", 6},
		{"429, absurd", code(429, "Retry-After", "100000"), "http_429", 1},
		{"500", code(500), "http_500", 6},
		{"503", code(503), "http_503", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := started(t, small, old, next)
			times := replace(w, true, c.change)
			began := w.clock.Now()
			w.command(orderFor(next, "job-1", ""))
			w.live(time.Hour)
			took := time.Duration(w.clock.Now() - began)
			if got := w.phases(0); !strings.HasSuffix(got, "failed:"+c.code) || *times != c.times || w.u.Active() || w.reset {
				t.Errorf("%d times, %s", *times, got)
			}
			if !flash.Blank(w.chip.Bytes()[w.layout.Slots[1]:][:small]) {
				t.Error("something was written")
			}
			if least := 18 * time.Second; c.times == 6 && took < least || c.times == 1 && took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if c.times < 6 || c.name == "another image" {
				return
			}
			w = started(t, small, old, next) // once is overcome
			replace(w, false, c.change)
			w.command(orderFor(next, "job-1", ""))
			if must(t, w.settle()); w.running != next {
				t.Errorf("once: %s", w.phases(0))
			}
		})
	}
}

// A proxy that knows no ranges: all of it comes each time, and after a break it
// begins anew with an empty slot.
func TestNoRanges(t *testing.T) {
	const size = 200 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	for _, breaks := range []int{0, 1, 9} {
		w := started(t, size, old, next)
		handle, n := w.relay.handle(w), 0
		w.relay.handler = func(rw http.ResponseWriter, q *http.Request) {
			q.Header.Del("Range")
			handle(rw, q)
		}
		w.relay.cut = func(_ int, r *http.Request, answer []byte) ([]byte, end) {
			if n++; n > 1 && n <= 1+2*breaks && len(answer) > size {
				return answer[:bodyOf(answer)+size/2], inOrder
			}
			return answer, inOrder
		}
		w.command(orderFor(next, "job-1", ""))
		must(t, w.settle())
		if breaks < 9 && w.running != next || breaks == 9 && !strings.HasSuffix(w.phases(0), "failed:too_many_resumes") {
			t.Errorf("%d breaks: %s", breaks, w.phases(0))
		}
		if wear := w.chip.Wear(w.layout.Slots[1]); int(wear) > 7 {
			t.Errorf("%d breaks: the slot was erased %d times", breaks, wear)
		}
	}
}

// Failures are forgotten after 64 KiB.
func TestManyBreaks(t *testing.T) {
	const size = 900 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	for step, want := range map[int]string{70 << 10: "confirmed", 8 << 10: "failed:too_many_resumes"} {
		w := started(t, size, old, next)
		w.relay.cut = func(_ int, r *http.Request, answer []byte) ([]byte, end) {
			if at := bodyOf(answer) + step; at < len(answer) {
				return answer[:at], inOrder
			}
			return answer, inOrder
		}
		w.command(orderFor(next, "job-1", ""))
		if must(t, w.settle()); !strings.HasSuffix(w.phases(0), want) {
			t.Errorf("%d bytes at a time: %s", step, w.phases(0))
		}
	}
}

// A relay that is not there, or drips: over in time, and back.
func TestNoRelay(t *testing.T) {
	old, next := pair()
	for _, way := range []channel{byMQTT, byStream} {
		w := started(t, small, old, next)
		w.channel = way
		w.kind, w.victim = fails, "Accept"
		w.command(orderFor(next, "job-1", ""))
		began := w.clock.Now()
		w.live(time.Hour)
		if took := time.Duration(w.clock.Now() - began); !strings.HasSuffix(w.phases(0), "failed:no_answer") || took > 20*time.Second || w.u.Active() || !w.stream {
			t.Errorf("%v: %s", took, w.phases(0))
		}
	}
}

// The budget ends it with a restart; the old image says so.
func TestBudget(t *testing.T) {
	const size = 200 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	w := started(t, size, old, next)
	handle := w.relay.handle(w)
	w.relay.handler = func(rw http.ResponseWriter, q *http.Request) {
		if rw.Header().Set("Retry-After", "50"); q.Header.Get("Range") == "bytes=0-4095" {
			handle(rw, q)
			return
		}
		rw.WriteHeader(503)
	}
	w.command(orderFor(next, "job-1", `,"budget":60`))
	began := w.clock.Now()
	w.live(time.Hour)
	if got := w.phases(0); !strings.HasSuffix(got, "header_ok failed:http_503") { // the second wait would be too long
		t.Error(got)
	}
	w = started(t, size, old, next)
	var far *conn
	w.relay.cut = func(n int, r *http.Request, answer []byte) ([]byte, end) {
		if r.Header.Get("Range") == "bytes=0-4095" {
			return answer, inOrder
		}
		return answer[:bodyOf(answer)], never
	}
	w.command(orderFor(next, "job-1", `,"budget":60`))
	began = w.clock.Now()
	for i := 0; !w.reset && w.clock.Now() < began+int64(time.Hour); i++ { // dripping fast enough not to stall
		w.live(time.Second)
		if len(w.relay.conns) == 1 && w.relay.conns[0].done {
			far = w.relay.conns[0]
			if far.far.State() == hal.Open {
				far.far.Write(next.bytes[w.u.writer.Offset():][:300])
			}
		}
	}
	if took := time.Duration(w.clock.Now() - began); took > 65*time.Second || w.restores != 0 {
		t.Errorf("it took %v", took)
	}
	w.relay.cut = nil
	must(t, w.start())
	must(t, w.settle())
	if got := w.phases(0); !strings.HasSuffix(got, "failed:budget failed:budget") || w.running != old {
		t.Error(got)
	}
	if last := w.heard[len(w.heard)-1]; last.Restored == nil || !*last.Restored || last.At != "downloading" {
		t.Error(last.raw)
	}
}
