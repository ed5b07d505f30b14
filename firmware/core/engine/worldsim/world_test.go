package worldsim

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay this seed, with a log of all that happens")
	hoursFlag = flag.Float64("hours", 24, "simulated hours of -seed")
	calmFlag  = flag.Bool("calm", false, "nothing goes wrong in the world of -seed but its images")
	quietFlag = flag.Bool("quiet", false, "no log of the world of -seed")
)

// live runs a world and says how to see it again.
func live(t *testing.T, conf Config, d time.Duration) *World {
	t.Helper()
	w, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := w.Run(d); err != nil {
		t.Errorf("%v\nto see all of it: go test ./firmware/core/engine/worldsim -run '^TestSeed$' -v -seed %d -hours %g -calm=%t", err, conf.Seed, d.Hours(), conf.Calm)
	}
	took := time.Since(began)
	t.Logf("%v of seed %d in %v, %.1f hours a second: %+v", d, conf.Seed, took.Truncate(time.Millisecond), d.Hours()/took.Seconds(), w.Counts)
	return w
}

// TestSeed replays one world.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Log("no -seed: nothing to replay")
		return
	}
	conf := Config{Seed: *seedFlag, Calm: *calmFlag, Log: func(line string) { fmt.Println(line) }}
	if *quietFlag {
		conf.Log = nil
	}
	live(t, conf, time.Duration(*hoursFlag*float64(time.Hour)))
}

// scale makes a world shorter where it is slow.
func scale(d time.Duration) time.Duration {
	if slow || testing.Short() {
		return d / 12
	}
	return d
}

// A day in which everything goes wrong.
func TestDay(t *testing.T) {
	t.Parallel()
	w := live(t, Config{Seed: 1}, scale(24*time.Hour))
	if slow || testing.Short() || t.Failed() {
		return
	}
	// A world in which nothing happens proves nothing.
	c := w.Counts
	for what, n := range map[string]int{
		"frames": c.Frames / 1000, "frames given up": c.Aborted, "seconds in which frames were due": c.Watched / 100, "power cuts": c.PowerCuts,
		"losses of the link": c.LinkLosses, "restarts of the relay": c.RelayRestarts, "restarts of the broker": c.BrokerRestarts, "visitors": c.Visitors,
		"confirmed images": c.Confirmed, "failed updates": c.Failed, "images that came back": c.RolledBack, "downloads cut short": c.CutDownloads, "commands": c.Commands,
	} {
		if n < 10 {
			t.Errorf("too few %s: %+v", what, c)
		}
	}
}

// Some hours with other seeds.
func TestWorlds(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed+2), func(t *testing.T) {
			t.Parallel()
			live(t, Config{Seed: seed + 2}, scale(4*time.Hour))
		})
	}
}

// Where nothing goes wrong but the images, each update ends as it has to.
func TestCalm(t *testing.T) {
	t.Parallel()
	if w := live(t, Config{Seed: 3, Calm: true}, scale(16*time.Hour)); !slow && !testing.Short() && min(w.Confirmed, w.Failed, w.RolledBack) < 5 {
		t.Errorf("%+v", w.Counts)
	}
}

// A world follows from its seed.
func TestReplay(t *testing.T) {
	t.Parallel()
	var logs [2][]string
	for i := range logs {
		conf := Config{Seed: 9, Log: func(line string) { logs[i] = append(logs[i], line) }}
		logs[i] = append(logs[i], fmt.Sprintf("%+v", live(t, conf, time.Hour).Counts))
	}
	if len(logs[0]) != len(logs[1]) {
		t.Fatalf("%d lines, then %d", len(logs[0]), len(logs[1]))
	}
	for i, line := range logs[0] {
		if line != logs[1][i] {
			t.Fatalf("%s\nis now\n%s", line, logs[1][i])
		}
	}
}
