// Package egress gives frames to viewers: by plain WebSocket, by the pages'
// WebSocket protocol with acknowledgements, as multipart MJPEG and as
// snapshots. Its handlers take over a connection and return; what goes on
// afterwards costs a viewer one small goroutine that reads.
package egress
