// Package config reads the relay's configuration: defaults, a YAML file,
// CAMRELAY_* environment variables and key=value flags, in that order, later
// ones winning. All that is wrong is reported at once, each with its place,
// and a configuration that has an error is never handed out.
package config

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is everything that can be set. The tag `reload:"restart"` marks keys
// that only take effect when the relay starts; see [Diff].
type Config struct {
	// Listen is the TCP address of the HTTP server. Default ":8080", in lab
	// mode "127.0.0.1:8080". Port 0 picks a free one.
	Listen string `yaml:"listen" reload:"restart"`
	// Data is the directory of the relay's state. Default "./data", relative
	// to the working directory.
	Data string `yaml:"data" reload:"restart"`
	// Lab says that the relay is an exercise on one machine: it listens on
	// loopback unless told otherwise. Default false.
	Lab bool `yaml:"lab" reload:"restart"`
	// Name is the relay's id in MQTT topics and on pages,
	// [a-z0-9][a-z0-9-]{0,31}. Default: the host's name, or "relay".
	Name string `yaml:"name" reload:"restart"`
	// PublicURL is the address people use, for links; empty: that of the
	// request.
	PublicURL URL `yaml:"public_url"`
	// Origins are further origins whose pages may use the relay, like
	// "https://home.example:8123"; "*" allows all.
	Origins []string `yaml:"origins"`
	// TrustedProxies are the networks whose X-Forwarded-For and
	// X-Forwarded-Proto headers are believed. Default none.
	TrustedProxies Networks `yaml:"trusted_proxies" reload:"restart"`
	Log            Log      `yaml:"log"`
	TLS            TLS      `yaml:"tls"`
	MQTT           MQTT     `yaml:"mqtt"`
	Limits         Limits   `yaml:"limits"`
	Rest           Rest     `yaml:"rest"`
	Pull           Pull     `yaml:"pull"`
	OTA            OTA      `yaml:"ota"`
	Metrics        Metrics  `yaml:"metrics"`
	// Cameras are those declared in the file; people can add more at run time.
	Cameras []Camera `yaml:"cameras"`

	// Warnings are sentences about what is allowed but unwise, found while
	// the configuration was read. They are not part of the configuration.
	Warnings []string `yaml:"-"`
}

// Log says what the relay logs, and how.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level string `yaml:"level"`
	// Format is text or json. Default text.
	Format string `yaml:"format" reload:"restart"`
}

// TLS makes the relay speak HTTPS, with a certificate from files or by ACME
// (RFC 8555).
type TLS struct {
	// Cert and Key are PEM files; both or none.
	Cert string `yaml:"cert" reload:"restart"`
	Key  string `yaml:"key" reload:"restart"`
	ACME ACME   `yaml:"acme"`
}

// Modes of TLS, see [TLS.Mode].
const (
	TLSOff   = "off"
	TLSFiles = "files"
	TLSACME  = "acme"
)

// Mode is TLSOff, TLSFiles or TLSACME.
func (t TLS) Mode() string {
	switch {
	case len(t.ACME.Domains) > 0:
		return TLSACME
	case t.Cert != "":
		return TLSFiles
	}
	return TLSOff
}

// ACME gets and renews certificates by itself. The authority connects to port
// 443 (TLS-ALPN-01) or 80 (HTTP-01) of each domain.
type ACME struct {
	// Domains are the names in the certificate; none: no ACME.
	Domains []string `yaml:"domains" reload:"restart"`
	// Email is told to the authority for notices; optional.
	Email string `yaml:"email" reload:"restart"`
	// Directory is the authority's directory. Default Let's Encrypt.
	Directory URL `yaml:"directory" reload:"restart"`
}

// MQTT is the relay's own broker, or the way to another one. After loading, at
// most one of Listen and URL is set.
type MQTT struct {
	// Listen is the TCP address of the embedded broker; empty: none. Default
	// ":1883", in lab mode "127.0.0.1:1883", none if URL is set.
	Listen string `yaml:"listen" reload:"restart"`
	// URL is an external broker: mqtt, mqtts, tcp, ssl, ws or wss.
	URL URL `yaml:"url" reload:"restart"`
	// Username and Password log in at the broker.
	Username string `yaml:"username" reload:"restart"`
	Password Secret `yaml:"password" reload:"restart"`
	// CA is a PEM file of authorities that replaces the system's.
	CA string `yaml:"ca" reload:"restart"`
	// Cert and Key are PEM files of a client certificate for URL; both or none.
	Cert string `yaml:"cert" reload:"restart"`
	Key  string `yaml:"key" reload:"restart"`
	// Topic is the root of all topics. Default "camrelay".
	Topic string `yaml:"topic" reload:"restart"`
	// Discovery is what Home Assistant's discovery topics begin with; empty:
	// it is not told. Default "homeassistant".
	Discovery string `yaml:"discovery" reload:"restart"`
	// Snapshot is the time between pictures for Home Assistant, 1s to 1h; 0:
	// none. Default 30s.
	Snapshot time.Duration `yaml:"snapshot" reload:"restart"`
}

// Limits bound what a stranger, a camera or a viewer can make the relay do.
type Limits struct {
	// MaxFrame is the largest JPEG taken, 16KiB to 16MiB. Default 1MiB.
	MaxFrame Size `yaml:"max_frame"`
	// MaxFPS is the most frames a second taken from one camera, 1 to 240.
	// Default 60.
	MaxFPS int `yaml:"max_fps"`
	// Sockets is the most connections at a time, 16 to 1000000. Default 20000.
	Sockets int `yaml:"sockets" reload:"restart"`
	// SocketsPerAddress is the most connections of one client address (IPv6:
	// one /64), 1 to Sockets. Default 256, or Sockets if that is less.
	SocketsPerAddress int `yaml:"sockets_per_address"`
	// Handshake bounds TLS handshake and request head, and the body of a request
	// to the API, 1s to 5m. Default 10s.
	Handshake time.Duration `yaml:"handshake" reload:"restart"`
	// Idle closes a kept-alive connection without requests, 1s to 1h.
	// Default 15s.
	Idle time.Duration `yaml:"idle" reload:"restart"`
	// PingInterval is the time between WebSocket pings, 1s to 5m. Default 10s.
	PingInterval time.Duration `yaml:"ping_interval"`
	// PongTimeout drops a WebSocket or a POST that was silent for so long; longer than
	// PingInterval, at most 15m. Default 30s.
	PongTimeout time.Duration `yaml:"pong_timeout"`
	// WriteStall drops a viewer whose socket took no byte for so long, 1s to
	// 5m. Default 10s.
	WriteStall time.Duration `yaml:"write_stall"`
	// ViewersPerCamera is the most viewers of one camera, 1 to 1000000.
	// Default 10000.
	ViewersPerCamera int `yaml:"viewers_per_camera"`
	// Cameras is the most cameras, declared and added, 1 to 100000.
	// Default 1000.
	Cameras int `yaml:"cameras"`
	// RequestBody is the largest body of an API request, 1KiB to 1MiB.
	// Default 64KiB.
	RequestBody Size `yaml:"request_body"`
}

// Rest says when cameras need not send.
type Rest struct {
	// Linger is how long a camera goes on after its last viewer left, 0 to
	// 24h. Default 30s.
	Linger time.Duration `yaml:"linger"`
	// Still is how often a resting camera sends one frame, 1s to 1h; 0: cameras
	// are never told to rest. Default 5s.
	Still time.Duration `yaml:"still"`
	// StaleAfter is how long an online camera may give no frame before it is
	// shown as stale, 1s to 1h. Default 5s.
	StaleAfter time.Duration `yaml:"stale_after"`
}

// Pull is how the relay reads cameras that serve MJPEG themselves.
type Pull struct {
	// ConnectTimeout bounds the TCP connection, 100ms to 5m. Default 5s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// HeaderTimeout bounds the wait for the response head: a busy camera
	// accepts and says nothing. 100ms to 5m. Default 10s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// IdleTimeout drops a stream that gives no bytes for so long, 1s to 1h.
	// Default 10s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// BackoffMin and BackoffMax bound the pause before the next try, 100ms to
	// 1h. Default 1s and 60s.
	BackoffMin time.Duration `yaml:"backoff_min"`
	BackoffMax time.Duration `yaml:"backoff_max"`
}

// OTA is how cameras get new firmware.
type OTA struct {
	// Keys are PEM files of the public keys that images must be signed with;
	// none: the relay takes no images.
	Keys []string `yaml:"keys" reload:"restart"`
	// Host is the relay's host:port in orders to cameras; empty: what each
	// camera calls it.
	Host string `yaml:"host" reload:"restart"`
	// Parallel is how many cameras are updated at a time, 1 to 100. Default 4.
	Parallel int `yaml:"parallel" reload:"restart"`
	// PerDay is how many failed updates a camera may have in a day, 1 to 100,
	// and Between the pause after one, 0 to 24h. Default 6 and 5m.
	PerDay  int           `yaml:"per_day" reload:"restart"`
	Between time.Duration `yaml:"between" reload:"restart"`
	// Rate is what all downloads together may take, a second; 0: no limit.
	// Default 2MiB.
	Rate Size `yaml:"rate" reload:"restart"`
	// Images and Bytes bound the catalog: 1 to 10000, 4MiB to 64GiB. Default 64
	// and 256MiB.
	Images int  `yaml:"images" reload:"restart"`
	Bytes  Size `yaml:"bytes" reload:"restart"`
	// Window is when cameras may be updated without force.
	Window Window `yaml:"window"`
}

// Window is a part of the day.
type Window struct {
	// From and To are times like 01:00; both empty: always.
	From string `yaml:"from" reload:"restart"`
	To   string `yaml:"to" reload:"restart"`
	// Zone is the time zone's name. Default UTC.
	Zone string `yaml:"zone" reload:"restart"`
	// SpareViewers waits until nobody watches. Default false.
	SpareViewers bool `yaml:"spare_viewers" reload:"restart"`
}

// Metrics is who may read /metrics without a token.
type Metrics struct {
	// Allow lists client networks. Default loopback.
	Allow Networks `yaml:"allow"`
}

// YAML is the configuration in force as a file, secrets shown as "***" unless
// they come from a file or a variable.
func (c *Config) YAML() ([]byte, error) { return yaml.Marshal(c) }
