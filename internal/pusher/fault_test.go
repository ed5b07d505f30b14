package pusher

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseFaults(t *testing.T) {
	for list, want := range map[string]Faults{
		"":                         nil,
		" nopong , half=0.05":      {{Kind: FaultNoPong}, {Kind: FaultHalf, Share: 0.05}},
		"slow=64KB/s@10s+1m":       {{Kind: FaultSlow, Rate: 64_000, From: 10 * time.Second, For: time.Minute}},
		"slow=1Mbit/s,slow=2KiB":   {{Kind: FaultSlow, Rate: 125_000}, {Kind: FaultSlow, Rate: 2048}},
		"die=30s,freeze=5s@1m":     {{Kind: FaultDie, After: 30 * time.Second}, {Kind: FaultFreeze, After: 5 * time.Second, From: time.Minute}},
		"garbage=1,slow=500kbit/s": {{Kind: FaultGarbage, Share: 1}, {Kind: FaultSlow, Rate: 62_500}},
	} {
		if got, err := ParseFaults(list); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", list, got, err, want)
		}
	}
	for _, list := range []string{
		"slow", "slow=64", "slow=-1KB/s", "slow=NaNKB", "slow=InfMB/s", "half", "half=1.1", "half=-0.1", "half=NaN",
		"die", "die=30", "die=-1s", "freeze=x", "nopong=1", "explode", "nopong@x", "nopong@1s+x",
	} {
		if got, err := ParseFaults(list); err == nil {
			t.Errorf("%q was accepted as %+v", list, got)
		} else if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), list) {
			t.Errorf("%q: error %q does not name it in one line", list, err)
		}
	}
}

func TestFaultWindow(t *testing.T) {
	faults := Faults{{Kind: FaultSlow, Rate: 1, From: 10 * time.Second, For: 5 * time.Second}, {Kind: FaultSlow, Rate: 2, From: 20 * time.Second}}
	for age, want := range map[time.Duration]float64{
		0: 0, 10 * time.Second: 1, 14 * time.Second: 1, 15 * time.Second: 0, 20 * time.Second: 2, time.Hour: 2,
	} {
		if f, _ := faults.at(FaultSlow, age); f.Rate != want {
			t.Errorf("after %v: rate %v, want %v", age, f.Rate, want)
		}
	}
}

func FuzzParseFaults(f *testing.F) {
	f.Add("slow=64KB/s@10s+1m,half=0.5")
	f.Fuzz(func(t *testing.T, list string) {
		faults, err := ParseFaults(list)
		if err != nil {
			return
		}
		for _, fault := range faults {
			if fault.Rate < 0 || fault.Share < 0 || fault.Share > 1 || fault.After < 0 || fault.From < 0 || fault.For < 0 {
				t.Errorf("%q gave %+v", list, fault)
			}
		}
	})
}
