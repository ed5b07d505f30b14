package wire

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"
)

func TestFrameHeaderBytes(t *testing.T) {
	h := FrameHeader{
		Flags: FlagStill, Stream: 0x01020304, Seq: 0xFFFFFFFE, Width: 640, Height: 480,
		Received: 1795166000123456, Captured: 1795166000023456,
	}
	b := h.Append([]byte("before"))[6:]
	const want = "0120" + "0001" + "01020304" + "fffffffe" + "028001e0" + "000660b1a7c00e40" + "000660b1a7be87a0"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	jpeg := []byte{0xFF, 0xD8, 0xFF, 0xD9}
	got, body, err := ParseFrame(append(b, jpeg...))
	if err != nil || got != h || !bytes.Equal(body, jpeg) {
		t.Errorf("%+v, %x, %v", got, body, err)
	}
	longer := append(bytes.Clone(b), 1, 2, 3, 4) // a header that grew
	longer[1] = 36
	if got, body, err := ParseFrame(append(longer, jpeg...)); err != nil || got != h || !bytes.Equal(body, jpeg) {
		t.Errorf("a longer header: %+v, %x, %v", got, body, err)
	}
	for name, bad := range map[string][]byte{"short": b[:31], "version 2": append([]byte{2}, b[1:]...), "header of 31": append([]byte{1, 31}, b[2:]...), "header beyond the end": append([]byte{1, 33}, b[2:]...)} {
		if _, _, err := ParseFrame(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestFrameAckBytes(t *testing.T) {
	b := FrameAck{Stream: 7, Seq: 0x01020304, Hold: 258 * time.Millisecond}.Append(nil)
	if got := hex.EncodeToString(b); got != "010001020000000701020304" {
		t.Errorf("got %s", got)
	}
	for hold, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 999 * time.Microsecond: 0, time.Hour: 65535 * time.Millisecond, 16 * time.Millisecond: 16 * time.Millisecond,
	} {
		ack, rest, err := NextFrameAck(append(FrameAck{Stream: 1, Seq: math.MaxUint32, Hold: hold}.Append(nil), 9))
		if err != nil || ack.Hold != want || ack.Seq != math.MaxUint32 || len(rest) != 1 {
			t.Errorf("hold %v: %+v, %v, %v", hold, ack, rest, err)
		}
	}
	for _, bad := range [][]byte{nil, b[:11], append([]byte{2}, b[1:]...)} {
		if _, _, err := NextFrameAck(bad); err == nil {
			t.Errorf("%x was taken", bad)
		}
	}
}

func TestCapture(t *testing.T) {
	c := Capture{Count: 258, Time: 1795166000123456, Flags: 0}
	jpeg := append(c.Append([]byte{0xFF, 0xD8}), 0xFF, 0xD9)
	const want = "ffd8" + "fffe0016" + "63726c31" + "00000102" + "000660b1a7c00e40" + "00000000" + "ffd9"
	if got := hex.EncodeToString(jpeg); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got, ok := ParseCapture(jpeg); !ok || got != c {
		t.Errorf("%+v, %v", got, ok)
	}
	for n := range len(jpeg) - 2 {
		if _, ok := ParseCapture(jpeg[:n]); ok {
			t.Errorf("%d bytes were taken", n)
		}
	}
	for at := 2; at < 10; at++ {
		bad := bytes.Clone(jpeg)
		bad[at]++
		if _, ok := ParseCapture(bad); ok {
			t.Errorf("taken with another byte %d", at)
		}
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "0", "door", "cam-1", "a--", strings.Repeat("x", MaxID), "alles", "groups"} {
		if err := CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, want := range map[string]string{
		"": "empty", "-a": `'-'`, "Door": `'D'`, "a b": `' '`, "a/b": `'/'`, "a+": `'+'`, "a.b": `'.'`, "tür": "not allowed",
		strings.Repeat("x", MaxID+1): "longer than 32", "all": "reserved", "group": "reserved", "relay": "reserved", "rollout": "reserved",
	} {
		if err := CheckID(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", id, err, want)
		}
	}
}

func TestParseCameraText(t *testing.T) {
	// One setting that only a newer camera has spoils nothing.
	newer := `{"t":"hello","firmware":"2.0","settings":{"framesize":"QXGA","quality":12,"mode":"night"}}`
	if got, err := ParseCameraText([]byte(newer)); err != nil || got.Hello.Firmware != "2.0" || got.Hello.Settings["quality"] != 12 {
		t.Errorf("%s: %+v, %v", newer, got.Hello, err)
	}
	for text, want := range map[string]string{
		`{"t":"hello","firmware":7}`:  "parse hello",
		`{"t":"stats","heap":"much"}`: "parse stats",
		`{"t":"ack","id":-1}`:         "parse ack",
		`{}`:                          `no "t"`,
		`[]`:                          "parse text",
		``:                            "parse text",
		`{"t":"hello"}x`:              "parse text",
		`{"t":"` + strings.Repeat("x", MaxText) + `"}`: "at most 4096",
		`{"t":"stats","uptime":1e999}`:                 "parse stats",
	} {
		if got, err := ParseCameraText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"t":"later","x":[1]}`, ` {"t":"x"} `} {
		if got, err := ParseCameraText([]byte(text)); err != nil || got != (CameraText{}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	got, err := ParseCameraText([]byte(`{"t":"stats","rssi":0,"new":{"a":[1]}}`))
	if err != nil || got.Stats == nil || got.Stats.RSSI == nil || *got.Stats.RSSI != 0 || got.Stats.Heap != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseViewText(t *testing.T) {
	for text, want := range map[string]string{
		`x`:                                "parse text",
		`{"t":"watch","cameras":{}}`:       "parse watch",
		`{"t":"clock","client":"x"}`:       "parse clock",
		`{"t":"set","settings":[1]}`:       "parse set",
		`{"t":1}`:                          "parse text",
		strings.Repeat(" ", MaxViewText+1): "at most",
		`{"t":"watch","cameras":[` + strings.Repeat(`{},`, MaxWatch) + `{}]}`: "at most 256",
	} {
		if got, err := ParseViewText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %+v, %v", text, got, err)
		}
	}
	// The longest list there may be fits.
	longest := `{"t":"watch","cameras":[` + strings.Repeat(`{"id":"`+strings.Repeat("x", MaxID)+`","max_fps":12.5},`, MaxWatch)
	longest = longest[:len(longest)-1] + "]}"
	if got, err := ParseViewText([]byte(longest)); err != nil || len(got.Watch.Cameras) != MaxWatch || got.Watch.Cameras[255].MaxFPS != 12.5 {
		t.Errorf("%d bytes: %v", len(longest), err)
	}
	for _, text := range []string{`{"t":"later"}`, `{}`} {
		if got, err := ParseViewText([]byte(text)); err != nil || got != (ViewText{}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// All settings at once fit in one command; what does not is refused.
func TestCommandLength(t *testing.T) {
	all := Settings{}
	for _, r := range settingRanges() {
		all[r.Name] = r.Max
	}
	all.SetFrameSize("128X128")
	b, err := Command{T: KindSet, ID: math.MaxUint32, Settings: all}.Encode()
	if err != nil || len(b) > MaxCommand {
		t.Errorf("all settings: %d bytes, %v", len(b), err)
	}
	for i := range 100 {
		all["unknown_setting_"+strings.Repeat("x", i)] = i
	}
	if _, err := (Command{T: KindSet, Settings: all}).Encode(); err == nil || !strings.Contains(err.Error(), "1000") {
		t.Errorf("too long: %v", err)
	}
	if _, err := ParseCommand([]byte(`{"t":"set","settings":7}`)); err == nil {
		t.Error("settings of 7")
	}
	if _, err := ParseCommand([]byte(`{"id":7}`)); err == nil {
		t.Error("a command of no kind")
	}
	if (Pace{FPS: 5}).Resting() || !(Pace{Still: 5}).Resting() {
		t.Error("resting is to be asked for stills")
	}
}
