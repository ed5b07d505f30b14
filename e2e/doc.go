// Package e2e tests the programs as people use them: the relay and virtual
// cameras as processes on loopback, watched by a real browser, ffmpeg, curl,
// OpenCV and the example clients of docs/examples.
package e2e
