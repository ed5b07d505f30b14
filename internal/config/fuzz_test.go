package config

import (
	"fmt"
	"os"
	"reflect"
	"testing"
)

// Whatever the file holds: Parse does not panic, and what it accepts is valid
// and, written out, gives the same configuration.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, seed := range []string{
		"", "\ufeffa: 1", "log: {level: debug}\nlimits: {max_frame: 4MB, handshake: 1m}",
		"cameras:\n- &c {id: a, key: 0123456789abcdef, settings: {framesize: VGA}}\n- {<<: *c, id: b}\n- {id: c, url: 'http://u:p@h/?x=1', still: 0s}",
		"mqtt: {url: 'ws://u:p@h/', topic: a/b}\norigins: ['*']\ntrusted_proxies: 10.0.0.0/8", "a: &x [*x]", "? [a]\n: b", "lab: yes\n---\n",
		"public_url: 'http://h/a//'", "tls: {acme: {domains: [a.b]}}", "name: \"\\u0000\"", "rest: {still: 1.5s}\npull: {backoff_min: 1h}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newReader(nil) // reads no variables of the process
		r.file("f", text)
		c, err := r.finish()
		if err != nil {
			if c != nil {
				t.Fatal("a configuration came with an error")
			}
			_ = err.Error()
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		c.Warnings = nil
		environ := refer(c)
		out, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again := newReader(environ)
		again.file("g", out)
		c2, err := again.finish()
		if err != nil {
			t.Fatalf("cannot read again: %v\n%s", err, out)
		}
		c2.Warnings = nil
		if !reflect.DeepEqual(c, c2) {
			t.Fatalf("differs after\n%s", out)
		}
		if d := Diff(c, c2); !d.IsZero() {
			t.Fatalf("Diff of equals: %+v", d)
		}
	})
}

// refer turns the secrets into references, which are printed, to variables.
func refer(c *Config) (environ []string) {
	secrets := []*Secret{&c.MQTT.Password}
	for i := range c.Cameras {
		secrets = append(secrets, &c.Cameras[i].Password, &c.Cameras[i].KeySHA256)
	}
	for i, s := range secrets {
		if s.value != "" {
			s.source = fmt.Sprintf("env:SECRET%d", i)
			environ = append(environ, fmt.Sprintf("SECRET%d=%s", i, s.value))
		}
	}
	return environ
}
