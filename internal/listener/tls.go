package listener

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Certificate is a certificate in files, read again when they have changed.
type Certificate struct {
	certFile, keyFile string
	now               func() time.Time

	mu     sync.Mutex
	cert   *tls.Certificate
	stamp  [2]time.Time
	looked time.Time
	onErr  func(error)
}

// lookEvery is how often the files' times are looked at.
const lookEvery = time.Minute

// LoadCertificate reads the files. onErr hears of changed files that cannot be
// used; the certificate before them stays in force.
func LoadCertificate(certFile, keyFile string, onErr func(error)) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, now: time.Now, onErr: onErr}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files. Called with mu held, or before anyone else has c.
func (c *Certificate) load() error {
	stamp, err := c.stamps()
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate %s and key %s: %w", c.certFile, c.keyFile, err)
	}
	c.cert, c.stamp, c.looked = &cert, stamp, c.now()
	return nil
}

func (c *Certificate) stamps() (stamp [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, fmt.Errorf("read certificate: %w", err)
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}

// Reload reads the files now.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

// get is tls.Config.GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		stamp, err := c.stamps()
		if err == nil && stamp != c.stamp {
			err = c.load()
		}
		if err != nil {
			c.onErr(err)
		}
	}
	return c.cert, nil
}

// Config is the TLS configuration of a server with this certificate.
func (c *Certificate) Config() *tls.Config { return serverConfig(c.get) }

// serverConfig offers HTTP/1.1 alone: WebSockets and streams take over their
// connection, which HTTP/2 does not allow.
func serverConfig(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), more ...string) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     append([]string{"http/1.1"}, more...),
		GetCertificate: get,
	}
}

// ACME gets certificates from an authority and keeps them in data/acme.
type ACME struct{ manager *autocert.Manager }

// NewACME takes the domains that certificates are asked for, an address for
// notices, which may be empty, and the authority's directory.
func NewACME(data string, domains []string, email, directory string) *ACME {
	return &ACME{&autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(filepath.Join(data, "acme")),
		HostPolicy: autocert.HostWhitelist(domains...),
		Email:      email,
		Client:     &acme.Client{DirectoryURL: directory},
	}}
}

// Config is the TLS configuration of a server with these certificates; it
// answers TLS-ALPN-01 challenges (RFC 8737), which come to port 443.
func (a *ACME) Config() *tls.Config {
	return serverConfig(a.manager.GetCertificate, acme.ALPNProto)
}

// Handler answers HTTP-01 challenges (RFC 8555 section 8.3), which come to port
// 80, and sends everybody else to https.
func (a *ACME) Handler() http.Handler { return a.manager.HTTPHandler(nil) }
