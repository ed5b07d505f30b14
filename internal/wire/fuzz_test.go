package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// again encodes v and reads it into a new value of its kind.
func again[T any](t *testing.T, v *T) *T {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %+v: %v", v, err)
	}
	next := new(T)
	if err := json.Unmarshal(b, next); err != nil {
		t.Fatalf("read %s again: %v", b, err)
	}
	return next
}

// stable fails if a value changes by being written and read.
func stable[T any](t *testing.T, v *T) {
	t.Helper()
	if v == nil {
		return
	}
	once := again(t, v)
	if twice := again(t, once); !reflect.DeepEqual(once, twice) {
		t.Errorf("%+v became %+v", once, twice)
	}
}

func FuzzCameraText(f *testing.F) {
	f.Add([]byte(`{"t":"hello","firmware":"1.4.2","build":1042,"settings":{"framesize":"VGA","quality":12}}`))
	f.Add([]byte(`{"t":"stats","uptime":3600,"rssi":-61,"temperature":48.5}`))
	f.Add([]byte(`{"t":"ack","id":8,"ok":false,"error":"no"}`))
	f.Add([]byte(`{"t":"\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := ParseCameraText(b)
		set := 0
		for _, is := range []bool{text.Hello != nil, text.Stats != nil, text.Ack != nil} {
			if is {
				set++
			}
		}
		if set > 1 || err != nil && set != 0 {
			t.Errorf("%d kinds, %v", set, err)
		}
		stable(t, text.Hello)
		stable(t, text.Stats)
		stable(t, text.Ack)
	})
}

func FuzzViewText(f *testing.F) {
	f.Add([]byte(`{"t":"watch","cameras":[{"id":"door"},{"id":"yard","max_fps":5}]}`))
	f.Add([]byte(`{"t":"clock","client":1234567.8}`))
	f.Add([]byte(`{"t":"set","id":3,"camera":"door","settings":{"quality":10},"take":false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := ParseViewText(b)
		if err != nil && text != (ViewText{}) {
			t.Errorf("%+v with %v", text, err)
		}
		if text.Watch != nil && len(text.Watch.Cameras) > MaxWatch {
			t.Errorf("%d cameras", len(text.Watch.Cameras))
		}
		stable(t, text.Watch)
		stable(t, text.Clock)
		stable(t, text.Set)
	})
}

func FuzzFrameAcks(f *testing.F) {
	f.Add(FrameAck{Stream: 1, Seq: 2}.Append(FrameAck{Stream: 3, Seq: 4}.Append(nil)))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			ack, rest, err := NextFrameAck(b)
			if err != nil {
				return
			}
			if len(rest) != len(b)-FrameAckLen {
				t.Fatalf("%d of %d bytes are left", len(rest), len(b))
			}
			written := ack.Append(nil)
			written[1] = b[1] // reserved
			if !bytes.Equal(written, b[:FrameAckLen]) {
				t.Errorf("%x became %x", b[:FrameAckLen], written)
			}
			b = rest
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"framesize":"VGA","quality":12,"hmirror":true}`))
	f.Add([]byte(`{"":0,"quality":-1e9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Settings
		if err := json.Unmarshal(b, &s); err != nil {
			return
		}
		if len(s) > maxSettings {
			t.Errorf("%d settings", len(s))
		}
		if got := again(t, &s); !reflect.DeepEqual(*got, s) && len(s) > 0 {
			t.Errorf("%v became %v", s, *got)
		}
		if s.Check() == nil {
			if b, err := (Command{T: KindSet, ID: 1<<32 - 1, Settings: s}).Encode(); err != nil {
				t.Errorf("%s: %v", b, err)
			}
		}
	})
}
