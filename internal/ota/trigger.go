package ota

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"camrelay/internal/ota/catalog"
)

// MaxTrigger is how long a trigger may be, in bytes.
const MaxTrigger = 4096

// Action is what a trigger asks for.
type Action string

// The actions.
const (
	Install Action = "install"
	DryRun  Action = "dry-run" // everything that can be known without touching the camera
	Cancel  Action = "cancel"
	Status  Action = "status"
	Retry   Action = "retry" // the last job's image again
	Pause   Action = "pause" // rollouts only
	Resume  Action = "resume"
)

// Trigger is a user's request.
type Trigger struct {
	ID     string // the user's own name for it, for recognising it when it comes twice; may be empty
	Action Action
	Want   catalog.Criteria // zero: the newest for the camera

	NotBefore time.Time // zero: now
	Deadline  time.Time // zero: the coordinator's default
	Force     bool      // against policy: window, viewers, same version, rate; never against safety
	Replace   bool      // instead of a job that is running
	Reason    string    // for people
	By        string    // who, as they say
	Rollout   string    // that asks; empty: a person. With Cancel, only its own job
}

// triggerJSON is a trigger as it comes.
type triggerJSON struct {
	ID        string     `json:"id"`
	Action    Action     `json:"action"`
	Version   string     `json:"version"`
	Build     *uint32    `json:"build"`
	SHA256    string     `json:"sha256"`
	NotBefore *time.Time `json:"not_before"`
	Deadline  *time.Time `json:"deadline"`
	Force     bool       `json:"force"`
	DryRun    bool       `json:"dry_run"`
	Replace   bool       `json:"replace"`
	Reason    string     `json:"reason"`
	By        string     `json:"by"`
}

var (
	triggerID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	version   = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._+~-]{0,31}$`)
	sha       = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
)

// words are the triggers of one word, in lower case.
var words = map[string]Action{
	"latest": Install, "install": Install, "update": Install,
	"dry-run": DryRun, "cancel": Cancel, "status": Status, "retry": Retry, "pause": Pause, "resume": Resume,
}

// ErrEmpty is the error of a trigger without content, which is what clearing a
// retained message delivers: to be ignored without a word.
var ErrEmpty = errors.New("empty trigger")

// ParseTrigger reads a trigger: a word, a version, or a JSON object. The error
// is one sentence for who sent it.
func ParseTrigger(payload []byte) (Trigger, error) {
	if len(payload) > MaxTrigger {
		return Trigger{}, fmt.Errorf("the trigger has %d bytes; up to %d are read", len(payload), MaxTrigger)
	}
	if !utf8.Valid(payload) || bytes.IndexByte(payload, 0) >= 0 {
		return Trigger{}, errors.New("the trigger is not text: send a word like latest, a version, or a JSON object")
	}
	payload = bytes.TrimSpace(payload)
	switch {
	case len(payload) == 0:
		return Trigger{}, ErrEmpty
	case payload[0] == '{':
		return parseObject(payload)
	}
	text := string(payload)
	if action, ok := words[strings.ToLower(text)]; ok {
		return Trigger{Action: action}, nil
	}
	if !version.MatchString(text) {
		return Trigger{}, fmt.Errorf("%.40q is no trigger: send latest, a version like 1.5.0, dry-run, cancel, status, retry, or a JSON object", text)
	}
	return Trigger{Action: Install, Want: catalog.Criteria{Version: text}}, nil
}

// parseObject is strict: a mistyped key must not start a real update.
func parseObject(payload []byte) (Trigger, error) {
	if err := noDuplicates(payload); err != nil {
		return Trigger{}, err
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	var in triggerJSON
	if err := d.Decode(&in); err != nil {
		return Trigger{}, fmt.Errorf("the trigger's JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return Trigger{}, errors.New("the trigger's JSON goes on after its object")
	}
	return in.check()
}

func (in *triggerJSON) check() (Trigger, error) {
	t := Trigger{
		ID: in.ID, Action: Action(strings.ToLower(string(in.Action))), Want: catalog.Criteria{Version: in.Version, SHA256: in.SHA256},
		Force: in.Force, Replace: in.Replace, Reason: in.Reason, By: in.By,
	}
	if in.NotBefore != nil {
		t.NotBefore = *in.NotBefore
	}
	if in.Deadline != nil {
		t.Deadline = *in.Deadline
	}
	if in.Build != nil {
		t.Want.Build = *in.Build
	}
	if t.Want.Version == "latest" {
		t.Want.Version = ""
	}
	if action, ok := words[string(t.Action)]; ok {
		t.Action = action
	}
	switch t.Action {
	case "":
		t.Action = Install
	case Install, DryRun, Cancel, Status, Retry, Pause, Resume:
	default:
		return Trigger{}, fmt.Errorf("action %.40q is not known: install, dry-run, cancel, status, retry, pause and resume are", in.Action)
	}
	if in.DryRun {
		if t.Action != Install && t.Action != DryRun {
			return Trigger{}, fmt.Errorf("dry_run and action %s contradict each other", t.Action)
		}
		t.Action = DryRun
	}
	switch {
	case t.ID != "" && !triggerID.MatchString(t.ID):
		return Trigger{}, fmt.Errorf("id %.70q: use 1 to 64 of A-Z a-z 0-9 . _ : -", t.ID)
	case t.Want.Version != "" && !version.MatchString(t.Want.Version):
		return Trigger{}, fmt.Errorf("version %.40q: use up to 32 of a-z A-Z 0-9 . _ + ~ -", t.Want.Version)
	case in.Build != nil && *in.Build == 0:
		return Trigger{}, errors.New("build 0: builds begin at 1")
	case t.Want.SHA256 != "" && !sha.MatchString(t.Want.SHA256):
		return Trigger{}, fmt.Errorf("sha256 %.70q: use 8 to 64 digits of 0-9 a-f", t.Want.SHA256)
	case !t.Deadline.IsZero() && t.Deadline.Before(t.NotBefore):
		return Trigger{}, errors.New("deadline is before not_before")
	case len(t.Reason) > 200 || len(t.By) > 64:
		return Trigger{}, errors.New("reason has up to 200 bytes, by up to 64")
	}
	return t, nil
}

// noDuplicates refuses an object that has a key twice, or anything nested: what
// two programs read differently is what attacks are made of.
func noDuplicates(payload []byte) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	seen := map[string]bool{}
	d.Token() // {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("the trigger's JSON: %w", err)
		}
		name := strings.ToLower(fmt.Sprint(key)) // as encoding/json compares them
		if seen[name] {
			return fmt.Errorf("the trigger's JSON has %.40q twice", key)
		}
		seen[name] = true
		value, err := d.Token()
		if err != nil {
			return fmt.Errorf("the trigger's JSON: %w", err)
		}
		if _, nested := value.(json.Delim); nested {
			return fmt.Errorf("the trigger's JSON: %.40q is not a plain value", key)
		}
	}
	return nil
}
