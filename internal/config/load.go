package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Sources says where a configuration comes from. Later fields win over
// earlier ones, and all of them over [Default].
type Sources struct {
	// File is the path of a YAML file; empty: none.
	File string
	// Environ are "NAME=value" pairs as of os.Environ. CAMRELAY_LIMITS_MAX_FRAME
	// sets limits.max_frame; other variables only serve env:NAME secrets.
	Environ []string
	// Set are "key=value" pairs, as of repeated --set flags.
	Set []string
}

// Load reads a file and the process's environment.
func Load(path string) (*Config, error) {
	return Sources{File: path, Environ: os.Environ()}.Load()
}

// Parse reads the text of a file called name, without CAMRELAY_* variables.
func Parse(name string, text []byte) (*Config, error) {
	r := newReader(nil)
	r.getenv = os.LookupEnv
	r.file(name, text)
	return r.finish()
}

// Load reads all sources. Either the configuration is complete and valid, or
// the error joins an [Error] for everything that is wrong.
func (s Sources) Load() (*Config, error) {
	r := newReader(s.Environ)
	if s.File != "" {
		text, err := readFile(s.File)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		r.file(s.File, text)
	}
	r.environ(s.Environ)
	for _, pair := range s.Set {
		r.flag(pair)
	}
	return r.finish()
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %v: this is no configuration file", path, Size(maxFile))
	}
	return os.ReadFile(path)
}

// reader puts a configuration together.
type reader struct {
	problems
	cfg    *Config
	getenv func(string) (string, bool)
}

func newReader(environ []string) *reader {
	return &reader{
		problems: problems{places: map[string]place{}},
		cfg:      Default(),
		getenv: func(name string) (string, bool) {
			for _, pair := range slices.Backward(environ) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
	}
}

// file applies the text of a YAML file.
func (r *reader) file(name string, text []byte) {
	root, err := parseYAML(name, text)
	if err != nil {
		r.errs = append(r.errs, err.(*Error))
		return
	}
	if root == nil { // empty, or comments alone
		return
	}
	d := newDecoder(&r.problems, func(line int) string { return fmt.Sprintf("%s:%d", name, line) })
	d.value(root, "", reflect.ValueOf(r.cfg).Elem())
}

// set applies one key=value pair. Lists are written a,b,c or as YAML.
func (r *reader) set(where, key, text string) {
	var target reflect.Value
	walk(reflect.ValueOf(r.cfg).Elem(), "", func(k string, v reflect.Value, _ reflect.StructField) {
		if k == key {
			target = v
		}
	})
	if !target.IsValid() {
		r.errs = append(r.errs, &Error{Where: where, Problem: "unknown key " + quoted(key) + suggest(key, Keys())})
		return
	}
	r.forget(key)
	r.at(key, where, 0)
	if target.Kind() != reflect.Slice {
		if err := setText(target, text); err != nil {
			r.add(key, err)
		}
		return
	}
	target.SetZero()
	if isSection(target.Type().Elem()) || strings.HasPrefix(text, "[") {
		root, err := parseYAML(where, []byte(text))
		if err != nil {
			r.errs = append(r.errs, err.(*Error))
		} else if root != nil {
			newDecoder(&r.problems, func(int) string { return where }).value(root, key, target)
		}
		return
	}
	for i, item := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' }) {
		elem := reflect.New(target.Type().Elem()).Elem()
		if err := setText(elem, strings.TrimSpace(item)); err != nil {
			r.add(key, err)
			continue
		}
		r.at(fmt.Sprintf("%s[%d]", key, i), where, 0)
		target.Set(reflect.Append(target, elem))
	}
}

// warn notes what is allowed but unwise.
func (r *reader) warn(key, text string) {
	where := r.places[key].where
	if where != "" {
		where += ": "
	}
	r.cfg.Warnings = append(r.cfg.Warnings, where+key+" "+text)
}
