package config

import "go.yaml.in/yaml/v3"

// entry is one line of a mapping.
type entry struct{ key, value *yaml.Node }

// entries lists a mapping's own entries, then those that "<<" merges into it
// and it does not have itself.
func (d *decoder) entries(n *yaml.Node, key string) []entry {
	var entries, merges []entry
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{n.Content[i], n.Content[i+1]}
		switch line, seen := first[e.key.Value]; {
		case e.key.Kind != yaml.ScalarNode:
			d.fail(e.key, key, "a key must be a plain word")
		case e.key.ShortTag() == "!!merge":
			merges = append(merges, e)
		case seen:
			d.fail(e.key, "", "duplicate key %s, first in line %d; remove one", quoted(join(key, e.key.Value)), line)
		default:
			first[e.key.Value] = e.key.Line
			entries = append(entries, e)
		}
	}
	for _, m := range merges {
		for _, e := range d.merged(m.value, key) {
			if _, seen := first[e.key.Value]; !seen {
				first[e.key.Value] = e.key.Line
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// merged lists the entries of the mapping, or list of mappings, behind "<<".
func (d *decoder) merged(n *yaml.Node, key string) []entry {
	at := n
	n, leave, ok := d.enter(n, key)
	if !ok {
		return nil
	}
	defer leave()
	switch n.Kind {
	case yaml.MappingNode:
		d.nodes += len(n.Content)
		return d.entries(n, key)
	case yaml.SequenceNode:
		var entries []entry
		for _, item := range n.Content {
			entries = append(entries, d.merged(item, key)...)
		}
		return entries
	}
	d.fail(at, key, `"<<" needs an alias of a section, like "<<: *defaults"`)
	return nil
}
