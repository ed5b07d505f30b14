package vcam

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/wire"
)

// A camera begins with what the factory has written, and has its own server.
func TestFactory(t *testing.T) {
	l := startLab(t)
	d := newDiary(nil)
	power(t, l.config("door", d))
	l.online("door", 1)
	if u := l.updates("door"); u.Firmware != "1.0.0" || u.State != "confirmed" || u.Slot != "A" {
		t.Errorf("the relay knows %+v", u)
	}
	if m, err := l.picture("door"); err != nil || m.Camera != 1 || time.Since(m.Time) > 5*time.Second {
		t.Errorf("the picture says %+v, %v", m, err)
	}
	if got := d.list(); len(got) != 1 || got[0] != (start{"1.0.0", "A", "power", false}) {
		t.Errorf("starts: %+v", got)
	}
}

// Each way in which a firmware can be good or bad, installed for real. Who is
// on trial has a clock that runs faster: 120 s of trial and 30 s of a watchdog
// are seconds.
func TestBehaviours(t *testing.T) {
	const hurry = 40
	for _, c := range []struct {
		of     Behaviour
		want   ota.State
		code   ota.Code
		starts string // version and reason, of those after the update
		runs   uint32 // in the end
	}{
		{Good, ota.Succeeded, "", "2.0.0 trial software", 2},
		{Panics, ota.RolledBack, "trial_reset", "2.0.0 trial software, 2.0.0 trial panic, 2.0.0 trial panic, 1.0.0 panic", 1},
		{NoWiFi, ota.RolledBack, "trial_timeout", "2.0.0 trial software, 2.0.0 trial software, 2.0.0 trial software, 1.0.0 software", 1},
		{NoUpdate, ota.RolledBack, "trial_timeout", "2.0.0 trial software, 2.0.0 trial software, 2.0.0 trial software, 1.0.0 software", 1},
	} {
		t.Run(string(c.of), func(t *testing.T) {
			t.Parallel()
			l := startLab(t)
			clock := newFastClock()
			d := newDiary(func(s start) {
				if s.trial && c.of != Good {
					clock.run(hurry)
				} else {
					clock.run(1)
				}
			})
			cfg := l.config("door", d)
			cfg.Clock = clock
			power(t, cfg)
			l.online("door", 1)
			l.release("2.0.0", 2, c.of)
			l.trigger("door", "latest")
			job := l.result("door")
			if job.State != c.want || job.Code != c.code || job.To.Version != "2.0.0" || job.Text == "" {
				t.Errorf("%s %s: %s; want %s %s", job.State, job.Code, job.Text, c.want, c.code)
			}
			l.online("door", c.runs)
			var starts []string
			for _, s := range d.list()[1:] {
				text := s.firmware + " "
				if s.trial {
					text += "trial "
				}
				starts = append(starts, text+s.reset)
			}
			if got := strings.Join(starts, ", "); got != c.starts {
				t.Errorf("starts: %s\nwant:   %s", got, c.starts)
			}
		})
	}
}

// A firmware that hangs after it has proved itself falls back too: after some
// starts that did not stay up.
func TestHangs(t *testing.T) {
	l := startLab(t)
	clock := newFastClock()
	d := newDiary(func(s start) {
		if s.firmware == "1.0.0" {
			clock.run(1)
		}
	})
	cfg := l.config("door", d)
	cfg.Clock = clock
	power(t, cfg)
	l.online("door", 1)
	l.release("2.0.0", 2, Hangs)
	l.trigger("door", "latest")
	if job := l.result("door"); job.State != ota.Succeeded {
		t.Fatalf("%s: %s", job.State, job.Text) // it is only later that it hangs
	}
	clock.run(40)
	l.eventually(func() bool { s := d.list(); return s[len(s)-1].firmware == "1.0.0" }, "the old firmware is back")
	l.online("door", 1)
	starts := d.list()
	if last := starts[len(starts)-1]; last.reset != "watchdog" {
		t.Errorf("it came back after a reset by %s", last.reset)
	}
	l.eventually(func() bool { return strings.Contains(l.log.String(), "regressed") }, "the relay says that 2.0.0 does not start any more")
}

// The flash outlives the program, also when the power is cut in the middle of
// an update, wherever that is.
func TestPowerCuts(t *testing.T) {
	l := startLab(t, "--set", "ota.rate=64KiB") // so that a download takes a second or two
	l.release("2.0.0", 2, Good)
	l.release("3.0.0", 3, Good)
	d := newDiary(nil)
	cfg := l.config("door", d)
	cfg.Flash = filepath.Join(t.TempDir(), "door.flash")

	camera := power(t, cfg)
	l.online("door", 1)
	l.trigger("door", "2.0.0")
	for _, state := range []ota.State{ota.Preparing, ota.Downloading, ota.Rebooting} {
		l.eventually(func() bool { u := l.updates("door"); return u.Job.State == state || u.Job.State.Final() }, "the update is %s", state)
		camera.cut(t)
		camera = power(t, cfg)
		if job := l.result("door"); job.State == ota.Failed && job.Code == ota.PowerLost {
			l.online("door", 1)
			l.trigger("door", fmt.Sprintf(`{"version":"2.0.0","force":true}`)) // it was tried once more by itself already
		} else if job.State != ota.Succeeded {
			t.Fatalf("%s %s: %s", job.State, job.Code, job.Text)
		} else {
			break
		}
	}
	l.result("door")
	l.online("door", 2)
	camera.cut(t)
	camera = power(t, cfg)
	l.online("door", 2) // the factory's image does not come again
	l.trigger("door", "3.0.0")
	if job := l.result("door"); job.State != ota.Succeeded || job.From.Version != "2.0.0" {
		t.Errorf("%s: %s", job.State, job.Text)
	}
}

// Two cameras cannot have one flash.
func TestFlashIsLocked(t *testing.T) {
	l := startLab(t)
	cfg := l.config("door", newDiary(nil))
	cfg.Flash = filepath.Join(t.TempDir(), "door.flash")
	camera := power(t, cfg)
	l.online("door", 1)
	if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), cfg.Flash) || !strings.Contains(err.Error(), "another camera's") {
		t.Errorf("a second camera on the same flash: %v", err)
	}
	camera.cut(t)
	power(t, cfg)
	l.online("door", 1)
}

// Ten cameras in one process are updated one after another, four at a time, and
// nothing is left of them.
func TestTenCameras(t *testing.T) {
	l := startLab(t)
	l.release("2.0.0", 2, Good)
	ids := make([]string, 10)
	cameras := make([]*powered, 10)
	for i := range ids {
		ids[i] = fmt.Sprintf("door-%d", i)
		cfg := l.config(ids[i], newDiary(nil))
		cfg.Number = uint8(i + 1)
		cfg.Settings = wire.Settings{"fps": 5}
		cfg.Settings.SetFrameSize("QVGA")
		cameras[i] = power(t, cfg)
	}
	for i, id := range ids {
		l.online(id, 1)
		if m, err := l.picture(id); err != nil || int(m.Camera) != i+1 {
			t.Errorf("%s shows the picture of camera %d: %v", id, m.Camera, err)
		}
		l.trigger(id, "latest")
	}
	for _, id := range ids {
		if job := l.result(id); job.State != ota.Succeeded {
			t.Errorf("%s: %s", id, job.Text)
		}
		l.online(id, 2)
	}
	for _, c := range cameras {
		c.cancel()
	}
	for _, c := range cameras {
		c.cut(t)
	}
}
