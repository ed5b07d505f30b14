package image

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/ed25519"
	"camrelay/firmware/core/sha2"
)

func text(s string) Text {
	t, ok := NewText(s)
	if !ok {
		panic(s)
	}
	return t
}

// signer is the key of the tests' images.
func signer() (Key, stded25519.PrivateKey) {
	private := stded25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	return NewKey([32]byte(private.Public().(stded25519.PublicKey))), private
}

// finish fills in what follows from the body, encodes and signs.
func finish(h *Header, p []byte) {
	key, private := signer()
	h.Length, h.Sum, h.Key = uint32(len(p)), sha256.Sum256(p[HeaderSize:]), key.ID
	for i := range h.Load.Segments {
		if s := &h.Load.Segments[i]; s.Length > 0 && int(s.Offset+s.Length) <= len(p) {
			s.CRC = crc.Update(0, p[s.Offset:][:s.Length])
		}
	}
	Encode(h, p)
	SetSignature(p, (*[64]byte)(stded25519.Sign(private, Message(p))))
}

func rawImage() (Header, []byte) {
	h := Header{Build: 7, Floor: 3, Base: 2, Made: 1795166000, Board: text("vcam"), Chip: text("host"), Version: text("1.2.0-RC1+x")}
	h.Next[0] = KeyID{9}
	p := make([]byte, HeaderSize+1000)
	for i := range p {
		p[i] = byte(i * i >> 3)
	}
	finish(&h, p)
	return h, p
}

// espImage is shaped as one for an ESP32: two load segments, mapped data at the
// next page, mapped code at the one after its end.
func espImage() (Header, []byte) {
	const page = mapPage
	h := Header{Layout: ESP32, Build: 7, Board: text("ai-thinker-esp32cam"), Chip: text("esp32"), Version: text("1.2.0")}
	h.Load = Load{
		Entry: 0x40080400, Patch: 0x3ffb0ffc,
		Data: Mapped{page, page + 100}, Code: Mapped{3 * page, 5000},
	}
	h.Load.Segments[0] = Segment{Address: 0x3ffb0000, Offset: HeaderSize, Length: 0x1000}
	h.Load.Segments[1] = Segment{Address: 0x40080000, Offset: HeaderSize + 0x1000, Length: 0x800}
	p := make([]byte, 3*page+5000)
	for i := range p {
		p[i] = byte(i * 7 >> 2)
	}
	finish(&h, p)
	return h, p
}

func TestRoundTrip(t *testing.T) {
	key, _ := signer()
	for _, build := range []func() (Header, []byte){rawImage, espImage} {
		want, p := build()
		var got Header
		if err := Decode(p, &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if err := Verify(p, []Key{{}, key}, new(ed25519.Verifier)); err != nil {
			t.Error(err)
		}
		var body Body
		body.Reset(&got, sha256.New())
		if _, err := body.Write(p[HeaderSize:]); err != nil {
			t.Error(err)
		}
		if err := body.Check(); err != nil {
			t.Error(err)
		}
	}
}

// The offsets of docs/firmware.md.
func TestLayoutOfTheHeader(t *testing.T) {
	h, p := espImage()
	u32 := func(off int) uint32 { return binary.LittleEndian.Uint32(p[off:]) }
	for _, c := range []struct {
		off       int
		got, want any
	}{
		{0x000, string(p[:4]), "CAMS"},
		{0x004, binary.LittleEndian.Uint16(p[4:]), uint16(1)},
		{0x006, binary.LittleEndian.Uint16(p[6:]), uint16(4096)},
		{0x008, u32(0x008), h.Length},
		{0x00c, u32(0x00c), uint32(1)},
		{0x010, u32(0x010), h.Build},
		{0x028, u32(0x028), h.Load.Entry},
		{0x02c, u32(0x02c), h.Load.Patch},
		{0x030, u32(0x030), h.Load.Data.Offset},
		{0x03c, u32(0x03c), h.Load.Code.Length},
		{0x040, string(p[0x40:0x53]), "ai-thinker-esp32cam"},
		{0x060, string(p[0x60:0x66]), "esp32\x00"},
		{0x080, string(p[0x80:0x86]), "1.2.0\x00"},
		{0x0b0, u32(0x0b0), uint32(0x40080000)},
		{0x0bc, u32(0x0bc), h.Load.Segments[1].CRC},
		{0x120, [32]byte(p[0x120:]), h.Sum},
		{0x1f4, KeyID(p[0x1f4:]), h.Key},
		{0x1fc, u32(0x1fc), crc.Update(0, p[:0x1fc])},
		{0x240, bytes.Count(p[0x240:0x1000], []byte{0xff}), 0x1000 - 0x240},
	} {
		if c.got != c.want {
			t.Errorf("at %#x: %v, want %v", c.off, c.got, c.want)
		}
	}
}

// Each thing that can be wrong with a header, alone, and the one reason for it.
func TestEachReason(t *testing.T) {
	type change func(h *Header, p []byte)
	for _, c := range []struct {
		name string
		esp  bool
		want Reason
		do   change
	}{
		{"no body", false, BadLength, func(h *Header, p []byte) { h.Length = HeaderSize }},
		{"shorter than a header", false, BadLength, func(h *Header, p []byte) { h.Length = 4 }},
		{"not whole words", false, BadLength, func(h *Header, p []byte) { h.Length++ }},
		{"too long", false, BadLength, func(h *Header, p []byte) { h.Length = MaxLength + 4 }},
		{"no board", false, BadBoard, func(h *Header, p []byte) { h.Board = Text{} }},
		{"board in capitals", false, BadBoard, func(h *Header, p []byte) { h.Board = text("VCAM") }},
		{"hidden text after the board", false, BadBoard, func(h *Header, p []byte) { h.Board[20] = 'x' }},
		{"board begins with a dash", false, BadBoard, func(h *Header, p []byte) { h.Board = text("-x") }},
		{"chip with a space", false, BadChip, func(h *Header, p []byte) { h.Chip = text("ho st") }},
		{"version with a newline", false, BadVersion, func(h *Header, p []byte) { h.Version = text("1\n2") }},
		{"build 0", false, BadBuild, func(h *Header, p []byte) { h.Build, h.Floor, h.Base = 0, 0, 0 }},
		{"floor above", false, BadFloor, func(h *Header, p []byte) { h.Floor = 8 }},
		{"base is itself", false, BadBase, func(h *Header, p []byte) { h.Base = 7 }},
		{"layout unknown", false, BadLayout, func(h *Header, p []byte) { h.Layout = 2 }},
		{"raw for an ESP32", false, BadLayout, func(h *Header, p []byte) { h.Chip = text("esp32") }},
		{"ESP32 for a host", true, BadLayout, func(h *Header, p []byte) { h.Chip = text("host") }},
		{"raw with an entry", false, BadLayout, func(h *Header, p []byte) { h.Load.Entry = 1 }},
		{"entry before the code", true, BadEntry, func(h *Header, p []byte) { h.Load.Entry = 0x4007fffc }},
		{"entry after the code", true, BadEntry, func(h *Header, p []byte) { h.Load.Entry = 0x40080800 }},
		{"entry in the data", true, BadEntry, func(h *Header, p []byte) { h.Load.Entry = 0x3ffb0000 }},
		{"patch in the code", true, BadPatch, func(h *Header, p []byte) { h.Load.Patch = 0x40080000 }},
		{"patch off a word", true, BadPatch, func(h *Header, p []byte) { h.Load.Patch-- }},
		{"data off its page", true, BadMapping, func(h *Header, p []byte) { h.Load.Data.Offset += 4 }},
		{"data in the segments", true, BadMapping, func(h *Header, p []byte) { h.Load.Data.Offset = 0 }},
		{"no data", true, BadMapping, func(h *Header, p []byte) { h.Load.Data.Length = 0 }},
		{"data overflows", true, BadMapping, func(h *Header, p []byte) { h.Load.Data.Length = 1<<32 - 1 }},
		{"code not after the data", true, BadMapping, func(h *Header, p []byte) { h.Load.Code.Offset = 2 * mapPage }},
		{"code runs past the end", true, BadMapping, func(h *Header, p []byte) { h.Load.Code.Length++ }},
		{"segment in the header", true, BadSegment, func(h *Header, p []byte) { h.Load.Segments[0].Offset = 0 }},
		{"segment past the end", true, BadSegment, func(h *Header, p []byte) { h.Load.Segments[1].Offset = uint32(len(p)) &^ 3 }},
		{"segment in the selector's memory", true, BadSegment, func(h *Header, p []byte) {
			h.Load.Segments[2] = Segment{Address: 0x3fff0000, Offset: 0x2800, Length: 4}
		}},
		{"segment in the frame buffer", true, BadSegment, func(h *Header, p []byte) {
			h.Load.Segments[2] = Segment{Address: 0x4008fffc, Offset: 0x2800, Length: 8}
		}},
		{"segment's address overflows", true, BadSegment, func(h *Header, p []byte) {
			h.Load.Segments[2] = Segment{Address: 0xfffffffc, Offset: 0x2800, Length: 8}
		}},
		{"segment off a word", true, BadSegment, func(h *Header, p []byte) { h.Load.Segments[1].Length = 0x7fe }},
		{"segment after a gap", true, BadSegment, func(h *Header, p []byte) {
			h.Load.Segments[3] = Segment{Address: 0x3ffb2000, Offset: 0x2800, Length: 4}
		}},
		{"segment without length", true, BadSegment, func(h *Header, p []byte) { h.Load.Segments[2].Address = 4 }},
		{"segments overlap in the file", true, OverlapFile, func(h *Header, p []byte) { h.Load.Segments[1].Offset -= 4 }},
		{"segments overlap in memory", true, OverlapRAM, func(h *Header, p []byte) {
			h.Load.Segments[2] = Segment{Address: 0x3ffb0ffc, Offset: 0x2800, Length: 8}
		}},
		{"bad magic", false, BadMagic, func(h *Header, p []byte) { p[0]++ }},
		{"later format", false, BadFormat, func(h *Header, p []byte) { p[4]++ }},
		{"damaged", false, BadCRC, func(h *Header, p []byte) { p[0x1fc]++ }},
		{"other header length", false, BadHeader, func(h *Header, p []byte) { p[6]++; reseal(p) }},
		{"first reserved field", false, BadHeader, func(h *Header, p []byte) { p[offReserved1]++; reseal(p) }},
		{"second reserved field", false, BadHeader, func(h *Header, p []byte) { p[offKey-1]++; reseal(p) }},
		{"padding", false, BadHeader, func(h *Header, p []byte) { p[HeaderSize-1] = 0; reseal(p) }},
	} {
		build := rawImage
		if c.esp {
			build = espImage
		}
		h, p := build()
		c.do(&h, p)
		if c.want > BadHeader { // those before are changes of p
			Encode(&h, p)
		}
		var got Header
		found := Scan(p, &got)
		if found != 1<<c.want {
			t.Errorf("%s:", c.name)
			for r := range found.All {
				t.Errorf("  found %s, want %s", r.Code(), c.want.Code())
			}
			if found == 0 {
				t.Errorf("  found nothing, want %s", c.want.Code())
			}
		}
		if err := Decode(p, &got); err != c.want {
			t.Errorf("%s: Decode says %v", c.name, err)
		}
	}
}

func reseal(p []byte) { binary.LittleEndian.PutUint32(p[offCRC:], crc.Update(0, p[:offCRC])) }

func TestEveryLengthOfAHeader(t *testing.T) {
	_, p := rawImage()
	var h Header
	for n := range HeaderSize {
		if err := Decode(p[:n], &h); err != Short {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err := Verify(p[:n], nil, new(ed25519.Verifier)); err != Short {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// A header with any bit flipped is refused.
func TestEveryBitOfAHeader(t *testing.T) {
	key, _ := signer()
	ring := []Key{key}
	_, p := rawImage()
	var h Header
	v := new(ed25519.Verifier)
	for bit := range 8 * HeaderSize {
		if at := bit / 8; at > UsedSize+8 && bit%101 != 0 {
			continue
		}
		p[bit/8] ^= 1 << (bit % 8)
		if Verify(p, ring, v) == nil && Decode(p, &h) == nil {
			t.Errorf("accepted with bit %d of byte %#x flipped", bit%8, bit/8)
		}
		p[bit/8] ^= 1 << (bit % 8)
	}
}

func TestVerify(t *testing.T) {
	key, _ := signer()
	h, p := rawImage()
	unsigned := bytes.Clone(p)
	h.Key = KeyID{}
	Encode(&h, unsigned)
	other := NewKey([32]byte{5})
	forged := Key{ID: key.ID, Public: other.Public} // another key under its name
	changed := bytes.Clone(p)
	changed[offBuild]++
	reseal(changed)
	for _, c := range []struct {
		name string
		p    []byte
		ring []Key
		want error
	}{
		{"good", p, []Key{other, key}, nil},
		{"no ring", p, nil, UnknownKey},
		{"another ring", p, []Key{other}, UnknownKey},
		{"key under a false name", p, []Key{forged}, BadSignature},
		{"unsigned", unsigned, []Key{key, {}}, Unsigned},
		{"changed and sealed again", changed, []Key{key}, BadSignature},
	} {
		if err := Verify(c.p, c.ring, new(ed25519.Verifier)); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTarget(t *testing.T) {
	h, p := rawImage()
	good := Target{Board: "vcam", Chip: "host", Slot: uint32(len(p)), Build: 6, Floor: 7}
	if found := good.Check(&h); found != 0 {
		t.Errorf("%v", found.Err())
	}
	for _, c := range []struct {
		want []Reason
		do   func(*Target)
	}{
		{[]Reason{OtherBoard}, func(t *Target) { t.Board = "vca" }},
		{[]Reason{OtherBoard}, func(t *Target) { t.Board = "vcam2" }},
		{[]Reason{OtherChip}, func(t *Target) { t.Chip = "esp32" }},
		{[]Reason{TooLarge}, func(t *Target) { t.Slot-- }},
		{[]Reason{SameBuild}, func(t *Target) { t.Build = 7 }},
		{[]Reason{OlderBuild}, func(t *Target) { t.Build = 8 }},
		{[]Reason{OlderBuild, BelowFloor}, func(t *Target) { t.Build, t.Floor = 9, 8 }},
		{[]Reason{NeedsStep}, func(t *Target) { t.Build = 1 }},
	} {
		target := good
		c.do(&target)
		var want Reasons
		for _, r := range c.want {
			want.add(r)
		}
		if found := target.Check(&h); found != want {
			t.Errorf("%+v: %b, want %b", target, found, want)
		}
	}
}

// Damage to a body, however it is cut into pieces.
func TestBody(t *testing.T) {
	h, p := espImage()
	badCRC := h
	badCRC.Load.Segments[1].CRC++
	for _, c := range []struct {
		name  string
		h     Header
		body  []byte
		write error
		check error
	}{
		{"whole", h, p[HeaderSize:], nil, nil},
		{"empty", h, nil, nil, Truncated},
		{"short", h, p[HeaderSize : len(p)-1], nil, Truncated},
		{"long", h, append(bytes.Clone(p[HeaderSize:]), 1, 2), Overlong, nil},
		{"damaged", h, append(bytes.Clone(p[HeaderSize:len(p)-1]), p[len(p)-1]^1), nil, BadSum},
		{"segment with a wrong CRC", badCRC, p[HeaderSize:], nil, BadLoad},
	} {
		for _, piece := range []int{len(p), 4096, 1000, 37} {
			var b Body
			sum := new(sha2.Hash256)
			b.Reset(&c.h, sum)
			var failed error
			for rest := c.body; len(rest) > 0 && failed == nil; {
				var n int
				n, failed = b.Write(rest[:min(piece, len(rest))])
				rest = rest[n:]
			}
			if failed != c.write {
				t.Errorf("%s in pieces of %d: %v, want %v", c.name, piece, failed, c.write)
			}
			if err := b.Check(); err != c.check {
				t.Errorf("%s in pieces of %d: %v, want %v", c.name, piece, err, c.check)
			}
		}
	}
}

func TestReasonsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for r := Short; r < numReasons; r++ {
		if r.Code() == "" || seen[r.Code()] || seen[r.Error()] || strings.ContainsAny(r.Code(), " -") {
			t.Errorf("reason %d: %q %q", r, r.Code(), r.Error())
		}
		seen[r.Code()], seen[r.Error()] = true, true
	}
	if numReasons > 64 {
		t.Error("too many for a set")
	}
	if Reason(0).Code() != "unknown" || numReasons.Text() != unknown || Reasons(0).First() != 0 {
		t.Error("no reason has a text")
	}
}

func TestNoAllocation(t *testing.T) {
	_, p := espImage()
	key, _ := signer()
	ring, v, sum := []Key{key}, new(ed25519.Verifier), new(sha2.Hash256)
	var h Header
	var b Body
	target := Target{Board: "ai-thinker-esp32cam", Chip: "esp32", Slot: MaxLength}
	if n := testing.AllocsPerRun(3, func() {
		if err := Verify(p, ring, v); err != nil {
			t.Error(err)
		}
		if err := Decode(p, &h); err != nil {
			t.Error(err)
		}
		if err := target.Check(&h).Err(); err != nil {
			t.Error(err)
		}
		b.Reset(&h, sum)
		b.Write(p[HeaderSize:])
		if err := b.Check(); err != nil {
			t.Error(err)
		}
		p[9]++
		if err := Decode(p, &h); err != BadCRC || err.Error() == "" {
			t.Error(err)
		}
		p[9]--
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What Decode accepts, Encode writes back, and its body can be checked without
// a panic, whatever it is.
func FuzzDecode(f *testing.F) {
	for _, build := range []func() (Header, []byte){rawImage, espImage} {
		_, p := build()
		f.Add(p[:SignedSize], []byte("body"))
	}
	f.Fuzz(func(t *testing.T, signed, body []byte) {
		p := bytes.Repeat([]byte{0xff}, HeaderSize)
		clear(p[SignedSize:UsedSize])
		copy(p[:SignedSize], signed)
		reseal(p) // or the CRC stops nearly everything
		var h Header
		err := Decode(p, &h)
		var reason Reason
		if err != nil {
			if !errors.As(err, &reason) || reason.Code() == "unknown" {
				t.Fatalf("%v", err)
			}
			return
		}
		again := make([]byte, HeaderSize)
		Encode(&h, again)
		if !bytes.Equal(again, p) {
			t.Error("the header is not what was decoded")
		}
		var b Body
		b.Reset(&h, new(sha2.Hash256))
		for range 3 {
			b.Write(body)
		}
		if b.Check() == nil && h.Sum == ([32]byte{}) {
			t.Error("any body is good")
		}
	})
}
