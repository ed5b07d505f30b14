package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"camrelay/firmware/core/image"
)

// imageUpload gives images to a running relay, which checks them.
func imageUpload(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("upload", "IMAGE...", "gives signed images, or all of a directory, to a running relay, which checks and keeps them.", stderr)
	connect := apiFlags(f.FlagSet)
	wait := f.Duration("wait", 0, "how long to wait for a relay that is not there yet, like 30s")
	names, err := parseMixed(f.FlagSet, args)
	if err != nil {
		return errUsage // it has been said
	}
	if names, err = imageFiles(names); err != nil {
		return err
	}
	client, err := connect()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := client.await(ctx, *wait); err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		if err := client.upload(ctx, name, stdout); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return failed
}

// imageFiles names the files that are meant.
func imageFiles(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, errors.New("no image is given: relay image upload camera.img")
	}
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		found, err := filepath.Glob(filepath.Join(name, "*.img"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("%s has no .img file", name)
		}
		files = append(files, found...)
	}
	return files, nil
}

// await waits for the relay to answer.
func (c *apiClient) await(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if c.do(ctx, "GET", "/readyz", nil, nil) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil // what is wrong, the upload says
}

func (c *apiClient) upload(ctx context.Context, name string, stdout io.Writer) error {
	content, err := readAtMost(name, image.MaxLength)
	if err != nil {
		return fmt.Errorf("read image: %w", err)
	}
	var kept struct {
		Version, Board, Chip string
		Build                uint32
	}
	if err := c.do(ctx, "POST", "/api/v1/ota/images", content, &kept); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: the relay keeps version %s, build %d, for board %s with chip %s\n", name, kept.Version, kept.Build, kept.Board, kept.Chip)
	return nil
}
