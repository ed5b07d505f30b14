//go:build esp32 && !qemu

package main

import "camrelay/firmware/esp32/sensor"

// eye is the board's sensor.
type eye struct{ sensor.Camera }

// Step has nothing to do: interrupts do it all.
func (*eye) Step() {}
