package json

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWriter(t *testing.T) {
	const want = `{"t":"hello","n":-12,"ok":true,"no":false,"s":{"a\"b":"ü\u0007\\€?"},"list":[1,[],{},"x"],"last":0}`
	write := func(buf []byte) ([]byte, bool) {
		w := Begin(buf)
		w.Object()
		w.KeyString("t", "hello")
		w.KeyInt("n", -12)
		w.KeyBool("ok", true)
		w.KeyBool("no", false)
		w.Key("s")
		w.Object()
		w.KeyText(`a"b`, []byte("ü\a\\€\xff"))
		w.End()
		w.Key("list")
		w.Array()
		w.Int(1)
		w.Array()
		w.EndArray()
		w.Object()
		w.End()
		w.String("x")
		w.EndArray()
		w.KeyInt("last", 0)
		w.End()
		return w.Bytes()
	}
	for size := range len(want) {
		if p, ok := write(make([]byte, 0, size)); ok || len(p) > size {
			t.Errorf("%d bytes of room: %q, %v", size, p, ok)
		}
	}
	buf := make([]byte, 0, len(want))
	if p, ok := write(buf); !ok || string(p) != want || !Valid(p) {
		t.Errorf("%v %s", ok, p)
	}
	if n := testing.AllocsPerRun(100, func() { write(buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMilli(t *testing.T) {
	for v, want := range map[int64]string{0: "0", 1000: "1", 2500: "2.5", 14_805: "14.805", 50: "0.05", 7: "0.007", -1250: "-1.25", -5: "-0.005"} {
		w := Begin(make([]byte, 0, 40))
		w.Array()
		w.Milli(v)
		w.Milli(v)
		w.EndArray()
		if p, _ := w.Bytes(); string(p) != "["+want+","+want+"]" || !json.Valid(p) {
			t.Errorf("%d: %s", v, p)
		}
		r := Read([]byte(`{"a":` + want + `}`))
		r.Next()
		if got, ok := r.Milli(-1<<40, 1<<40); !ok || got != v {
			t.Errorf("%s: %d, %v", want, got, ok)
		}
	}
}

func TestReader(t *testing.T) {
	p := []byte(` { "t" : "ota", "skipped":{"a":[1,{"b":2}]}, "size":684032, "neg":-1.2505, "yes":true, "no":false, "null":null,
		"esc":"a\"\u00fc\ud83d\ude00\ud800x\n", "in":{"x":1,"y":{"z":"w"},"rest":[[]]}, "empty":{}, "end":7} `)
	buf := make([]byte, 64)
	var got []string
	say := func(s string) { got = append(got, s) }
	r := Read(p)
	for r.Next() {
		switch {
		case r.Is("t"):
			s, ok := r.String(nil)
			if !ok {
				t.Error("t")
			}
			say(string(s))
		case r.Is("size"):
			if v, ok := r.Int(0, 1<<20); ok && v == 684032 {
				say("size")
			}
			if _, ok := r.Int(0, 1000); ok {
				t.Error("size beyond its limit")
			}
			if _, ok := r.Bool(); ok {
				t.Error("size is a bool")
			}
		case r.Is("neg"):
			if v, ok := r.Milli(-2000, 0); ok && v == -1250 {
				say("neg")
			}
			if _, ok := r.Int(-5, 5); ok {
				t.Error("a fraction is whole")
			}
		case r.Is("yes"):
			if v, ok := r.Bool(); ok && v {
				say("yes")
			}
		case r.Is("no"):
			if v, ok := r.Bool(); ok && !v {
				say("no")
			}
		case r.Is("esc"):
			s, ok := r.String(buf)
			if !ok || string(s) != "a\"ü😀\ufffdx\n" {
				t.Errorf("%q", s)
			}
			if _, ok := r.String(make([]byte, 3)); ok {
				t.Error("fits into 3 bytes")
			}
			say("esc")
		case r.Is("in"):
			if !r.Enter() {
				t.Error("not entered")
			}
			for r.Next() {
				if r.Is("y") && r.Enter() {
					r.Next()
					s, _ := r.String(nil)
					say(string(s))
					r.Leave()
				}
				if r.Is("rest") {
					say("rest")
				}
			}
			r.Leave()
		case r.Is("empty"):
			if r.Enter() && !r.Next() {
				r.Leave()
				say("empty")
			}
		case r.Is("end"):
			say(string(r.Raw()))
		}
	}
	if s := strings.Join(got, " "); s != "ota size neg yes no esc w rest empty 7" {
		t.Error(s)
	}
	if n := testing.AllocsPerRun(100, func() {
		r := Read(p)
		for r.Next() {
			r.String(buf)
			r.Int(0, 1)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNotAnObject(t *testing.T) {
	for _, p := range []string{"", " ", "[]", "1", `"x"`, "{", `{"a":1}x`, `{"a":1,}`, `{"a" 1}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{'a':1}`, `{"a":01}`, `{"a":1.}`,
		strings.Repeat(`{"a":`, 10) + "1" + strings.Repeat("}", 10)} {
		if r := Read([]byte(p)); r.OK() || r.Next() {
			t.Errorf("%q is read", p)
		}
	}
}

// What is valid here is valid to encoding/json, and the reverse but for depth
// and UTF-8; strings and numbers are read alike.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"\u0041\n","c":[true,null,{"d":-1.5e3}]}`))
	f.Add([]byte(`{"a":{"b":{}}}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		theirs := json.Valid(p) && utf8.Valid(p)
		if ours := Valid(p); ours && !theirs || !ours && theirs && bytes.Count(p, []byte("["))+bytes.Count(p, []byte("{")) <= maxDepth {
			t.Fatalf("%q: %v, encoding/json %v", p, ours, theirs)
		}
		want := map[string]any{}
		r := Read(p)
		if !r.OK() {
			return
		}
		d := json.NewDecoder(bytes.NewReader(p))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, len(p))
		last := map[string]any{}
		for r.Next() {
			if bytes.ContainsRune(r.Key(), '\\') {
				continue
			}
			last[string(r.Key())] = nil
			if s, ok := r.String(buf); ok {
				last[string(r.Key())] = string(s)
			} else if v, ok := r.Bool(); ok {
				last[string(r.Key())] = v
			} else if raw := r.Raw(); raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
				last[string(r.Key())] = json.Number(raw)
			} else if r.Enter() {
				r.Leave()
			}
		}
		for k, v := range last {
			switch want[k].(type) {
			case string, bool, json.Number:
				if want[k] != v && !strings.Contains(string(p), `\`) {
					t.Errorf("%q: %q is %#v, want %#v", p, k, v, want[k])
				}
			}
		}
	})
}
