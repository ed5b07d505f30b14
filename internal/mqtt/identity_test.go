package mqtt

import (
	"strings"
	"testing"
	"time"

	"camrelay/internal/auth"
)

func TestLogin(t *testing.T) {
	const here = "192.168.1.20:40000"
	for _, test := range []struct {
		name           string
		lab            bool
		user, password string
		want           string // key of the identity, or what the error says
	}{
		{"camera", false, "door", doorKey, "camera:door"},
		{"camera in the lab", true, "door", doorKey, "camera:door"},
		{"key of another camera", false, "door", yardKey, "wrong user name or password"},
		{"unknown camera", false, "shed", doorKey, "wrong user name or password"},
		{"user that is no id", false, "Door", doorKey, "wrong user name or password"},
		{"viewer", false, "kitchen", viewerToken, "token:v"},
		{"admin", false, "", adminToken, "token:a"},
		{"token with a camera's id", false, "door", adminToken, "token:a"},
		{"wrong token", false, "anna", "crt_guess", "wrong user name or password"},
		{"camera with any key in the lab", true, "shed", "any", "camera:shed"},
		{"wrong token in the lab", true, "Anna", "crt_guess", "wrong user name or password"},
		{"nothing", false, "", "", "no user name and password"},
		{"no password", false, "door", "", "no user name and password"},
		{"nothing in the lab", true, "", "", "anonymous"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := doorman{newDirectory(), auth.NewFailureLimiter(time.Now), test.lab}
			who, err := d.login(test.user, test.password, here)
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q, want %q", err, test.want)
				}
				return
			}
			if who.key() != test.want {
				t.Errorf("got %s, want %s", who.key(), test.want)
			}
			if !d.valid(who) {
				t.Error("it is not valid")
			}
		})
	}
}

func TestLoginGuessing(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := doorman{newDirectory(), auth.NewFailureLimiter(func() time.Time { return now }), false}
	const here, there = "192.168.1.20:40000", "192.168.1.21:40000"
	for range auth.FailureLimit {
		if _, err := d.login("door", "guess", here); err != errWrong {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := d.login("door", doorKey, here); err == nil || !strings.Contains(err.Error(), "too many wrong") {
		t.Errorf("the key is taken after so many guesses: %v", err)
	}
	for _, other := range []struct{ user, password, remote string }{
		{"door", doorKey, there}, {"yard", yardKey, here}, {"door", viewerToken, here},
	} {
		if _, err := d.login(other.user, other.password, other.remote); err != nil {
			t.Errorf("%s from %s is refused: %v", other.user, other.remote, err)
		}
	}
	now = now.Add(auth.FailureWindow)
	if _, err := d.login("door", doorKey, here); err != nil {
		t.Errorf("the key is refused after the wait: %v", err)
	}
}

func TestIdentityEnds(t *testing.T) {
	dir := newDirectory()
	d := doorman{dir, auth.NewFailureLimiter(time.Now), false}
	door, _ := d.login("door", doorKey, "10.0.0.1:1")
	viewer, _ := d.login("", viewerToken, "10.0.0.1:1")
	dir.forget("door", viewerToken)
	if d.valid(door) || d.valid(viewer) {
		t.Error("identities outlive their key or token")
	}
}
