package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// masked is what is printed in place of a secret.
const masked = "***"

// maxSecretFile bounds what file:PATH reads, in bytes.
const maxSecretFile = 64 << 10

// Secret is a text that is never printed. It is written as it is, or as
// file:PATH (the file's content without its last line end), or as env:NAME.
type Secret struct {
	source string // "file:…" or "env:…"; empty if written as it is
	value  string
}

// NewSecret keeps a text from being printed.
func NewSecret(text string) Secret { return Secret{value: text} }

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// String is "***", or empty for no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return masked
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the secret from every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders such as JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the secret, but tells the file or variable it came from.
func (s Secret) MarshalYAML() (any, error) {
	if s.source != "" {
		return s.source, nil
	}
	return s.String(), nil
}

// UnmarshalText takes the text; resolve follows file: and env:.
func (s *Secret) UnmarshalText(b []byte) error {
	text := string(b)
	switch {
	case text == masked:
		return errors.New("*** is printed in place of a secret; write the secret itself, or file:PATH or env:NAME")
	case strings.HasPrefix(text, "file:"), strings.HasPrefix(text, "env:"):
		*s = Secret{source: text}
	default:
		*s = Secret{value: text}
	}
	return nil
}

// resolve reads the file or variable a secret refers to.
func (s *Secret) resolve(getenv func(string) (string, bool)) error {
	if name, ok := strings.CutPrefix(s.source, "env:"); ok {
		value, ok := getenv(name)
		if !ok || value == "" {
			return fmt.Errorf("environment variable %q is not set or empty", name)
		}
		s.value = value
	}
	if path, ok := strings.CutPrefix(s.source, "file:"); ok {
		value, err := readSecret(path)
		if err != nil {
			return err
		}
		s.value = value
	}
	return nil
}

func readSecret(path string) (string, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return "", fmt.Errorf("read secret: %s is not a file of at most %d bytes", path, maxSecretFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("read secret: %s is empty", path)
	}
	return text, nil
}
