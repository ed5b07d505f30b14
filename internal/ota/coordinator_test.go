package ota

import (
	"os"
	"strings"
	"testing"
	"time"

	"camrelay/internal/wire"
)

func TestUpdate(t *testing.T) {
	f := newFixture(t)
	j, err := f.trigger("latest")
	if err != nil || j.State != Queued || j.To.Version != "1.5.0" {
		t.Fatalf("%+v, %v", j, err)
	}
	f.step()
	if !strings.Contains(f.shown, "preparing") {
		t.Errorf("viewers see %q before the stream ends", f.shown)
	}
	f.settle()
	wantResults(t, f, "succeeded")
	want := "idle queued precheck preparing:announced preparing:ordered preparing:accepted preparing:stream_closed preparing:server_stopped " +
		"ready ready:header_ok downloading verifying verifying:verified activated rebooting confirming confirming:streaming succeeded"
	if got := strings.Join(f.states, " "); got != want {
		t.Errorf("states:\n%s\nwant:\n%s", got, want)
	}
	if f.shown != "" || f.robot.build != 1050 || f.last.Heap == nil || f.last.Progress != 100 {
		t.Errorf("viewers see %q, camera runs %d, %+v", f.shown, f.robot.build, f.last)
	}
	if _, err := f.trigger("latest"); refusal(err) != AlreadyThere {
		t.Error(err)
	}
	wantResults(t, f, "succeeded", "already_installed already_installed")
}

// Requests that do not become a job, each with its one result.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		with func(f *fixture)
		want Code
	}{
		"same version":    {"1.4.2", nil, AlreadyThere},
		"older":           {"1.3.0", nil, Downgrade},
		"unknown version": {"9.9.9", nil, UnknownVersion},
		"late":            {`{"deadline":"2020-01-01T00:00:00Z"}`, nil, Expired},
		"nothing to stop": {"cancel", nil, NothingToCancel},
		"nothing before":  {"retry", nil, NothingToRetry},
		"dry run":         {"dry-run", nil, Fine},
		"dry run, older":  {`{"version":"1.3.0","dry_run":true}`, nil, Downgrade},
		"on trial":        {"latest", func(f *fixture) { f.robot.confirmed = false; f.robot.hello() }, OnTrial},
		"floor": {"1.3.0", func(f *fixture) {
			f.c.Hello("door", wire.Hello{Firmware: "1.4.2", Build: 1042, Board: "vcam", Chip: "host", Boot: "1", Floor: 1040})
		}, BelowFloor},
		"other firmware": {"latest", func(f *fixture) { f.c.Hello("door", wire.Hello{Firmware: "esp-cam"}) }, NotUpdatable},
		"busy":           {`{"build":1042}`, func(f *fixture) { f.trigger("latest"); f.pass(3 * time.Second) }, BusyJob},
		"twice":          {"latest", func(f *fixture) { f.trigger("1.5.0"); f.pass(3 * time.Second) }, Duplicate},
		"same id, other": {`{"id":"a","build":1042}`, func(f *fixture) { f.trigger(`{"id":"a"}`) }, BadRequest},
		"rate": {"latest", func(f *fixture) {
			f.trigger("latest")
			f.pass(3 * time.Second)
			f.trigger("cancel")
			f.settle()
			f.results = nil
		}, RateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if c.with != nil {
				c.with(f)
			}
			n := len(f.results)
			if _, err := f.trigger(c.text); refusal(err) != c.want || strings.ContainsAny(err.Error(), "{}") {
				t.Errorf("%v, want %s", err, c.want)
			}
			if len(f.results) != n+1 || !strings.HasSuffix(f.results[n], string(c.want)) {
				t.Errorf("results %q", f.results)
			}
		})
	}
	f := newFixture(t)
	if _, err := f.c.Trigger("../x", Trigger{Action: Install}, "test"); refusal(err) != UnknownCamera || len(f.results) > 0 {
		t.Errorf("%v, %q", err, f.results)
	}
}

// busy reports a state in which the camera hangs, and the result that follows.
func TestHangingCamera(t *testing.T) {
	for phase, want := range map[string]string{
		wire.PhaseAccepted:      "failed prepare_timeout",
		wire.PhaseServerStopped: "failed server_stuck",
		wire.PhaseReady:         "failed server_stuck",
		wire.PhaseHeaderOK:      "failed no_download",
		wire.PhaseDownloading:   "failed download_stalled",
	} {
		t.Run(phase, func(t *testing.T) {
			f := newFixture(t)
			f.robot.stuck = phase
			stuckSteps = 0
			f.trigger("latest")
			f.settle()
			if f.robot.build != 1042 || len(f.results) != 1 {
				t.Errorf("camera runs %d, results %q", f.robot.build, f.results)
			}
			wantResults(t, f, want)
		})
	}
}

// The camera loses power in each phase: the update is tried once more, and
// succeeds.
func TestPowerLost(t *testing.T) {
	for phase := range next {
		t.Run(phase, func(t *testing.T) {
			f := newFixture(t)
			f.robot.died = phase
			f.trigger("latest")
			f.settle()
			for range 200 { // the second attempt
				f.step()
			}
			f.settle()
			wantResults(t, f, "succeeded")
			if f.robot.build != 1050 {
				t.Errorf("camera runs %d", f.robot.build)
			}
		})
	}
}

func TestImageThatDoesNotWork(t *testing.T) {
	f := newFixture(t)
	f.robot.bad = true
	f.trigger("latest")
	f.settle()
	wantResults(t, f, "rolled_back trial_reset")
	if f.robot.build != 1042 {
		t.Errorf("camera runs %d", f.robot.build)
	}
}

// A camera that never comes back is overdue, then lost, and corrected when it
// does.
func TestLost(t *testing.T) {
	f := newFixture(t)
	f.trigger("latest")
	for f.robot.up {
		f.step()
	}
	f.robot.wait = 2 * 60 * 20
	f.pass(2 * time.Minute)
	if f.last.State != string(Overdue) || !strings.Contains(f.shown, "not come back") {
		t.Errorf("%s, viewers see %q", f.last.State, f.shown)
	}
	f.pass(10 * time.Minute)
	wantResults(t, f, "lost lost")
	f.settle()
	f.pass(10 * time.Second)
	wantResults(t, f, "lost lost", "succeeded")
	if j, _ := f.c.Job("door"); !j.Late {
		t.Error("the second result does not say that it corrects the first")
	}
}

func TestCancelInEveryState(t *testing.T) {
	steps := 0
	for n := 0; ; n++ {
		f := newFixture(t)
		f.trigger("latest")
		for range n {
			f.step()
		}
		j, _ := f.c.Job("door")
		if j.State.Final() {
			break
		}
		_, err := f.trigger("cancel")
		f.settle()
		switch {
		case j.State.Cancellable() && refusal(err) == "":
			// The camera may have activated the image before it heard.
			if got := strings.Join(f.results, ", "); got != "cancelled cancelled" && got != "cancelled cancelled, succeeded" && (got != "succeeded" || j.State != Verifying) {
				t.Errorf("cancelled in %s:%s: %s", j.State, j.Step, got)
			}
		case refusal(err) == TooLate:
			wantResults(t, f, "rejected too_late", "succeeded")
		default:
			t.Errorf("cancelled in %s: %v", j.State, err)
		}
		steps++
	}
	if steps < 20 {
		t.Errorf("only %d moments", steps)
	}
}

// Each message is lost, or comes twice, in turn.
func TestEveryMessageLostOrDoubled(t *testing.T) {
	for _, double := range []bool{false, true} {
		for n := 0; ; n++ {
			f := newFixture(t)
			if double {
				f.double = n
			} else {
				f.drop = n
			}
			f.trigger("latest")
			f.settle()
			if n >= f.messages {
				break
			}
			if f.robot.build != 1050 {
				t.Errorf("message %d, twice %v: camera runs %d", n, double, f.robot.build)
			}
			wantResults(t, f, "succeeded")
		}
	}
}

// The relay is killed at every moment, once and twice; the job goes on.
func TestRelayRestartsAtEveryMoment(t *testing.T) {
	for gap := range 4 {
		for n := 0; ; n++ {
			f := newFixture(t)
			j, _ := f.trigger("latest")
			for range n {
				f.step()
			}
			if j, _ := f.c.Job("door"); j.State.Final() {
				break
			}
			f.restart()
			for range gap {
				f.step()
			}
			f.restart()
			f.settle()
			if f.robot.build != 1050 {
				t.Errorf("restart at step %d: camera runs %d", n, f.robot.build)
			}
			if k, _ := f.c.Job("door"); k.ID != j.ID {
				t.Errorf("restart at step %d: another job", n)
			}
			wantResults(t, f, "succeeded")
		}
	}
}

// A disk that fails: no update begins, and one that has begun goes on.
func TestJournalFails(t *testing.T) {
	lose := func(f *fixture) {
		f.j.Close()
		if err := os.RemoveAll(f.dir); err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t)
	lose(f)
	if _, err := f.trigger("latest"); refusal(err) != DiskFull {
		t.Error(err)
	}
	f.pass(10 * time.Second)
	if wantResults(t, f, "rejected disk_full"); f.robot.job != "" || f.last.State != "idle" {
		t.Errorf("camera works on %q, state %s", f.robot.job, f.last.State)
	}
	f = newFixture(t)
	f.trigger("latest")
	f.pass(2 * time.Second)
	lose(f)
	f.pass(5 * time.Second)
	if !f.last.Volatile {
		t.Error("nobody is told that the update is not journalled")
	}
	f.settle()
	wantResults(t, f, "succeeded")
}

func TestWindow(t *testing.T) {
	night, err := ParseWindow("22:30", "05:00", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day, _ := ParseWindow("09:00", "17:00", "UTC")
	for text, want := range map[string][2]bool{
		"2026-11-20T21:29:59Z": {false, false}, "2026-11-20T21:30:00Z": {true, false}, "2026-11-21T03:59:59Z": {true, false},
		"2026-11-21T04:00:00Z": {false, false}, "2026-11-20T09:00:00Z": {false, true}, "2026-11-20T17:00:00Z": {false, false},
		"2026-07-20T20:30:00Z": {true, false}, // summer time
	} {
		at, _ := time.Parse(time.RFC3339, text)
		if got := [2]bool{night.Open(at), day.Open(at)}; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if w, err := ParseWindow("", "", ""); err != nil || !w.Open(time.Now()) {
		t.Error(err)
	}
	for _, bad := range [][3]string{{"25:00", "05:00", ""}, {"01:00", "", ""}, {"01:00", "01:00", ""}, {"01:00", "02:00", "Mars/Base"}} {
		if _, err := ParseWindow(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q is a window", bad)
		}
	}
}
