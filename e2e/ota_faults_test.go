package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/ota"
)

// stages are events of an update at which everything may be cut off. The first
// three come before the camera has been told.
var stages = []string{
	"queued", "precheck", "preparing:announced", "preparing:ordered", "preparing:accepted", "preparing:stream_closed", "preparing:server_stopped",
	"ready", "ready:header_ok", "downloading", "verifying", "activated", "rebooting", "confirming", "succeeded",
}

// once does something at an event, as soon as it is said, or at the one after: a
// step may be over before it could be told.
type once struct {
	sync.Once
	camera, event string
	do            func()
	done          chan struct{}
}

func atEvent(camera, event string, do func()) *once {
	return &once{camera: camera, event: event, do: do, done: make(chan struct{})}
}

func (o *once) tap(m said) {
	event, _, _ := strings.Cut(m.text, ": ")
	if m.topic == "camrelay/ota/"+o.camera+"/event" && slices.Index(otaSteps, event) >= slices.Index(otaSteps, o.event) {
		o.Do(func() {
			o.do()
			close(o.done)
		})
	}
}

// oneResult makes sure that every job of a camera had its one result.
func (s *site) oneResult(e *ear, id, check string) {
	s.t.Helper()
	within(s.t, patience, func() bool { // a relay that is on its way back to the broker does not hear the first
		n := len(e.of("camrelay/ota/" + id + "/result"))
		s.publish("camrelay/ota/"+id, `{"id":"check-`+check+`","dry_run":true}`) // after it nothing more comes
		for wait := time.Now().Add(time.Second); time.Now().Before(wait); time.Sleep(10 * time.Millisecond) {
			if all := e.of("camrelay/ota/" + id + "/result"); len(all) > n && all[len(all)-1].document(s.t).ID == "check-"+check {
				return true
			}
		}
		return false
	}, "dry-run is answered")
	told := map[string]int{}
	for _, m := range e.results(id) {
		d := m.document(s.t)
		if d.Text == "" || strings.ContainsAny(d.Text, "{}") {
			s.t.Errorf("result without a sentence: %s", m.text)
		}
		told[d.Job]++
		if d.Late {
			told[d.Job]-- // it corrects another
		}
	}
	for _, j := range s.updates(id).Jobs {
		if told[j.ID] != 1 {
			s.t.Errorf("job %s (%s %s) has %d results", j.ID, j.State, j.Code, told[j.ID])
		}
		delete(told, j.ID)
	}
	for job, n := range told {
		s.t.Errorf("%d results of the job %q, which is not known", n, job)
	}
}

// through sees a camera through an update that is disturbed, and says how it
// ended. What ended otherwise than well is asked for once more.
func (s *site) through(e *ear, id, check string, before holds) ota.Job {
	s.t.Helper()
	job := s.ended(id, 1)
	if job.State == ota.Succeeded {
		s.runs(id, job.To.Version)
	} else {
		s.runs(id, job.From.Version)
	}
	s.oneResult(e, id, check)
	s.letsGo(before)
	s.t.Logf("%s %s: %s", job.State, job.Code, job.Text)
	return job
}

// The relay is killed at every stage of an update, and started again.
func TestRelayKilledInUpdate(t *testing.T) {
	tests := map[string]func(*testing.T){}
	for i, stage := range stages {
		tests[fmt.Sprintf("%02d %s", i, stage)] = func(t *testing.T) {
			s := newSite(t, siteConfig{rate: "200KiB"})
			s.add("door")
			s.power("door")
			s.release("1.1.0")
			s.runs("door", "1.0.0")
			before := s.holds()
			kill := atEvent("door", stage, func() { s.run.cmd.Process.Kill() })
			e := s.listen("camrelay/ota/#", kill.tap)
			s.publish("camrelay/ota/door", `{"id":"one"}`)
			<-kill.done
			<-s.run.ended
			s.start()
			if job := s.through(e, "door", "k", before); job.State != ota.Succeeded || job.Trigger != "one" {
				t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
			}
		}
	}
	together(t, 4, tests)
}

// The broker is killed at every stage, and comes back. The relay and the camera
// go on without it; only to confirm a new firmware it has to be there.
func TestBrokerKilledInUpdate(t *testing.T) {
	tests := map[string]func(*testing.T){}
	for i, stage := range stages {
		tests[fmt.Sprintf("%02d %s", i, stage)] = func(t *testing.T) {
			s := newSite(t, siteConfig{rate: "200KiB"})
			s.add("door")
			s.power("door")
			s.release("1.1.0")
			s.runs("door", "1.0.0")
			before := s.holds()
			kill := atEvent("door", stage, func() { s.mosq.run.cmd.Process.Kill() })
			e := s.listen("camrelay/ota/#", kill.tap)
			s.publish("camrelay/ota/door", `{"id":"one"}`)
			<-kill.done
			<-s.mosq.run.ended
			if i%2 == 1 { // not at once, but while the new firmware is on trial, which needs it
				eventually(t, func() bool { state := s.updates("door").Job.State; return state == ota.Confirming || state.Final() }, "the new firmware is there")
			}
			s.mosq.start()
			if job := s.through(e, "door", "k", before); job.State != ota.Succeeded {
				t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
			}
			e.wait("camrelay/ota/door/state", func(m said) bool { return m.document(t).State == "succeeded" }, "the state, which a new broker does not know")
		}
	}
	together(t, 4, tests)
}

// The broker is away when the update ends, and the relay is killed before it
// comes back. The camera uses none.
func TestResultOutlivesRelay(t *testing.T) {
	s := newSite(t, siteConfig{})
	s.add("door")
	s.power("door", "--mqtt", "")
	s.release("1.1.0")
	s.runs("door", "1.0.0")
	before := s.holds()
	e := s.listen("camrelay/ota/#", nil)
	s.publish("camrelay/ota/door", "latest")
	e.wait("camrelay/ota/door/event", func(m said) bool { return m.text == "rebooting" }, "rebooting")
	s.mosq.run.kill()
	if job := s.ended("door", 1); job.State != ota.Succeeded {
		t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
	}
	s.crash()
	s.mosq.start()
	s.through(e, "door", "k", before)
	n := len(e.results("door"))
	s.restart() // what has been told is not told again
	s.oneResult(e, "door", "l")
	if again := len(e.results("door")); n != 1 || again != 1 {
		t.Errorf("%d results, and %d after another restart", n, again)
	}
}

// The camera loses its power at every stage.
func TestCameraKilledInUpdate(t *testing.T) {
	s := newSite(t, siteConfig{rate: "300KiB", args: []string{"--set", "ota.parallel=20"}})
	s.release("1.1.0")
	tests := map[string]func(*testing.T){}
	for i, stage := range stages[:len(stages)-1] {
		tests[fmt.Sprintf("%02d %s", i, stage)] = func(t *testing.T) {
			s := s.in(t)
			id := fmt.Sprintf("door-%d", i)
			camera := s.power(id)
			s.runs(id, "1.0.0")
			kill := atEvent(id, stage, func() { camera.cmd.Process.Kill() })
			e := s.listenAs(id, "camrelay/ota/"+id+"/#", kill.tap)
			s.publish("camrelay/ota/"+id, "latest")
			<-kill.done
			<-camera.ended
			s.power(id)
			job := s.ended(id, 1)
			switch {
			case job.State == ota.Succeeded:
				s.runs(id, "1.1.0")
			case job.State == ota.RolledBack && (stage == "confirming" || stage == "rebooting" || stage == "activated"):
				s.runs(id, "1.0.0")
			default:
				t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
			}
			s.oneResult(e, id, "k")
			t.Logf("%s %s after %d tries: %s", job.State, job.Code, job.Retries+1, job.Text)
		}
		s.add(fmt.Sprintf("door-%d", i))
	}
	before := s.holds()
	together(t, 5, tests)
	s.letsGo(before)
}

// in is the site in a sub-test.
func (s *site) in(t testing.TB) *site {
	sub, r := *s, *s.relay
	r.t, sub.relay = t, &r
	return &sub
}

// Downloads break wherever they can, in every way.
func TestDownloadBreaks(t *testing.T) {
	const kib64 = 64 << 10
	s := newSite(t, siteConfig{args: []string{"--set", "ota.parallel=20"}})
	s.release("1.1.0")
	s.release("1.4.0")
	type row struct {
		name    string
		how     breakage
		version string
		at      []int64
	}
	var rows []row
	for _, how := range []breakage{withRST, withFIN, withHole} {
		size := s.size("1.1.0")
		for name, at := range map[string][]int64{"byte 0": {0}, "byte 1": {1}, "byte 4095": {4095}, "byte 4096": {4096}, "the last byte": {size - 1}} {
			rows = append(rows, row{name + " " + string(how), how, "1.1.0", at})
		}
		rows = append(rows, row{"every 64 KiB " + string(how), how, "1.4.0", []int64{kib64, 2 * kib64, 3 * kib64}})
	}
	rows = append(rows, row{"slow drip", withDrip, "1.1.0", []int64{10_000}})
	tests := map[string]func(*testing.T){}
	for i, c := range rows {
		id := fmt.Sprintf("door-%d", i)
		s.add(id)
		tests[c.name] = func(t *testing.T) {
			s := s.in(t)
			between := newToll(t, s.addr, c.how, c.at...)
			s.power(id, "--relay", between.url())
			s.runs(id, "1.0.0")
			e := s.listenAs(id, "camrelay/ota/"+id+"/#", nil)
			began := time.Now()
			s.publish("camrelay/ota/"+id, c.version)
			job := s.ended(id, 1)
			if job.State != ota.Succeeded || job.To.Version != c.version {
				t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
			}
			s.runs(id, c.version)
			s.oneResult(e, id, "k")
			if between.breaks() != len(c.at) {
				t.Errorf("the download broke %d times of %d", between.breaks(), len(c.at))
			}
			t.Logf("done after %v", time.Since(began).Round(100*time.Millisecond))
		}
	}
	before := s.holds()
	together(t, 10, tests)
	s.letsGo(before)
}

// A download that never gets on is given up, and the camera streams again.
func TestDownloadNeverWorks(t *testing.T) {
	s := newSite(t, siteConfig{})
	s.add("door")
	s.release("1.1.0")
	before := s.holds()
	between := newToll(t, s.addr, withRST, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000)
	s.power("door", "--relay", between.url())
	s.runs("door", "1.0.0")
	e := s.listen("camrelay/ota/#", nil)
	s.publish("camrelay/ota/door", "latest")
	job := s.ended("door", 1)
	if job.State != ota.Failed || job.Code != "too_many_resumes" && job.Code != "broken" {
		t.Errorf("%s %s: %s", job.State, job.Code, job.Text)
	}
	s.runs("door", "1.0.0")
	s.oneResult(e, "door", "k")
	before.sockets += 3 // the camera's stream, through the proxy
	before.goroutines += 4
	s.letsGo(before)
	t.Logf("%s %s: %s", job.State, job.Code, job.Text)
}
