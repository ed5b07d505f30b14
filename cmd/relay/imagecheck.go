package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"camrelay/firmware/core/image"
	"camrelay/internal/signing"
)

// imageVerify says whether a camera would take an image.
func imageVerify(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("verify", "IMAGE", "says whether a camera that knows the given keys would take the image, and if not, why. It reads the whole image.", stderr)
	var keys fileList
	f.Var(&keys, "key", "public key `file`; required, may be given again")
	name, err := f.parse(args)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return f.missing("key", "release.pub.pem")
	}
	file, err := readChecked(name, keys)
	if err != nil {
		return err
	}
	if file.reasons != 0 {
		return file.refuse(stdout)
	}
	fmt.Fprintf(stdout, "%s, signed by key %x: good\n", file.title(), file.header.Key)
	return nil
}

// readChecked reads an image and checks it, signature included.
func readChecked(name string, keys []string) (*imageFile, error) {
	ring, err := signing.LoadPublic(keys)
	if err != nil {
		return nil, err
	}
	file, err := readImage(name)
	if err != nil {
		return nil, err
	}
	var reason image.Reason
	if errors.As(image.Verify(file.content, ring, signing.Verifier{}), &reason) {
		file.reasons |= 1 << reason
	}
	return file, nil
}

// imageInspect explains an image.
func imageInspect(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("inspect", "IMAGE", "explains an image, and everything that is wrong with it; exit status 0 if that is nothing.", stderr)
	var keys fileList
	f.Var(&keys, "key", "public key `file` to check the signature with; may be given again (default: the signature is not checked)")
	name, err := f.parse(args)
	if err != nil {
		return err
	}
	file, err := readImage(name)
	if len(keys) > 0 {
		file, err = readChecked(name, keys)
	}
	if err != nil {
		return err
	}
	if file.readable() {
		describe(file, len(keys) > 0, stdout)
	}
	if file.reasons != 0 {
		return file.refuse(stdout)
	}
	return nil
}

// describe prints what is in the header.
func describe(f *imageFile, checked bool, stdout io.Writer) {
	h := &f.header
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	line("version", "%q", h.Version.String())
	line("build", "%d", h.Build)
	line("for", "board %q with chip %q", h.Board.String(), h.Chip.String())
	line("made", "%s", madeText(h.Made))
	line("size", "%d bytes, of which %d are the body", h.Length, int64(h.Length)-image.HeaderSize)
	line("installs over", "%s", numberText(h.Base, "any older build", "build %d and later"))
	line("security floor", "%s", numberText(h.Floor, "unchanged", "once confirmed, no build below %d is taken"))
	line("body sha256", "%x", h.Sum)
	line("file sha256", "%x", sha256.Sum256(f.content))
	line("signature", "%s", signatureText(f, checked))
	for _, k := range h.Next {
		if k != (image.KeyID{}) {
			line("then takes", "images signed by key %x", k)
		}
	}
	if h.Layout == image.Raw {
		line("layout", "raw: one piece, for virtual cameras")
		return
	}
	describeLoad(h, line)
}

// describeLoad prints what the boot selector does.
func describeLoad(h *image.Header, line func(name, format string, args ...any)) {
	l := &h.Load
	line("layout", "%d: load segments, then mapped data and code", h.Layout)
	line("entry", "%#08x", l.Entry)
	line("patched word", "%#08x", l.Patch)
	line("mapped data", "%d bytes at %#x", l.Data.Length, l.Data.Offset)
	line("mapped code", "%d bytes at %#x", l.Code.Length, l.Code.Offset)
	for i, s := range l.Segments {
		if s == (image.Segment{}) {
			continue
		}
		note := ""
		if !h.SegmentFits(i) {
			note = "  <- lies outside"
		}
		line(fmt.Sprintf("segment %d", i), "%d bytes at %#x to %#08x, crc %08x%s", s.Length, s.Offset, s.Address, s.CRC, note)
	}
}

func madeText(seconds uint64) string {
	if seconds == 0 || seconds > 1<<40 {
		return "not said"
	}
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

func numberText(n uint32, zero, format string) string {
	if n == 0 {
		return zero
	}
	return fmt.Sprintf(format, n)
}

func signatureText(f *imageFile, checked bool) string {
	switch {
	case f.header.Key == image.KeyID{}:
		return "none"
	case !checked:
		return fmt.Sprintf("by key %x, not checked: --key release.pub.pem checks it", f.header.Key)
	case f.reasons.Has(image.UnknownKey):
		return fmt.Sprintf("by key %x, which was not given", f.header.Key)
	case f.reasons.Has(image.BadSignature):
		return fmt.Sprintf("by key %x: WRONG", f.header.Key)
	}
	return fmt.Sprintf("by key %x: good", f.header.Key)
}
