package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// setText sets a value that is written as one text.
func setText(v reflect.Value, text string) error {
	if !utf8.ValidString(text) || hasControl(text) {
		return errors.New("the text has a control character or is not UTF-8")
	}
	switch p := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		if prefix, ok := p.(*netip.Prefix); ok { // its own takes no single address
			return assign(prefix, text, parseNetwork)
		}
		return p.UnmarshalText([]byte(text))
	case *time.Duration:
		return assign(p, text, parseDuration)
	case *string:
		*p = text
	case *bool:
		b, ok := parseBool(text)
		if !ok {
			return problem(text, "is neither true nor false")
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return problem(text, "is not a whole number")
		}
		*p = n
	default:
		return fmt.Errorf("values of type %T cannot be set", p)
	}
	return nil
}

func assign[T any](p *T, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err == nil {
		*p = value
	}
	return err
}
