package config

import (
	"slices"
	"strings"
)

// envPrefix begins the name of every variable that sets a key.
const envPrefix = "CAMRELAY_"

// EnvName is the variable that sets a key: limits.max_frame is set by
// CAMRELAY_LIMITS_MAX_FRAME.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// environ applies the CAMRELAY_* variables in alphabetical order. An unknown
// one is a warning only: others than the relay's user may have set it.
func (r *reader) environ(environ []string) {
	keys := map[string]string{}
	var rests []string // the names without their prefix
	for _, key := range Keys() {
		keys[EnvName(key)] = key
		rests = append(rests, strings.TrimPrefix(EnvName(key), envPrefix))
	}
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		key, known := keys[name]
		switch {
		case known:
			r.set(name, key, value)
		case strings.HasPrefix(name, envPrefix) && !reservedEnv(name):
			warning := "environment variable " + name + " sets no key"
			if best := nearest(name[len(envPrefix):], rests); best != "" {
				warning += "; did you mean " + envPrefix + best + "?"
			}
			r.cfg.Warnings = append(r.cfg.Warnings, warning)
		}
	}
}

// reservedEnv reports names with another meaning: the path of the file, and
// what Kubernetes sets in every pod beside a service called camrelay.
func reservedEnv(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return rest == "CONFIG" || rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

// flag applies one key=value pair of the command line.
func (r *reader) flag(pair string) {
	key, value, ok := strings.Cut(pair, "=")
	if !ok {
		r.errs = append(r.errs, &Error{Where: "--set", Problem: quoted(pair) + ` has no "="; write --set limits.max_fps=30`})
		return
	}
	r.set("--set", strings.TrimSpace(key), value)
}

// forget drops what was noted about a key and its items by an earlier source.
func (r *reader) forget(key string) {
	for k := range r.places {
		if k == key || strings.HasPrefix(k, key+"[") {
			delete(r.places, k)
		}
	}
}
