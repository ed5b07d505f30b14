package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"camrelay/internal/ota"
)

func TestOTAArguments(t *testing.T) {
	t.Setenv("CAMRELAY_TOKEN", "")
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"ota --help":                            {0, "relay ota CAMERA latest"},
		"ota --bogus":                           {2, "bogus"},
		"ota --relay ftp://x":                   {1, "--relay"},
		"ota door 1.0 too many":                 {1, "one word too many"},
		"ota door {}{}":                         {1, "JSON"},
		"ota door latest --relay " + closed.URL: {1, "ask the relay"},
		"image upload":                          {1, "no image is given"},
		"image upload /nonexistent.img":         {1, "no such file"},
		"image upload " + t.TempDir():           {1, "no .img file"},
		"image upload --bogus x":                {2, "bogus"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(args), &stdout, &stderr)
		if said := stdout.String() + stderr.String(); code != want.code || !strings.Contains(said, want.text) {
			t.Errorf("relay %s: exit %d, %q; want %d, %q", args, code, said, want.code, want.text)
		}
	}
}

// relayOf answers as a relay whose camera has this job in the end.
func relayOf(t *testing.T, end ota.Job) (address string) {
	polls := 0
	answer := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := ota.Job{ID: "j1", Camera: "door", State: ota.Queued, From: ota.Firmware{Version: "1.0.0"}, To: ota.Firmware{Version: "1.1.0", Size: 100}}
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("Authorization") != "Bearer crt_right":
			answer(w, http.StatusUnauthorized, map[string]string{"error": "wrong token"})
		case r.Method == "POST" && strings.Contains(string(body), "9.9.9"):
			answer(w, http.StatusConflict, map[string]string{"code": "unknown_version", "error": "door: no such image"})
		case r.Method == "POST" && strings.Contains(string(body), "dry-run"):
			answer(w, http.StatusOK, map[string]string{"code": "ok", "text": "door: it can be updated."})
		case r.Method == "POST":
			answer(w, http.StatusAccepted, began)
		case polls < 2:
			polls++
			began.State, began.Offset, began.Steps = ota.Downloading, 50, []ota.Step{{Name: "queued", At: time.Now()}, {Name: "downloading", At: time.Now()}}
			answer(w, http.StatusOK, map[string]any{"camera": "door", "updatable": true, "firmware": "1.0.0", "build": 1, "newest": "1.1.0", "job": began, "jobs": []ota.Job{began}})
		default:
			end.ID, end.Steps = "j1", []ota.Step{{Name: "queued", At: time.Now()}, {Name: "downloading", At: time.Now()}, {Name: string(end.State), At: time.Now()}}
			answer(w, http.StatusOK, map[string]any{"camera": "door", "jobs": []ota.Job{end}})
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The exit status says how it ended.
func TestOTAWait(t *testing.T) {
	t.Setenv("CAMRELAY_TOKEN", "crt_right")
	for state, want := range map[ota.State]int{
		ota.Succeeded: 0, ota.Failed: exitFailed, ota.Cancelled: exitFailed, ota.Lost: exitFailed, ota.RolledBack: exitRolledBack,
	} {
		var stdout, stderr bytes.Buffer
		address := relayOf(t, ota.Job{State: state, Text: "door: that is how it ended."})
		code := run([]string{"ota", "door", "latest", "--wait", "--relay", address}, &stdout, &stderr)
		said := stdout.String() + stderr.String()
		if code != want || !strings.Contains(said, "that is how it ended") || strings.Count(said, "downloading") != 1 || !strings.Contains(said, "50 %") {
			t.Errorf("%s: exit %d\n%s", state, code, said)
		}
	}
}

func TestOTAAnswers(t *testing.T) {
	t.Setenv("CAMRELAY_TOKEN", "")
	address := relayOf(t, ota.Job{})
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"door 9.9.9 --token crt_right":   {1, "no such image"},
		"door dry-run --token crt_right": {0, "it can be updated"},
		"door latest --token crt_right":  {0, "from 1.0.0 to 1.1.0"},
		"door latest --token crt_wrong":  {1, "CAMRELAY_TOKEN"},
		"door --token crt_right":         {0, "newest 1.1.0: downloading to 1.1.0, 50 %"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"ota", "--relay", address}, strings.Fields(args)...), &stdout, &stderr)
		if said := stdout.String() + stderr.String(); code != want.code || !strings.Contains(said, want.text) {
			t.Errorf("relay ota %s: exit %d, %q; want %d, %q", args, code, said, want.code, want.text)
		}
	}
}
