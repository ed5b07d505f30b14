package otatest

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seedFlag = flag.Uint64("seed", 0, "replay this seed, with a log of all that happens")
	jobsFlag = flag.Int("jobs", 50, "jobs of -seed")
	calmFlag = flag.Bool("calm", false, "nothing goes wrong in -seed but the images")
)

func simulate(t *testing.T, c Config) Counts {
	t.Helper()
	c.Dir = t.TempDir()
	began := time.Now()
	n, err := Run(c)
	if err != nil {
		t.Errorf("%v\nto see all of it: go test ./internal/ota/otatest -run '^TestSeed$' -v -seed %d -jobs %d -calm=%t", err, c.Seed, c.Jobs, c.Calm)
	}
	t.Logf("seed %d, %v in %v: %v, refused %v, %d corrected, %+v", c.Seed, n.Simulated, time.Since(began).Round(time.Millisecond), n.Ends, n.Refused, n.Corrected, n.Counts)
	return n
}

// TestSeed replays one run.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Log("no -seed: nothing to replay")
		return
	}
	simulate(t, Config{Seed: *seedFlag, Jobs: *jobsFlag, Calm: *calmFlag, Log: func(line string) { fmt.Println(line) }})
}

// Where nothing goes wrong but the images, each update ends as its image says.
func TestCalm(t *testing.T) {
	n := simulate(t, Config{Seed: 1, Jobs: 40, Calm: true})
	for _, end := range []string{"succeeded", "rolled_back trial_reset", "rolled_back trial_timeout"} {
		if n.Ends[end] == 0 {
			t.Errorf("no job ended %s", end)
		}
	}
}

// A thousand jobs, of twenty worlds in which everything goes wrong.
func TestThousandJobs(t *testing.T) {
	worlds := 20
	if testing.Short() || slow {
		worlds = 2
	}
	var mu sync.Mutex
	ends, before := map[string]int{}, runtime.NumGoroutine()
	t.Run("worlds", func(t *testing.T) {
		for seed := range worlds {
			t.Run(fmt.Sprint(seed+100), func(t *testing.T) {
				t.Parallel()
				n := simulate(t, Config{Seed: uint64(seed + 100), Jobs: 50})
				mu.Lock()
				defer mu.Unlock()
				for end, n := range n.Ends {
					ends[end] += n
				}
				ends["late corrections"] += n.Corrected
			})
		}
	})
	t.Logf("%v", ends)
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, before %d", after, before)
	}
	for _, end := range []string{"succeeded", "rolled_back trial_reset", "rolled_back trial_timeout", "cancelled cancelled"} { // these in every pair of worlds
		if ends[end] == 0 {
			t.Errorf("no job ended %s: a world in which nothing happens proves nothing", end)
		}
	}
}
