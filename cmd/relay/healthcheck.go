package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"camrelay/internal/config"
)

// healthcheck asks the relay that runs with the same configuration whether it
// takes viewers.
func healthcheck(args []string, stdout, stderr io.Writer) error {
	o := newOptions("healthcheck", "asks a running relay whether it is ready, by the address it listens on.", stderr)
	timeout := o.flags.Duration("timeout", 5*time.Second, "how long to wait")
	if err := o.parse(args); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, localURL(cfg)+"/readyz", nil)
	if err != nil {
		return err
	}
	// It is our own address, and the certificate is for another name.
	insecure := &tls.Config{InsecureSkipVerify: true}
	if domains := cfg.TLS.ACME.Domains; len(domains) > 0 {
		insecure.ServerName = domains[0] // for no other is there a certificate
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the relay: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the relay answers %s", resp.Status)
	}
	fmt.Fprintln(stdout, "ready")
	return nil
}

// localURL is how this machine reaches the relay.
func localURL(cfg *config.Config) string {
	return localURLOf(cfg, cfg.Listen)
}

func localURLOf(cfg *config.Config, listen string) string {
	scheme := "http"
	if cfg.TLS.Mode() != config.TLSOff {
		scheme = "https"
	}
	return scheme + "://" + localAddr(listen)
}

// localAddr is an address as this machine reaches it.
func localAddr(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
