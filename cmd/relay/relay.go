package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sys/unix"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/egress"
	"camrelay/internal/httpapi"
	"camrelay/internal/ingest"
	"camrelay/internal/listener"
	"camrelay/internal/roster"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/web"
)

// relay is a running relay: its parts, in the order in which they were made.
type relay struct {
	cfg        *config.Config
	log        *slog.Logger
	level      *slog.LevelVar
	store      *store.Store
	firstToken string
	registry   *stream.Registry
	ingest     *ingest.Server
	egress     *egress.Server
	roster     *roster.Roster
	api        *httpapi.API
	listener   *listener.Listener
	cert       *listener.Certificate // nil but for TLS from files
	server     *http.Server
	redirect   *http.Server // on port 80, for ACME; else nil
	bus        *bus
	updates    *updates

	stop   context.CancelFunc // ends what runs in the background
	tasks  sync.WaitGroup     // that
	failed chan error
}

// start makes all parts and begins to serve. An error leaves nothing running.
func start(ctx context.Context, cfg *config.Config, logger *slog.Logger) (_ *relay, err error) {
	ctx, stop := context.WithCancel(ctx)
	r := &relay{cfg: cfg, log: logger, stop: stop, failed: make(chan error, 4)}
	defer func() {
		if err == nil {
			return
		}
		r.shutdown()
		if r.firstToken != "" && !cfg.Lab { // the next start is not the first one
			err = fmt.Errorf("%w\n\nThe state in %s is new. Its admin token, shown this once, is %s", err, cfg.Data, r.firstToken)
		}
	}()
	for _, w := range cfg.Warnings {
		logger.Warn(w)
	}
	// What most often fails comes first: then nothing was made yet.
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	if err := r.loadCertificate(); err != nil {
		return nil, err
	}
	if r.store, r.firstToken, err = store.Open(cfg.Data); err != nil {
		return nil, err
	}
	r.registry = stream.NewRegistry(stream.Options{Linger: cfg.Rest.Linger, Still: cfg.Rest.Still, StaleAfter: cfg.Rest.StaleAfter})
	r.ingest = ingest.NewServer(r.registry.Pool(), r.ingestOptions(cfg))
	r.egress = egress.NewServer(r.registry, egressOptions(cfg, logger))
	r.tasks.Go(func() { r.egress.Run(ctx) })
	r.tasks.Go(func() { r.registry.Run(ctx) })
	r.roster = roster.New(ctx, r.registry, r.store, cfg, logger)
	if r.updates, err = openUpdates(r); err != nil {
		return nil, err
	}
	if r.bus, err = startBus(r); err != nil {
		return nil, err
	}
	if err := r.startUpdates(ctx); err != nil {
		return nil, err
	}
	if err := r.store.RetainShares(r.roster.IDs()); err != nil {
		return nil, err
	}
	if err := r.serveAPI(ctx); err != nil {
		return nil, err
	}
	logger.Info("started", "version", versionText(), "listen", r.addr(), "cameras", len(r.roster.IDs()), "lab", cfg.Lab)
	return r, nil
}

func (r *relay) ingestOptions(cfg *config.Config) ingest.Options {
	opt := ingest.Options{
		MaxFrame: int(cfg.Limits.MaxFrame), MaxFPS: cfg.Limits.MaxFPS,
		PingInterval: cfg.Limits.PingInterval, PongTimeout: cfg.Limits.PongTimeout, PostIdle: cfg.Limits.PongTimeout,
		Logger: r.log,
	}
	if r.updates != nil && r.updates.coordinator != nil {
		opt.Updates = r.updates.coordinator
	}
	return opt
}

func egressOptions(cfg *config.Config, logger *slog.Logger) egress.Options {
	return egress.Options{
		Relay: cfg.Name, Version: versionText(),
		PingInterval: cfg.Limits.PingInterval, PongTimeout: cfg.Limits.PongTimeout, WriteStall: cfg.Limits.WriteStall,
		MaxViewers: cfg.Limits.ViewersPerCamera, Logger: logger,
	}
}

// limits are those of all connections to a port.
func (r *relay) limits() listener.Limits {
	return listener.Limits{
		Sockets: r.cfg.Limits.Sockets, PerAddress: r.cfg.Limits.SocketsPerAddress, Exempt: r.cfg.TrustedProxies.Contains,
	}
}

// listen takes the HTTP port.
func (r *relay) listen(ctx context.Context) (err error) {
	r.listener, err = listener.Listen(ctx, r.cfg.Listen, r.limits())
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("%w: another program, or another relay, holds the port; stop it or choose another port with --listen", err)
	}
	return err
}

// loadCertificate reads the certificate, if it is in files.
func (r *relay) loadCertificate() (err error) {
	if r.cfg.TLS.Mode() != config.TLSFiles {
		return nil
	}
	r.cert, err = listener.LoadCertificate(r.cfg.TLS.Cert, r.cfg.TLS.Key, func(err error) {
		r.log.Error("certificate not reloaded, the one before stays in force", "err", err)
	})
	return err
}

// serveAPI begins to answer requests.
func (r *relay) serveAPI(ctx context.Context) (err error) {
	proxies := auth.Proxies(r.cfg.TrustedProxies)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.registerMetrics(metrics)
	r.api, err = httpapi.New(httpapi.Parts{
		Registry: r.registry, Roster: r.roster, Ingest: r.ingest, Egress: r.egress, Store: r.store,
		Auth: auth.NewAuthenticator(r.store, r.store.Secret(), proxies, time.Now),
		OTA:  r.updates.coordinator, Rollouts: r.updates.rollouts, Catalog: r.updates.catalog, ImageServer: r.updates.images,
		Pages: web.Files(), Metrics: metrics, Version: versionText(), Logger: r.log,
		Revoked: r.bus.recheck,
	}, r.cfg)
	if err != nil {
		return err
	}
	r.server = httpServer(r.api, r.cfg, r.log)
	ln := net.Listener(r.listener)
	switch r.cfg.TLS.Mode() {
	case config.TLSFiles:
		ln = tls.NewListener(ln, r.cert.Config())
	case config.TLSACME:
		acme := listener.NewACME(r.cfg.Data, r.cfg.TLS.ACME.Domains, r.cfg.TLS.ACME.Email, string(r.cfg.TLS.ACME.Directory))
		ln = tls.NewListener(ln, acme.Config())
		r.serveRedirect(ctx, acme.Handler())
	}
	r.api.SetReady(true)
	r.tasks.Go(func() { serveHTTP(r.server, ln, "http", r.failed) })
	return nil
}

// serveRedirect answers on port 80 if it can be had: without it, the authority
// has to reach port 443.
func (r *relay) serveRedirect(ctx context.Context, h http.Handler) {
	host, _, _ := net.SplitHostPort(r.cfg.Listen)
	ln, err := listener.Listen(ctx, net.JoinHostPort(host, "80"), r.limits())
	if err != nil {
		r.log.Warn("port 80 cannot be had; certificates need port 443 to be reachable from the internet", "err", err)
		return
	}
	r.redirect = httpServer(h, r.cfg, r.log)
	r.redirect.ReadTimeout, r.redirect.WriteTimeout = 10*time.Second, 10*time.Second
	r.tasks.Go(func() { serveHTTP(r.redirect, ln, "port 80", r.failed) })
}

// registerMetrics adds what the process itself knows.
func (r *relay) registerMetrics(metrics *prometheus.Registry) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "camrelay_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": versionText()},
	})
	build.Set(1)
	refused := func(reason string, count func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "camrelay_sockets_refused_total", Help: "Connections over a limit.", ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(count()) })
	}
	metrics.MustRegister(build,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "camrelay_sockets", Help: "Open TCP connections."},
			func() float64 { return float64(r.listener.Open()) }),
		refused("full", r.listener.Refused.Full.Load), refused("address", r.listener.Refused.Address.Load))
}

// addr is the address that the relay listens on.
func (r *relay) addr() string { return r.listener.Addr().String() }

// apply puts a configuration into force but for the keys that wait for the next
// start.
func (r *relay) apply(cfg *config.Config) error {
	cfg.Carry(r.cfg)
	if err := r.api.Apply(cfg); err != nil {
		return err
	}
	r.ingest.SetOptions(r.ingestOptions(cfg))
	r.egress.SetOptions(egressOptions(cfg, r.log))
	r.listener.SetPerAddress(cfg.Limits.SocketsPerAddress)
	r.roster.Apply(cfg)
	if err := r.store.RetainShares(r.roster.IDs()); err != nil {
		r.log.Error("share links of removed cameras not revoked", "err", err)
	}
	r.api.Revoke()
	setLevel(r.level, cfg)
	r.cfg = cfg
	return nil
}

// shutdown ends all that runs. Viewers are asked to come back; cameras lose
// their TCP connection without a CLOSE frame, because esp_websocket_client
// stays away for good after one. It also undoes a start that failed half-way.
func (r *relay) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if r.api != nil {
		r.api.SetReady(false)
	}
	if r.listener != nil {
		r.listener.Close()
	}
	if r.egress != nil {
		r.egress.Shutdown(ctx)
		r.registry.Close()
	}
	for _, s := range []*http.Server{r.server, r.redirect} {
		if s != nil && s.Shutdown(ctx) != nil {
			s.Close()
		}
	}
	r.stop()
	r.tasks.Wait()
	if r.roster != nil {
		r.roster.Wait()
	}
	if r.bus != nil {
		if err := r.bus.close(); err != nil {
			r.log.Error("mqtt not closed", "err", err)
		}
	}
	if err := r.updates.close(); err != nil {
		r.log.Error("journal of updates not closed", "err", err)
	}
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			r.log.Error("store not closed", "err", err)
		}
	}
}

// monotonicMicros is the time that systemd wants with RELOADING=1.
func monotonicMicros() string {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return "0"
	}
	return strconv.FormatInt(ts.Nano()/1000, 10)
}
