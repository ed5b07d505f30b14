package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the values of one document with its aliases written out, so
// that a small file cannot become a large one.
const maxNodes = 200_000

// maxErrors bounds how many mistakes are told at once.
const maxErrors = 100

// decoder fills a struct from YAML nodes. It does not use the library's own
// decoding: that stops at the first error and knows no positions.
type decoder struct {
	*problems
	where func(line int) string
	nodes int                 // read so far
	open  map[*yaml.Node]bool // aliases being written out
}

func newDecoder(p *problems, where func(line int) string) *decoder {
	return &decoder{problems: p, where: where, open: map[*yaml.Node]bool{}}
}

// fail reports an error about a key at a node.
func (d *decoder) fail(n *yaml.Node, key, format string, args ...any) {
	if len(d.errs) == maxErrors {
		d.cut = true
		format, args = "this and what follows is not looked at: there are %d mistakes before", []any{maxErrors}
	} else if d.cut && len(d.errs) > maxErrors {
		return
	}
	d.errs = append(d.errs, &Error{Where: d.where(n.Line), Key: key, Problem: fmt.Sprintf(format, args...), line: n.Line})
}

// enter follows an alias and counts the node. The caller calls leave when ok.
func (d *decoder) enter(n *yaml.Node, key string) (target *yaml.Node, leave func(), ok bool) {
	if d.cut {
		return nil, nil, false
	}
	if d.nodes++; d.nodes > maxNodes {
		d.fail(n, key, "the file has more than %d values, its aliases written out", maxNodes)
		d.cut = true
		return nil, nil, false
	}
	if n.Kind != yaml.AliasNode {
		return n, func() {}, true
	}
	if d.open[n.Alias] {
		d.fail(n, key, "alias *%s is inside its own anchor", n.Value)
		return nil, nil, false
	}
	d.open[n.Alias] = true
	return n.Alias, func() { delete(d.open, n.Alias) }, true
}

// value decodes a node of any kind.
func (d *decoder) value(n *yaml.Node, key string, v reflect.Value) {
	at := n
	n, leave, ok := d.enter(n, key)
	if !ok {
		return
	}
	defer leave()
	if key != "" && !d.isSet(key) {
		d.at(key, d.where(at.Line), at.Line)
	}
	null := n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
	switch {
	case isSection(v.Type()):
		if !null { // a section whose keys are all commented out
			d.section(n, key, v)
		}
	case v.Type() == reflect.TypeFor[Settings]():
		if !null {
			d.settings(n, key, v)
		}
	case v.Kind() == reflect.Slice:
		if !null {
			d.list(n, key, v)
		}
	case null:
		d.fail(at, key, `has no value; write one ("" for an empty text) or remove the line`)
	default:
		d.scalar(n, key, v)
	}
}

func (d *decoder) section(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "must be a section of keys: %s", strings.Join(fieldNames(v.Type()), ", "))
		return
	}
	for _, e := range d.entries(n, key) {
		f, ok := field(v, e.key.Value)
		if !ok {
			d.fail(e.key, "", "unknown key %s%s", quoted(join(key, e.key.Value)), suggest(e.key.Value, fieldNames(v.Type())))
			continue
		}
		full := join(key, e.key.Value)
		d.at(full, d.where(e.key.Line), e.key.Line)
		d.value(e.value, full, f)
	}
}

func (d *decoder) settings(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "must be a section of settings, like {framesize: VGA, quality: 12}")
		return
	}
	settings := Settings{}
	for _, e := range d.entries(n, key) {
		target, leave, ok := d.enter(e.value, key)
		if !ok {
			return
		}
		if target.Kind != yaml.ScalarNode {
			d.fail(e.value, join(key, e.key.Value), "must be a single value")
		} else if err := settings.set(e.key.Value, target.Value); err != nil {
			d.fail(e.value, join(key, e.key.Value), "%v", err)
		}
		leave()
	}
	if len(settings) > 0 {
		v.Set(reflect.ValueOf(settings))
	}
}

func (d *decoder) list(n *yaml.Node, key string, v reflect.Value) {
	elem := v.Type().Elem()
	list := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	items := n.Content
	switch {
	case n.Kind == yaml.SequenceNode:
	case n.Kind == yaml.ScalarNode && !isSection(elem): // one item needs no list
		items = []*yaml.Node{n}
	default:
		d.fail(n, key, `must be a list, each item in a line that begins with "- "`)
		return
	}
	for i, item := range items {
		e := reflect.New(elem).Elem()
		if c, ok := e.Addr().Interface().(interface{ setDefaults() }); ok {
			c.setDefaults()
		}
		d.value(item, fmt.Sprintf("%s[%d]", key, i), e)
		list = reflect.Append(list, e)
	}
	if list.Len() == 0 {
		list = reflect.Zero(v.Type())
	}
	v.Set(list)
}

func (d *decoder) scalar(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, key, "must be a single value")
		return
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
	default:
		d.fail(n, key, "tag %s is not known; remove it", quoted(tag))
		return
	}
	// The text as it is in the file: 0123 is not 83 in a password.
	if err := setText(v, n.Value); err != nil {
		d.fail(n, key, "%v", err)
	}
}

func join(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}

// quoted is a text in quotes, cut to a readable length.
func quoted(text string) string {
	if len(text) > 60 {
		text = text[:57] + "..."
	}
	return strconv.Quote(text)
}
