package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"camrelay/firmware/core/image"
	"camrelay/internal/ota/imagetest"
)

// counted is a reader that knows how much was read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// refusals are images with each reason that lies in the image itself.
func refusals(t *testing.T) map[image.Reason][]byte {
	raw := func(change func(h *image.Header)) []byte {
		h := imagetest.Header(t, "vcam", "1.5.0", 7)
		change(&h)
		return signer.Seal(h, imagetest.Payload(7, 1000))
	}
	esp := func(change func(h *image.Header)) []byte {
		h, body := imagetest.ESP32(t)
		change(&h)
		return signer.Seal(h, body)
	}
	good := raw(func(*image.Header) {})
	at := func(offset int, value byte) []byte {
		p := bytes.Clone(good)
		p[offset] = value
		return p
	}
	unsigned := raw(func(*image.Header) {})
	h := imagetest.Header(t, "vcam", "1.5.0", 7)
	h.Length = uint32(len(unsigned))
	image.Encode(&h, unsigned)
	badLoad := esp(func(*image.Header) {})
	badLoad = signer.Resign(func() []byte { badLoad[0xa0+12]++; return badLoad }()) // CRC of the first segment
	return map[image.Reason][]byte{
		image.Short:       good[:image.HeaderSize-1],
		image.BadMagic:    at(0, 'c'),
		image.BadFormat:   at(4, 2),
		image.BadCRC:      at(0x10, 8),
		image.BadHeader:   signer.Resign(at(0x1c, 1)),
		image.BadLength:   signer.Seal(imagetest.Header(t, "vcam", "1", 1), nil),
		image.BadBoard:    raw(func(h *image.Header) { h.Board = imagetest.Text(t, "Vcam") }),
		image.BadChip:     raw(func(h *image.Header) { h.Chip = imagetest.Text(t, "") }),
		image.BadVersion:  raw(func(h *image.Header) { h.Version = imagetest.Text(t, "1.5 0") }),
		image.BadBuild:    raw(func(h *image.Header) { h.Build = 0 }),
		image.BadFloor:    raw(func(h *image.Header) { h.Floor = 8 }),
		image.BadBase:     raw(func(h *image.Header) { h.Base = 7 }),
		image.BadLayout:   raw(func(h *image.Header) { h.Layout = 2 }),
		image.BadEntry:    esp(func(h *image.Header) { h.Load.Entry = 0x40000000 }),
		image.BadPatch:    esp(func(h *image.Header) { h.Load.Patch = 0x40080000 }),
		image.BadMapping:  esp(func(h *image.Header) { h.Load.Code.Offset += 4 }),
		image.BadSegment:  esp(func(h *image.Header) { h.Load.Segments[1].Address = 0x40070000 }),
		image.OverlapFile: esp(func(h *image.Header) { h.Load.Segments[1].Offset = image.HeaderSize }),
		image.OverlapRAM: esp(func(h *image.Header) {
			h.Load.Segments[2] = image.Segment{Address: 0x3ffb0800, Offset: 0x2800, Length: 4}
		}),
		image.Unsigned:     unsigned,
		image.UnknownKey:   imagetest.NewSigner(2).Image(t, "vcam", "1", 7, 1000),
		image.BadSignature: at(image.SignedSize+7, good[image.SignedSize+7]^0x20),
		image.Truncated:    good[:len(good)-1],
		image.Overlong:     append(bytes.Clone(good), 0),
		image.BadSum:       at(image.HeaderSize, ^good[image.HeaderSize]),
		image.BadLoad:      badLoad,
	}
}

// Each reason that lies in an image is found, told by its code, as early as can
// be, and nothing is stored.
func TestAddRefuses(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{})
	defer c.Observe(func() { t.Error("a refused image changed the catalog") })()
	images := refusals(t)
	for reason := image.Short; reason <= image.BadLoad; reason++ {
		p := images[reason]
		if p == nil {
			t.Errorf("there is no image with %v", reason.Code())
			continue
		}
		r := &counted{Reader: io.MultiReader(bytes.NewReader(p), neverRead{t, reason})}
		switch reason {
		case image.Short, image.Truncated, image.BadSum, image.BadLoad: // known at the end only
			r.Reader = bytes.NewReader(p)
		}
		_, err := c.Add(context.Background(), r, "anna")
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Reason != reason || !errors.Is(err, reason) || Code(err) != reason.Code() ||
			!strings.Contains(err.Error(), "("+reason.Code()+")") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", reason.Code(), err)
		}
		if reason < image.Truncated && r.n > image.HeaderSize {
			t.Errorf("%s: %d bytes were read before it was refused", reason.Code(), r.n)
		}
		if files(t, dir) != "" {
			t.Fatalf("%s: the directory has %s", reason.Code(), files(t, dir))
		}
	}
}

// neverRead stands behind an image that is to be refused before its end.
type neverRead struct {
	t      *testing.T
	reason image.Reason
}

func (n neverRead) Read([]byte) (int, error) {
	n.t.Errorf("%s: it was read to the end", n.reason.Code())
	return 0, io.EOF
}

// An image for an ESP32 is taken too, of the greatest length there is.
func TestAddTakesImagesOfEitherLayout(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	h, body := imagetest.ESP32(t)
	mustAdd(t, c, signer.Seal(h, body))
	h = imagetest.Header(t, "vcam", "1", 1)
	mustAdd(t, c, signer.Seal(h, imagetest.Payload(1, image.MaxLength-image.HeaderSize)))
	_, err := c.Add(context.Background(), bytes.NewReader(signer.Seal(h, imagetest.Payload(1, image.MaxLength-image.HeaderSize+4))), "")
	if Code(err) != image.BadLength.Code() {
		t.Errorf("an image longer than any slot: %v", err)
	}
	if n := len(c.List()); n != 2 {
		t.Errorf("%d images", n)
	}
}

// No beginning of an image passes for one, whatever pieces it comes in.
func TestAddRefusesEveryTruncation(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{})
	p := signer.Image(t, "vcam", "1", 1, 64)
	for n := range p {
		want := image.Truncated
		if n < image.HeaderSize {
			want = image.Short
		}
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(p[:n]), "with EOF": iotest.DataErrReader(bytes.NewReader(p[:n])),
		} {
			if _, err := c.Add(context.Background(), r, ""); !errors.Is(err, want) {
				t.Fatalf("%d bytes, %s: %v", n, name, err)
			}
		}
	}
	if files(t, dir) != "" {
		t.Errorf("the directory has %s", files(t, dir))
	}
	for name, r := range map[string]io.Reader{
		"bytes": iotest.OneByteReader(bytes.NewReader(p)), "halves": iotest.HalfReader(bytes.NewReader(p)), "with EOF": iotest.DataErrReader(bytes.NewReader(p)),
	} {
		if _, err := c.Add(context.Background(), r, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bit that is wrong anywhere is noticed.
func TestAddRefusesEveryFlippedByte(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	p := signer.Image(t, "vcam", "1", 1, 64)
	for i := range p {
		p[i] ^= 0x80
		var refused *RefusedError
		if _, err := c.Add(context.Background(), bytes.NewReader(p), ""); !errors.As(err, &refused) {
			t.Fatalf("byte %#x: %v", i, err)
		}
		p[i] ^= 0x80
	}
	mustAdd(t, c, p)
}

// An upload that breaks off is no truncated image: it is the connection's
// fault; and one that is cancelled is neither.
func TestAddOfBrokenUploads(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{})
	p := signer.Image(t, "vcam", "1", 1, 200_000)
	for _, n := range []int{0, 1, image.HeaderSize - 1, image.HeaderSize, image.HeaderSize + 1, 100_000, len(p) - 1, len(p)} {
		broken := io.MultiReader(bytes.NewReader(p[:n]), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := c.Add(context.Background(), broken, "")
		var refused *RefusedError
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &refused) || err.Error() != "read image: unexpected EOF" {
			t.Errorf("broken off after %d bytes: %v", n, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancelled := io.MultiReader(bytes.NewReader(p[:n]), readFunc(func([]byte) (int, error) { cancel(); return 0, nil }))
		_, err = c.Add(ctx, cancelled, "")
		if !errors.Is(err, context.Canceled) || Code(err) != "cancelled" {
			t.Errorf("cancelled after %d bytes: %v", n, err)
		}
		if files(t, dir) != "" || len(c.List()) != 0 {
			t.Fatalf("after %d bytes the directory has %s", n, files(t, dir))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	atEnd := io.MultiReader(bytes.NewReader(p), readFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
	if _, err := c.Add(ctx, atEnd, ""); !errors.Is(err, context.Canceled) || files(t, dir) != "" {
		t.Errorf("cancelled when all had come: %v", err)
	}
	if _, err := c.Add(ctx, bytes.NewReader(p), ""); !errors.Is(err, context.Canceled) || Code(err) != "cancelled" {
		t.Errorf("cancelled before: %v", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
