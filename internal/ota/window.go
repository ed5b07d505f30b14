package ota

import (
	"fmt"
	"time"
)

// Window is when cameras may be updated without force. The zero value is always.
type Window struct {
	From, To       time.Duration // since midnight; From may be after To
	Location       *time.Location
	SpareViewers   bool // wait until nobody watches
	everConfigured bool
}

// ParseWindow reads from and to, like 01:00 and 05:00, and the name of a time
// zone.
func ParseWindow(from, to, zone string) (Window, error) {
	if from == "" && to == "" {
		return Window{}, nil
	}
	w := Window{everConfigured: true}
	for _, field := range []struct {
		text string
		d    *time.Duration
	}{{from, &w.From}, {to, &w.To}} {
		at, err := time.Parse("15:04", field.text)
		if err != nil {
			return Window{}, fmt.Errorf("time %q is not like 01:00", field.text)
		}
		*field.d = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	if w.From == w.To {
		return Window{}, fmt.Errorf("window from %s to %s is empty", from, to)
	}
	var err error
	if w.Location, err = time.LoadLocation(zone); err != nil {
		return Window{}, fmt.Errorf("time zone %q is not known", zone)
	}
	return w, nil
}

// Open reports whether now is within the window. The clock on the wall counts,
// also when it is put forward or back.
func (w Window) Open(now time.Time) bool {
	if !w.everConfigured {
		return true
	}
	local := now.In(w.Location)
	since := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	if w.From < w.To {
		return since >= w.From && since < w.To
	}
	return since >= w.From || since < w.To
}
