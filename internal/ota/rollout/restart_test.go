package rollout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota"
)

const small = `{"id":"small","canary":["cam-002"],"waves":[{"percent":100}],"soak_s":10,"max_parallel":2}`

// once checks that every camera was updated exactly once.
func once(t *testing.T, w *world, what string) {
	t.Helper()
	v := w.over("small")
	w.streams()
	if v.State != Completed || v.Counts[Succeeded] != len(w.robots) {
		t.Errorf("%s: %s", what, w.dump())
	}
	for _, r := range w.robots {
		if len(r.begun) != 1 || r.build != newBuild {
			t.Errorf("%s: %s has begun %v and runs %d", what, r.id, r.begun, r.build)
		}
	}
}

// The relay is killed at every write of the journal, just before and just after
// it: nothing is forgotten, and no camera begins twice.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t, 4)
			w.crashAt, w.after = n, after
			w.try(small)
			for range 400 {
				if w.dead() {
					break
				}
				w.step()
			}
			if !w.dead() {
				if w.writes < 10 {
					t.Errorf("only %d writes", w.writes)
				}
				break
			}
			w.restart()
			if _, ok := w.m.Get("small"); !ok {
				if n > 1 || after {
					t.Errorf("write %d, after %v: forgotten", n, after)
				}
				continue // it was never accepted
			}
			once(t, w, fmt.Sprintf("write %d, after %v", n, after))
		}
	}
}

// The relay is killed at every moment, twice.
func TestKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		w := newWorld(t, 3)
		w.begin(small)
		for range n {
			w.step()
		}
		if w.get("small").State.Final() {
			break
		}
		w.restart()
		w.step()
		w.step()
		w.restart()
		once(t, w, fmt.Sprintf("step %d", n))
	}
}

// Pause, resume and cancel at every moment, with a restart in between.
func TestPauseAtEveryMoment(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		w := newWorld(t, 3)
		w.begin(small)
		for range n {
			w.step()
		}
		if w.get("small").State.Final() {
			if _, err := w.m.Pause("small"); code(err) != Over {
				t.Error(err)
			}
			break
		}
		if v, err := w.m.Pause("small"); err != nil || v.State != Paused {
			t.Fatalf("%+v, %v", v, err)
		}
		began := len(w.order) + w.get("small").Counts[Updating]
		w.pass(time.Minute)
		w.restart()
		w.pass(time.Minute)
		if v := w.get("small"); v.State != Paused || len(w.order) > began || v.Counts[Updating] > 0 {
			t.Fatalf("step %d: paused with %d, begun %v; %s", n, began, w.order, w.dump())
		}
		if v, err := w.m.Pause("small"); err != nil || v.State != Paused { // it is so already
			t.Fatal(err)
		}
		if v, err := w.m.Resume("small"); err != nil || v.State == Paused {
			t.Fatalf("%+v, %v", v, err)
		}
		once(t, w, fmt.Sprintf("step %d", n))
	}
}

func TestCancelAtEveryMoment(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		w := newWorld(t, 3)
		w.begin(small)
		for range n {
			w.step()
		}
		before := w.get("small")
		if before.State.Final() {
			break
		}
		early := map[string]bool{} // can still go back, beyond doubt
		for _, c := range before.Cameras {
			if jobs := w.c.Jobs(c.Camera); c.State == Updating && len(jobs) > 0 {
				early[c.Camera] = jobs[0].State.Cancellable() && jobs[0].State != ota.Verifying
			}
		}
		if n%3 == 1 {
			w.m.Pause("small")
		}
		if _, err := w.m.Cancel("small"); err != nil {
			t.Fatal(err)
		}
		if v := w.get("small"); !v.State.Final() {
			if _, err := w.m.Resume("small"); code(err) != Over {
				t.Errorf("a cancelled rollout is resumed: %v", err)
			}
			if n%2 == 1 {
				w.restart()
			}
		}
		v := w.over("small")
		w.streams()
		begun := len(w.order)
		w.pass(2 * time.Minute)
		if v.State != Cancelled || len(w.order) != begun || len(w.results) != 1 || w.results[0].Result != Cancelled {
			t.Errorf("step %d: %d results, %s", n, len(w.results), w.dump())
		}
		for _, c := range v.Cameras {
			r := w.byID[c.Camera]
			if (c.State == Succeeded) != (r.build == newBuild) || !c.done() {
				t.Errorf("step %d: %+v runs %d", n, c, r.build)
			}
			if early[c.Camera] && c.State != Cancelled {
				t.Errorf("step %d: %+v was not cancelled", n, c)
			}
			was := before.Cameras[0]
			for _, b := range before.Cameras {
				if b.Camera == c.Camera {
					was = b
				}
			}
			if was.State == Pending && len(r.begun) > 0 {
				t.Errorf("step %d: %s was begun by a cancelled rollout", n, c.Camera)
			}
		}
	}
}

func code(err error) ota.Code {
	var e *ota.RefusedError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// A disk that fails: no rollout begins, and one that has begins no more updates,
// says so, and goes on when there is room.
func TestJournalFails(t *testing.T) {
	w := newWorld(t, 4)
	w.broken = true
	if _, err := w.try(small); code(err) != ota.DiskFull || len(w.m.List()) > 0 {
		t.Error(err)
	}
	w.broken = false
	w.begin(small)
	w.until("the canary is under way", func() bool { return len(w.order) == 1 })
	w.broken = true
	w.pass(5 * time.Minute)
	v := w.get("small")
	if len(w.order) != 1 || v.Counts[Succeeded] != 1 || !v.Volatile || v.Waits != "for room on the relay's disk" || !w.states["small"].Volatile {
		t.Errorf("begun %v, waits %q, %s", w.order, v.Waits, w.dump())
	}
	if _, err := w.m.Pause("small"); err != nil { // it holds, as far as one can tell
		t.Error(err)
	}
	if _, err := w.m.Resume("small"); code(err) != ota.DiskFull || w.get("small").State != Paused {
		t.Error(err)
	}
	w.restart() // what was not written, the jobs tell
	w.pass(time.Minute)
	w.broken = false
	w.pass(10 * time.Second)
	if w.get("small").Volatile || w.states["small"].Volatile {
		t.Error("it is still not journalled")
	}
	once(t, w, "after a full disk")
}

// A journal that is damaged, or from another program, is left alone, and the
// others go on.
func TestDamagedJournals(t *testing.T) {
	w := newWorld(t, 3)
	w.begin(small)
	w.until("the canary is under way", func() bool { return len(w.order) == 1 })
	dir := filepath.Join(w.dir, "rollouts")
	text, err := os.ReadFile(filepath.Join(dir, "rollout-small.journal"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"rollout-other.journal": string(text), // another one's
		"rollout-x.journal":     "no line\nof a journal\n",
		"rollout-y.journal":     "",
		"door.journal":          "00000000 {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.restart()
	if n := len(w.m.List()); n != 1 {
		t.Errorf("%d rollouts", n)
	}
	once(t, w, "beside damaged journals")
}

// A journal is shortened, and says the same.
func TestJournalIsShortened(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.begin(strings.Replace(small, `"soak_s":10`, `"soak_s":10,"retry_per_camera":5`, 1))
	w.until("the canary is under way", func() bool { return len(w.order) == 1 })
	longest := int64(0)
	for range 2000 {
		w.m.Pause("small")
		w.m.Resume("small")
		longest = max(longest, w.m.opt.Journal.Size(journalName("small")))
	}
	if longest > maxJournal+8<<10 || longest < maxJournal/2 {
		t.Errorf("the journal had %d bytes", longest)
	}
	before := w.get("small")
	w.restart()
	after := w.get("small")
	for i := range before.Cameras { // how well it streams is seen anew
		before.Cameras[i].rate, after.Cameras[i].rate = 0, 0
		before.Cameras[i].seen, after.Cameras[i].seen = time.Time{}, time.Time{}
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before:\n%+v\nafter:\n%+v", before, after)
	}
	once(t, w, "after it was shortened")
}

// Old rollouts are forgotten, with their journals.
func TestOldRolloutsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.robots[0].build = newBuild
	w.robots[0].hello()
	for range maxKept + 5 {
		w.begin("latest")
		w.step()
	}
	if n := len(w.m.List()); n != maxKept {
		t.Errorf("%d rollouts", n)
	}
	if files, _ := os.ReadDir(w.dir + "/rollouts"); len(files) != maxKept || len(w.cleared) != 5 {
		t.Errorf("%d journals, cleared %q", len(files), w.cleared)
	}
}

func TestTriggers(t *testing.T) {
	w := newWorld(t, 3)
	w.groups["cam-000"] = []string{"garden"}
	last := func() answerDocument { return w.answers[len(w.answers)-1] }
	for _, c := range []struct {
		group, text string
		want        string
		rollouts    string
	}{
		{"", "", "", ""},
		{"", "  \n", "", ""},
		{"", "bogus word", "rejected bad_request", ""},
		{"", `{"select":{"groups":["house"]}}`, "rejected no_cameras", ""},
		{"house", "latest", "rejected no_cameras", ""},
		{"../x", "latest", "rejected no_cameras", ""},
		{"garden", `{"select":{"groups":["yard"]}}`, "rejected bad_request", ""},
		{"garden", "pause", "rejected unknown_rollout", ""},
		{"garden", "dry-run", "dry_run_ok", ""},
		{"garden", "latest", "accepted", "1.5.0-1"},
		{"garden", "latest", "rejected duplicate", ""},
		{"", `{"select":{"exclude":["cam-000"]}}`, "accepted", "1.5.0-2"},
		{"garden", "pause", "accepted", "1.5.0-1"},
		{"", "status", "accepted", "1.5.0-1 1.5.0-2"},
		{"", `{"action":"pause","id":"1.5.0-2"}`, "accepted", "1.5.0-2"},
		{"", "resume", "accepted", "1.5.0-1 1.5.0-2"},
		{"", "cancel", "accepted", "1.5.0-1 1.5.0-2"},
	} {
		n := len(w.answers)
		w.m.Trigger(c.group, []byte(c.text))
		if c.want == "" {
			if len(w.answers) != n {
				t.Errorf("%q is answered: %+v", c.text, last())
			}
			continue
		}
		got := last()
		if result := strings.TrimSpace(got.Result + " " + string(got.Code)); result != c.want || strings.Join(got.Rollouts, " ") != c.rollouts || got.Text == "" || got.Group != c.group || len(w.answers) != n+1 {
			t.Errorf("%s %q: %+v, want %s", c.group, c.text, got, c.want)
		}
	}
	if v := w.get("1.5.0-2"); v.State != Cancelled || len(w.order) > 0 {
		w.over("1.5.0-2")
	}
	w.m.Refuse("", ota.RetainedTrigger, "it was retained")
	if got := last(); got.Code != ota.RetainedTrigger || got.Text != "it was retained" {
		t.Errorf("%+v", got)
	}
}
