package main

import (
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/mqtt"
	"camrelay/internal/roster"
	"camrelay/internal/store"
)

// bus is the relay's way to MQTT: its own broker, or another one.
type bus struct {
	mqtt.Bus
	broker *mqtt.Broker // nil if it is another one
	status *mqtt.Status
}

// startBus makes what the configuration asks for; nil if that is nothing.
func startBus(r *relay) (*bus, error) {
	m := r.cfg.MQTT
	topics := mqtt.Topics(m.Topic)
	b := new(bus)
	switch {
	case m.URL != "":
		client, err := mqtt.NewClient(mqtt.ClientOptions{
			URL: string(m.URL), Username: m.Username, Password: m.Password.Reveal(),
			CA: m.CA, Cert: m.Cert, Key: m.Key, Topics: topics, Relay: r.cfg.Name, Log: r.log,
		})
		if err != nil {
			return nil, err
		}
		b.Bus = client
	case m.Listen != "":
		broker, err := mqtt.NewBroker(mqtt.BrokerOptions{
			Listen: m.Listen, Topics: topics, Lab: r.cfg.Lab,
			Auth: members{r.store, r.roster}, Limiter: auth.NewFailureLimiter(time.Now),
			MaxClients: max(2*r.cfg.Limits.Cameras, 1000), Log: r.log,
		})
		if err != nil {
			return nil, err
		}
		b.Bus, b.broker = broker, broker
	default:
		return nil, nil
	}
	b.status = mqtt.NewStatus(b.Bus, topics, r.cfg.Name, r.registry, r.log)
	return b, nil
}

// recheck drops the broker's clients whose token or key no longer holds.
func (b *bus) recheck() {
	if b != nil && b.broker != nil {
		b.broker.Recheck()
	}
}

func (b *bus) close() error {
	b.status.Close()
	return b.Bus.Close()
}

// describe names the broker for people.
func (b *bus) describe(url string) string {
	if b.broker == nil {
		return auth.RedactURL(url)
	}
	return "mqtt://" + localAddr(b.broker.Addr().String())
}

// members are those who may log in at the embedded broker.
type members struct {
	*store.Store
	roster *roster.Roster
}

// KeyHash implements mqtt.Authenticator.
func (m members) KeyHash(camera string) string {
	spec, _ := m.roster.Get(camera)
	return spec.KeyHash
}
