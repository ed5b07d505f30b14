// Package ota updates cameras: a user's trigger becomes a job, a camera is led
// through every step of it, and there is exactly one result, in words a person
// can act on.
package ota
