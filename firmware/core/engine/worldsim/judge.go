package worldsim

import (
	"slices"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// over takes how a job ended.
func (d *desk) over(j *job, a *wire.UpdateAck) {
	news := len(j.ends) == 0 || j.ends[len(j.ends)-1] != a.Phase
	if !news {
		return
	}
	d.judge(j, a)
	j.ends = append(j.ends, a.Phase)
	j.endBoot, j.endSeq = a.Boot, a.Seq
	if d.job != j {
		return
	}
	d.count(a.Phase)
	d.updating(0)
	if j.firmware.behaviour == vcam.Hangs {
		d.updating(boot.MaxCrashes * (hangTime + watchdog + 5*time.Second))
	}
	d.job, d.last = nil, j
	if d.chance(4) && !d.conf.NoJob {
		d.after(d.between(0, time.Minute), func() {
			if d.last == j && d.job == nil { // a camera knows its last job
				d.send(j.order)
			}
		})
	}
	if !d.conf.NoJob {
		d.plan()
	}
}

func (d *desk) count(phase string) {
	switch phase {
	case wire.PhaseConfirmed:
		d.Confirmed++
	case wire.PhaseFailed:
		d.Failed++
	default:
		d.RolledBack++
	}
}

// judge looks whether an end is true, and allowed.
func (d *desk) judge(j *job, a *wire.UpdateAck) {
	f := j.firmware
	corrected := slices.Equal(j.ends, []string{wire.PhaseConfirmed}) && a.Phase == wire.PhaseRolledBack && f.behaviour == vcam.Hangs
	switch want, code := j.expected(); {
	case d.conf.Calm && !corrected && (a.Phase != want || a.Code != code):
		d.fail(concluded, "%s: %s (%s), although nothing was wrong: %s (%s) was expected", a.Job, a.Phase, a.Code, want, code)
	case d.conf.Calm && a.Phase == wire.PhaseFailed && !a.Restored && j.order.Mode == "" && code != "low_heap":
		d.fail(concluded, "%s: the way back is a restart", a.Job)
	case len(j.ends) > 0 && !corrected:
		d.fail(concluded, "%s: %s (%s) after it %v", a.Job, a.Phase, a.Code, j.ends)
	case a.Phase == wire.PhaseConfirmed && (a.Build != f.Build || f.refused != "" || !confirms(f.behaviour)):
		d.fail(concluded, "%s: build %d says that build %d (%s) is confirmed", a.Job, a.Build, f.Build, f.behaviour)
	case a.Phase != wire.PhaseConfirmed && a.Build == f.Build && j.before != f.Build && f.behaviour != vcam.Hangs:
		// One that hangs may run again when the power goes while the other one is
		// about to note that it is back.
		d.fail(concluded, "%s: build %d says that it %s", a.Job, a.Build, a.Phase)
	}
}

// expected is how the job ends where nothing goes wrong but its image.
func (j *job) expected() (phase, code string) {
	f := j.firmware
	switch {
	case j.order.MinHeap > allFree:
		return wire.PhaseFailed, "low_heap"
	case f.refused == "bad_signature", f.refused == "bad_header_crc":
		return wire.PhaseFailed, f.refused
	case f.Build == j.before:
		return wire.PhaseFailed, "same_build"
	case f.Build < j.before:
		return wire.PhaseFailed, "older_build"
	case f.refused != "":
		return wire.PhaseFailed, f.refused
	case f.behaviour == vcam.Panics:
		return wire.PhaseRolledBack, "trial_reset"
	case !confirms(f.behaviour):
		return wire.PhaseRolledBack, "trial_timeout"
	}
	return wire.PhaseConfirmed, ""
}

// confirms reports whether a firmware of a kind may confirm itself. One that
// hangs does so later.
func confirms(b vcam.Behaviour) bool { return b == vcam.Good || b == vcam.Hangs }
