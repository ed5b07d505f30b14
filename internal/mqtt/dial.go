package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// parseBroker reads a broker's address: the scheme, the default port, and
// whether TLS is wanted.
func parseBroker(text string) (u *url.URL, secure bool, err error) {
	u, err = url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, false, errors.New("mqtt.url: this is not a broker's address; write it like mqtt://host:1883 or mqtts://host:8883")
	}
	ports := map[string]string{"mqtt": "1883", "tcp": "1883", "mqtts": "8883", "ssl": "8883", "ws": "80", "wss": "443"}
	port, ok := ports[u.Scheme]
	if !ok {
		return nil, false, fmt.Errorf("mqtt.url: scheme %q is not known; use mqtt, mqtts, ws or wss", u.Scheme)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, u.Scheme == "mqtts" || u.Scheme == "ssl" || u.Scheme == "wss", nil
}

// tlsConfig reads the files of authorities and client certificate.
func tlsConfig(opt ClientOptions, server string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: server, MinVersion: tls.VersionTLS12}
	if opt.CA != "" {
		pem, err := os.ReadFile(opt.CA)
		if err != nil {
			return nil, fmt.Errorf("mqtt.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("mqtt.ca: %s holds no PEM certificate", opt.CA)
		}
	}
	if opt.Cert != "" {
		pair, err := tls.LoadX509KeyPair(opt.Cert, opt.Key)
		if err != nil {
			return nil, fmt.Errorf("mqtt.cert and mqtt.key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// dial opens the connection below MQTT. It ends with ctx, also later: the
// library could hang in a write to it.
func dial(ctx context.Context, u *url.URL, cfg *tls.Config) (net.Conn, error) {
	conn, err := dialPlain(ctx, u, cfg)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}

func dialPlain(ctx context.Context, u *url.URL, cfg *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	switch u.Scheme {
	case "ws", "wss":
		return paho.NewWebsocket(u.String(), cfg, connectTimeout, nil, nil)
	case "mqtts", "ssl":
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", u.Host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
}

// explain says what to do about a failed connection.
func explain(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		header  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		alert   tls.AlertError
	)
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker refuses the login: check mqtt.username and mqtt.password"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refuses the client id: check name"
	case errors.As(err, &unknown):
		return "the broker's certificate is of an unknown authority: give its PEM file as mqtt.ca"
	case errors.As(err, &name), errors.As(err, &verify):
		return "the broker's certificate does not hold: check mqtt.url and mqtt.ca"
	case errors.As(err, &header):
		return "the broker does not speak TLS on this port: check mqtt.url"
	case errors.As(err, &alert):
		return "the broker ends TLS: check mqtt.cert and mqtt.key"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker closed the connection: check mqtt.url, and whether TLS is wanted there"
	}
	return "the broker cannot be reached"
}
