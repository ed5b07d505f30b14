package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/pusher/rawws"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func (r *relay) ws(path string) string { return "ws" + strings.TrimPrefix(r.base, "http") + path }

func TestAddCamera(t *testing.T) {
	r := newRelay(t, func(c *config.Config) {
		c.Cameras = []config.Camera{{ID: "gate", Name: "Gate", Kind: config.KindPush, KeySHA256: config.NewSecret(auth.Hash("a key of sixteen"))}}
	})
	for _, c := range []struct {
		body   any
		status int
		says   string
	}{
		{object{"id": "door", "name": "Front door – Tür 門 🚪"}, 201, ""},
		{object{"id": "door"}, 409, "already"},
		{object{"id": "gate"}, 409, "already"},
		{object{"id": "Door"}, 422, "not allowed"},
		{object{"id": ""}, 422, "empty"},
		{object{"id": "all"}, 422, "reserved"},
		{object{"id": strings.Repeat("a", 33)}, 422, "longer"},
		{object{"id": "a", "kind": "post"}, 422, "push and pull"},
		{object{"id": "a", "name": "two\nlines"}, 422, "one line"},
		{object{"id": "a", "name": strings.Repeat("x", 101)}, 422, "100 bytes"},
		{object{"id": "a", "kind": "push", "url": "http://x/"}, 422, "for kind pull"},
		{object{"id": "a", "kind": "pull"}, 422, "url is missing"},
		{object{"id": "a", "url": "ftp://x/"}, 422, "http or https"},
		{object{"id": "a", "url": "http://u:secret@%zz/"}, 422, "no URL"},
		{object{"id": "a", "url": "http://x/" + strings.Repeat("y", 2048)}, 422, "2048 bytes"},
		{object{"id": "a", "url": "http://127.0.0.1:1/stream", "password": strings.Repeat("y", 300)}, 422, "256 bytes"},
		{object{"id": "yard", "url": "http://127.0.0.1:1/stream"}, 201, ""},
		{object{"id": "b", "Kind": "push", "key": "x"}, 400, `unknown field "key"`},
	} {
		a := r.want(c.status, post("/api/v1/cameras", c.body).as(r.admin))
		if !strings.Contains(a.errorText(), c.says) || strings.Contains(a.errorText(), "secret") {
			t.Errorf("%v: %q, want %q in it", c.body, a.errorText(), c.says)
		}
	}
	var camera wire.Camera
	r.want(http.StatusOK, get("/api/v1/cameras/door").as(r.admin)).into(t, &camera)
	if camera.Name != "Front door – Tür 門 🚪" || camera.Kind != "push" || camera.State != "offline" {
		t.Errorf("added camera is %+v", camera)
	}
	r.want(http.StatusOK, get("/api/v1/cameras/yard").as(r.admin)).into(t, &camera)
	if camera.Kind != "pull" {
		t.Errorf("a camera with a url is of kind %q", camera.Kind)
	}
	r.want(http.StatusNotFound, get("/api/v1/cameras/a").as(r.admin)) // nothing was left by failures
	r.want(http.StatusNotFound, get("/api/v1/cameras/%E9%96%80").as(r.admin))
	if n := len(r.Store.Cameras()); n != 2 {
		t.Errorf("%d cameras are kept, want 2", n)
	}
}

func TestChangeCamera(t *testing.T) {
	r := newRelay(t, func(c *config.Config) {
		c.Cameras = []config.Camera{{ID: "gate", Name: "Gate", Kind: config.KindPush, KeySHA256: config.NewSecret(auth.Hash("a key of sixteen"))}}
	})
	old := r.addLive("door")
	var camera wire.Camera
	r.want(http.StatusOK, patch("/api/v1/cameras/door", object{"name": "Tür"}).as(r.admin)).into(t, &camera)
	if camera.Name != "Tür" {
		t.Errorf("renamed camera is called %q", camera.Name)
	}
	r.want(http.StatusOK, patch("/api/v1/cameras/door", object{"name": ""}).as(r.admin)).into(t, &camera)
	if camera.Name != "door" {
		t.Errorf("camera without a name is called %q", camera.Name)
	}
	r.want(http.StatusUnprocessableEntity, patch("/api/v1/cameras/door", object{}).as(r.admin))
	r.want(http.StatusUnprocessableEntity, patch("/api/v1/cameras/door", object{"name": "a\tb"}).as(r.admin))
	r.want(http.StatusNotFound, patch("/api/v1/cameras/none", object{"name": "x"}).as(r.admin))

	var made struct{ Key string }
	r.want(http.StatusOK, post("/api/v1/cameras/door/key", nil).as(r.admin)).into(t, &made)
	r.want(http.StatusUnauthorized, post("/push/door", picture()).with("Authorization", "Bearer "+old))
	r.want(http.StatusNoContent, post("/push/door", picture()).with("Authorization", "Bearer "+made.Key))

	for _, q := range []request{
		patch("/api/v1/cameras/gate", object{"name": "x"}), del("/api/v1/cameras/gate"), post("/api/v1/cameras/gate/key", nil),
	} {
		if a := r.want(http.StatusConflict, q.as(r.admin)); !strings.Contains(a.errorText(), "configuration file") {
			t.Errorf("%s %s: %q", q.method, q.path, a.errorText())
		}
	}
	r.want(http.StatusCreated, post("/api/v1/cameras", object{"id": "yard", "url": "http://127.0.0.1:1/"}).as(r.admin))
	r.want(http.StatusConflict, post("/api/v1/cameras/yard/key", nil).as(r.admin))
	r.want(http.StatusUnauthorized, post("/push/yard", picture()).as("crk_x")) // no key fits

	r.want(http.StatusNoContent, del("/api/v1/cameras/door").as(r.admin))
	r.want(http.StatusNotFound, del("/api/v1/cameras/door").as(r.admin))
	r.want(http.StatusUnauthorized, post("/push/door", picture()).with("Authorization", "Bearer "+made.Key))
}

// TestKeyVoidForWaitingPost: a request that began with the old key cannot
// become the camera's connection with its first frame.
func TestKeyVoidForWaitingPost(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addCamera("door")
	body, write := pipe()
	answers := make(chan answer, 1)
	go func() {
		answers <- r.do(post("/push/door", body).with("Authorization", "Bearer "+key).with("Content-Type", "multipart/x-mixed-replace; boundary=b"))
	}()
	write.Write([]byte("--b\r\nContent-Type: image/jpeg\r\n\r\n"))
	r.want(http.StatusOK, post("/api/v1/cameras/door/key", nil).as(r.admin))
	write.Write(append(picture(), "\r\n--b--\r\n"...))
	write.Close()
	if a := <-answers; a.StatusCode == http.StatusNoContent {
		t.Error("frames were taken with a void key")
	}
	if n := r.Registry.Get("door").Totals().Frames; n != 0 {
		t.Errorf("%d frames were published with a void key", n)
	}
}

// TestNewKeyEndsConnection: the camera is told that it may not come back, and
// others that know keys hear of it.
func TestNewKeyEndsConnection(t *testing.T) {
	r := newRelay(t, nil)
	revoked := make(chan struct{}, 9)
	r.Revoked = func() { revoked <- struct{}{} }
	camera := testkit.DialCamera(t, r.ws("/ws/push/door"), r.addCamera("door"))
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Registry.Get("door").Connections() == 1 }, "camera is connected")
	r.want(http.StatusOK, post("/api/v1/cameras/door/key", nil).as(r.admin))
	wantClose(t, func() (rawws.Frame, error) { return camera.Read(5 * time.Second) }, wire.CloseForbidden)
	<-revoked
}

// TestSettings goes through all that can come of a change of settings.
func TestSettings(t *testing.T) {
	r := newRelay(t, nil)
	key := r.addCamera("door")
	set := func(body any) request { return patch("/api/v1/cameras/door/settings", body).as(r.admin) }
	r.want(http.StatusUnprocessableEntity, set(object{}))
	r.want(http.StatusUnprocessableEntity, set(object{"settings": object{}}))
	r.want(http.StatusUnprocessableEntity, set(object{"settings": object{"quality": 99}}))
	r.want(http.StatusUnprocessableEntity, set(object{"settings": object{"zoom": 1}}))
	r.want(http.StatusUnprocessableEntity, set(object{"settings": object{"framesize": "HUGE"}}))
	r.want(http.StatusBadRequest, set(object{"settings": 5}))
	r.want(http.StatusConflict, set(object{"settings": object{"quality": 10}})) // it is offline

	plain := testkit.DialCamera(t, r.ws("/ws/push/door"), key)
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Registry.Get("door").Connections() == 1 }, "camera is connected")
	r.want(http.StatusConflict, set(object{"settings": object{"quality": 10}})) // it takes no commands
	r.want(http.StatusConflict, post("/api/v1/cameras/door/pause", nil).as(r.admin))
	plain.Close()

	camera := testkit.DialCamera(t, r.ws("/ws/push/door"), key, wire.CameraProtocol)
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Registry.Get("door").Camera().Control }, "camera takes commands")
	acks := make(chan string, 1)
	go answerCommands(camera, acks)
	acks <- `"ok":true,"settings":{"quality":10,"framesize":"SVGA"}`
	var got struct{ Settings object }
	r.want(http.StatusOK, set(object{"settings": object{"quality": 10}})).into(t, &got)
	if got.Settings["framesize"] != "SVGA" {
		t.Errorf("settings in force are %v", got.Settings)
	}
	acks <- `"ok":false,"error":"not enough memory"`
	if a := r.want(http.StatusUnprocessableEntity, set(object{"settings": object{"framesize": "UXGA"}})); !strings.Contains(a.errorText(), "not enough memory") {
		t.Errorf("refusal is told as %q", a.errorText())
	}
	acks <- `"ok":true`
	r.want(http.StatusNoContent, post("/api/v1/cameras/door/pause", nil).as(r.admin))
	acks <- `"ok":true`
	r.want(http.StatusNoContent, post("/api/v1/cameras/door/resume", nil).as(r.admin))

	_, other := r.addToken("admin")
	q := patch("/api/v1/cameras/door/settings", object{"settings": object{"quality": 11}}).as(other)
	if a := r.want(http.StatusConflict, q); !strings.Contains(a.errorText(), "controlled by admin at 127.0.0.1") {
		t.Errorf("busy camera: %q", a.errorText())
	}
	acks <- `"ok":true`
	q.body = object{"settings": object{"quality": 11}, "take": true}
	r.want(http.StatusOK, q)
	camera.Close()
}

func TestSettingsWithoutAnswer(t *testing.T) {
	r := newRelay(t, nil)
	testkit.DialCamera(t, r.ws("/ws/push/door"), r.addCamera("door"), wire.CameraProtocol)
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Registry.Get("door").Camera().Control }, "camera takes commands")
	r.want(http.StatusGatewayTimeout, patch("/api/v1/cameras/door/settings", object{"settings": object{"quality": 10}}).as(r.admin))
}

func TestShareLife(t *testing.T) {
	r := newRelay(t, nil)
	r.addLive("door")
	for _, hours := range []any{0, -1, 8761, "1", nil} {
		a := r.do(post("/api/v1/cameras/door/shares", object{"hours": hours}).as(r.admin))
		if a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusBadRequest {
			t.Errorf("share link for %v hours: %d", hours, a.StatusCode)
		}
	}
	r.want(http.StatusNotFound, post("/api/v1/cameras/none/shares", object{"hours": 1}).as(r.admin))
	token := r.share("door", 1)
	r.want(http.StatusOK, get("/cameras/door/snapshot.jpg?stale=ok&token="+token))
	r.clock.pass(61 * time.Minute)
	r.want(http.StatusUnauthorized, get("/cameras/door/snapshot.jpg?stale=ok&token="+token))
	r.share("door", 8760)

	token = r.share("door", 1) // a camera that was removed takes its links with it
	r.want(http.StatusNoContent, del("/api/v1/cameras/door").as(r.admin))
	r.addLive("door")
	r.want(http.StatusUnauthorized, get("/cameras/door/snapshot.jpg?stale=ok&token="+token))
}

func TestShareUsesPublicURL(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.PublicURL = "https://cams.example" })
	r.addCamera("door")
	var made struct{ URL string }
	r.want(http.StatusCreated, post("/api/v1/cameras/door/shares", object{"hours": 1}).as(r.admin)).into(t, &made)
	if !strings.HasPrefix(made.URL, "https://cams.example/cameras/door?token=crs_") {
		t.Errorf("share link is %q", made.URL)
	}
}
