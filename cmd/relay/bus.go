package main

import "context"

// bus is the relay's way to MQTT.
type bus struct{}

func startBus(context.Context, *relay) (*bus, error) { return &bus{}, nil }

func (b *bus) close() {}
