//go:build !race

package stream

import "testing"

// taker is a sink that takes all and remembers nothing.
type taker struct{ frames int }

func (s *taker) TryFrame(*Frame) (bool, error) { s.frames++; return true, nil }
func (s *taker) TryPost([]byte) (bool, error)  { return true, nil }
func (s *taker) Finish() error                 { return nil }
func (s *taker) Close()                        {}
func (s *taker) Release()                      {}

// Publishing allocates nothing for any number of viewers that keep up, and
// nothing for the frame once the pool is warm.
func TestPublishAllocatesNothing(t *testing.T) {
	for name, opt := range map[string]ViewerOptions{"free": {}, "limited": {MaxFPS: 1000}, "with credit": {}} {
		b := newBench(t, Options{})
		b.attach()
		sinks := make([]taker, 100)
		var views []*Viewer
		for i := range sinks {
			if name == "with credit" {
				opt.Credit = new(Credit)
			}
			out := NewOutlet(&sinks[i], nil)
			defer out.Close(nil)
			views = append(views, b.hub.Join(out, opt))
		}
		picture := make([]byte, 20<<10)
		seq := uint32(0)
		if n := testing.AllocsPerRun(200, func() {
			d := b.reg.Pool().Draft(len(picture))
			d.Append(picture)
			b.feed.Publish(d.Frame(len(picture), Meta{Received: b.clock.Add(1e7)}))
			seq++
			for _, v := range views {
				v.Ack(seq, 0)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
		if sinks[0].frames != 201 || sinks[99].frames != 201 {
			t.Errorf("%s: %d and %d frames arrived, want 201", name, sinks[0].frames, sinks[99].frames)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	r := NewRegistry(Options{})
	h, _ := r.Add("door", "", "push")
	feed := h.Attach(new(camera), true)
	sinks := make([]taker, 1000)
	for i := range sinks {
		h.Join(NewOutlet(&sinks[i], nil), ViewerOptions{})
	}
	b.ReportAllocs()
	for b.Loop() {
		d := r.Pool().Draft(100)
		feed.Publish(d.Frame(0, Meta{}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/viewer")
}
