package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
)

// Two hundred cameras, of which one in ten has trouble with the new image, in
// five ways. The rollout stops where it has to, and every camera ends streaming.
func TestFleetStopsAtItsThreshold(t *testing.T) {
	t.Parallel()
	for percent, want := range map[int]State{4: Stopped, 9: Stopped, 12: Completed} {
		t.Run(fmt.Sprint(percent), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 200)
			for i := 9; i < len(w.robots); i += 10 {
				w.robots[i].broken = kinds[i/10%len(kinds)]
			}
			for i, r := range w.robots {
				r.rssi = -30 - i // the order in which they come
			}
			v := w.begin(fmt.Sprintf(`{"waves":[{"count":1},{"percent":10},{"percent":50},{"percent":100}],"soak_s":60,"max_parallel":5,"retry_per_camera":0,"stop_if":{"failed_percent":%d,"min_executed":20}}`, percent))
			executed, failed := 0, 0
			w.until("the end", func() bool {
				got := w.get(v.ID)
				if got.State == Running { // the last that was not yet too many
					executed, failed = figures(got)
				}
				return got.State.Final()
			})
			w.streams()
			got := w.get(v.ID)
			first := 0
			for _, r := range w.results {
				if !r.Late {
					first++
				}
			}
			if got.State != want || first != 1 {
				t.Fatalf("%d results; %s", first, w.dump())
			}
			if s := (StopIf{percent, 20}); s.exceeded(failed, executed) {
				t.Errorf("%d of %d failed and it went on", failed, executed)
			}
			if e, f := figures(got); want == Stopped != (StopIf{percent, 20}).exceeded(f, e) {
				t.Errorf("it is %s with %d of %d failed", got.State, f, e)
			}
			check(t, w, got)
		})
	}
}

func figures(v View) (executed, failed int) {
	for s, n := range v.Counts {
		if s.executed() {
			executed += n
		}
		if s.failure() {
			failed += n
		}
	}
	return executed, failed
}

// check compares what a rollout says with what its cameras run.
func check(t *testing.T, w *world, v View) {
	t.Helper()
	kinds := map[string]State{"failed": Failed, "power": Failed, "rolled_back": RolledBack, "unconfirmed": RolledBack, "lost": RolledBack}
	for _, c := range v.Cameras {
		r := w.byID[c.Camera]
		switch {
		case c.State == Succeeded:
			if r.build != newBuild || r.broken != "" {
				t.Errorf("%s is %s and runs %d", r.id, c.State, r.build)
			}
		case c.State.failure():
			if want := kinds[r.broken]; c.State != want || r.build != oldBuild || c.Text == "" || c.Code == "" {
				t.Errorf("%s with %q is %+v", r.id, r.broken, c)
			}
		case r.build != oldBuild:
			t.Errorf("%s is %s and runs %d", r.id, c.State, r.build)
		case c.State == NotStarted && len(r.begun) > 0:
			t.Errorf("%s is %s and has begun %v", r.id, c.State, r.begun)
		}
	}
}

// A lost camera is lost at first, and corrected when it comes back: in a rollout
// that has ended by a second result.
func TestLost(t *testing.T) {
	w := newWorld(t, 3)
	w.robots[0].broken = "lost"
	v := w.begin("latest")
	v = w.over(v.ID)
	if v.State != Stopped || v.Cameras[0].State != Lost || v.Counts[NotStarted] != 2 || !strings.Contains(v.Text, "1 did not come back (cam-000)") || !strings.Contains(v.Text, "first wave") {
		t.Errorf("%s %s", v.Text, w.dump())
	}
	w.streams()
	w.pass(10 * time.Second)
	if v = w.get(v.ID); v.State != Stopped || v.Cameras[0].State != RolledBack {
		t.Errorf("%s", w.dump())
	}
	if len(w.results) != 2 || w.results[0].Late || !w.results[1].Late || w.results[1].Cameras["cam-000"] != RolledBack {
		t.Errorf("%+v", w.results)
	}
}

// A failure is tried again as often as asked; what went back is not.
func TestRetry(t *testing.T) {
	for kind, want := range map[string]struct {
		jobs  int
		state State
	}{
		"failed": {3, Failed}, "rolled_back": {1, RolledBack}, "unconfirmed": {1, RolledBack}, "power": {6, Failed}, // a job tries once more by itself
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 1)
			w.robots[0].broken = kind
			v := w.begin(`{"retry_per_camera":2,"waves":[{"percent":100}]}`)
			v = w.over(v.ID)
			if v.State != Completed || v.Cameras[0].State != want.state || len(w.robots[0].begun) != want.jobs || v.Cameras[0].Wave != 1 {
				t.Errorf("begun %v; %s", w.robots[0].begun, w.dump())
			}
			if len(w.results) != 1 || w.results[0].OK || len(w.results[0].Reasons) != 1 {
				t.Errorf("%+v", w.results)
			}
		})
	}
	w := newWorld(t, 1)
	w.robots[0].broken = "failed"
	v := w.begin(`{"waves":[{"percent":100}],"soak_s":10}`)
	w.until("the first failure", func() bool { return w.get(v.ID).Cameras[0].Failures == 1 })
	at := w.now
	if v := w.get(v.ID); v.Cameras[0].State != Pending || !strings.Contains(v.Waits, "flash chip") {
		t.Errorf("waits %q", v.Waits)
	}
	w.robots[0].broken = ""
	if v = w.over(v.ID); v.Cameras[0].State != Succeeded || v.Cameras[0].Attempt != 2 {
		t.Errorf("%s", w.dump())
	}
	if took := w.now.Sub(at); took < 5*time.Minute {
		t.Errorf("tried again after %s", took)
	}
}

// Soak: what a camera must not do while it is watched.
func TestSoak(t *testing.T) {
	const soak = 100 * time.Second
	for name, c := range map[string]struct {
		before func(r *robot)
		during func(w *world, r *robot)
		want   State
	}{
		"as before":                  {nil, func(*world, *robot) {}, Succeeded},
		"80 percent":                 {nil, func(_ *world, r *robot) { r.fps = 8 }, Succeeded},
		"79 percent":                 {nil, func(_ *world, r *robot) { r.fps = 7.9 }, Regressed},
		"a short dip":                {nil, func(w *world, r *robot) { r.fps = 0; w.pass(10 * time.Second); r.fps = 10 }, Succeeded},
		"a long dip":                 {nil, func(w *world, r *robot) { r.fps = 0; w.pass(25 * time.Second); r.fps = 20 }, Regressed},
		"fewer wanted":               {nil, func(_ *world, r *robot) { r.fps, r.wanted = 4, 5 }, Succeeded},
		"fewer than wanted":          {nil, func(_ *world, r *robot) { r.fps, r.wanted = 3.9, 5 }, Regressed},
		"rests now":                  {nil, func(_ *world, r *robot) { r.fps, r.resting = 0.2, true }, Succeeded},
		"rested before":              {func(r *robot) { r.fps, r.resting = 0.2, true }, func(_ *world, r *robot) { r.fps, r.resting = 1, false }, Succeeded},
		"away for long":              {nil, func(w *world, r *robot) { r.cut(); w.pass(40 * time.Second); r.hello() }, Regressed},
		"reconnects":                 {nil, func(w *world, r *robot) { r.cut(); w.pass(5 * time.Second); r.hello() }, Succeeded},
		"restarts":                   {nil, func(_ *world, r *robot) { r.restart("panic", 4) }, Regressed},
		"old image":                  {nil, func(_ *world, r *robot) { r.build = oldBuild; r.restart("panic", 4) }, Regressed},
		"newer image":                {nil, func(_ *world, r *robot) { r.build = newBuild + 1; r.restart("software", 4) }, Succeeded},
		"relay restarts":             {nil, func(w *world, _ *robot) { w.restart(); w.pass(2 * time.Second); w.restart() }, Succeeded},
		"relay restarts, camera too": {nil, func(w *world, r *robot) { r.restart("power", 20); w.restart() }, Regressed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			r := w.robots[0]
			if c.before != nil {
				c.before(r)
			}
			v := w.begin(fmt.Sprintf(`{"waves":[{"percent":100}],"soak_s":%d}`, soak/time.Second))
			w.until("it soaks", func() bool { return w.get(v.ID).Cameras[0].State == Soaking })
			at := w.now
			c.during(w, r)
			v = w.over(v.ID)
			if got := v.Cameras[0]; got.State != c.want || got.State == Regressed && (got.Code != "regressed" || !strings.HasPrefix(got.Text, "cam-000: it was updated")) {
				t.Errorf("%+v", got)
			}
			if took := w.now.Sub(at); c.want == Succeeded && (took < soak || took > soak+10*time.Second) {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A relay that restarts does not take its own absence for the camera's.
func TestSoakOverRestart(t *testing.T) {
	for restarts, want := range map[bool]State{true: Succeeded, false: Regressed} {
		w := newWorld(t, 1)
		v := w.begin(`{"waves":[{"percent":100}],"soak_s":10}`)
		w.until("it soaks", func() bool { return w.get(v.ID).Cameras[0].State == Soaking })
		w.pass(6 * time.Second)
		w.robots[0].cut()
		if restarts {
			w.restart()
		}
		w.pass(20 * time.Second)
		w.robots[0].hello()
		if v = w.over(v.ID); v.Cameras[0].State != want {
			t.Errorf("restart %v: %s", restarts, w.dump())
		}
	}
	w := newWorld(t, 1) // but one that stays away is away
	v := w.begin(`{"waves":[{"percent":100}],"soak_s":10}`)
	w.until("it soaks", func() bool { return w.get(v.ID).Cameras[0].State == Soaking })
	w.robots[0].cut()
	w.restart()
	if v = w.over(v.ID); v.Cameras[0].State != Regressed || !strings.Contains(v.Cameras[0].Text, "does not stream") {
		t.Errorf("%s", w.dump())
	}
}

// A camera that is offline neither holds up the first waves nor is a failure.
func TestOffline(t *testing.T) {
	w := newWorld(t, 6)
	for _, r := range w.robots[:2] {
		r.cut()
		r.up, r.wait = false, 1<<30
	}
	v := w.begin(`{"waves":[{"count":2},{"percent":100}],"soak_s":20,"max_parallel":1,"deadline":"2026-11-20T14:00:00Z"}`)
	w.until("wave 2 waits", func() bool { return w.get(v.ID).Counts[Succeeded] == 4 })
	w.pass(time.Minute)
	if v := w.get(v.ID); v.State != Running || v.Waits != "for cameras to come online, like cam-000" || w.states[v.ID].Waits != v.Waits {
		t.Errorf("waits %q; %s", v.Waits, w.dump())
	}
	w.robots[0].wait = 0 // it comes
	w.until("five", func() bool { return w.get(v.ID).Counts[Succeeded] == 5 })
	v = w.over(v.ID)
	if v.State != Expired || v.Counts[Offline] != 1 || !w.now.After(v.Deadline.Add(-time.Second)) || len(w.results) != 1 || w.results[0].OK {
		t.Errorf("%s", w.dump())
	}
	if !strings.Contains(v.Text, "1 offline (cam-001)") || !strings.Contains(v.Text, "deadline") {
		t.Error(v.Text)
	}
}

// The window, the relay's own window, viewers and other jobs are waited for.
func TestWaits(t *testing.T) {
	w := newWorld(t, 2)
	v := w.begin(`{"window":{"from":"13:00","to":"13:30"},"defer_if_viewers":true,"waves":[{"percent":100}],"soak_s":0,"max_parallel":1}`)
	w.pass(30 * time.Minute)
	if got := w.get(v.ID); got.Waits != "for its window" || len(w.order) > 0 {
		t.Errorf("waits %q, begun %v", got.Waits, w.order)
	}
	w.robots[0].viewers, w.robots[1].viewers = 1, 1
	w.pass(31 * time.Minute)
	if got := w.get(v.ID); got.Waits != "until nobody watches cam-000" || len(w.order) > 0 {
		t.Errorf("waits %q, begun %v", got.Waits, w.order)
	}
	w.robots[1].viewers = 0
	w.until("the other one", func() bool { return w.get(v.ID).Counts[Succeeded] == 1 })
	w.robots[0].viewers = 0
	w.over(v.ID)
	if got := strings.Join(w.order, " "); got != "cam-001 cam-000" {
		t.Errorf("order %s", got)
	}

	w = newWorld(t, 1)
	older := w.images[1]
	older.Header.Build = 1045
	older.SHA256 = strings.Repeat("9", 64)
	w.images = append(w.images, older)
	if _, err := w.c.Trigger("cam-000", ota.Trigger{Action: ota.Install}, "test"); err != nil {
		t.Fatal(err)
	}
	v = w.begin(`{"waves":[{"percent":100}],"soak_s":0}`)
	if v = w.over(v.ID); v.Cameras[0].State != Already || len(w.order) != 1 { // by the other job
		t.Errorf("%v; %s", w.order, w.dump())
	}
}

// What cannot be updated is shown and takes no place in a wave.
func TestRejected(t *testing.T) {
	w := newWorld(t, 4)
	w.byID["cam-001"].build = 2000 // newer than all
	w.byID["cam-001"].hello()
	v := w.begin(`{"waves":[{"count":1},{"percent":100}],"soak_s":0,"canary":["cam-001"]}`)
	w.until("one is under way", func() bool { return len(w.order) == 1 })
	delete(w.byID, "cam-003")
	w.c.Forget("cam-003")
	v = w.over(v.ID)
	if v.Cameras[1].State != Rejected || v.Cameras[1].Code != string(ota.Downgrade) || v.Cameras[1].Wave != 0 || v.Cameras[3].State != Cancelled || v.Counts[Succeeded] != 2 || v.State != Completed {
		t.Errorf("%s", w.dump())
	}
	// A person cancels one job of many.
	w = newWorld(t, 2)
	v = w.begin(`{"waves":[{"percent":100}],"soak_s":0,"max_parallel":2}`)
	w.until("both are under way", func() bool { return len(w.order) == 2 })
	if _, err := w.c.Trigger("cam-001", ota.Trigger{Action: ota.Cancel}, "test"); err != nil {
		t.Fatal(err)
	}
	if v = w.over(v.ID); v.Cameras[1].State != Cancelled || v.Cameras[0].State != Succeeded || v.State != Completed {
		t.Errorf("%s", w.dump())
	}
}

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t, 3)
	w.groups["cam-000"] = []string{"garden"}
	w.groups["cam-001"] = []string{"garden", "yard"}
	for text, want := range map[string]ota.Code{
		`{"select":{"groups":["house"]}}`:                       NoCameras,
		`{"select":{"groups":["yard"],"exclude":["cam-001"]}}`:  NoCameras,
		`{"select":{"board":"ai-thinker"}}`:                     NoCameras,
		`{"select":{"cameras":["door"]}}`:                       ota.UnknownCamera,
		`{"select":{"exclude":["door"]}}`:                       ota.UnknownCamera,
		`{"canary":["door"]}`:                                   ota.UnknownCamera,
		`{"canary":["cam-002"],"select":{"groups":["garden"]}}`: ota.BadRequest,
		`{"to":"9.9.9"}`:                                        ota.UnknownVersion,
		`{"deadline":"2026-11-20T12:00:00Z"}`:                   ota.Expired,
		`{"deadline":"2026-12-31T12:00:00Z"}`:                   ota.BadRequest,
	} {
		_, err := w.try(text)
		var code ota.Code
		if e, ok := err.(*ota.RefusedError); ok {
			code = e.Code
		}
		if code != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if len(w.m.List()) > 0 || w.writes > 0 {
		t.Errorf("%d rollouts, %d writes", len(w.m.List()), w.writes)
	}
	v := w.begin(`{"id":"a","select":{"groups":["yard"],"cameras":["cam-002"],"exclude":["cam-001"],"board":"vcam"}}`)
	if len(v.Cameras) != 1 || v.Cameras[0].Camera != "cam-002" {
		t.Errorf("%+v", v.Cameras)
	}
	if again := w.begin(`{"id":"a","select":{"groups":["yard"],"cameras":["cam-002"],"exclude":["cam-001"],"board":"vcam"}}`); again.Created != v.Created || len(w.m.List()) != 1 {
		t.Error("the same request is another rollout")
	}
	w.images = append([]catalog.Image{imageOf("1.6.0", 1060)}, w.images...)
	for text, want := range map[string]ota.Code{`{"id":"a"}`: ota.BadRequest, "1.5.0": ota.Duplicate, `{"to":{"build":1060}}`: ota.BusyJob} {
		if _, err := w.try(text); err == nil || err.(*ota.RefusedError).Code != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := w.m.Cancel("a"); err != nil {
		t.Fatal(err)
	}
	w.over("a")
	if v := w.begin("latest"); v.ID != "1.6.0-1" || slices.ContainsFunc(v.Cameras, func(t Target) bool { return t.State == Rejected }) {
		t.Errorf("%+v", v)
	}
}

// All of them have it: there is nothing to do, and nothing to divide by.
func TestNothingToDo(t *testing.T) {
	w := newWorld(t, 3)
	for _, r := range w.robots {
		r.build = newBuild
		r.hello()
	}
	v := w.begin("latest")
	if v = w.get(v.ID); v.State != Completed || v.Total != 0 || len(w.results) != 1 || !w.results[0].OK {
		t.Errorf("%s %+v", w.dump(), w.results)
	}
}
