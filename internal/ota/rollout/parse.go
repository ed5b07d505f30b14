package rollout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

// MaxRequest is how long a request may be, in bytes.
const MaxRequest = 32 << 10

const (
	maxNames = 1000 // in one list
	maxWaves = 20
	maxDepth = 4
)

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,23}$`)

// Request is what a person asks for.
type Request struct {
	Action   ota.Action // Install begins a rollout, DryRun only says which cameras it would have
	Document Document
}

// Parse reads a request: a word or a version, as for one camera, or a JSON
// object: a Document, with an action if it is not to begin. The error is one
// sentence for who sent it, or ota.ErrEmpty.
func Parse(payload []byte) (Request, error) {
	if len(payload) > MaxRequest {
		return Request{}, fmt.Errorf("the request has %d bytes; up to %d are read", len(payload), MaxRequest)
	}
	if trimmed := bytes.TrimSpace(payload); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseObject(trimmed)
	}
	t, err := ota.ParseTrigger(payload)
	if err != nil {
		return Request{}, err
	}
	if t.Action == ota.Retry {
		return Request{}, errors.New("retry is for one camera: send the version again, and the cameras that have it are left alone")
	}
	r := Request{t.Action, defaults()}
	r.Document.To = Firmware(t.Want)
	return r, r.Document.check()
}

// parseObject is strict: a mistyped key must not change a policy.
func parseObject(payload []byte) (Request, error) {
	if !utf8.Valid(payload) || bytes.IndexByte(payload, 0) >= 0 {
		return Request{}, errors.New("the request is not text")
	}
	if err := checkKeys(payload); err != nil {
		return Request{}, err
	}
	in := struct {
		Action ota.Action `json:"action"`
		Document
	}{Document: defaults()}
	if err := strictly(payload, &in); err != nil {
		return Request{}, fmt.Errorf("the request's JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	r := Request{in.Action, in.Document}
	switch r.Action {
	case "":
		r.Action = ota.Install
	case ota.Install, ota.DryRun, ota.Cancel, ota.Status, ota.Pause, ota.Resume:
	default:
		return Request{}, fmt.Errorf("action %.40q is not known: install, dry-run, cancel, status, pause and resume are", r.Action)
	}
	return r, r.Document.check()
}

// strictly decodes one JSON value with no unknown key and nothing behind it.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("it goes on after its object")
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Firmware) UnmarshalJSON(text []byte) error {
	var in struct {
		Version *string `json:"version"`
		Build   *uint32 `json:"build"`
		SHA256  string  `json:"sha256"`
	}
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var version string
	if json.Unmarshal(text, &version) == nil {
		in.Version = &version
	} else if err := strictly(text, &in); err != nil {
		return fmt.Errorf("to: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	*f = Firmware{SHA256: in.SHA256}
	switch {
	case in.Version != nil && *in.Version == "":
		return errors.New("to: the version is empty; latest is the newest")
	case in.Build != nil && *in.Build == 0:
		return errors.New("to: build 0: builds begin at 1")
	case in.Version != nil && !strings.EqualFold(*in.Version, catalog.Latest):
		f.Version = *in.Version
	}
	if in.Build != nil {
		f.Build = *in.Build
	}
	return nil
}

// checkKeys refuses what encoding/json forgives: keys that are there twice or
// are written in another way, and nesting.
func checkKeys(payload []byte) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	var open []map[string]bool // the keys of the objects around; nil for a list
	isKey := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the request's JSON: %w", err)
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if len(open) > maxDepth {
				return errors.New("the request's JSON is nested too deeply")
			}
			if len(open) == 0 {
				return nil // what follows is found by the decoder
			}
			isKey = open[len(open)-1] != nil
			continue
		case string:
			if keys := open[len(open)-1]; isKey && keys != nil {
				if keys[t] {
					return fmt.Errorf("the request's JSON has %.40q twice", t)
				}
				if strings.Trim(t, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
					return fmt.Errorf("the request's JSON: unknown field %.40q", t)
				}
				keys[t] = true
				isKey = false
				continue
			}
		}
		isKey = open[len(open)-1] != nil
	}
}

// check says what is wrong with a document, and fills in the waves.
func (d *Document) check() error {
	if d.Waves == nil {
		d.Waves = defaultWaves()
	}
	if err := checkWaves(d.Waves); err != nil {
		return err
	}
	for _, list := range []struct {
		key   string
		names []string
		check func(string) error
	}{
		{"select.groups", d.Select.Groups, wire.CheckGroup}, {"select.cameras", d.Select.Cameras, wire.CheckID},
		{"select.exclude", d.Select.Exclude, wire.CheckID}, {"canary", d.Canary, wire.CheckID},
	} {
		if err := checkNames(list.key, list.names, list.check); err != nil {
			return err
		}
	}
	if _, err := d.Window.parse(); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	if d.Window != nil && d.Window.From == "" && d.Window.To == "" {
		return errors.New("window: from and to are missing, like 01:00 and 05:00")
	}
	for _, n := range []struct {
		key              string
		value, low, high int
	}{
		{"soak_s", d.Soak, 0, 86400}, {"max_parallel", d.MaxParallel, 1, 100}, {"retry_per_camera", d.Retry, 0, 5},
		{"stop_if.failed_percent", d.StopIf.FailedPercent, 0, 100}, {"stop_if.min_executed", d.StopIf.MinExecuted, 1, 100_000},
	} {
		if n.value < n.low || n.value > n.high {
			return fmt.Errorf("%s %d: %d to %d are allowed", n.key, n.value, n.low, n.high)
		}
	}
	switch {
	case d.ID != "" && !validID.MatchString(d.ID):
		return fmt.Errorf("id %.40q: use 1 to 24 of a-z 0-9 . and -, the first a letter or digit", d.ID)
	case len(d.Select.Board) > 64:
		return errors.New("select.board is longer than 64 bytes")
	case len(d.Reason) > 200 || len(d.By) > 64:
		return errors.New("reason has up to 200 bytes, by up to 64")
	}
	return d.To.check()
}

// check holds a firmware to what a trigger for one camera may say.
func (f Firmware) check() error {
	text, err := json.Marshal(firmwareJSON{f.Version, f.Build, f.SHA256})
	if err == nil {
		_, err = ota.ParseTrigger(text)
	}
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	return nil
}

func checkWaves(waves []Wave) error {
	if len(waves) == 0 || len(waves) > maxWaves {
		return fmt.Errorf("waves: 1 to %d are allowed", maxWaves)
	}
	var last Wave
	for i, w := range waves {
		switch {
		case (w.Count == 0) == (w.Percent == 0):
			return fmt.Errorf("waves[%d]: either count or percent is needed", i)
		case w.Count < 0 || w.Count > 100_000:
			return fmt.Errorf("waves[%d].count %d: 1 to 100000 are allowed", i, w.Count)
		case w.Percent < 0 || w.Percent > 100:
			return fmt.Errorf("waves[%d].percent %d: 1 to 100 are allowed", i, w.Percent)
		case w.Count != 0 && w.Count <= last.Count, w.Percent != 0 && w.Percent <= last.Percent:
			return fmt.Errorf("waves[%d] does not go further than the ones before: each says how many cameras have been updated when it is through", i)
		}
		last.Count, last.Percent = max(last.Count, w.Count), max(last.Percent, w.Percent)
	}
	if waves[len(waves)-1].Percent != 100 {
		return errors.New(`the last wave has to be {"percent":100}; to leave cameras out, use select`)
	}
	return nil
}

func checkNames(key string, names []string, check func(string) error) error {
	if len(names) > maxNames {
		return fmt.Errorf("%s has %d names; up to %d are allowed", key, len(names), maxNames)
	}
	for i, name := range names {
		if err := check(name); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%s has %q twice", key, name)
		}
	}
	return nil
}
