package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
	"camrelay/internal/signing"
)

// imageBuild packs a payload into an image.
func imageBuild(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("build", "PAYLOAD", "packs a payload, as it is, into an image for virtual cameras; with --elf, a program for an ESP32.", stderr)
	var h image.Header
	program := f.Bool("elf", false, "the payload is a program that TinyGo has linked for an ESP32 (-o camera.elf)")
	var factory factoryFlags
	factory.register(f.FlagSet)
	texts := map[string]string{}
	for name, usage := range map[string]string{
		"board": "`name` of the board it is for, like vcam", "chip": "`name` of the chip it is for, like host", "version": "version `text` for people, like 1.2.0",
	} {
		f.Func(name, usage+"; required", func(v string) error {
			texts[name] = v
			return nil
		})
	}
	uint32Flag(f.FlagSet, &h.Build, "build", "build `number`, which grows with every release; required")
	uint32Flag(f.FlagSet, &h.Floor, "floor", "security floor: once confirmed, a camera takes no image with a build `number` below (default: no change)")
	uint32Flag(f.FlagSet, &h.Base, "base", "lowest build `number` that it may be installed over (default: any)")
	slot := f.Uint64("slot", boot.SlotSize, "largest size of an image in `bytes`")
	var next fileList
	f.Var(&next, "next", "public key `file` that this image will take updates from; up to 4")
	keyFile := f.String("key", "", "private key `file` to sign with (default: relay image sign does it later)")
	out := f.String("out", "", "image `file` to write; required")
	payloadName, err := f.parse(args)
	if err != nil {
		return err
	}
	if *program && texts["chip"] == "" {
		texts["chip"] = elfChip
	}
	for _, name := range []string{"board", "chip", "version"} {
		if texts[name] == "" {
			return f.missing(name, map[string]string{"board": "vcam", "chip": "host", "version": "1.2.0"}[name])
		}
	}
	switch {
	case h.Build == 0:
		return f.missing("build", "42")
	case *out == "":
		return f.missing("out", "camera.img")
	}
	for name, text := range map[string]*image.Text{"board": &h.Board, "chip": &h.Chip, "version": &h.Version} {
		var ok bool
		if *text, ok = image.NewText(texts[name]); !ok {
			return fmt.Errorf("--%s %q is longer than %d bytes", name, texts[name], image.MaxText)
		}
	}
	if h.Made, err = madeAt(time.Now()); err != nil {
		return err
	}
	if err := nextKeys(&h, next); err != nil {
		return err
	}
	if err := factory.check(*program); err != nil {
		return err
	}
	content, err := pack(&h, payloadName, *slot, *program)
	if err != nil {
		return err
	}
	if *keyFile != "" {
		private, err := signing.LoadPrivate(*keyFile, stderr)
		if err != nil {
			return err
		}
		signing.Sign(&h, content, private)
	}
	flashed, err := factory.make(content)
	if err != nil {
		return err
	}
	if err := finishImage(*out, content, stdout); err != nil || flashed == nil {
		return err
	}
	return factory.write(flashed, stdout)
}

// uint32Flag is like flag.UintVar for a number of 32 bits on every machine.
func uint32Flag(f *flag.FlagSet, into *uint32, name, usage string) {
	f.Func(name, usage, func(v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return fmt.Errorf("it must be a number from 0 to %d", uint32(math.MaxUint32))
		}
		*into = uint32(n)
		return nil
	})
}

// madeAt is the time that goes into an image. SOURCE_DATE_EPOCH makes builds
// reproducible (reproducible-builds.org/specs/source-date-epoch).
func madeAt(now time.Time) (uint64, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return uint64(now.Unix()), nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("SOURCE_DATE_EPOCH=%q is not a number of seconds since 1970", text)
	}
	return n, nil
}

func nextKeys(h *image.Header, files []string) error {
	ring, err := signing.LoadPublic(files)
	if err != nil {
		return err
	}
	if len(ring) > image.MaxNextKeys {
		return fmt.Errorf("--next was given %d times; there is room for %d", len(ring), image.MaxNextKeys)
	}
	for i := range ring {
		h.Next[i] = ring[i].ID
	}
	return nil
}

// pack returns the image with the payload, filled up to whole words, or with a
// program.
func pack(h *image.Header, payloadName string, slot uint64, program bool) ([]byte, error) {
	build := packPayload
	if program {
		build = packELF
	}
	content, err := build(h, payloadName, slot)
	if err != nil {
		return nil, err
	}
	if reasons := h.Check(); reasons != 0 {
		var list []error
		for r := range reasons.All {
			list = append(list, buildError(h, r))
		}
		return nil, errors.Join(list...)
	}
	return content, nil
}

func packPayload(h *image.Header, payloadName string, slot uint64) ([]byte, error) {
	most := int64(min(slot, image.MaxLength)) - image.HeaderSize
	if most < 4 {
		return nil, fmt.Errorf("--slot %d has no room for a header and a payload", slot)
	}
	payload, err := readAtMost(payloadName, most)
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	if len(payload) == 0 {
		return nil, fmt.Errorf("payload %s is empty", payloadName)
	}
	content := signing.Pack(h, payload)
	if int64(len(content)) > most+image.HeaderSize {
		return nil, fmt.Errorf("payload %s does not fit a slot of %d bytes", payloadName, slot)
	}
	return content, nil
}

// buildError says which flag to change.
func buildError(h *image.Header, r image.Reason) error {
	const name = "it consists of a to z, 0 to 9 and . _ -, and begins with a letter or digit"
	switch r {
	case image.BadBoard:
		return fmt.Errorf("--board %q cannot be used: %s", h.Board.String(), name)
	case image.BadChip:
		return fmt.Errorf("--chip %q cannot be used: %s", h.Chip.String(), name)
	case image.BadVersion:
		return fmt.Errorf("--version %q cannot be used: it consists of letters, digits and . _ - + ~, and begins with a small letter or digit", h.Version.String())
	case image.BadFloor:
		return fmt.Errorf("--floor %d is above --build %d: no camera would take it twice", h.Floor, h.Build)
	case image.BadBase:
		return fmt.Errorf("--base %d must be below --build %d", h.Base, h.Build)
	case image.BadLayout:
		if h.Layout == image.ESP32 {
			return fmt.Errorf("--chip %s cannot run a program for an ESP32: leave --chip out with --elf", h.Chip.String())
		}
		return fmt.Errorf("--chip %s needs an image with load segments, which is made with --elf from a program; --chip host is for virtual cameras", h.Chip.String())
	}
	return r
}

// imageSign signs an image.
func imageSign(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("sign", "IMAGE", "signs an image, after checking it.", stderr)
	keyFile := f.String("key", "", "private key `file`; required")
	out := f.String("out", "", "image `file` to write (default: the image itself)")
	name, err := f.parse(args)
	if err != nil {
		return err
	}
	if *keyFile == "" {
		return f.missing("key", "release.pem")
	}
	if *out == "" {
		*out = name
	}
	file, err := readImage(name)
	if err != nil {
		return err
	}
	if file.reasons != 0 {
		return file.refuse(stderr)
	}
	private, err := signing.LoadPrivate(*keyFile, stderr)
	if err != nil {
		return err
	}
	signing.Sign(&file.header, file.content, private)
	return finishImage(*out, file.content, stdout)
}

// finishImage writes an image and says what it is.
func finishImage(name string, content []byte, stdout io.Writer) error {
	if err := replaceFile(name, content); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	var h image.Header
	if err := image.Decode(content, &h); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f := imageFile{name: name, content: content, header: h}
	signed := "not signed: relay image sign does it"
	if h.Key != (image.KeyID{}) {
		signed = fmt.Sprintf("signed by key %x", h.Key)
	}
	fmt.Fprintf(stdout, "%s, %s\nsha256 of the file %x\n", f.title(), signed, sha256.Sum256(content))
	return nil
}
