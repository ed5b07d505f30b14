package pusher

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kinds of faults.
const (
	FaultSlow    = "slow"    // the link carries no more than Rate
	FaultHalf    = "half"    // Share of the frames end half-way
	FaultGarbage = "garbage" // Share of the frames are bad framing
	FaultDie     = "die"     // the connection is reset After it was made
	FaultFreeze  = "freeze"  // nothing is said any more After it was made
	FaultNoPong  = "nopong"  // pings are not answered
)

// Fault is something a virtual camera does wrong.
type Fault struct {
	Kind  string
	Rate  float64       // slow: bytes a second
	Share float64       // half, garbage: 0 to 1
	After time.Duration // die, freeze: since the connection was made

	From time.Duration // in force from so long after the start of the camera
	For  time.Duration // and for so long; 0: for good
}

// Faults are the faults of one camera.
type Faults []Fault

// ParseFaults reads a list such as
//
//	slow=64KB/s,half=0.05,die=30s@1m+2m
//
// Each fault is kind[=value][@from[+for]]: slow=RATE (B, KB, MB, KiB, MiB,
// kbit or Mbit, a second), half=SHARE, garbage=SHARE (0 to 1), die=DURATION,
// freeze=DURATION (after each connection was made), nopong. From and for count
// from the start of the camera.
func ParseFaults(list string) (Faults, error) {
	var faults Faults
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		f, err := parseFault(item)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", item, err)
		}
		faults = append(faults, f)
	}
	return faults, nil
}

func parseFault(item string) (f Fault, err error) {
	what, window, timed := strings.Cut(item, "@")
	kind, value, _ := strings.Cut(what, "=")
	f.Kind = kind
	if timed {
		from, length, bounded := strings.Cut(window, "+")
		if f.From, err = parseDuration(from); err != nil {
			return f, err
		}
		if bounded {
			if f.For, err = parseDuration(length); err != nil {
				return f, err
			}
		}
	}
	switch kind {
	case FaultSlow:
		f.Rate, err = parseRate(value)
	case FaultHalf, FaultGarbage:
		f.Share, err = strconv.ParseFloat(value, 64)
		if err != nil || !(f.Share >= 0 && f.Share <= 1) {
			err = fmt.Errorf("%q is not a share of the frames: 0 to 1, such as %s=0.05", value, kind)
		}
	case FaultDie, FaultFreeze:
		f.After, err = parseDuration(value)
	case FaultNoPong:
		if value != "" {
			err = fmt.Errorf("nopong has no value")
		}
	default:
		err = fmt.Errorf("not known: slow, half, garbage, die, freeze and nopong are")
	}
	return f, err
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a time such as 30s or 1m30s", s)
	}
	return d, nil
}

// parseRate reads bytes a second.
func parseRate(s string) (float64, error) {
	units := []struct {
		name  string
		bytes float64
	}{{"KiB", 1024}, {"MiB", 1 << 20}, {"kbit", 125}, {"Mbit", 125_000}, {"KB", 1000}, {"MB", 1_000_000}, {"B", 1}}
	number := strings.TrimSuffix(s, "/s")
	for _, unit := range units {
		digits, ok := strings.CutSuffix(number, unit.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			break
		}
		return v * unit.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a rate such as 64KB/s or 1Mbit/s", s)
}

// at returns the first fault of a kind that is in force so long after the
// start of the camera.
func (faults Faults) at(kind string, age time.Duration) (Fault, bool) {
	for _, f := range faults {
		if f.Kind == kind && age >= f.From && (f.For == 0 || age < f.From+f.For) {
			return f, true
		}
	}
	return Fault{}, false
}
