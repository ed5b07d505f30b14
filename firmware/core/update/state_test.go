package update

import (
	"testing"

	"camrelay/firmware/core/config"
	"camrelay/firmware/core/hal"
)

func TestOutcomes(t *testing.T) {
	for want, o := range map[string]outcome{
		"accepted 1042":                    {phase: Accepted, build: 1042},
		"failed header_ok http_404 untold": {phase: Failed, at: HeaderOK, code: "http_404", untold: true},
		"failed verified bad_sha256":       {phase: Failed, at: Verified, code: "bad_sha256"},
		"rolled_back trial_timeout untold": {phase: RolledBack, code: trialTimeout, untold: true},
		"rolled_back not_started":          {phase: RolledBack, code: notStarted},
		"confirmed":                        {phase: Confirmed},
		"confirmed untold":                 {phase: Confirmed, untold: true},
	} {
		got := string(o.encode(nil))
		var back outcome
		back.decode([]byte(got))
		again := string(back.encode(nil))
		if got != want || again != want || back.phase != o.phase || back.at != o.at || back.untold != o.untold || len(got) > config.MaxValue {
			t.Errorf("%q is %+v, again %q", got, back, again)
		}
	}
	for _, s := range []string{"", "nonsense", "accepted", "accepted x", "failed", "failed x", "failed header_ok", " ", "untold"} {
		var o outcome
		o.decode([]byte(s))
		if o.untold {
			t.Errorf("%q: %+v", s, o)
		}
	}
}

// A note counts whole or not at all.
func TestNotes(t *testing.T) {
	var p [hal.NoteSize]byte
	for i := range p {
		p[i] = byte(i)
	}
	if sealed(p[:], noteOrder) || sealed(p[:noteEnd-1], noteOrder) || sealed(nil, noteOrder) {
		t.Error("noise is a note")
	}
	seal(p[:], noteOrder)
	if !sealed(p[:], noteOrder) || sealed(p[:], noteTrial) {
		t.Error("it is not what was sealed")
	}
	for i := range noteEnd * 8 {
		p[i/8] ^= 1 << (i % 8)
		if sealed(p[:], noteOrder) {
			t.Errorf("bit %d does not matter", i)
		}
		p[i/8] ^= 1 << (i % 8)
	}
}
