//go:build race

package otatest

const slow = true
