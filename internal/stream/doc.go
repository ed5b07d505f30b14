// Package stream moves frames from one camera to any number of viewers.
//
// A Hub is the one place of a camera where its newest Frame is published. A
// Viewer is one reader of a hub; it sends through an Outlet, the sending side
// of one transport, which several viewers may share. Publishing tries each
// viewer's outlet without blocking, from the camera's own goroutine: in the
// common case a delivery is one system call and wakes nobody. Only an outlet
// whose transport is full gets a goroutine, for as long as that lasts, and when
// the transport is free again it takes the newest frame there is. Nothing is
// ever queued: a frame that a viewer was too slow for is a gap in its sequence
// numbers.
//
// The package knows no HTTP, no MQTT and no configuration.
package stream
