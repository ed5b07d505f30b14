//go:build esp32 && (!qemu || wifi)

package main

import "camrelay/firmware/esp32/provision"

// Settings for a camera that has none, for a bench: -ldflags "-X main.ssid=…". What
// the flash holds goes before.
var ssid, password, relay, id, key, mqtt string

// ring are the public keys that updates may be signed with, as hexadecimal digits
// with commas between, set the same way.
var ring string

func bench() *provision.Bench {
	return &provision.Bench{SSID: ssid, Password: password, Relay: relay, Camera: id, Key: key, MQTT: mqtt}
}
