package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest configuration taken, in bytes.
const maxFile = 1 << 20

// parseYAML reads one YAML document; nil for a text without any.
func parseYAML(name string, text []byte) (*yaml.Node, error) {
	if len(text) > maxFile {
		return nil, &Error{Where: name, Problem: fmt.Sprintf("is larger than %v: this is no configuration file", Size(maxFile))}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(name, text, err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, &Error{Where: fmt.Sprintf("%s:%d", name, second.Line), Problem: `a second document begins; remove the "---" line`}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(name, text, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxError puts the parser's message ("yaml: line 3: …") into our form, and
// names the most common reason, a tab, at its own line.
func syntaxError(name string, text []byte, err error) error {
	for i, line := range strings.Split(string(text), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if strings.Contains(indent, "\t") && len(indent) < len(strings.TrimRight(line, "\r")) {
			return &Error{Where: fmt.Sprintf("%s:%d", name, i+1), Problem: "a tab indents this line; YAML needs spaces"}
		}
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Error{Where: fmt.Sprintf("%s:%d", name, line), Problem: "this is not YAML: " + m[2] + " (the mistake may be a line before or after)"}
	}
	return &Error{Where: name, Problem: "this is not YAML: " + message}
}
