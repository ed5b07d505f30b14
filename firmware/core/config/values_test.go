package config

import (
	"bytes"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	var v Values
	for _, c := range []struct {
		tag   Tag
		value string
		want  error
	}{
		{SSID, "home", nil},
		{SSID, strings.Repeat("x", 33), ErrSSID},
		{Password, "secret88", nil},
		{Password, "short", ErrPassword},
		{Password, strings.Repeat("x", 63), nil},
		{Password, strings.Repeat("x", 64), ErrPassword},
		{Password, strings.Repeat("0f", 32), nil},
		{Relay, "ws://192.168.1.10:8080", nil},
		{Relay, "https://relay.example", ErrURL},
		{Relay, "ws://", ErrURL},
		{Relay, "ws://a b", ErrURL},
		{MQTT, "mqtt://192.168.1.10", nil},
		{MQTT, "ws://192.168.1.10", ErrURL},
		{Camera, "door-1", nil},
		{Camera, "-door", ErrCamera},
		{Camera, "Door", ErrCamera},
		{Camera, strings.Repeat("d", 33), ErrCamera},
		{Key, "crk_aaaabbbbccccdddd", nil},
		{Key, "with a space", ErrKey},
		{Key, "short", ErrKey},
		{Topic, "home/camrelay", nil},
		{Topic, "home/+/x", ErrTopic},
		{Topic, "home/", ErrTopic},
		{Scheme, "hmac", nil},
		{Scheme, "digest", ErrScheme},
		{Port, "\x50\x00\x00\x00", nil},
		{Port, "\x00\x00\x01\x00", nil},
		{Port, "\x01\x00\x01\x00", ErrNumber},
		{Port, "\x00\x00\x00\x00", ErrNumber},
		{Port, "80", ErrNumber},
		{Floor, "abc", ErrNumber},
		{Floor, "abcd", nil},
		{200, "from a later firmware", nil},
		{201, strings.Repeat("x", 256), ErrLong},
		{0, "x", ErrTag},
	} {
		old := string(v.Get(c.tag))
		if err := v.Set(c.tag, []byte(c.value)); err != c.want {
			t.Errorf("tag %d, %q: %v, want %v", c.tag, c.value, err, c.want)
		}
		want := c.value
		if c.want != nil {
			want = old
		}
		if got := string(v.Get(c.tag)); got != want {
			t.Errorf("tag %d is %q, want %q", c.tag, got, want)
		}
	}
	var w Values
	if err := w.Decode(bytes.Clone(v.Bytes())); err != nil {
		t.Fatal(err)
	}
	if string(w.Get(200)) != "from a later firmware" || string(w.Get(Camera)) != "door-1" {
		t.Error("values are lost in storage")
	}
	if err := w.Set(Password, nil); err != nil || w.Get(Password) != nil {
		t.Error("an empty value does not remove")
	}
	if err := w.SetNumber(Floor, 1234567); err != nil || w.Number(Floor) != 1234567 || w.Number(Job) != 0 {
		t.Error("numbers are lost")
	}
}

func TestValuesAreBounded(t *testing.T) {
	var v Values
	long := bytes.Repeat([]byte("x"), MaxValue)
	for tag := Tag(100); tag < 103; tag++ {
		if err := v.Set(tag, long); err != nil {
			t.Fatal(err)
		}
	}
	before := bytes.Clone(v.Bytes())
	if err := v.Set(90, long); err != ErrLong {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(v.Bytes(), before) {
		t.Error("a refused value has changed the set")
	}
	if err := v.Decode(make([]byte, MaxValues+1)); err != ErrLong {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"\x01", "\x01\x00", "\x01\x02a", "\x02\x01a\x01\x01a", "\x01\x01a\x01\x01a", "\x00\x01a"} {
		if err := v.Decode([]byte(bad)); err != ErrMalformed || len(v.Bytes()) != 0 {
			t.Errorf("%q: %v, %d bytes are left", bad, err, len(v.Bytes()))
		}
	}
}

func TestErrorsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for e := ErrEmpty; e <= ErrNumber; e++ {
		if seen[e.Error()] || strings.Contains(e.Error(), "unknown") {
			t.Errorf("error %d: %q", e, e.Error())
		}
		seen[e.Error()] = true
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte{1, 1, 'a', 6, 2, 'b', 'c'}, byte(3), []byte("ws://x"))
	f.Fuzz(func(t *testing.T, stored []byte, tag byte, value []byte) {
		var v Values
		if v.Decode(stored) != nil {
			return
		}
		others := map[Tag]string{}
		for o := range 256 {
			if p := v.Get(Tag(o)); p != nil && byte(o) != tag {
				others[Tag(o)] = string(p)
			}
		}
		if v.Set(Tag(tag), value) == nil && string(v.Get(Tag(tag))) != string(value) {
			t.Errorf("tag %d is %q, want %q", tag, v.Get(Tag(tag)), value)
		}
		for o, want := range others {
			if string(v.Get(o)) != want {
				t.Errorf("tag %d has changed", o)
			}
		}
		var w Values
		if err := w.Decode(v.Bytes()); err != nil {
			t.Error(err)
		}
	})
}
