package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"camrelay/firmware/core/image"
)

// imageUpload gives an image to a running relay, which checks it.
func imageUpload(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("upload", "IMAGE", "gives a signed image to a running relay, which checks and keeps it.", stderr)
	connect := apiFlags(f.FlagSet)
	name, err := f.parse(args)
	if err != nil {
		return err
	}
	client, err := connect()
	if err != nil {
		return err
	}
	content, err := readAtMost(name, image.MaxLength)
	if err != nil {
		return fmt.Errorf("read image: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var kept struct {
		Version, Board, Chip string
		Build                uint32
	}
	if err := client.do(ctx, "POST", "/api/v1/ota/images", content, &kept); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(stdout, "%s: the relay keeps version %s, build %d, for board %s with chip %s\n", name, kept.Version, kept.Build, kept.Board, kept.Chip)
	return nil
}
