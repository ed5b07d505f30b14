package httpapi

import (
	"testing"

	"camrelay/internal/config"
)

// TestLabHost: a lab is not to be had by a page whose name was made to point to
// it.
func TestLabHost(t *testing.T) {
	r := newRelay(t, func(cfg *config.Config) {
		cfg.Lab = true
		cfg.PublicURL = "https://cams.example.org"
	})
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "[::1]:8080": 200, "192.168.1.7": 200, "localhost:8080": 200, "relay:8080": 200,
		"bench.local": 200, "Cams.Example.org:443": 200, "cams.example.org.": 200,
		"evil.example:8080": 403, "127.0.0.1.evil.example": 403, "local.evil.example": 403, "evil.example.": 403,
	} {
		a := r.do(get("/api/v1/cameras").with("Host", host))
		if a.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, a.StatusCode, want)
		}
	}
}
