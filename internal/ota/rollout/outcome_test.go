package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

// oracle is an Updates that answers what a test says.
type oracle struct {
	mu     sync.Mutex
	err    error
	job    ota.Job
	asked  []ota.Trigger
	hello  wire.Hello
	absent bool
}

func (o *oracle) Trigger(camera string, t ota.Trigger, _ string) (ota.Job, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, t)
	j := o.job
	j.Camera, j.Trigger, j.Rollout = camera, t.ID, t.Rollout
	return j, o.err
}
func (o *oracle) Jobs(string) []ota.Job { return nil }
func (o *oracle) Info(string) (wire.Hello, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hello, !o.absent
}

func newOracle(t *testing.T, cameras int) (*world, *oracle) {
	w := newWorld(t, cameras)
	o := &oracle{hello: wire.Hello{Firmware: "1.4.2", Build: oldBuild, Board: "vcam", Chip: "host", Boot: "1", State: wire.StateConfirmed}}
	w.m.opt.Updates = o
	return w, o
}

// What the coordinator answers, and what becomes of the camera.
func TestAnswers(t *testing.T) {
	begun := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		err  error
		job  ota.Job
		want State
		text bool
	}{
		"accepted":                     {nil, ota.Job{State: ota.Queued}, Updating, false},
		"duplicate":                    {&ota.RefusedError{Code: ota.Duplicate, Text: "x"}, ota.Job{}, Pending, true},
		"busy":                         {&ota.RefusedError{Code: ota.BusyJob, Text: "x"}, ota.Job{}, Pending, true},
		"rate":                         {&ota.RefusedError{Code: ota.RateLimited, Text: "x"}, ota.Job{}, Pending, true},
		"on trial":                     {&ota.RefusedError{Code: ota.OnTrial, Text: "x"}, ota.Job{}, Pending, true},
		"disk":                         {&ota.RefusedError{Code: ota.DiskFull, Text: "x"}, ota.Job{}, Pending, true},
		"downgrade":                    {&ota.RefusedError{Code: ota.Downgrade, Text: "x"}, ota.Job{}, Rejected, true},
		"floor":                        {&ota.RefusedError{Code: ota.BelowFloor, Text: "x"}, ota.Job{}, Rejected, true},
		"there":                        {&ota.RefusedError{Code: ota.AlreadyThere, Text: "x"}, ota.Job{}, Already, false},
		"gone":                         {&ota.RefusedError{Code: ota.UnknownCamera, Text: "x"}, ota.Job{}, Rejected, true},
		"a mistake":                    {errors.New("x"), ota.Job{}, Rejected, true},
		"image gone":                   {nil, ota.Job{State: ota.Rejected, Code: ota.NoImage, Text: "x"}, Rejected, true},
		"queue, window":                {nil, ota.Job{State: ota.Failed, Code: ota.OutOfWindow, Text: "x"}, Pending, true},
		"queue, offline":               {nil, ota.Job{State: ota.Failed, Code: ota.CameraOffline, Text: "x"}, Pending, true},
		"offline after power was lost": {nil, ota.Job{State: ota.Failed, Code: ota.CameraOffline, Text: "x", Retries: 1}, Failed, true},
		"never begun":                  {nil, ota.Job{State: ota.Failed, Code: ota.Internal, Text: "x"}, Rejected, true},
		"failed":                       {nil, ota.Job{State: ota.Failed, Code: "flash_error", Text: "x", Begun: begun}, Failed, true},
		"superseded":                   {nil, ota.Job{State: ota.Superseded, Text: "x", Begun: begun}, Cancelled, true},
		"lost":                         {nil, ota.Job{State: ota.Lost, Text: "x", Begun: begun}, Lost, true},
		"done already":                 {nil, ota.Job{State: ota.Succeeded, Boot: "2", Begun: begun}, Soaking, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := newOracle(t, 1)
			o.err, o.job = c.err, c.job
			w.begin(`{"id":"a","waves":[{"percent":100}],"retry_per_camera":0}`)
			got := w.get("a").Cameras[0]
			if got.State != c.want || (got.Text != "") != c.text || got.Attempt != 1 {
				t.Errorf("%+v", got)
			}
			if q := o.asked[0]; q.ID != "a:cam-000:1" || q.Action != ota.Install || q.Force || q.Want.SHA256 != w.images[0].SHA256 || !q.Deadline.Equal(w.now.Add(jobTime)) {
				t.Errorf("%+v", q)
			}
			if got.State != Pending {
				return
			}
			w.m.Tick()
			if len(o.asked) != 1 {
				t.Error("it is asked for again at once")
			}
			w.now = w.now.Add(6 * time.Minute) // by another id: the first one was used
			w.m.Tick()
			if len(o.asked) != 2 || o.asked[1].ID != "a:cam-000:2" {
				t.Errorf("%+v", o.asked)
			}
		})
	}
}

// A late word corrects what was given up.
func TestCorrections(t *testing.T) {
	for name, c := range map[string]struct {
		first, late ota.State
		want        State
	}{
		"lost, succeeded":      {ota.Lost, ota.Succeeded, Succeeded},
		"lost, rolled back":    {ota.Lost, ota.RolledBack, RolledBack},
		"lost, failed":         {ota.Lost, ota.Failed, Failed},
		"failed, succeeded":    {ota.Failed, ota.Succeeded, Succeeded},
		"cancelled, succeeded": {ota.Cancelled, ota.Succeeded, Succeeded},
		"rolled back, lost":    {ota.RolledBack, ota.Lost, RolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := newOracle(t, 1)
			begun := w.now
			o.job = ota.Job{State: c.first, Begun: begun, Text: "x"}
			w.begin(`{"id":"a","waves":[{"percent":100}],"retry_per_camera":0}`)
			w.m.Tick()
			before := len(w.results)
			if v := w.get("a"); !v.State.Final() || before != 1 {
				t.Fatalf("%s", w.dump())
			}
			late := ota.Job{Camera: "cam-000", Trigger: "a:cam-000:1", Rollout: "a", State: c.late, Begun: begun, Late: true, Text: "y"}
			w.m.Finished(late)
			if v := w.get("a"); v.Cameras[0].State != c.want {
				t.Errorf("%s", w.dump())
			}
			corrected := c.first != ota.RolledBack
			if (len(w.results) == 2) != corrected || corrected && !w.results[1].Late {
				t.Errorf("%+v", w.results)
			}
		})
	}
	w, o := newOracle(t, 1) // words about other jobs change nothing
	o.job = ota.Job{State: ota.Queued}
	w.begin(`{"id":"a","waves":[{"percent":100}]}`)
	for _, j := range []ota.Job{
		{}, {Rollout: "b"}, {Rollout: "a", Camera: "x"}, {Rollout: "a", Camera: "cam-000", Trigger: "a:cam-000:2", State: ota.Lost},
	} {
		w.m.Finished(j)
	}
	if v := w.get("a"); v.Cameras[0].State != Updating {
		t.Errorf("%+v", v.Cameras)
	}
}

// A camera that streams and never says what it is cannot be updated; one that
// says so after a restart of the relay can.
func TestUnknownFirmware(t *testing.T) {
	w, o := newOracle(t, 1)
	o.absent = true
	w.begin(`{"id":"a","waves":[{"percent":100}]}`)
	if v := w.get("a"); v.Cameras[0].State != Pending || v.Version != "latest" {
		t.Errorf("%+v", v)
	}
	w.now = w.now.Add(unheard)
	w.m.Tick()
	w.m.Tick()
	if v := w.get("a"); v.Cameras[0].State != Rejected || v.Cameras[0].Code != string(ota.NotUpdatable) || v.State != Completed {
		t.Errorf("%+v", v)
	}
	w.begin(`{"id":"b","to":"9.9.9","waves":[{"percent":100}]}`)
	o.absent = false
	w.m.Tick()
	if v := w.get("b"); v.Cameras[0].State != Rejected || v.Cameras[0].Code != string(ota.UnknownVersion) {
		t.Errorf("%+v", v)
	}
	o.absent = true
	w.begin(`{"id":"c","waves":[{"percent":100}]}`)
	o.absent, o.job.State = false, ota.Queued
	w.m.Tick()
	if v := w.get("c"); v.Cameras[0].State != Updating || v.Version != "1.5.0" {
		t.Errorf("%+v", v)
	}
	// Latest is what was the latest when the first camera of its kind came.
	w.images = append([]catalog.Image{imageOf("1.6.0", 1060)}, w.images...)
	if v := w.get("c"); v.Version != "1.5.0" || len(v.Images) != 1 {
		t.Errorf("%+v", v.Images)
	}
}

func TestCodes(t *testing.T) {
	for err, want := range map[error]ota.Code{
		errNotUpdatable: ota.NotUpdatable, catalog.ErrNone: ota.NoImage, catalog.ErrOther: ota.WrongBoard, catalog.ErrWanted: ota.BadRequest, catalog.ErrUnknown: ota.UnknownVersion,
	} {
		if got := codeOf(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
}

// Everything at once, for the race detector, with Run letting the time pass.
func TestConcurrentUse(t *testing.T) {
	w, o := newOracle(t, 20)
	var mu sync.Mutex
	w.m.opt.Publisher = nothing{}
	now := w.now
	w.m.opt.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Millisecond); return now }
	o.job = ota.Job{State: ota.Queued}
	w.begin(`{"id":"a","waves":[{"percent":100}],"max_parallel":20,"soak_s":0}`)
	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { w.m.Run(ctx) })
	for i := range 20 {
		tasks.Go(func() {
			id := fmt.Sprintf("cam-%03d", i)
			w.m.Pause("a")
			w.m.List()
			w.m.Resume("a")
			w.m.Tick()
			w.m.Trigger("", []byte("status"))
			w.m.Finished(ota.Job{Camera: id, Trigger: "a:" + id + ":1", Rollout: "a", State: ota.Succeeded})
			w.m.Get("a")
		})
	}
	for range 100_000 {
		w.m.Tick()
		if v, _ := w.m.Get("a"); v.State == Completed {
			break
		}
		w.m.Resume("a")
	}
	stop()
	tasks.Wait()
	w.m.Resume("a")
	w.m.Tick()
	if v, _ := w.m.Get("a"); v.State != Completed || v.Counts[Succeeded] != 20 {
		t.Errorf("%s", w.dump())
	}
}

type nothing struct{}

func (nothing) RolloutState(string, []byte)  {}
func (nothing) RolloutResult(string, []byte) {}
func (nothing) RolloutAnswer(string, []byte) {}
