package rollout

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Both sides of every threshold.
func TestExceeded(t *testing.T) {
	for _, c := range []struct {
		percent, least, failed, executed int
		want                             bool
	}{
		{10, 5, 0, 0, false}, // nobody: no division
		{0, 1, 0, 0, false},
		{0, 1, 0, 10, false},
		{0, 1, 1, 1000, true},
		{10, 5, 1, 10, false}, // exactly 10 %
		{10, 5, 2, 20, false},
		{10, 5, 2, 19, true},
		{10, 5, 1, 9, true},
		{10, 5, 4, 4, false}, // too few to tell
		{10, 5, 1, 4, false},
		{10, 5, 1, 5, true},
		{50, 2, 1, 2, false},
		{50, 2, 2, 3, true},
		{100, 1, 7, 7, false},
		{99, 100, 100, 100, true},
		{99, 101, 100, 100, false},
	} {
		if got := (StopIf{c.percent, c.least}).exceeded(c.failed, c.executed); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// made is a rollout whose cameras have these states: a letter each, upper case
// in wave 2.
func made(waves string, states string) *rollout {
	r := &rollout{Head: Head{Document: defaults(), State: Running, Wave: 1, Total: len(states)}}
	switch waves {
	case "canary":
		r.Canary, r.Waves = []string{"c0"}, []Wave{{Percent: 100}}
	case "count":
		r.Waves = []Wave{{Count: 2}, {Percent: 100}}
	case "percent":
		r.Waves = []Wave{{Percent: 50}, {Percent: 100}}
	case "one":
		r.Waves = []Wave{{Percent: 100}}
	}
	letters := map[rune]State{
		'p': Pending, 'u': Updating, 's': Soaking, 'd': Succeeded, 'f': Failed, 'b': RolledBack, 'l': Lost, 'g': Regressed,
		'r': Rejected, 'a': Already, 'c': Cancelled,
	}
	for i, c := range states {
		t := &Target{Camera: fmt.Sprintf("c%d", i), State: letters[c|0x20], Wave: 1}
		if c < 'a' {
			t.Wave = 2
		}
		if c == 'p' || t.State == Rejected || t.State == Already || t.State == Cancelled {
			t.Wave = 0
		}
		r.targets = append(r.targets, t)
	}
	return r
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		waves, states string
		stops         bool
	}{
		{"canary", "", false},
		{"canary", "dpppp", false},
		{"canary", "fpppp", true}, // any failure among the canaries
		{"canary", "bpppp", true},
		{"canary", "lpppp", true},
		{"canary", "gpppp", true},
		{"canary", "rpppp", false},
		{"canary", "cpppp", false},
		{"canary", "apppp", false},
		{"canary", "dFpppp", false}, // one of two, but of at least five
		{"canary", "dDDDF", true},
		{"canary", "dDDDDDDDDF", false}, // exactly 10 %
		{"canary", "dDDDDDDDFF", true},
		{"canary", "dRRRRF", false}, // rejected ones do not count
		{"count", "fp", true},
		{"count", "dfpp", true},
		{"count", "ddFpp", false},
		{"count", "ppFFF", false},
		{"percent", "fppp", false}, // a wave by percentage is a wave like any
		{"percent", "fdddd", true},
		{"one", "fpppp", false},
		{"one", "fffff", true},
	} {
		if why := made(c.waves, c.states).verdict(); (why != "") != c.stops {
			t.Errorf("%s %s: %q", c.waves, c.states, why)
		}
	}
}

func TestAdvance(t *testing.T) {
	for _, c := range []struct {
		waves, states string
		wave          int
		wantWave      int
		done          bool
	}{
		{"canary", "", 1, 2, true}, // nobody
		{"canary", "ppp", 1, 1, false},
		{"canary", "upp", 1, 1, false},
		{"canary", "spp", 1, 1, false}, // it soaks
		{"canary", "dpp", 1, 2, false},
		{"canary", "rpp", 1, 2, false},
		{"canary", "dUp", 2, 2, false},
		{"canary", "dDD", 2, 2, true},
		{"canary", "dRA", 2, 2, true},
		{"canary", "dDS", 2, 2, false},
		{"count", "dpp", 1, 1, false},
		{"count", "ddp", 1, 2, false},
		{"count", "drp", 1, 1, false}, // another one takes its place
		{"count", "dfp", 1, 2, false}, // a failure has had its place
		{"count", "dr", 1, 2, true},
		{"percent", "ddppp", 1, 1, false}, // half of five is three
		{"percent", "dddpp", 1, 2, false},
		{"one", "dddd", 1, 1, true},
		{"one", "dddP", 1, 1, false}, // to be tried again
	} {
		r := made(c.waves, c.states)
		r.Wave = c.wave
		if done := r.advance(); done != c.done || r.Wave != c.wantWave {
			t.Errorf("%s %s in wave %d: wave %d, done %v", c.waves, c.states, c.wave, r.Wave, done)
		}
	}
}

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		w           Wave
		total, want int
	}{
		{Wave{Count: 1}, 0, 0}, {Wave{Percent: 10}, 0, 0}, {Wave{Count: 5}, 3, 3}, {Wave{Percent: 1}, 3, 1}, {Wave{Percent: 10}, 200, 20},
		{Wave{Percent: 10}, 201, 21}, {Wave{Percent: 50}, 3, 2}, {Wave{Percent: 100}, 7, 7},
	} {
		if got := c.w.quota(c.total); got != c.want {
			t.Errorf("%+v of %d: %d", c.w, c.total, got)
		}
	}
}

// A whole rollout: waves, order, soak, one result.
func TestRollout(t *testing.T) {
	w := newWorld(t, 12)
	w.byID["cam-007"].build = newBuild // it has it already
	w.byID["cam-007"].hello()
	v := w.begin(`{"to":"1.5.0","canary":["cam-011"],"waves":[{"count":3},{"percent":100}],"soak_s":60,"max_parallel":2,"by":"anna"}`)
	if v.ID != "1.5.0-1" || v.Total != 11 || v.Counts[Already] != 1 || v.WaveCount != 3 || v.Deadline.Sub(w.now) != defaultTime {
		t.Errorf("%+v", v)
	}
	w.until("wave 2", func() bool { return w.get(v.ID).Wave == 2 })
	if soaked := w.get(v.ID).Cameras[11]; soaked.State != Succeeded || soaked.Wave != 1 || soaked.FPS != 10 || len(w.order) > 1 {
		t.Errorf("canary %+v, begun %v", soaked, w.order)
	}
	most := 0
	w.until("the end", func() bool {
		got := w.get(v.ID)
		most = max(most, got.Counts[Updating])
		return got.State.Final()
	})
	v = w.get(v.ID)
	if v.State != Completed || v.Counts[Succeeded] != 11 || most != 2 {
		t.Errorf("%d at a time; %s", most, w.dump())
	}
	if got := strings.Join(w.order, " "); got != "cam-011 cam-000 cam-001 cam-002 cam-003 cam-004 cam-005 cam-006 cam-008 cam-009 cam-010" {
		t.Errorf("order %s", got)
	}
	if len(w.results) != 1 || !w.results[0].OK || w.results[0].Result != Completed || len(w.results[0].Cameras) != 12 || !strings.Contains(w.results[0].Text, "12 of 12 cameras run 1.5.0") {
		t.Errorf("%+v", w.results)
	}
	if doc := w.states[v.ID]; doc.State != Completed || doc.Ended == nil || doc.Volatile {
		t.Errorf("%+v", doc)
	}
	if j := w.c.Jobs("cam-011")[0]; j.Rollout != v.ID || j.By != "anna" || j.Source != "rollout" || j.Trigger != "1.5.0-1:cam-011:1" {
		t.Errorf("%+v", j)
	}
	w.now = w.now.Add(keep - time.Minute)
	w.step()
	w.restart()
	if len(w.cleared) > 0 {
		t.Errorf("cleared %v", w.cleared)
	}
	w.pass(2 * time.Minute)
	w.restart()
	w.step()
	if strings.Join(w.cleared, " ") != v.ID || w.get(v.ID).State != Completed {
		t.Errorf("cleared %q", w.cleared)
	}
}

// Each state of a camera's link, and which is chosen first.
func TestOrder(t *testing.T) {
	w := newWorld(t, 5)
	for i, rssi := range []int{-80, 0, -50, -50, -90} {
		w.robots[i].rssi = rssi
	}
	w.begin(`{"canary":["cam-004","cam-001"],"waves":[{"percent":100}],"soak_s":0,"max_parallel":1}`)
	w.over("1.5.0-1")
	if got := strings.Join(w.order, " "); got != "cam-004 cam-001 cam-002 cam-003 cam-000" {
		t.Errorf("order %s", got)
	}
}
