//go:build !race

package otatest

const slow = false
