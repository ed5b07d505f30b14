package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// Keys lists the full name of every key in the order of [Config]; those of a
// camera are not in it.
func Keys() []string {
	var keys []string
	walk(reflect.ValueOf(Config{}), "", func(key string, _ reflect.Value, _ reflect.StructField) { keys = append(keys, key) })
	return keys
}

// walk visits the keys of a struct that are not sections.
func walk(v reflect.Value, prefix string, visit func(key string, v reflect.Value, f reflect.StructField)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := yamlName(f)
		switch {
		case name == "":
		case isSection(f.Type):
			walk(v.Field(i), prefix+name+".", visit)
		default:
			visit(prefix+name, v.Field(i), f)
		}
	}
}

// yamlName is the key of a field, empty for one that is no key.
func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// isSection reports whether values of the type hold further keys.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// field finds a key of a struct.
func field(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if n := yamlName(v.Type().Field(i)); n != "" && n == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := yamlName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// suggest is `; did you mean "X"?` for the known name nearest to a wrong one,
// or for a full key that ends in it; empty if there is none.
func suggest(name string, known []string) string {
	best := nearest(name, known)
	if best == "" {
		keys := Keys()
		i := slices.IndexFunc(keys, func(k string) bool { return strings.HasSuffix(k, "."+name) })
		if i < 0 {
			return ""
		}
		best = keys[i]
	}
	return "; did you mean \"" + best + "\"?"
}

// nearest is the known name that a wrong one was probably meant to be; empty
// if none is near.
func nearest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	best, least := "", len(name)/3+2
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance: the least number of letters to insert,
// delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
