package config

import (
	"net/netip"
	"os"
	"strings"
	"time"
)

// Listening addresses when none is given.
const (
	defaultListen     = ":8080"
	defaultMQTTListen = ":1883"
	labHost           = "127.0.0.1"
)

// Default is the configuration of a relay that was told nothing.
func Default() *Config {
	return &Config{
		Listen: defaultListen,
		Data:   "./data",
		Name:   hostName(),
		Log:    Log{Level: "info", Format: "text"},
		TLS:    TLS{ACME: ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory"}},
		MQTT:   MQTT{Listen: defaultMQTTListen, Topic: "camrelay", Discovery: "homeassistant", Snapshot: 30 * time.Second},
		Limits: Limits{
			MaxFrame:          MiB,
			MaxFPS:            60,
			Sockets:           20_000,
			SocketsPerAddress: 256,
			Handshake:         10 * time.Second,
			Idle:              15 * time.Second,
			PingInterval:      10 * time.Second,
			PongTimeout:       30 * time.Second,
			WriteStall:        10 * time.Second,
			ViewersPerCamera:  10_000,
			Cameras:           1000,
			RequestBody:       64 * KiB,
		},
		Rest: Rest{Linger: 30 * time.Second, Still: 5 * time.Second, StaleAfter: 5 * time.Second},
		Pull: Pull{
			ConnectTimeout: 5 * time.Second,
			HeaderTimeout:  10 * time.Second,
			IdleTimeout:    10 * time.Second,
			BackoffMin:     time.Second,
			BackoffMax:     time.Minute,
		},
		OTA:     OTA{Parallel: 4, PerDay: 6, Between: 5 * time.Minute, Rate: 2 * MiB, Images: 64, Bytes: 256 * MiB, Window: Window{Zone: "UTC"}},
		Metrics: Metrics{Allow: Networks{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
	}
}

// hostName is the host's name without its domain, made fit for an MQTT topic.
func hostName() string {
	host, _ := os.Hostname()
	return sanitizeName(host)
}

func sanitizeName(host string) string {
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, host)
	name = strings.Trim(name[:min(len(name), maxName)], "-")
	if name == "" {
		return "relay"
	}
	return name
}
