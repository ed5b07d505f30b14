//go:build race

package boot

// slow makes the sweep smaller.
const slow = true
