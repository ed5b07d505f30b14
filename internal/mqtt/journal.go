package mqtt

import (
	"context"
	"log/slog"
	"time"
)

// journal logs how the connection to the broker is, without repeating itself.
type journal struct {
	log    *slog.Logger
	broker string
	now    func() time.Time

	since  time.Time // of the outage; zero: there is none
	last   string    // what was logged about it
	shorts int       // connections in a row that did not last
}

// up notes that the broker is there.
func (j *journal) up() {
	if j.since.IsZero() {
		j.log.Info("connected to MQTT broker", "broker", j.broker)
	} else {
		j.log.Info("connected to MQTT broker again", "broker", j.broker, "after", j.now().Sub(j.since).Round(time.Millisecond))
	}
	j.since, j.last = time.Time{}, ""
}

// down notes that it is away; short: although it was there just now.
func (j *journal) down(err error, short bool) {
	if j.since.IsZero() {
		j.since = j.now()
	}
	if j.shorts++; !short {
		j.shorts = 0
	}
	if j.shorts == shortLives {
		j.log.Warn("MQTT connections do not last: another client may use the same id; give each relay its own name", "broker", j.broker)
	}
	why := explain(err)
	level := slog.LevelWarn
	if text := err.Error(); text == j.last {
		level = slog.LevelDebug
	} else {
		j.last = text
	}
	j.log.Log(context.Background(), level, "no MQTT broker: "+why, "broker", j.broker, "error", err)
}
