package vcam

import (
	"math/rand/v2"
	"sync"
)

// wanderingRSSI is the strength of a link in dBm as cameras in a house have it.
func wanderingRSSI() func() int {
	const weakest, strongest = -82, -42
	var mu sync.Mutex
	rssi := -50 - 20*rand.Float64()
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		rssi = min(max(rssi+3*(rand.Float64()-0.5), weakest), strongest)
		return int(rssi)
	}
}
