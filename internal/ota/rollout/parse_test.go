package rollout

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota"
)

const whole = `{"id":"1.5.0-1","to":"1.5.0","select":{"groups":["garden"],"board":"ai-thinker","cameras":["lab-1"],"exclude":["door"]},
 "waves":[{"count":1},{"percent":10},{"percent":50},{"percent":100}],"soak_s":600,"max_parallel":2,"canary":["lab-1"],
 "stop_if":{"failed_percent":10,"min_executed":5},"window":{"from":"01:00","to":"05:00","tz":"Europe/Berlin"},
 "defer_if_viewers":true,"deadline":"2026-11-22T05:00:00Z","retry_per_camera":1,"reason":"fix flicker","by":"anna"}`

func TestParse(t *testing.T) {
	r, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := Document{
		ID: "1.5.0-1", To: Firmware{Version: "1.5.0"}, Select: Select{Groups: []string{"garden"}, Board: "ai-thinker", Cameras: []string{"lab-1"}, Exclude: []string{"door"}},
		Waves: defaultWaves(), Soak: 600, MaxParallel: 2, Canary: []string{"lab-1"}, StopIf: StopIf{10, 5}, Window: &Window{"01:00", "05:00", "Europe/Berlin"},
		DeferIfViewers: true, Deadline: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC), Retry: 1, Reason: "fix flicker", By: "anna",
	}
	if !reflect.DeepEqual(r.Document, want) || r.Action != ota.Install {
		t.Errorf("%+v", r)
	}
	for text, check := range map[string]func(Request) bool{
		" latest\n": func(r Request) bool { return r.Action == ota.Install && r.Document.To == Firmware{} },
		"INSTALL":   func(r Request) bool { return r.Action == ota.Install },
		"1.5.0":     func(r Request) bool { return r.Document.To.Version == "1.5.0" && len(r.Document.Waves) == 4 },
		"pause":     func(r Request) bool { return r.Action == ota.Pause },
		"dry-run":   func(r Request) bool { return r.Action == ota.DryRun },
		`{}`: func(r Request) bool {
			return r.Action == ota.Install && r.Document.Soak == 600 && r.Document.Retry == 1
		},
		`{"soak_s":0}`:                 func(r Request) bool { return r.Document.Soak == 0 },
		`{"to":"Latest"}`:              func(r Request) bool { return r.Document.To == Firmware{} },
		`{"to":null}`:                  func(r Request) bool { return r.Document.To == Firmware{} },
		`{"action":"cancel","id":"a"}`: func(r Request) bool { return r.Action == ota.Cancel && r.Document.ID == "a" },
		`{"to":{"version":"1.5.0","build":1050,"sha256":"0123456789abcdef"}}`: func(r Request) bool {
			return r.Document.To == Firmware{"1.5.0", 1050, "0123456789abcdef"}
		},
		`{"stop_if":{"failed_percent":0}}`:               func(r Request) bool { return r.Document.StopIf == StopIf{0, 5} },
		`{"waves":[{"count":3},{"percent":100}]}`:        func(r Request) bool { return len(r.Document.Waves) == 2 },
		`{"waves":[{"percent":100}],"max_parallel":100}`: func(r Request) bool { return r.Document.MaxParallel == 100 },
	} {
		if r, err := Parse([]byte(text)); err != nil || !check(r) {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	if _, err := Parse([]byte(" \n")); !errors.Is(err, ota.ErrEmpty) {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	names := `"` + strings.Join(strings.Split(strings.Repeat("a ", 1001), " "), `","`) + `"`
	for text, says := range map[string]string{
		"retry":                       "one camera",
		"two words":                   "no trigger",
		"{":                           "JSON",
		`{"to":"1.5.0"} x`:            "goes on",
		`{"to":"1.5.0"}{}`:            "goes on",
		`{"to":"1.5.0","to":"1.6.0"}`: `"to" twice`,
		`{"soak":1}`:                  `unknown field "soak"`,
		`{"Soak_s":1}`:                "unknown field",
		`{"ſoak_s":1}`:                "unknown field",
		`{"version":"1.5.0"}`:         `unknown field "version"`,
		`{"select":{"group":"x"}}`:    `unknown field "group"`,
		`{"select":{"groups":["a"],"groups":["b"]}}`:                `"groups" twice`,
		`{"to":{"version":"1.5.0","bulid":3}}`:                      "bulid",
		`{"to":""}`:                                                 "empty",
		`{"to":"../x"}`:                                             "to: ",
		`{"to":{"build":0}}`:                                        "builds begin at 1",
		`{"to":{"build":-1}}`:                                       "to: ",
		`{"to":{"sha256":"xyz"}}`:                                   "sha256",
		`{"to":[[[[[]]]]]}`:                                         "nested",
		`{"id":"A"}`:                                                "id ",
		`{"id":"` + strings.Repeat("a", 25) + `"}`:                  "1 to 24",
		`{"action":"explode"}`:                                      "not known",
		`{"waves":[]}`:                                              "waves",
		`{"waves":[{}]}`:                                            "either count or percent",
		`{"waves":[{"count":1,"percent":1}]}`:                       "either count or percent",
		`{"waves":[{"count":-1},{"percent":100}]}`:                  "count -1",
		`{"waves":[{"percent":101}]}`:                               "percent 101",
		`{"waves":[{"percent":99}]}`:                                "the last wave",
		`{"waves":[{"count":5}]}`:                                   "the last wave",
		`{"waves":[{"count":2},{"count":2},{"percent":100}]}`:       "go further",
		`{"waves":[{"percent":100},{"percent":50}]}`:                "go further",
		`{"soak_s":-1}`:                                             "soak_s -1",
		`{"soak_s":86401}`:                                          "86400",
		`{"soak_s":1.5}`:                                            "number",
		`{"max_parallel":0}`:                                        "max_parallel 0",
		`{"max_parallel":101}`:                                      "1 to 100",
		`{"retry_per_camera":6}`:                                    "0 to 5",
		`{"stop_if":{"failed_percent":101}}`:                        "0 to 100",
		`{"stop_if":{"min_executed":0}}`:                            "min_executed 0",
		`{"window":{"from":"25:00","to":"05:00"}}`:                  "window",
		`{"window":{}}`:                                             "window",
		`{"window":{"from":"01:00","to":"02:00","tz":"Mars/Base"}}`: "Mars/Base",
		`{"deadline":"tomorrow"}`:                                   "JSON",
		`{"canary":["a","a"]}`:                                      `"a" twice`,
		`{"select":{"cameras":["A"]}}`:                              "select.cameras",
		`{"select":{"cameras":[` + names + `]}}`:                    "up to 1000",
		`{"by":"` + strings.Repeat("x", 65) + `"}`:                  "up to 64",
		"{\"by\":\"\x00\"}":                                         "not text",
		`{"by":"` + strings.Repeat("x", MaxRequest) + `"}`:          "bytes",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, want %q", text, err, says)
		}
	}
}

// What is parsed is valid, and written and parsed again the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{whole, "latest", "1.5.0", "{}", `{"to":{"build":7}}`, `{"waves":[{"percent":100}],"canary":["a"]}`, `{"action":"pause","id":"x"}`, `[`, `{"a":`, `{"window":null}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := Parse(payload)
		if err != nil {
			if err.Error() == "" || len(err.Error()) > 1000 {
				t.Errorf("%q", err)
			}
			return
		}
		text, err := json.Marshal(r.Document)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil && len(text) <= MaxRequest {
			t.Fatalf("%s: %v", text, err)
		}
		if err == nil && !same(again.Document, r.Document) {
			t.Errorf("%s became %+v", text, again.Document)
		}
		d := r.Document
		if d.MaxParallel < 1 || len(d.Waves) == 0 || d.Waves[len(d.Waves)-1].Percent != 100 {
			t.Errorf("%+v", d)
		}
	})
}
