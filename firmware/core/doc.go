// Package core holds the camera's logic, in packages that run on the camera, on
// a host, and in the relay alike: plain Go on the standard library, without
// goroutines, clocks, reflection, or allocation once running. What a camera
// needs of it compiles to a few kilobytes; see docs/firmware.md.
package core
