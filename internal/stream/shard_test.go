package stream

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestShardsGrowAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{ShardSize: 4, MaxShards: 3})
		b.attach()
		var sinks []*basket
		var outs []*Outlet
		for range 20 {
			sink := newBasket()
			out := NewOutlet(sink, nil)
			b.hub.Join(out, ViewerOptions{})
			sinks, outs = append(sinks, sink), append(outs, out)
		}
		shards := *b.hub.shards.Load()
		if len(shards) != 3 {
			t.Fatalf("%d shards, want 3", len(shards))
		}
		for i, s := range shards {
			if s.len() < 6 || s.len() > 7 {
				t.Errorf("shard %d has %d of 20 viewers", i, s.len())
			}
		}
		for range 10 {
			b.publish()
			synctest.Wait()
		}
		for i, s := range sinks {
			if len(s.seqs()) != 10 {
				t.Errorf("viewer %d got %v", i, s.seqs())
			}
		}
		// The camera's last frame before it is lost reaches those too that
		// another goroutine serves.
		b.publish()
		b.feed.Close("lost")
		synctest.Wait()
		for i, s := range sinks {
			if s.last() != 11 {
				t.Errorf("viewer %d has %d, want 11", i, s.last())
			}
		}
		for _, out := range outs {
			out.Close(nil)
		}
		if n := len(*b.hub.shards.Load()); n != 1 || b.hub.Viewers() != 0 {
			t.Errorf("%d shards, %d viewers when all have left", n, b.hub.Viewers())
		}
	})
}

// Viewers join and leave while frames are published: those that stay miss
// nothing that matters, and those that leave are not waited for.
func TestShardsWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{ShardSize: 3, MaxShards: 4})
		b.attach()
		stays := make([]*basket, 8)
		for i := range stays {
			stays[i] = newBasket()
			out := NewOutlet(stays[i], nil)
			defer out.Close(nil)
			b.hub.Join(out, ViewerOptions{})
		}
		var wg sync.WaitGroup
		for i := range 6 {
			dice := rand.New(rand.NewPCG(1, uint64(i)))
			wg.Go(func() {
				for range 100 {
					out := NewOutlet(newBasket(), nil)
					v := b.hub.Join(out, ViewerOptions{})
					time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond)
					if dice.IntN(2) == 0 {
						v.Leave()
					}
					out.Close(nil)
				}
			})
		}
		for range 300 {
			b.publish()
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		synctest.Wait()
		for i, s := range stays {
			if s.last() != 300 {
				t.Errorf("viewer %d has %d, want 300", i, s.last())
			}
		}
		if b.hub.Viewers() != len(stays) {
			t.Errorf("%d viewers, want %d", b.hub.Viewers(), len(stays))
		}
	})
}
