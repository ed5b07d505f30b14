package update

import (
	"testing"

	"camrelay/firmware/core/boot"
)

// The image that came back is one that had confirmed itself, long ago or with the
// last job: only then that job is said to have come back.
func TestCameBackFromConfirmed(t *testing.T) {
	for _, tt := range []struct {
		last outcome
		want string
	}{
		{outcome{phase: Confirmed}, "rolled_back:not_started"},
		{outcome{phase: Accepted, build: 20}, "failed:restarted"}, // it ran when job-2 was accepted, and then no more
		{outcome{phase: Accepted, build: 10}, "failed:restarted"},
		{outcome{phase: Failed, at: HeaderOK, code: "bad_magic"}, ""},
		{outcome{phase: Failed, at: HeaderOK, code: "bad_magic", untold: true}, "failed:bad_magic"},
		{outcome{phase: RolledBack, code: "trial_reset"}, ""},
	} {
		old, next := pair()
		w := started(t, small, old, next)
		copy(w.u.state.job[:], "job-2")
		must(t, w.u.state.save(tt.last))
		// A record of an image that is not there any more.
		var log boot.Log
		must(t, log.Open(chipOf{w}, w.layout.Records))
		must(t, log.Settle(boot.B, &next.header))
		w.heard = nil
		must(t, w.start())
		if must(t, w.settle()); w.phases(0) != tt.want || w.running != old {
			t.Errorf("%+v: %q", tt.last, w.phases(0))
		}
		w.heard = nil // it is said once
		must(t, w.start())
		if must(t, w.settle()); len(w.heard) != 0 {
			t.Errorf("%+v: again %q", tt.last, w.phases(0))
		}
	}
}
