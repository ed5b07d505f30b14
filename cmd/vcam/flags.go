package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"camrelay/internal/pusher"
)

const usage = `Usage: vcam --relay URL --id CAMERA --key KEY [flags]

Pushes a moving test picture to a relay as an ESP32-CAM does.

  --relay URL       address of the relay            (ws://127.0.0.1:8080)
  --id CAMERA       camera id; with --cameras its beginning       (vcam)
  --key KEY         key of the camera; or $VCAM_KEY, or:
  --key-file FILE   a line with a key for all cameras, or lines "CAMERA KEY"
  --ca FILE         PEM certificates to trust, for a relay with its own
  --cameras N       run N cameras, CAMERA-1 to CAMERA-N
  --size NAME       frame size, as VGA or SVGA                     (VGA)
  --fps N           frames a second, 1 to 60                        (15)
  --quality N       4 (best) to 63                                  (12)
  --fragment BYTES  payload of a fragment, 0: whole messages      (1452)
  --replay DIR      push the JPEG files of a directory, again and again
  --esp-idf         behave like esp_websocket_client: its request, fragments of
                    1,024 bytes and an empty last one, no commands, no JSON,
                    stays away after a clean close
  --fault LIST      KIND[=VALUE][@FROM[+FOR]],...
                    slow=64KB/s    the link carries no more
                    half=0.05      5 % of the frames end half-way
                    garbage=0.01   1 % of the frames are bad framing
                    die=30s        reset the connection 30 s after it was made
                    freeze=30s     say nothing any more after 30 s
                    nopong         do not answer pings
                    FROM and FOR count from the start: slow=64KB/s@10s+1m
  --verbose         log commands too
`

// options are the flags as given.
type options struct {
	relay, ca, id, key, keyFile, size, replay, faults string
	cameras, fps, quality, fragment                   int
	espIDF, verbose                                   bool
}

func parse(args []string, stderr io.Writer) ([]pusher.Config, *slog.Logger, error) {
	var o options
	fs := flag.NewFlagSet("vcam", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.relay, "relay", "ws://127.0.0.1:8080", "")
	fs.StringVar(&o.ca, "ca", "", "")
	fs.StringVar(&o.id, "id", "vcam", "")
	fs.StringVar(&o.key, "key", "", "")
	fs.StringVar(&o.keyFile, "key-file", "", "")
	fs.StringVar(&o.size, "size", "VGA", "")
	fs.StringVar(&o.replay, "replay", "", "")
	fs.StringVar(&o.faults, "fault", "", "")
	fs.IntVar(&o.cameras, "cameras", 0, "")
	fs.IntVar(&o.fps, "fps", 15, "")
	fs.IntVar(&o.quality, "quality", 12, "")
	fs.IntVar(&o.fragment, "fragment", pusher.DefaultFragment, "")
	fs.BoolVar(&o.espIDF, "esp-idf", false, "")
	fs.BoolVar(&o.verbose, "verbose", false, "")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			io.WriteString(stderr, usage)
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("%w: see vcam --help", err)
	}
	if fs.NArg() > 0 {
		return nil, nil, fmt.Errorf("%q is not a flag: see vcam --help", fs.Arg(0))
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	cameras, err := o.configs(logger)
	return cameras, logger, err
}
