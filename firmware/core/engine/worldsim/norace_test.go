//go:build !race

package worldsim

// slow makes worlds shorter.
const slow = false
