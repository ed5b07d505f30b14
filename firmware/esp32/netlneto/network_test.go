package netlneto

import (
	"bytes"
	"fmt"
	"testing"

	"camrelay/firmware/core/hal"
)

func TestMegabyteBothWays(t *testing.T) {
	for _, test := range []struct {
		name   string
		loss   int
		delay  int64
		jitter int64
		use    hal.Use
	}{
		{"clean", 0, 0, 0, hal.Relay},
		{"slow", 0, 10 * millisecond, 0, hal.Relay},
		{"lossy", 10, 5 * millisecond, 0, hal.Relay},
		{"reordering", 0, 5 * millisecond, 20 * millisecond, hal.Relay},
		{"bad", 50, 10 * millisecond, 15 * millisecond, hal.Relay},
		{"bad download", 50, 10 * millisecond, 15 * millisecond, hal.Download},
	} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(test.name, seed), func(t *testing.T) {
				a, n, m := newAir(t, seed, test.loss, test.delay, test.jitter)
				server, client := connect(t, a, n, m, test.use)
				up := pump{from: client, to: server, data: noise(1, 1<<20)}
				down := pump{from: server, to: client, data: noise(2, 1<<20)}
				began := a.now
				run(t, a, n, m, 3600*second, func() bool {
					up.step()
					down.step()
					for _, s := range []hal.Stream{server, client} {
						if s.State() != hal.Open {
							t.Fatalf("after %d ms: %v, %v", (a.now-began)/millisecond, s.State(), s.Err())
						}
					}
					return len(up.got) == 1<<20 && len(down.got) == 1<<20 && client.Unacked() == 0 && server.Unacked() == 0
				})
				if !bytes.Equal(up.got, noise(1, 1<<20)) || !bytes.Equal(down.got, noise(2, 1<<20)) {
					t.Error("what arrived is not what was sent")
				}
				t.Logf("%d s; %+v %+v", (a.now-began)/second, n.Stats(), m.Stats())
				if test.loss > 0 && n.Stats().Resent+m.Stats().Resent == 0 {
					t.Error("frames were lost and none was sent again")
				}
			})
		}
	}
}
