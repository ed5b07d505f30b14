package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"camrelay/internal/auth"
)

// finish derives what follows from other keys, and checks the whole.
func (r *reader) finish() (*Config, error) {
	c := r.cfg
	if c.Lab && !r.isSet("listen") {
		c.Listen = labHost + defaultListen
	}
	if c.Lab && !r.isSet("mqtt.listen") {
		c.MQTT.Listen = labHost + defaultMQTTListen
	}
	if !r.isSet("limits.sockets_per_address") {
		c.Limits.SocketsPerAddress = min(c.Limits.SocketsPerAddress, c.Limits.Sockets)
	}
	if c.MQTT.URL != "" {
		if c.MQTT.Listen != "" && r.isSet("mqtt.listen") {
			r.warn("mqtt.listen", "is not used because mqtt.url names another broker")
		}
		c.MQTT.Listen = ""
	}
	c.PublicURL = URL(strings.TrimRight(string(c.PublicURL), "/"))
	r.login("mqtt.", &c.MQTT.URL, &c.MQTT.Username, &c.MQTT.Password)
	r.secret("mqtt.password", &c.MQTT.Password)
	for i := range c.Cameras {
		r.camera(fmt.Sprintf("cameras[%d].", i), &c.Cameras[i])
	}
	r.advise()
	if !r.cut {
		c.validate(&r.problems)
	}
	if err := r.join(); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *reader) camera(key string, c *Camera) {
	c.complete(r.cfg.Rest.Still)
	r.login(key, &c.URL, &c.Username, &c.Password)
	r.login(key, &c.ControlURL, &c.Username, &c.Password)
	r.secret(key+"password", &c.Password)
	r.secret(key+"key_sha256", &c.KeySHA256)
	plain := !c.Key.IsZero() && c.Key.source == ""
	r.secret(key+"key", &c.Key)
	if plain {
		r.warn(key+"key", "is written in plain text; prefer key_sha256, file:PATH or env:NAME")
	}
	switch text := c.Key.Reveal(); {
	case text == "":
	case !c.KeySHA256.IsZero():
		r.add(key+"key", errors.New("and key_sha256 are both given; remove one"))
	case len(text) < minKey:
		r.add(key+"key", fmt.Errorf("is shorter than %d characters", minKey))
	default:
		c.KeySHA256 = NewSecret(auth.Hash(text))
	}
	c.Key = Secret{}
}

// login moves the name and password of a URL to their own keys.
func (r *reader) login(key string, u *URL, username *string, password *Secret) {
	rest, name, pass := u.cutUser()
	if rest == *u {
		return
	}
	*u = rest
	if *username != "" && *username != name || !password.IsZero() && pass != "" && password.value != pass {
		r.add(key+"username", errors.New("differs from the one in the URL; give name and password once"))
		return
	}
	*username = name
	if pass != "" {
		*password = NewSecret(pass)
	}
}

// secret reads what a secret refers to.
func (r *reader) secret(key string, s *Secret) {
	if err := s.resolve(r.getenv); err != nil {
		r.add(key, err)
	} else if hasControl(s.value) {
		r.add(key, errors.New("has a control character, such as a line end"))
	}
}

// advise warns of what is allowed but unwise.
func (r *reader) advise() {
	c := r.cfg
	if c.TLS.Mode() == TLSACME && !strings.HasSuffix(c.Listen, ":443") {
		r.warn("tls.acme.domains", "needs port 443 (or 80) of each domain to reach the relay, which listens on "+c.Listen)
	}
	if slices.Contains(c.Origins, auth.AnyOrigin) {
		r.warn("origins", `has "*": pages of any site may use the relay`)
	}
	for _, n := range c.TrustedProxies {
		if n.Bits() == 0 {
			r.warn("trusted_proxies", "trusts every address: anybody can forge X-Forwarded-For")
		}
	}
}
