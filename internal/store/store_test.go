package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/auth"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVariable); dir != "" {
		writeUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

func mustOpen(t *testing.T, dir string) (*Store, string) {
	t.Helper()
	s, token, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, token
}

func reopen(t *testing.T, s *Store, dir string) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, token := mustOpen(t, dir)
	if token != "" {
		t.Fatal("a second first token")
	}
	return s
}

func push(id string) Camera {
	return Camera{ID: id, Name: "Camera " + id, Kind: "push", KeyHash: auth.Hash("key of " + id)}
}

func TestFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	s, token := mustOpen(t, dir)
	got, ok := s.TokenByHash(auth.Hash(token))
	if !ok || got.Role != auth.RoleAdmin || got.Name != "admin" || got.ID == "" || time.Since(got.Created) > time.Minute {
		t.Errorf("first token %+v", got)
	}
	if len(s.Secret()) != 32 {
		t.Errorf("the secret has %d bytes", len(s.Secret()))
	}
	for name, want := range map[string]fs.FileMode{".": 0o700, stateFile: 0o600, lockFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil || strings.Contains(string(text), token) {
		t.Errorf("the file has the token itself: %v", err)
	}
	secret := s.Secret()
	secret[0]++
	if again := reopen(t, s, dir); reflect.DeepEqual(again.Secret(), secret) || again.Secret()[1] != secret[1] {
		t.Error("the secret changed")
	}
}

func TestCameras(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	pull := Camera{ID: "b", Name: "B", Kind: "pull", URL: "http://b/stream", Username: "u", Password: "p", ControlURL: "http://b", Groups: []string{"garden"}}
	for _, c := range []Camera{push("c"), pull, push("a")} {
		if err := s.AddCamera(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddCamera(push("a")); !errors.Is(err, ErrExists) {
		t.Errorf("same id: %v", err)
	}
	for _, bad := range []Camera{{}, {ID: "A", Kind: "push"}, {ID: "x", Kind: "push"}, {ID: "x", Kind: "pull"}, {ID: "x", Kind: "other"},
		{ID: "x", Kind: "pull", URL: "u", Name: "a\nb"}, {ID: "x", Kind: "pull", URL: "u", Name: strings.Repeat("a", 101)}} {
		if err := s.AddCamera(bad); err == nil {
			t.Errorf("%#v was added", bad)
		}
	}
	if err := s.UpdateCamera("a", func(c *Camera) error { c.Name = "New"; return nil }); err != nil {
		t.Error(err)
	}
	refused := errors.New("no")
	if err := s.UpdateCamera("b", func(c *Camera) error { c.Name = "lost"; return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if err := s.UpdateCamera("b", func(c *Camera) error { c.ID = "z"; return nil }); err == nil {
		t.Error("an id was changed")
	}
	if err := s.UpdateCamera("b", func(c *Camera) error { c.Kind = ""; return nil }); err == nil {
		t.Error("a bad change was taken")
	}
	if err := s.UpdateCamera("z", func(*Camera) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.RemoveCamera("c")); err != nil {
		t.Error(err)
	}
	if err := s.RemoveCamera("c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for range 2 { // as it is now, and read again
		list := s.Cameras()
		if len(list) != 2 || list[0].ID != "a" || list[0].Name != "New" || list[1].Created.IsZero() {
			t.Fatalf("cameras %#v", list)
		}
		pull.Created = list[1].Created
		if got, ok := s.Camera("b"); !ok || !reflect.DeepEqual(got, pull) {
			t.Errorf("got %#v, want %#v", got, pull)
		}
		if _, ok := s.Camera("c"); ok {
			t.Error("c is still there")
		}
		list[0].Name = "changed by the caller"
		s = reopen(t, s, dir)
	}
}

func TestCameraIsPrintedWithoutPassword(t *testing.T) {
	var out strings.Builder
	c := Camera{ID: "b", Password: "hunter2"}
	fmt.Fprintf(&out, "%v %+v %s", c, &c, []Camera{c})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c)
	if strings.Contains(out.String(), "hunter2") {
		t.Error(out.String())
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	s, first := mustOpen(t, dir)
	admin, _ := s.TokenByHash(auth.Hash(first))
	secret, token, err := s.AddToken(" kitchen tablet ", auth.RoleViewer)
	if err != nil || token.Name != "kitchen tablet" || token.Role != auth.RoleViewer || token.Hash != auth.Hash(secret) {
		t.Fatalf("%+v, %v", token, err)
	}
	for _, bad := range []struct {
		name string
		role auth.Role
	}{{"", auth.RoleViewer}, {" ", auth.RoleViewer}, {"a\x00", auth.RoleViewer}, {strings.Repeat("a", 101), auth.RoleViewer}, {"a", auth.RoleNone}, {"a", 9}} {
		if secret, _, err := s.AddToken(bad.name, bad.role); err == nil || secret != "" {
			t.Errorf("%+v was added", bad)
		}
	}
	if err := s.RemoveToken(admin.ID); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("got %v", err)
	}
	if err := s.RemoveToken("nope"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	s = reopen(t, s, dir)
	if got := s.Tokens(); len(got) != 2 || got[0] != admin || got[1] != token {
		t.Errorf("tokens %+v", got)
	}
	if got, ok := s.TokenByID(token.ID); !ok || got != token {
		t.Errorf("by id: %+v", got)
	}
	_, second, err := s.AddToken("other", auth.RoleAdmin)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.RemoveToken(admin.ID), s.RemoveToken(token.ID)); err != nil {
		t.Error(err)
	}
	if _, ok := s.TokenByHash(admin.Hash); ok {
		t.Error("a removed token is found by its hash")
	}
	if _, ok := s.TokenByID(token.ID); ok {
		t.Error("a removed token is found by its id")
	}
	if err := s.RemoveToken(second.ID); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("got %v", err)
	}
}

func TestTokensAreBounded(t *testing.T) {
	st := newState()
	for range MaxTokens {
		if _, err := st.addToken("a", auth.RoleAdmin, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.addToken("a", auth.RoleAdmin, time.Now()); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

func TestShareEpochs(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	if _, ok := s.ShareEpoch("door"); ok {
		t.Error("an epoch from nowhere")
	}
	epochs := map[string]string{}
	for _, id := range []string{"door", "yard", "gate"} {
		e, err := s.EnsureShareEpoch(id)
		if again, err2 := s.EnsureShareEpoch(id); err != nil || err2 != nil || e == "" || again != e {
			t.Fatalf("%q, %v; then %q, %v", e, err, again, err2)
		}
		epochs[e] = id
	}
	if len(epochs) != 3 {
		t.Errorf("epochs %v", epochs)
	}
	if _, err := s.EnsureShareEpoch("No Camera"); err == nil {
		t.Error("an epoch for a bad id")
	}
	if err := errors.Join(s.RevokeShares("door"), s.RevokeShares("door"), s.RetainShares([]string{"yard", "other"})); err != nil {
		t.Error(err)
	}
	s = reopen(t, s, dir)
	for id, want := range map[string]bool{"door": false, "yard": true, "gate": false, "other": false} {
		if _, ok := s.ShareEpoch(id); ok != want {
			t.Errorf("%s has an epoch: %v", id, ok)
		}
	}
	if e, err := s.EnsureShareEpoch("door"); err != nil || epochs[e] != "" {
		t.Errorf("%q is no new epoch, %v", e, err)
	}
	// A camera's links end with it, whoever comes after it.
	for _, change := range []func() error{func() error { return s.AddCamera(push("door")) }, func() error { return s.RemoveCamera("door") }} {
		if _, err := s.EnsureShareEpoch("door"); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.ShareEpoch("door"); ok {
			t.Error("an epoch outlived its camera")
		}
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	_, _, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("data directory %s is in use by another relay (process %d on ", dir, os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := s.AddCamera(push("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("change after Close: %v", err)
	}
	if len(s.Tokens()) != 1 {
		t.Error("reading ended with Close")
	}
	mustOpen(t, dir)
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, stateFile), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a failed Open lets the lock go
		if _, _, err := Open(dir); err == nil || strings.Contains(err.Error(), "in use") {
			t.Errorf("got %v", err)
		}
	}
}

func TestUnusableFiles(t *testing.T) {
	good := func() (state, backup string) {
		dir := t.TempDir()
		s, _, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.AddCamera(push("a")), s.Close()); err != nil {
			t.Fatal(err)
		}
		a, err := os.ReadFile(filepath.Join(dir, stateFile))
		b, err2 := os.ReadFile(filepath.Join(dir, backupFile))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return string(a), string(b)
	}
	state, backup := good()
	const goOn, anew = "go on with it by: cp ", "there is no good backup"
	for _, tt := range []struct{ name, state, backup, want, way string }{
		{"empty", "", backup, "unexpected end of JSON input", goOn},
		{"cut", state[:len(state)/2], backup, "unexpected end of JSON input", goOn},
		{"cut, and no backup", state[:len(state)/2], "", "unexpected end of JSON input", anew},
		{"cut, backup too", state[:len(state)/2], backup[:20], "unexpected end of JSON input", anew},
		{"zeros", strings.Repeat("\x00", 100), backup, "invalid character", goOn},
		{"from the future", strings.Replace(state, `"version": 1`, `"version": 2`, 1), backup, "it has version 2, this relay reads version 1", goOn},
		{"not ours", "{}", backup, "it has version 0", goOn},
		{"unknown key", strings.Replace(state, `"version": 1`, `"version": 1, "new": 1`, 1), backup, `unknown field "new"`, goOn},
		{"something behind", state + "{", backup, "after top-level value", goOn},
		{"no secret", strings.Replace(state, `"secret": "`, `"secret": "", "x": "`, 1), backup, "unknown field", goOn},
		{"short secret", `{"version":1,"secret":"AAAA","tokens":[],"cameras":[],"shares":{}}`, backup, "its secret is missing or cut short", goOn},
		{"no admin", strings.Replace(state, `"role": "admin"`, `"role": "viewer"`, 1), backup, "it has no admin token", goOn},
		{"bad hash", strings.Replace(state, `"hash": "`, `"hash": "x`, 1), backup, "has no id or hash", goOn},
		{"bad role", strings.Replace(state, `"role": "admin"`, `"role": "king"`, 1), backup, `role "king" is not known`, goOn},
		{"bad camera", strings.Replace(state, `"id": "a"`, `"id": "A"`, 1), backup, `camera id "A"`, goOn},
		{"bad epoch", strings.Replace(state, `"shares": {}`, `"shares": {"a": ""}`, 1), backup, `the share epoch of camera "a"`, goOn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.state == state {
				t.Fatal("nothing was changed")
			}
			dir := t.TempDir()
			files := map[string]string{stateFile: tt.state}
			if tt.backup != "" {
				files[backupFile] = tt.backup
			}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, _, err := Open(dir)
			if err == nil {
				t.Fatal(s.Close())
			}
			for _, want := range []string{filepath.Join(dir, stateFile) + " cannot be used: ", tt.want, tt.way, "left as it is"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			for name, text := range files {
				if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != text || err != nil {
					t.Errorf("%s was changed, %v", name, err)
				}
			}
			if tt.way == goOn { // what the message says works
				if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(tt.backup), 0o644); err != nil {
					t.Fatal(err)
				}
				mustOpen(t, dir)
				if info, err := os.Stat(filepath.Join(dir, stateFile)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, backupFile), []byte(backup), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is missing, but its backup") {
		t.Errorf("state gone: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 10 {
				id := fmt.Sprintf("c%d-%d", g, i)
				if err := s.AddCamera(push(id)); err != nil {
					t.Error(err)
				}
				if i%2 == 1 {
					if err := s.RemoveCamera(id); err != nil {
						t.Error(err)
					}
				}
				if _, err := s.EnsureShareEpoch("shared"); err != nil {
					t.Error(err)
				}
				if _, _, err := s.AddToken(id, auth.RoleViewer); err != nil {
					t.Error(err)
				}
				s.Cameras()
				s.Tokens()
				s.Secret()
			}
		})
	}
	wg.Wait()
	s = reopen(t, s, dir)
	if c, k := len(s.Cameras()), len(s.Tokens()); c != 20 || k != 41 {
		t.Errorf("%d cameras and %d tokens, want 20 and 41", c, k)
	}
}

// What is read is checked: no text makes decode panic, and what it takes is
// written and read again as the same.
func FuzzDecode(f *testing.F) {
	st := newState()
	if _, err := st.addToken("a", auth.RoleAdmin, time.Now()); err != nil {
		f.Fatal(err)
	}
	st.Cameras = append(st.Cameras, push("a"))
	st.Shares["a"] = "e"
	text, err := st.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := decode(text)
		if err != nil {
			return
		}
		out, err := st.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(out)
		if err != nil {
			t.Fatalf("cannot read again: %v\n%s", err, out)
		}
		if out2, err := again.encode(); err != nil || string(out) != string(out2) {
			t.Fatalf("differs: %v\n%s\n%s", err, out, out2)
		}
	})
}
