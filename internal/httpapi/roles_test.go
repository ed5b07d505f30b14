package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/config"
)

// whom says for whom a route is.
type whom int

const (
	everybody  whom = iota
	viewers         // of any camera: share links of any, too
	itsViewers      // of the camera in the address
	allViewers      // of all cameras: no share links
	admins
	itself // the camera in the address, by its key

	devices    // all cameras, and admins
	itsReports // the camera in the address; another one, or a person, is known but may not
	itsImage   // the camera whose order it is, and admins: here no camera has one
)

// decisions is who may use which route. A route that is not here fails the
// test: whoever adds one has to decide.
func decisions() map[string]whom {
	return map[string]whom{
		"GET /ws/push/:camera": itself,
		"POST /push/:camera":   itself,

		"GET /ws/view":                      viewers,
		"GET /ws/view/:camera":              itsViewers,
		"GET /cameras/:camera/stream.mjpg":  itsViewers,
		"GET /cameras/:camera/snapshot.jpg": itsViewers,

		"GET /api/v1/session":                    everybody,
		"POST /api/v1/session":                   everybody,
		"DELETE /api/v1/session":                 everybody,
		"GET /api/v1/cameras":                    viewers,
		"POST /api/v1/cameras":                   admins,
		"GET /api/v1/cameras/:camera":            itsViewers,
		"PATCH /api/v1/cameras/:camera":          admins,
		"DELETE /api/v1/cameras/:camera":         admins,
		"POST /api/v1/cameras/:camera/key":       admins,
		"PATCH /api/v1/cameras/:camera/settings": admins,
		"POST /api/v1/cameras/:camera/pause":     admins,
		"POST /api/v1/cameras/:camera/resume":    admins,
		"POST /api/v1/cameras/:camera/shares":    admins,
		"GET /api/v1/tokens":                     admins,
		"POST /api/v1/tokens":                    admins,
		"DELETE /api/v1/tokens/:id":              admins,

		"GET /api/v1/ota/cameras":            viewers,
		"GET /api/v1/ota/cameras/:camera":    itsViewers,
		"POST /api/v1/ota/cameras/:camera":   admins,
		"DELETE /api/v1/ota/cameras/:camera": admins,
		"GET /api/v1/ota/images":             admins,
		"POST /api/v1/ota/images":            admins,
		"GET /api/v1/ota/images/:sha":        admins,
		"DELETE /api/v1/ota/images/:sha":     admins,

		"GET /api/v1/ota/rollouts":             allViewers,
		"POST /api/v1/ota/rollouts":            admins,
		"GET /api/v1/ota/rollouts/:id":         allViewers,
		"POST /api/v1/ota/rollouts/:id/pause":  admins,
		"POST /api/v1/ota/rollouts/:id/resume": admins,
		"POST /api/v1/ota/rollouts/:id/cancel": admins,

		"GET /ota/images/:file":            itsImage,
		"GET /ota/probe":                   devices,
		"POST /ota/cameras/:camera/report": itsReports,
		"GET /ota/cameras/:camera/job":     itsReports,

		"GET /api/openapi.yaml": everybody,
		"GET /healthz":          everybody,
		"GET /readyz":           everybody,
		"GET /metrics":          allViewers,

		"GET /":                everybody,
		"GET /login":           everybody,
		"GET /add":             everybody,
		"GET /updates":         everybody,
		"GET /settings":        everybody,
		"GET /cameras/:camera": everybody,
		"GET /assets/*":        everybody,
		"GET /favicon.ico":     everybody,
	}
}

// outcome is what a decision means for somebody.
type outcome string

const (
	served    outcome = "served"
	unknown   outcome = "401"
	forbidden outcome = "403"
)

// caller is somebody who uses a route.
type caller struct {
	name string
	sign func(request) request
	may  func(whom) outcome
}

// judge makes the outcomes of a caller from those whom he is one of.
func judge(otherwise outcome, is ...whom) func(whom) outcome {
	return func(w whom) outcome {
		for _, x := range append(is, everybody) {
			if x == w {
				return served
			}
		}
		if w == itself {
			return unknown
		}
		return otherwise
	}
}

// callers are those who call about the camera "door"; "yard" is another one.
func callers(r *relay, key, otherKey string) []caller {
	_, viewer := r.addToken("viewer")
	query := func(name, secret string) func(request) request {
		return func(q request) request {
			q.path += "?" + name + "=" + secret
			return q
		}
	}
	header := func(name, value string) func(request) request {
		return func(q request) request { return q.with(name, value) }
	}
	basic := func(user, password string) func(request) request {
		return header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	nobody := judge(unknown)
	aViewer := judge(forbidden, viewers, itsViewers, allViewers)
	anAdmin := judge(forbidden, viewers, itsViewers, allViewers, admins, devices, itsImage)
	onlyDoor := judge(forbidden, viewers, itsViewers)
	onlyYard := judge(forbidden, viewers)
	theCamera := func(w whom) outcome {
		switch w {
		case itself, everybody, devices, itsReports:
			return served
		case itsImage:
			return forbidden
		}
		return unknown
	}
	anotherCamera := func(w whom) outcome {
		switch w {
		case itsReports, itsImage:
			return forbidden
		case devices:
			return served
		}
		return nobody(w)
	}
	door, yard := r.share("door", 8760), r.share("yard", 8760)
	return []caller{
		{"nobody", func(q request) request { return q }, nobody},
		{"a wrong token", header("Authorization", "Bearer crt_wrong"), nobody},
		{"an empty token", header("Authorization", "Bearer "), nobody},
		{"a wrong cookie", header("Cookie", "camrelay=abc.123.def"), nobody},
		{"a wrong share link", query("token", door+"x"), nobody},
		{"a viewer", header("Authorization", "Bearer "+viewer), aViewer},
		{"a viewer by Basic", basic("x", viewer), aViewer},
		{"a viewer by query", query("token", viewer), aViewer},
		{"a viewer's session", header("Cookie", r.signIn(viewer)), aViewer},
		{"an admin", header("Authorization", "Bearer "+r.admin), anAdmin},
		{"an admin's session", header("Cookie", r.signIn(r.admin)), anAdmin},
		{"a share link", query("token", door), onlyDoor},
		{"a share link's session", header("Cookie", r.signIn(door)), onlyDoor},
		{"another camera's share link", query("token", yard), onlyYard},
		{"the camera", header("Authorization", "Bearer "+key), theCamera},
		{"the camera by Basic", basic("door", key), theCamera},
		{"the camera by query", query("key", key), theCamera},
		{"the camera by another name", basic("yard", key), nobody},
		{"another camera", header("Authorization", "Bearer "+otherKey), anotherCamera},
	}
}

// TestRoles tries every route as everybody there is.
func TestRoles(t *testing.T) {
	r := newRelay(t, nil)
	who := callers(r, r.addLive("door"), r.addLive("yard"))
	want, seen := decisions(), map[string]bool{}
	for _, route := range r.echo.Routes() {
		name := route.Method + " " + route.Path
		asGet := strings.Replace(name, "HEAD ", "GET ", 1)
		seen[asGet] = true
		decision, ok := want[asGet]
		if !ok {
			t.Errorf("nobody decided who may use %s", name)
			continue
		}
		for _, c := range who {
			r.clock.pass(2 * time.Minute) // so that nobody is limited
			q := request{method: route.Method, path: concrete(route.Path)}
			if route.Method == http.MethodPost || route.Method == http.MethodPatch {
				q.body = object{"unknown": true} // allowed, but changes nothing
			}
			if c.may(decision) == served && changes(name) {
				continue // TestChangeCamera does that
			}
			got := r.do(c.sign(q))
			if o := outcomeOf(got.StatusCode); o != c.may(decision) {
				t.Errorf("%s for %s: %d %s, want %s", name, c.name, got.StatusCode, got.body, c.may(decision))
			}
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s is no route any more", name)
		}
	}
}

// changes reports whether a route changes something without a body.
func changes(name string) bool {
	return name == "DELETE /api/v1/cameras/:camera" || name == "POST /api/v1/cameras/:camera/key"
}

// concrete fills in a route's parameters.
func concrete(path string) string {
	return strings.NewReplacer(":camera", "door", ":id", "no-such-token", ":sha", strings.Repeat("0", 64), ":file", strings.Repeat("0", 64)+".img", "*", "icon.svg").Replace(path)
}

func outcomeOf(status int) outcome {
	switch status {
	case http.StatusUnauthorized:
		return unknown
	case http.StatusForbidden:
		return forbidden
	case http.StatusMethodNotAllowed, http.StatusTooManyRequests, http.StatusInternalServerError:
		return outcome(fmt.Sprint(status))
	}
	return served
}

// TestRolesInLab: everybody may do everything.
func TestRolesInLab(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Lab = true })
	r.want(http.StatusNoContent, post("/push/door", picture()))
	for _, route := range r.echo.Routes() {
		name := route.Method + " " + route.Path
		if changes(name) {
			continue
		}
		q := request{method: route.Method, path: concrete(route.Path)}
		if route.Method == http.MethodPost || route.Method == http.MethodPatch {
			q.body = object{"unknown": true}
		}
		if got := r.do(q); outcomeOf(got.StatusCode) != served {
			t.Errorf("%s in a lab: %d %s", name, got.StatusCode, got.body)
		}
	}
}

// TestShareSeesOneCamera: lists leave out what its holder may not see.
func TestShareSeesOneCamera(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	r.addLive("yard")
	var list struct{ Cameras []struct{ ID string } }
	r.want(http.StatusOK, get("/api/v1/cameras").as(r.share("door", 1))).into(t, &list)
	if len(list.Cameras) != 1 || list.Cameras[0].ID != "door" {
		t.Errorf("a share link of door lists %v", list.Cameras)
	}
	r.want(http.StatusOK, get("/api/v1/cameras").as(r.admin)).into(t, &list)
	if len(list.Cameras) != 2 {
		t.Errorf("an admin lists %v", list.Cameras)
	}
}
