package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"camrelay/internal/pusher"
	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// maxCameras is what one process may run.
const maxCameras = 255

// camera is one that is to run.
type camera struct {
	id  string
	run func(ctx context.Context) error
}

// all makes every camera and checks it.
func (o options) all(logger *slog.Logger) ([]camera, error) {
	var cameras []camera
	if o.other() {
		configs, err := o.pushers(logger)
		for _, c := range configs {
			cameras = append(cameras, camera{c.ID, func(ctx context.Context) error { return pusher.Run(ctx, c) }})
		}
		return cameras, err
	}
	configs, err := o.firmwares(logger)
	for _, c := range configs {
		cameras = append(cameras, camera{c.ID, func(ctx context.Context) error { return vcam.Run(ctx, c) }})
	}
	return cameras, err
}

// files are those of --replay, nil without.
func (o options) files() (*pusher.Replay, error) {
	if o.replay == "" {
		return nil, nil
	}
	return pusher.NewReplay(o.replay)
}

// fork is the same files, for a camera of its own.
func fork(r *pusher.Replay) *pusher.Replay {
	if r == nil {
		return nil
	}
	own := *r
	return &own
}

// check checks what all kinds of cameras have.
func (o options) check() error {
	if o.cameras < 0 || o.cameras > maxCameras {
		return fmt.Errorf("--cameras %d: 1 to %d can run in one process", o.cameras, maxCameras)
	}
	if o.fps < 1 || o.fps > 60 {
		return fmt.Errorf("--fps %d: 1 to 60", o.fps)
	}
	if o.port < 0 || o.port+max(o.cameras, 1) > 65536 {
		return fmt.Errorf("--port %d: 1 to 65535, for every camera one", o.port)
	}
	return nil
}

// pushers are the configurations of cameras of other makes.
func (o options) pushers(logger *slog.Logger) ([]pusher.Config, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	base.Logger = logger
	keys, err := o.keys()
	if err != nil {
		return nil, err
	}
	replay, err := o.files()
	if err != nil {
		return nil, err
	}
	if replay != nil {
		base.Settings = wire.Settings{"fps": o.fps}
	}
	var configs []pusher.Config
	for i, id := range o.ids() {
		cfg := base
		cfg.ID, cfg.Number, cfg.Key = id, uint8(i+1), keys.of(id)
		if replay != nil {
			cfg.Source = fork(replay)
		}
		if err := cfg.Check(); err != nil {
			return nil, err
		}
		configs = append(configs, cfg)
	}
	return configs, nil
}

// base is what all cameras have in common.
func (o options) base() (cfg pusher.Config, err error) {
	cfg = pusher.Config{Relay: o.relay, Fragment: o.fragment, ESPIDF: o.espIDF}
	if o.fragment < 0 || o.fragment > 1<<20 {
		return cfg, fmt.Errorf("--fragment %d: 1 to %d bytes, or 0 for whole messages", o.fragment, 1<<20)
	}
	if o.fragment == 0 {
		cfg.Fragment = pusher.Whole
	}
	if cfg.Settings, err = o.settings(); err != nil {
		return cfg, err
	}
	if cfg.Faults, err = pusher.ParseFaults(o.faults); err != nil {
		return cfg, err
	}
	cfg.TLS, err = o.tls()
	return cfg, err
}

// tls trusts the certificates of --ca instead of the system's.
func (o options) tls() (*tls.Config, error) {
	if o.ca == "" {
		return nil, nil
	}
	b, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("--ca %s: no certificate in PEM form is in it", o.ca)
	}
	return &tls.Config{RootCAs: roots}, nil
}

func (o options) settings() (wire.Settings, error) {
	settings := wire.Settings{"fps": o.fps, "quality": o.quality}
	if !settings.SetFrameSize(strings.ToUpper(o.size)) {
		var names []string
		for _, size := range wire.FrameSizes() {
			names = append(names, size.Name)
		}
		return nil, fmt.Errorf("--size %q: use one of %s", o.size, strings.Join(names, " "))
	}
	return settings, settings.Check()
}

func (o options) ids() []string {
	if o.cameras == 0 {
		return []string{o.id}
	}
	ids := make([]string, o.cameras)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", o.id, i+1)
	}
	return ids
}

// keys are cameras' keys by id; that of "" is for all others.
type keys map[string]string

func (k keys) of(id string) string {
	if key, ok := k[id]; ok {
		return key
	}
	return k[""]
}

func (o options) keys() (keys, error) {
	if o.key != "" && o.keyFile != "" {
		return nil, errors.New("--key and --key-file: give one of them")
	}
	if o.keyFile == "" {
		key := o.key
		if key == "" {
			key = os.Getenv("VCAM_KEY")
		}
		if key == "" {
			return nil, errors.New("no key: use --key, --key-file or $VCAM_KEY; the relay shows it when a camera is added")
		}
		return keys{"": key}, nil
	}
	b, err := os.ReadFile(o.keyFile)
	if err != nil {
		return nil, fmt.Errorf("--key-file: %w", err)
	}
	found := keys{}
	for i, line := range strings.Split(string(b), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) == 1:
			found[""] = words[0]
		case len(words) == 2:
			found[words[0]] = words[1]
		default:
			return nil, fmt.Errorf("--key-file %s line %d: want KEY, or CAMERA KEY", o.keyFile, i+1)
		}
	}
	return found, nil
}
