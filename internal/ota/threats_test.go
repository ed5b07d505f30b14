package ota

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"camrelay/internal/wire"
)

// docs/ota.md names a test for each attack. They are there.
func TestThreatsHaveTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/ota.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z]+)`").FindAllSubmatch(page, -1)
	if len(rows) < 20 {
		t.Errorf("only %d tests are named", len(rows))
	}
	for _, row := range rows {
		if dir, name := string(row[1]), string(row[2]); !hasTest(t, filepath.Join("../..", dir), name) {
			t.Errorf("%s has no %s", dir, name)
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// A hostile camera, or who has its key, lies about itself: its job ends wrongly,
// and nothing else happens.
func TestThreatForgedAcks(t *testing.T) {
	for _, phase := range []string{wire.PhaseConfirmed, wire.PhaseFailed, wire.PhaseRolledBack, wire.PhaseActivated, wire.PhaseRebooting, "", "nonsense"} {
		f := newFixture(t)
		job, _ := f.trigger("latest")
		f.pass(3 * time.Second)
		f.c.Ack("yard", wire.UpdateAck{Job: job.ID, Boot: "1", Seq: 1000, Phase: phase, Build: 1050})
		f.c.Ack("door", wire.UpdateAck{Job: "another", Boot: f.robot.boot(), Seq: 1000, Phase: phase, Build: 1050})
		f.settle()
		wantResults(t, f, "succeeded")
	}
}

// A replayed order is the camera's to recognise; a replayed trigger starts no
// second update.
func TestThreatReplay(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.trigger(`{"id":"a"}`)
	}
	f.settle()
	f.trigger(`{"id":"a"}`)
	f.trigger("latest")
	wantResults(t, f, "rejected duplicate", "rejected duplicate", "succeeded", "succeeded", "already_installed already_installed")
	if f.robot.last != f.c.Jobs("door")[0].ID || len(f.c.Jobs("door")) != 1 {
		t.Errorf("%d jobs", len(f.c.Jobs("door")))
	}
}

// What a camera says cannot break a line, a log or a page.
func TestThreatLogInjection(t *testing.T) {
	f := newFixture(t)
	f.trigger("latest")
	f.pass(3 * time.Second)
	evil := "x\nlevel=ERROR \x1b[31m\x00<script>" + strings.Repeat("ü", 500)
	f.c.Ack("door", wire.UpdateAck{Job: f.robot.last, Boot: f.robot.boot(), Seq: 1000, Phase: wire.PhaseFailed, Code: evil, At: evil})
	f.c.Hello("door", wire.Hello{Firmware: evil, Board: evil, Chip: evil, Boot: "2", State: evil, Reset: evil})
	j, _ := f.c.Job("door")
	info, _ := f.c.Info("door")
	for _, text := range []string{j.Text, string(j.Code), j.Detail, info.Firmware, info.State} {
		if len(text) > 400 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", text)
		}
	}
}

// A flood of triggers is one job, and a bounded memory of them.
func TestThreatFlood(t *testing.T) {
	f := newFixture(t)
	for range 10_000 {
		f.trigger("latest")
	}
	f.settle()
	if n := len(f.c.Jobs("door")); n != 1 {
		t.Errorf("%d jobs", n)
	}
	if size := f.j.Size("door"); size > maxJournal {
		t.Errorf("journal of %d bytes", size)
	}
}

// A token is good for one job of one camera.
func TestThreatStolenToken(t *testing.T) {
	f := newFixture(t)
	f.trigger("latest")
	f.pass(3 * time.Second)
	j, _ := f.c.Job("door")
	token := f.c.token(j.order())
	if g, ok := f.c.Grant(token); !ok || g.Camera != "door" || g.SHA256 != j.To.SHA256 || len(token) != 32 {
		t.Errorf("%+v, %v", g, ok)
	}
	for _, wrong := range []string{"", token[1:], token + "0", f.c.token("another")} {
		if _, ok := f.c.Grant(wrong); ok {
			t.Errorf("token %q is good", wrong)
		}
	}
	f.settle()
	if _, ok := f.c.Grant(token); ok {
		t.Error("the token outlives its job")
	}
}
