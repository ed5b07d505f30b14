// Package rollout updates many cameras: in waves, the first of which are small,
// and only for as long as the cameras that were updated go on well. Each
// camera's update is a job of package ota.
package rollout
