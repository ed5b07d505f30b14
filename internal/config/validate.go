package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/ota"
	"camrelay/internal/wire"
)

const (
	// maxName is the longest relay name, in bytes.
	maxName = 32
	// maxTitle is the longest name of a camera for people, in bytes.
	maxTitle = 100
	// maxTopic is the longest MQTT topic root, in bytes.
	maxTopic = 64
	// minKey is the shortest camera key of the user's own making.
	minKey = 16
)

// Validate says everything that is wrong with a configuration; nil if it can
// be used. What [Load], [Parse] and [Default] return is valid.
func (c *Config) Validate() error {
	p := problems{places: map[string]place{}}
	c.validate(&p)
	return p.join()
}

func (c *Config) validate(p *problems) {
	p.check("listen", checkListen(c.Listen))
	if c.Data == "" {
		p.check("data", errors.New("must not be empty; name a directory, like ./data"))
	}
	p.check("name", checkName(c.Name))
	p.scheme("public_url", c.PublicURL, "http", "https")
	if u := c.PublicURL.Parse(); u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		p.check("public_url", errors.New("must be an address alone, without login, query or fragment"))
	}
	for i, o := range c.Origins {
		_, err := auth.ParseOrigin(o)
		p.check(fmt.Sprintf("origins[%d]", i), err)
	}
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "text", "json")
	c.TLS.validate(p)
	c.MQTT.validate(p)
	c.Limits.validate(p)
	c.Rest.validate(p)
	c.Pull.validate(p)
	c.OTA.validate(p)
	c.validateCameras(p)
}

func (t TLS) validate(p *problems) {
	p.pair("tls.cert", t.Cert, "tls.key", t.Key)
	if t.Cert != "" && len(t.ACME.Domains) > 0 {
		p.check("tls.acme.domains", errors.New("and tls.cert are both given; choose one"))
	}
	for i, d := range t.ACME.Domains {
		if !isHostName(d) || !strings.Contains(d, ".") || strings.HasSuffix(d, ".") {
			p.check(fmt.Sprintf("tls.acme.domains[%d]", i), problem(d, "is not a domain name; write it like cams.example.org"))
		}
	}
	if e := t.ACME.Email; e != "" && (strings.Count(e, "@") != 1 || strings.ContainsAny(e, " ,<>:") || e[0] == '@' || e[len(e)-1] == '@') {
		p.check("tls.acme.email", problem(e, "is not an e-mail address"))
	}
	p.scheme("tls.acme.directory", t.ACME.Directory, "https", "http")
	if len(t.ACME.Domains) > 0 && t.ACME.Directory == "" {
		p.check("tls.acme.directory", errors.New("must not be empty"))
	}
}

func (m MQTT) validate(p *problems) {
	if m.Listen != "" {
		p.check("mqtt.listen", checkListen(m.Listen))
	}
	p.scheme("mqtt.url", m.URL, "mqtt", "mqtts", "tcp", "ssl", "ws", "wss")
	p.pair("mqtt.cert", m.Cert, "mqtt.key", m.Key)
	if m.Username == "" && !m.Password.IsZero() {
		p.addAt("mqtt.password", "mqtt.username", errors.New("is missing: MQTT 3.1.1 has no password without a user name"))
	}
	if d := m.Discovery; d != "" && (len(d) > maxTopic || strings.ContainsAny(d, "+# \x00") || d[0] == '$' || slices.Contains(strings.Split(d, "/"), "")) {
		p.check("mqtt.discovery", problem(d, `cannot begin a topic; write it like homeassistant`))
	}
	if m.Snapshot != 0 {
		between(p, "mqtt.snapshot", m.Snapshot, time.Second, time.Hour)
	}
	if t := m.Topic; t == "" || len(t) > maxTopic || strings.ContainsAny(t, "+# \x00") || t[0] == '$' || slices.Contains(strings.Split(t, "/"), "") {
		p.check("mqtt.topic", problem(t, `cannot be a topic root; write 1 to %d characters without spaces, "+", "#" or empty parts, like camrelay`, maxTopic))
	}
}

func (l Limits) validate(p *problems) {
	between(p, "limits.max_frame", l.MaxFrame, 16*KiB, 16*MiB)
	between(p, "limits.max_fps", l.MaxFPS, 1, 240)
	between(p, "limits.sockets", l.Sockets, 16, 1_000_000)
	between(p, "limits.sockets_per_address", l.SocketsPerAddress, 1, max(1, l.Sockets))
	between(p, "limits.handshake", l.Handshake, time.Second, 5*time.Minute)
	between(p, "limits.idle", l.Idle, time.Second, time.Hour)
	between(p, "limits.ping_interval", l.PingInterval, time.Second, 5*time.Minute)
	between(p, "limits.pong_timeout", l.PongTimeout, 2*time.Second, 15*time.Minute)
	if l.PongTimeout <= l.PingInterval {
		p.addAt(p.setOf("limits.pong_timeout", "limits.ping_interval"), "limits.pong_timeout", fmt.Errorf("%v is not longer than limits.ping_interval (%v): every connection would be dropped", l.PongTimeout, l.PingInterval))
	}
	between(p, "limits.write_stall", l.WriteStall, time.Second, 5*time.Minute)
	between(p, "limits.viewers_per_camera", l.ViewersPerCamera, 1, 1_000_000)
	between(p, "limits.cameras", l.Cameras, 1, 100_000)
	between(p, "limits.request_body", l.RequestBody, KiB, MiB)
}

func (r Rest) validate(p *problems) {
	between(p, "rest.linger", r.Linger, 0, 24*time.Hour)
	p.check("rest.still", checkStill(r.Still))
	between(p, "rest.stale_after", r.StaleAfter, time.Second, time.Hour)
}

func (o OTA) validate(p *problems) {
	for i, name := range o.Keys {
		if name == "" {
			p.check(fmt.Sprintf("ota.keys[%d]", i), errors.New("must not be empty; name a PEM file, like release.pub.pem"))
		}
	}
	if o.Host != "" {
		if host, port, err := net.SplitHostPort(o.Host); err != nil || host == "" || port == "" {
			p.check("ota.host", problem(o.Host, "is not host:port, like 192.168.1.10:8080"))
		}
	}
	between(p, "ota.parallel", o.Parallel, 1, 100)
	between(p, "ota.per_day", o.PerDay, 1, 100)
	between(p, "ota.between", o.Between, 0, 24*time.Hour)
	between(p, "ota.rate", o.Rate, 0, 1024*MiB)
	between(p, "ota.images", o.Images, 1, 10_000)
	between(p, "ota.bytes", o.Bytes, 4*MiB, 64*1024*MiB)
	if _, err := ota.ParseWindow(o.Window.From, o.Window.To, o.Window.Zone); err != nil {
		p.check("ota.window", err)
	}
}

func (pull Pull) validate(p *problems) {
	const least = 100 * time.Millisecond
	between(p, "pull.connect_timeout", pull.ConnectTimeout, least, 5*time.Minute)
	between(p, "pull.header_timeout", pull.HeaderTimeout, least, 5*time.Minute)
	between(p, "pull.idle_timeout", pull.IdleTimeout, time.Second, time.Hour)
	between(p, "pull.backoff_min", pull.BackoffMin, least, time.Hour)
	between(p, "pull.backoff_max", pull.BackoffMax, least, time.Hour)
	if pull.BackoffMax < pull.BackoffMin {
		p.addAt(p.setOf("pull.backoff_max", "pull.backoff_min"), "pull.backoff_max", fmt.Errorf("%v is less than pull.backoff_min (%v)", pull.BackoffMax, pull.BackoffMin))
	}
}

func (c *Config) validateCameras(p *problems) {
	if len(c.Cameras) > c.Limits.Cameras {
		p.check("cameras", fmt.Errorf("%d are more than limits.cameras (%d)", len(c.Cameras), c.Limits.Cameras))
	}
	first := map[string]int{}
	for i, cam := range c.Cameras {
		key := fmt.Sprintf("cameras[%d].", i)
		if other, ok := first[cam.ID]; ok && cam.ID != "" {
			p.check(key+"id", problem(cam.ID, "is also the id of cameras[%d]", other))
		}
		first[cam.ID] = i
		if !p.reported(strings.TrimSuffix(key, ".")) { // else it is no section at all
			cam.validate(p, key)
		}
	}
}

func (c Camera) validate(p *problems, key string) {
	if c.ID == "" && !p.isSet(key+"id") {
		p.addAt(strings.TrimSuffix(key, "."), key+"id", errors.New("is missing; give the camera 1 to 32 of a-z, 0-9 and -"))
	} else {
		p.check(key+"id", wire.CheckID(c.ID))
	}
	if len(c.Name) > maxTitle || hasControl(c.Name) {
		p.check(key+"name", problem(c.Name, "is not a name; write at most %d characters in one line", maxTitle))
	}
	p.oneOf(key+"kind", c.Kind, KindPush, KindPull)
	p.check(key+"still", checkStill(c.Still))
	if b, err := hex.DecodeString(c.KeySHA256.Reveal()); !c.KeySHA256.IsZero() && (err != nil || len(b) != 32) {
		p.check(key+"key_sha256", errors.New("is not a SHA-256 in 64 hex digits; make one with: printf %s KEY | sha256sum"))
	}
	p.scheme(key+"url", c.URL, "http", "https")
	p.scheme(key+"control_url", c.ControlURL, "http", "https")
	p.check(key+"groups", wire.CheckGroups(c.Groups))
	p.check(key+"settings", wire.Settings(c.Settings).Check())
	here := strings.TrimSuffix(key, ".")
	switch {
	case c.Kind == KindPush && c.KeySHA256.IsZero() && !p.reported(key+"key"):
		p.addAt(here, key+"key_sha256", fmt.Errorf("is missing: camera %q pushes and needs a key (or give url for a camera that is read)", c.ID))
	case c.Kind == KindPush && (c.URL != "" || c.ControlURL != "" || c.Username != "" || !c.Password.IsZero()):
		p.addAt(here, key+"kind", errors.New("is push: url, control_url, username and password are for kind pull"))
	case c.Kind == KindPull && c.URL == "":
		p.addAt(here, key+"url", errors.New("is missing: a pull camera needs the address of its MJPEG stream, like http://192.168.1.40:81/stream"))
	case c.Kind == KindPull && !c.KeySHA256.IsZero():
		p.addAt(here, key+"kind", errors.New("is pull: a key is for kind push"))
	}
}
