package ota

import (
	"errors"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota/catalog"
)

func TestParseTrigger(t *testing.T) {
	at := time.Date(2026, 8, 26, 5, 0, 0, 0, time.UTC)
	for text, want := range map[string]Trigger{
		"latest":                                 {Action: Install},
		" LATEST\r\n":                            {Action: Install},
		"INSTALL":                                {Action: Install},
		"update":                                 {Action: Install},
		"1.5.0\n":                                {Action: Install, Want: catalog.Criteria{Version: "1.5.0"}},
		"42":                                     {Action: Install, Want: catalog.Criteria{Version: "42"}},
		"cancel":                                 {Action: Cancel},
		"status":                                 {Action: Status},
		"dry-run":                                {Action: DryRun},
		"{}":                                     {Action: Install},
		`{"dry_run":true}`:                       {Action: DryRun},
		`{"action":"DRY-RUN","build":1050}`:      {Action: DryRun, Want: catalog.Criteria{Build: 1050}},
		`{"version":"latest","action":"latest"}`: {Action: Install},
		`{"id":"2026-08-26-a","action":"install","version":"1.5.0","build":1050,"deadline":"2026-08-26T05:00:00Z","force":true,"replace":true,"reason":"fix","by":"anna"}`: {
			ID: "2026-08-26-a", Action: Install, Want: catalog.Criteria{Version: "1.5.0", Build: 1050}, Deadline: at, Force: true, Replace: true, Reason: "fix", By: "anna"},
	} {
		if got, err := ParseTrigger([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestRefusedTriggers(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("a", 4097):            "4097 bytes",
		"a\x00":                              "not text",
		"\xff":                               "not text",
		"\ufeff{}":                           "no trigger",
		"two words":                          "no trigger",
		"Über":                               "no trigger",
		"[1]":                                "no trigger",
		`{"dry_rum":true}`:                   "dry_rum",
		`{"build":1,"build":2}`:              "twice",
		`{"build":1,"BUILD":2}`:              "twice",
		`{"build":-1}`:                       "build",
		`{"build":4294967296}`:               "build",
		`{"build":1.5}`:                      "build",
		`{"build":0}`:                        "begin at 1",
		`{"build":"1"}`:                      "build",
		`{"version":{"a":1}}`:                "not a plain value",
		`{"version":"../x"}`:                 "version",
		`{"sha256":"ABCDEF0123"}`:            "sha256",
		`{"sha256":"abc"}`:                   "sha256",
		`{"id":"a b"}`:                       "id",
		`{"action":"explode"}`:               "explode",
		`{"action":"cancel","dry_run":true}`: "contradict",
		`{"deadline":"tomorrow"}`:            "tomorrow",
		`{"not_before":"2026-08-26T05:00:00Z","deadline":"2026-08-26T04:00:00Z"}`: "before not_before",
		`{} {}`:         "goes on",
		`{"force":true`: "JSON",
		`{"reason":"` + strings.Repeat("x", 300) + `"}`: "200 bytes",
	} {
		if got, err := ParseTrigger([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %+v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", " \n"} {
		if _, err := ParseTrigger([]byte(text)); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseTrigger(f *testing.F) {
	f.Add([]byte("latest"))
	f.Add([]byte(`{"id":"a","build":1,"deadline":"2026-08-26T05:00:00Z"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := ParseTrigger(p)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Errorf("%q: more than one line: %v", p, err)
			}
			return
		}
		if got.Action == "" || got.Want.Version != "" && !version.MatchString(got.Want.Version) {
			t.Errorf("%q: %+v", p, got)
		}
	})
}
