package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestSettingsCheck(t *testing.T) {
	if err := (Settings)(nil).Check(); err != nil {
		t.Error(err)
	}
	for _, r := range settingRanges() {
		for v, ok := range map[int]bool{r.Min - 1: false, r.Min: true, r.Max: true, r.Max + 1: false} {
			err := Settings{r.Name: v}.Check()
			if (err == nil) != ok {
				t.Errorf("%s %d: %v", r.Name, v, err)
			}
			if err != nil && (!strings.Contains(err.Error(), r.Name) || !strings.Contains(err.Error(), fmt.Sprintf("%d to %d", r.Min, r.Max))) {
				t.Errorf("the error does not say what is allowed: %v", err)
			}
		}
		if got, ok := SettingNamed(r.Name); !ok || got != r {
			t.Errorf("%s: %+v, %v", r.Name, got, ok)
		}
	}
	for v, ok := range map[int]bool{-1: false, 0: true, 15: true, 16: false} {
		if err := (Settings{FrameSizeSetting: v}).Check(); (err == nil) != ok {
			t.Errorf("framesize %d: %v", v, err)
		}
	}
	if err := (Settings{"zoom": 1}).Check(); err == nil || !strings.Contains(err.Error(), "zoom") {
		t.Errorf("an unknown setting: %v", err)
	}
	if _, ok := SettingNamed("zoom"); ok {
		t.Error("zoom has a range")
	}
}

func TestFrameSizes(t *testing.T) {
	for i, size := range FrameSizes() {
		s := Settings{}
		if !s.SetFrameSize(size.Name) || s[FrameSizeSetting] != i {
			t.Errorf("%s: %v", size.Name, s)
		}
		if got, ok := s.FrameSize(); !ok || got != size {
			t.Errorf("%s: %+v", size.Name, got)
		}
		if got, ok := FrameSizeNamed(size.Name); !ok || got != size {
			t.Errorf("%s: %+v", size.Name, got)
		}
	}
	s := Settings{}
	if s.SetFrameSize("vga") || len(s) != 0 {
		t.Errorf("there is no size vga: %v", s)
	}
	if _, ok := s.FrameSize(); ok {
		t.Error("no size is set")
	}
	if _, ok := FrameSizeNamed(""); ok {
		t.Error("no name is a size")
	}
}

func TestSettingsJSON(t *testing.T) {
	for text, want := range map[string]Settings{
		`{}`: {}, `null`: {},
		`{"framesize":"VGA","quality":12,"hmirror":true,"vflip":false,"ae_level":-2}`: {"framesize": 10, "quality": 12, "hmirror": 1, "vflip": 0, "ae_level": -2},
		`{"quality":1e1,"zoom":5}`: {"quality": 10, "zoom": 5},
	} {
		var got Settings
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	many := `{"a":1`
	for i := range maxSettings {
		many += fmt.Sprintf(`,"a%d":1`, i)
	}
	for text, want := range map[string]string{`[]`: "settings", many + "}": "too many"} {
		got := Settings{"kept": 1}
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) || len(got) != 1 {
			t.Errorf("%.40s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		`{"framesize":5}`: "QVGA", `{"framesize":"vga"}`: "VGA", `{"framesize":null}`: "framesize",
		`{"quality":"12"}`: "4 to 63", `{"quality":null}`: "whole", `{"quality":[1]}`: "whole", `{"quality":0.5}`: "whole", `{"quality":3e9}`: "whole",
	} {
		var got Settings
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v: what is unusable is for Check to refuse", text, err)
		}
		if err := got.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: check says %v, want %q in it", text, err, want)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != "{}" {
			t.Errorf("%s: written as %s, %v", text, b, err)
		}
	}
	if b, err := json.Marshal(Settings{"framesize": 10, "quality": 12}); err != nil || string(b) != `{"framesize":"VGA","quality":12}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(Settings{"framesize": 99, "quality": 12}); err != nil || string(b) != `{"quality":12}` {
		t.Errorf("a size that is none: %s, %v", b, err)
	}
}

func TestMerge(t *testing.T) {
	a, b := Settings{"quality": 10, "contrast": 1}, Settings{"quality": 12, "vflip": 1}
	if got := a.Merge(b); !reflect.DeepEqual(got, Settings{"quality": 12, "contrast": 1, "vflip": 1}) {
		t.Errorf("%v", got)
	}
	if a["quality"] != 10 || len(a) != 2 || len(b) != 2 {
		t.Error("a merge changed its parts")
	}
	if got := Settings(nil).Merge(nil); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
}
