package update

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func started(t *testing.T, size int, known ...*artefact) *world {
	t.Helper()
	w := newWorld(t, size, known...)
	must(t, w.start())
	return w
}

const small = smallImage

func pair() (old, next *artefact) {
	return newArtefact("old", 10, small, nil), newArtefact("new", 11, small, func(h *image.Header) { h.Floor = 9 })
}

func TestUpdate(t *testing.T) {
	for name, way := range map[string]channel{"mqtt": byMQTT, "stream and posts": byStream} {
		t.Run(name, func(t *testing.T) {
			old, next := pair()
			w := started(t, small, old, next)
			w.channel = way
			w.command(orderFor(next, "job-1", `,"min_heap":100000,"min_largest":50000`))
			must(t, w.settle())
			want := "accepted stream_closed server_stopped ready header_ok downloading verified activated rebooting confirmed"
			got := w.phases(0)
			if way == byStream { // while it loads, the relay sees for itself
				want = strings.Replace(want, " downloading", "", 1)
				got = strings.Replace(got, " downloading", "", 1)
			}
			if got != want {
				t.Errorf("%s, want\n%s", got, want)
			}
			if w.running != next || w.u.Mode() != Normal || w.u.state.floor() != 9 {
				t.Errorf("%s runs, %v, floor %d", w.running.name, w.u.Mode(), w.u.state.floor())
			}
			checkFields(t, w.heard, next)
			if w.restores != 0 {
				t.Error("restored")
			}
			if images := w.relay.asked[next.path()]; images != 2 {
				t.Errorf("the image was asked for %d times", images)
			}
		})
	}
}

// checkFields checks what docs/protocol.md says about each phase.
func checkFields(t *testing.T, heard []message, next *artefact) {
	t.Helper()
	seq, start := 0, ""
	for _, m := range heard {
		if m.Boot != start {
			seq, start = 0, m.Boot
		}
		if m.Seq <= seq || m.Job != "job-1" {
			t.Errorf("after %d: %s", seq, m.raw)
		}
		seq = m.Seq
		fine := true
		switch m.Phase {
		case "accepted":
			fine = m.Attempt == 1 && m.Build == 10
		case "stream_closed", "server_stopped":
			fine = strings.Contains(m.raw, `"took":`)
		case "ready":
			fine = m.Slot == "B" && m.Heap == 100000 && strings.Contains(m.raw, `"heap_largest":50000,"heap_before":100000,"heap_largest_before":50000`)
		case "header_ok":
			fine = m.Version == next.header.Version.String() && m.To == int(next.header.Build)
		case "downloading":
			fine = m.Offset > image.HeaderSize && m.Offset <= len(next.bytes)
		case "verified":
			fine = m.Sha256 == fmt.Sprintf("%x", next.header.Sum)
		case "activated":
			fine = m.Slot == "B"
		case "confirmed":
			fine = m.Build == int(next.header.Build)
		}
		if !fine {
			t.Errorf("%s: %s", m.Phase, m.raw)
		}
	}
}

// What is said while a large image loads: at the first byte, every 64 KiB, and
// every five seconds.
func TestProgress(t *testing.T) {
	const size = 300 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	w := started(t, size, old, next)
	w.command(orderFor(next, "job-1", ""))
	w.live(time.Hour)
	var offsets []int
	for _, m := range w.heard {
		if m.Phase == "downloading" {
			offsets = append(offsets, m.Offset)
		}
	}
	if len(offsets) != 5 || offsets[0] > 8<<10 || offsets[4] < 256<<10 {
		t.Errorf("offsets %v", offsets)
	}
	if w.phases(0) != "accepted stream_closed server_stopped ready header_ok downloading downloading downloading downloading downloading verified activated rebooting" {
		t.Error(w.phases(0))
	}
}

func TestRejected(t *testing.T) {
	old, next := pair()
	good := orderFor(next, "job-1", "")
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ name, order, code string }{
		{"no job", with(`"job":"job-1",`, ""), "bad_request"},
		{"long job", with("job-1", strings.Repeat("j", 33)), "bad_request"},
		{"job with a slash", with("job-1", "a/b"), "bad_request"},
		{"job a number", with(`"job-1"`, "1"), "bad_request"},
		{"no image", with(`"image"`, `"imago"`), "bad_request"},
		{"image elsewhere", with(`"/ota/`, `"http://x/ota/`), "bad_request"},
		{"image with a line", with(`/ota/`, `/ota\r\n/`), "bad_request"},
		{"image with a space", with(`/ota/`, `/ota /`), "bad_request"},
		{"token with a line", with(`"tok"`, `"t\r\nX: y"`), "bad_request"},
		{"long token", with(`"tok"`, `"`+strings.Repeat("x", 65)+`"`), "bad_request"},
		{"no size", with(`"size"`, `"sized"`), "bad_request"},
		{"size 1.5", with(`"size":8192`, `"size":8192.5`), "bad_request"},
		{"size negative", with(`"size":8192`, `"size":-8192`), "bad_request"},
		{"size without body", with(`"size":8192`, `"size":4096`), "bad_request"},
		{"size odd", with(`"size":8192`, `"size":8190`), "bad_request"},
		{"too large", with(`"size":8192`, `"size":8196`), "too_large"},
		{"no host", with(`"host":"relay:8080",`, ""), "bad_request"},
		{"other host", with("relay:8080", "evil:8080"), "wrong_host"},
		{"other port", with("relay:8080", "relay:8081"), "wrong_host"},
		{"mode", with(`"token"`, `"mode":"fast","token"`), "bad_request"},
		{"short budget", with(`"token"`, `"budget":59,"token"`), "bad_request"},
		{"long budget", with(`"token"`, `"budget":3601,"token"`), "bad_request"},
		{"heap", with(`"token"`, `"min_heap":"much","token"`), "bad_request"},
	} {
		w := started(t, small, old, next)
		before := w.chip.Counts().Steps
		w.command(c.order)
		w.live(time.Minute)
		if got := w.phases(0); got != "rejected:"+c.code || w.chip.Counts().Steps != before || !w.stream || w.u.Active() {
			t.Errorf("%s: %q, want %s", c.name, got, c.code)
		}
		w.command(good)
		if must(t, w.settle()); w.running != next {
			t.Errorf("%s: the next update fails: %s", c.name, w.phases(0))
		}
	}
	for _, s := range []string{"", "{}", "[]", "nonsense", `{"t":"set","cmd":"start"}`, `{"t":"ota"}`, `{"t":"ota","cmd":"dance","job":"x"}`, with("{", "{{")} {
		w := started(t, small, old, next)
		w.command(s)
		if w.live(time.Minute); len(w.heard) != 0 || w.u.Active() {
			t.Errorf("%q: %s", s, w.phases(0))
		}
	}
	w := started(t, small, old, next)
	w.u.ring = nil
	w.command(good)
	if w.live(time.Minute); w.phases(0) != "rejected:not_configured" {
		t.Error(w.phases(0))
	}
}

func TestBusyRepeatStatusAbort(t *testing.T) {
	old, next := pair()
	third := newArtefact("third", 12, small, nil)
	w := started(t, small, old, next, third)
	w.command(`{"t":"ota","cmd":"status"}`)
	w.live(time.Minute)
	if w.phases(0) != "booted" || w.heard[0].State != "confirmed" || w.heard[0].Chip != "host" {
		t.Errorf("%s %s", w.phases(0), w.heard[0].raw)
	}
	w.heard = nil
	w.command(orderFor(next, "job-1", ""))
	w.command(orderFor(third, "job-2", ""))
	w.command(orderFor(next, "job-1", "")) // delivered twice
	w.command(`{"t":"ota","cmd":"abort","job":"job-2"}`)
	w.command(`{"t":"ota","cmd":"abort","job":"job-1"}`)
	w.live(time.Minute)
	if got := w.phases(0); got != "accepted rejected:busy accepted accepted failed:aborted" {
		t.Error(got)
	}
	if f := w.heard[len(w.heard)-1]; f.At != "stream_closed" || f.Restored == nil || !*f.Restored || w.u.Active() || w.restores != 1 {
		t.Error(f.raw)
	}
	w.heard = nil
	w.command(`{"t":"ota","cmd":"status"}`)
	w.command(orderFor(next, "job-1", ""))
	w.command(`{"t":"ota","cmd":"abort","job":"job-1"}`)
	w.live(time.Minute)
	if w.phases(0) != "failed:aborted failed:aborted failed:aborted" || w.heard[0].Seq != w.heard[2].Seq {
		t.Error(w.phases(0))
	}
	// It knows after a start, too.
	w.heard = nil
	must(t, w.start())
	w.command(orderFor(next, "job-1", ""))
	w.live(time.Minute)
	if w.phases(0) != "failed:aborted" || w.heard[0].At != "stream_closed" {
		t.Error(w.phases(0))
	}
	w.command(orderFor(third, "job-3", ""))
	if must(t, w.settle()); w.running != third {
		t.Error(w.phases(0))
	}
}

// Refused from the header alone: nothing is erased.
func TestRefusedImages(t *testing.T) {
	old, next := pair()
	forged := newArtefact("forged", 12, small, nil)
	forged.bytes[image.SignedSize]++
	unsigned := newArtefact("unsigned", 12, small, func(h *image.Header) { h.Key = image.KeyID{} })
	for code, a := range map[string]*artefact{
		"bad_signature": forged, "unsigned": unsigned,
		"unknown_key": newArtefact("x", 12, small, func(h *image.Header) { h.Key[0]++ }),
		"other_board": newArtefact("x", 12, small, func(h *image.Header) { h.Board[0] = 'x' }),
		"other_chip":  newArtefact("x", 12, small, func(h *image.Header) { h.Chip[0] = 'x' }),
		"same_build":  newArtefact("x", 10, small, nil),
		"older_build": newArtefact("x", 9, small, nil),
		"needs_step":  newArtefact("x", 15, small, func(h *image.Header) { h.Base = 14 }),
		"bad_magic":   {bytes: make([]byte, small)},
		"http_404":    {bytes: make([]byte, small), name: "missing"},
	} {
		w := started(t, small, old, next)
		if a.name != "missing" {
			w.relay.images[a.path()] = a
		}
		w.log.Settle(w.slot, &old.header)
		wear := w.chip.Wear(w.layout.Slots[1])
		w.command(orderFor(a, "job-1", ""))
		w.live(time.Minute)
		if got := w.phases(0); got != "accepted stream_closed server_stopped ready failed:"+code || w.u.Active() || w.reset || !w.stream {
			t.Errorf("%s: %s", code, got)
		}
		if w.chip.Wear(w.layout.Slots[1]) != wear {
			t.Errorf("%s: the slot was erased", code)
		}
	}
	// A floor that is above.
	w := started(t, small, old, next)
	must(t, w.u.state.raise(12))
	w.command(orderFor(next, "job-1", ""))
	if w.live(time.Minute); !strings.HasSuffix(w.phases(0), "failed:below_floor") {
		t.Error(w.phases(0))
	}
	// An order whose size is another.
	w = started(t, small, old, next)
	w.relay.handler = func(rw http.ResponseWriter, q *http.Request) {
		short := newArtefact("short", 12, image.HeaderSize+4, nil)
		rw.Header().Set("Content-Range", fmt.Sprintf("bytes 0-4095/%d", small))
		rw.WriteHeader(206)
		rw.Write(short.bytes[:4096])
	}
	w.command(orderFor(next, "job-1", ""))
	if w.live(time.Minute); !strings.HasSuffix(w.phases(0), "failed:size_mismatch") {
		t.Error(w.phases(0))
	}
	// A body that was damaged on its way is found when it is read back.
	w = started(t, small, old, next)
	damaged := &artefact{bytes: bytes.Clone(next.bytes)}
	damaged.bytes[5000]++
	w.relay.images[next.path()] = damaged
	w.command(orderFor(next, "job-1", ""))
	if w.live(time.Minute); !strings.HasSuffix(w.phases(0), "downloading failed:bad_sha256") || w.heard[len(w.heard)-1].At != "verified" {
		t.Error(w.phases(0))
	}
}

// A camera without MQTT is told to abort in the answer to a report.
func TestAbortByPost(t *testing.T) {
	old, next := pair()
	w := started(t, small, old, next)
	w.channel = byStream
	w.relay.orders = []string{"{}", "{}", "{}", `{"t":"ota","cmd":"abort","job":"other"}`}
	w.command(orderFor(next, "job-1", ""))
	must(t, w.settle())
	if w.running != next {
		t.Error(w.phases(0))
	}
	w = started(t, small, old, next)
	w.channel = byStream
	w.relay.orders = []string{"{}", "{}", "{}", `{"t":"ota","cmd":"abort","job":"job-1"}`}
	w.command(orderFor(next, "job-1", ""))
	w.live(time.Minute)
	if got := w.phases(0); got != "accepted stream_closed server_stopped ready header_ok failed:aborted" {
		t.Error(got)
	}
}

func TestNoAllocationsAndSize(t *testing.T) {
	const size = 900 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	w := started(t, size, old, next)
	w.command(orderFor(next, "job-1", ""))
	for w.u.step != loading || w.u.writer.Offset() < 20_000 {
		w.relay.serve(w)
		w.u.Step(w.clock.Advance(time.Millisecond))
	}
	at := w.u.writer.Offset()
	if n := testing.AllocsPerRun(500, func() { w.u.Step(w.clock.Now()) }); n != 0 || w.u.writer.Offset() < at+200_000 {
		t.Errorf("%v allocations in %d bytes", n, w.u.writer.Offset()-at)
	}
	t.Logf("an Updater has %d bytes, a Trial %d", unsafe.Sizeof(*w.u), unsafe.Sizeof(w.trial))
	if s := unsafe.Sizeof(*w.u); s > 16<<10 {
		t.Errorf("%d bytes", s)
	}
}

// The longest of each kind fits.
func TestAcksFit(t *testing.T) {
	old, next := pair()
	w := started(t, small, old, next)
	u := w.u
	u.next = next.header
	for i := range u.next.Version {
		u.next.Version[i], u.running.Version[i], u.running.Board[i], u.running.Chip[i] = 'v', 'v', 'b', 'c'
	}
	u.running.Build, u.next.Build, u.other = 1<<32-1, 1<<32-1, 1<<32-1
	u.before = hal.Memory{Free: 1<<32 - 1, Largest: 1<<32 - 1}
	longest := 0
	for p := Accepted; p < phases; p++ {
		a := ack{phase: p, seq: 1<<32 - 1, at: HeaderOK, code: "bad_segment_crc", attempt: 255, took: 1<<32 - 1,
			offset: 1<<32 - 1, memory: u.before, clean: true}
		for i := range a.job {
			a.job[i] = 'j'
		}
		text := u.write(&a, make([]byte, 0, maxAck))
		w.hear(text, p.String())
		longest = max(longest, len(text))
	}
	t.Logf("the longest ack has %d bytes", longest)
	if n := testing.AllocsPerRun(100, func() { u.write(&ack{phase: Ready}, u.text[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOrder(f *testing.F) {
	_, next := pair()
	f.Add([]byte(orderFor(next, "job-1", `,"mode":"clean","budget":60,"min_heap":1,"min_largest":2`)))
	f.Add([]byte(`{"t":"ota","cmd":"abort","job":"a"}`))
	f.Add([]byte(`{"t":"ota","cmd":"start","job":"\u0041","image":"/\u0041","size":8192,"host":"RELAY:8080"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		var o order
		c, ok := o.parse(p, []byte("relay:8080"), make([]byte, maxImage))
		if !ok || c != start {
			return
		}
		for _, b := range trim(o.job[:]) {
			if !isJob(b) {
				t.Errorf("job %q", o.job)
			}
		}
		if bytes.ContainsAny(trim(o.image[:]), "\r\n \x00") || bytes.ContainsAny(trim(o.token[:]), "\r\n \x00") || o.image[0] != '/' ||
			o.size <= image.HeaderSize || o.budget < minBudget || o.budget > maxBudget {
			t.Errorf("%+v", o)
		}
	})
}
