package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
	"camrelay/internal/vcam"
)

// makeFirmware writes the payload of a virtual firmware.
func makeFirmware(args []string, stderr io.Writer) int {
	fs := flag.NewFlagSet("vcam firmware", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	name := fs.String("behaviour", string(vcam.Good), "")
	size := fs.Int("size", vcam.UsualSize, "")
	out := fs.String("out", "", "")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(stderr, usage)
		return exitOK
	}
	const most = boot.SlotSize - image.HeaderSize
	behaviour, unknown := vcam.ParseBehaviour(*name)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: see vcam --help", err)
	case fs.NArg() > 0:
		err = fmt.Errorf("%q is not a flag: see vcam --help", fs.Arg(0))
	case unknown != nil:
		err = fmt.Errorf("--behaviour: %w", unknown)
	case *size < vcam.MinPayload || *size > most:
		err = fmt.Errorf("--size %d: from %d to %d bytes", *size, vcam.MinPayload, most)
	case *out == "":
		err = errors.New("--out is missing: the file to write, such as payload.bin")
	}
	if err != nil {
		fmt.Fprintf(stderr, "vcam: %v\n", err)
		return exitUsage
	}
	if err := os.WriteFile(*out, vcam.Payload(behaviour, *size), 0o644); err != nil {
		fmt.Fprintf(stderr, "vcam: %v\n", err)
		return exitFail
	}
	return exitOK
}
