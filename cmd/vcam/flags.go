package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"camrelay/internal/pusher"
)

const usage = `Usage: vcam --relay URL --id CAMERA --key KEY [flags]
       vcam firmware --behaviour NAME --out FILE [--size BYTES]
       vcam lab DIR

Runs virtual cameras: the firmware's own program on this machine, with a moving
test picture before its sensor.

  --relay URL       address of the relay            (ws://127.0.0.1:8080)
  --mqtt URL        address of the broker, mqtt://HOST:PORT        (none)
  --topic TOPIC     first part of MQTT topics                  (camrelay)
  --id CAMERA       camera id; with --cameras its beginning        (vcam)
  --key KEY         key of the camera; or $VCAM_KEY, or:
  --key-file FILE   a line with a key for all cameras, or lines "CAMERA KEY"
  --scheme NAME     how the key is shown: bearer, basic or hmac  (bearer)
  --cameras N       run N cameras, CAMERA-1 to CAMERA-N
  --size NAME       frame size, as VGA or SVGA                      (VGA)
  --fps N           frames a second, 1 to 60                         (15)
  --quality N       4 (best) to 63                                   (12)
  --replay DIR      show the JPEG files of a directory, again and again
  --flash DIR       keep each camera's flash in DIR/CAMERA.flash (memory)
  --ring FILE       public key that signs updates; may be given again
  --firmware NAME   version of a new camera's firmware            (1.0.0)
  --build N         its build number                                  (1)
  --port N          own server on 127.0.0.1:N, N+1, ...            (none)
  --boot-time TIME  how long a start takes, with joining the network (1.5s)
  --verbose         log more

Cameras of other makes, without the firmware's program:

  --ca FILE         PEM certificates to trust, for a relay with wss://
  --fragment BYTES  payload of a fragment, 0: whole messages       (1452)
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

vcam firmware makes the payload of an image, which relay image build packs. The
behaviour is good, panic (as it starts), no-wifi (never has a network), no-update
(streams, but could not be updated again) or hang (after ten seconds).

vcam lab fills a directory with a signing key and three signed releases, one of
which crashes.
`

// options are the flags as given.
type options struct {
	relay, mqtt, topic, ca, id, key, keyFile, scheme, size, replay, faults string
	flash, firmware                                                        string
	ring                                                                   []string
	cameras, fps, quality, fragment, port                                  int
	build                                                                  uint
	bootTime                                                               time.Duration
	espIDF, verbose                                                        bool

	given map[string]bool // the flags that were
}

// other reports whether the flags want a camera of another make.
func (o options) other() bool {
	return o.espIDF || o.faults != "" || o.ca != "" || o.given["fragment"] || strings.HasPrefix(o.relay, "wss:") || strings.HasPrefix(o.relay, "https:")
}

func parse(args []string, stderr io.Writer) ([]camera, *slog.Logger, error) {
	var o options
	fs := flag.NewFlagSet("vcam", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.relay, "relay", "ws://127.0.0.1:8080", "")
	fs.StringVar(&o.mqtt, "mqtt", "", "")
	fs.StringVar(&o.topic, "topic", "", "")
	fs.StringVar(&o.scheme, "scheme", "", "")
	fs.StringVar(&o.flash, "flash", "", "")
	fs.StringVar(&o.firmware, "firmware", "1.0.0", "")
	fs.UintVar(&o.build, "build", 1, "")
	fs.IntVar(&o.port, "port", 0, "")
	fs.DurationVar(&o.bootTime, "boot-time", 0, "")
	fs.Func("ring", "", func(name string) error { o.ring = append(o.ring, name); return nil })
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
	o.given = map[string]bool{}
	fs.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	if fs.NArg() > 0 {
		return nil, nil, fmt.Errorf("%q is not a flag: see vcam --help", fs.Arg(0))
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	cameras, err := o.all(logger)
	return cameras, logger, err
}
