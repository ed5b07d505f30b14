package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"camrelay/internal/config"
)

// drainTime is how long viewers and requests have to end when the relay stops.
const drainTime = 5 * time.Second

// gcPercent keeps the heap close to what is in use. Delivering frames allocates
// nothing, so collecting twice as often costs nothing that could be measured,
// and a thousand viewers take megabytes less. GOGC overrides it.
const gcPercent = 50

// serve runs the relay until SIGTERM or SIGINT; a second one ends it at once.
// SIGHUP reads the configuration again.
func serve(args []string, stdout, stderr io.Writer) error {
	o := newOptions("serve", "runs the relay.", stderr)
	if err := o.parse(args); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	level := new(slog.LevelVar)
	logger := newLogger(stderr, cfg, level)

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, err := start(ctx, cfg, logger)
	if err != nil {
		return err
	}
	r.level = level
	r.announce(stdout)
	notify("READY=1")
	go watchdog(ctx)
	return r.run(o, signals)
}

// run serves until it is told to stop.
func (r *relay) run(o *options, signals <-chan os.Signal) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case err := <-r.failed:
			r.shutdown()
			return err
		case <-minute.C:
			r.api.Revoke()
		case s := <-signals:
			if s == syscall.SIGHUP {
				notify("RELOADING=1\nMONOTONIC_USEC=" + monotonicMicros())
				r.reload(o)
				notify("READY=1")
				continue
			}
			r.log.Info("stopping", "signal", s.String())
			notify("STOPPING=1")
			stopped := make(chan struct{})
			go r.watchSecond(signals, stopped)
			r.shutdown()
			close(stopped)
			r.log.Info("stopped")
			return nil
		}
	}
}

// watchSecond ends the process when it is told to stop once more.
func (r *relay) watchSecond(signals <-chan os.Signal, stopped <-chan struct{}) {
	for {
		select {
		case <-stopped:
			return
		case s := <-signals:
			if s == syscall.SIGHUP {
				continue
			}
			r.log.Warn("stopped at once by a second signal")
			os.Exit(1)
		}
	}
}

// reload applies what can be changed while the relay runs. A configuration with
// an error changes nothing.
func (r *relay) reload(o *options) {
	cfg, err := o.load()
	if err != nil {
		r.log.Error("configuration not reloaded, the one before stays in force", "err", err)
		return
	}
	changes := config.Diff(r.cfg, cfg)
	if err := r.apply(cfg); err != nil {
		r.log.Error("configuration not reloaded, the one before stays in force", "err", err)
		return
	}
	if r.cert != nil {
		if err := r.cert.Reload(); err != nil {
			r.log.Error("certificate not reloaded, the one before stays in force", "err", err)
		}
	}
	r.log.Info("configuration reloaded", "added", changes.Added, "removed", changes.Removed, "changed", changes.Changed, "keys", changes.Live)
	if len(changes.Restart) > 0 {
		r.log.Warn("some keys take effect at the next start", "keys", changes.Restart)
	}
}

// announce prints the address to open; at the first start, one that signs in.
func (r *relay) announce(w io.Writer) {
	url := cmp.Or(string(r.cfg.PublicURL), localURLOf(r.cfg, r.addr()))
	if domains := r.cfg.TLS.ACME.Domains; r.cfg.PublicURL == "" && len(domains) > 0 {
		url = "https://" + domains[0] // the certificate is for no other name
	}
	fmt.Fprintf(w, "camrelay %s\n\n  open %s/\n", versionText(), url)
	if r.bus != nil {
		fmt.Fprintf(w, "  MQTT %s\n", r.bus.describe(string(r.cfg.MQTT.URL)))
	}
	fmt.Fprintln(w)
	switch {
	case r.cfg.Lab:
		fmt.Fprintf(w, "  This is a lab: whoever reaches this address may do anything.\n\n")
	case r.firstToken != "":
		fmt.Fprintf(w, "  First start: this address signs you in as admin. It is shown this once.\n\n  %s/login#token=%s\n\n", url, r.firstToken)
	}
}

func newLogger(w io.Writer, cfg *config.Config, level *slog.LevelVar) *slog.Logger {
	setLevel(level, cfg)
	opt := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}

func setLevel(level *slog.LevelVar, cfg *config.Config) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(cfg.Log.Level)); err == nil {
		level.Set(l)
	}
}

// httpServer has limits on all that a stranger can hold on to; handlers of long
// streams set their own.
func httpServer(h http.Handler, cfg *config.Config, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cfg.Limits.Handshake,
		IdleTimeout:       cfg.Limits.Idle,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(debugWriter{logger}, "", 0),
	}
}

// debugWriter logs what net/http complains of: mostly strangers that end a
// handshake half-way. A panic is our fault.
type debugWriter struct{ log *slog.Logger }

func (d debugWriter) Write(b []byte) (int, error) {
	level, text := slog.LevelDebug, strings.TrimSpace(string(b))
	if strings.Contains(text, "panic serving") {
		level = slog.LevelError
	}
	d.log.Log(context.Background(), level, text)
	return len(b), nil
}

// serveHTTP serves until the server is shut down; another end is a failure.
func serveHTTP(s *http.Server, ln net.Listener, what string, failed chan<- error) {
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		select {
		case failed <- fmt.Errorf("serve %s: %w", what, err):
		default:
		}
	}
}
