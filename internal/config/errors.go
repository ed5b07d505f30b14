package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	// Where is "relay.yaml:12", a variable's name or "--set"; empty if the
	// value is a default.
	Where string
	// Key is the full key, like "limits.max_frame" or "cameras[2].url"; empty
	// for errors of the file as a whole.
	Key string
	// Problem says what is wrong and what is allowed.
	Problem string

	line int // for sorting
}

func (e *Error) Error() string {
	s := e.Problem
	if e.Key != "" {
		s = e.Key + ": " + s
	}
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	return s
}

// problem is an error about a value, quoted and cut to a readable length.
func problem(value, format string, args ...any) error {
	if len(value) > 60 {
		value = value[:57] + "..."
	}
	return fmt.Errorf("%q "+format, append([]any{value}, args...)...)
}

// place is where a key was set.
type place struct {
	where string
	line  int
}

// problems collects errors and knows where keys were set.
type problems struct {
	places map[string]place
	errs   []*Error
	cut    bool // the file was not read to its end
}

// at notes where a key was set; a later source wins.
func (p *problems) at(key, where string, line int) { p.places[key] = place{where, line} }

func (p *problems) isSet(key string) bool {
	_, ok := p.places[key]
	return ok
}

// add reports an error about a key at the place where it was set.
func (p *problems) add(key string, err error) {
	at := p.places[key]
	p.errs = append(p.errs, &Error{Where: at.where, Key: key, Problem: err.Error(), line: at.line})
}

// join is nil if nothing was reported, else all errors in the file's order.
func (p *problems) join() error {
	slices.SortStableFunc(p.errs, func(a, b *Error) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(p.errs))
	for i, e := range p.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}
