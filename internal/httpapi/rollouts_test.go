package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/ota"
	"camrelay/internal/ota/rollout"
	"camrelay/internal/wire"
)

const rolloutsPath = "/api/v1/ota/rollouts"

func TestRollouts(t *testing.T) {
	r := newRelay(t, withKeys)
	r.upload("1.1.0", 11)
	for _, id := range []string{"door", "yard", "shed"} {
		r.updatable(id)
	}
	r.want(http.StatusOK, patch("/api/v1/cameras/door", object{"groups": []string{"garden", "front"}}).as(r.admin))
	r.want(http.StatusOK, patch("/api/v1/cameras/yard", object{"groups": []string{"garden"}, "name": "The yard"}).as(r.admin))
	var info updateInfo
	r.want(http.StatusOK, get("/api/v1/ota/cameras/door").as(r.admin)).into(t, &info)
	if strings.Join(info.Groups, " ") != "garden front" {
		t.Errorf("groups %q", info.Groups)
	}

	var v rollout.View
	r.want(http.StatusOK, post(rolloutsPath, "dry-run").as(r.admin)).into(t, &v)
	if len(v.Cameras) != 3 || v.Version != "1.1.0" {
		t.Errorf("%+v", v)
	}
	v = rollout.View{}
	r.want(http.StatusCreated, post(rolloutsPath, object{
		"id": "first", "to": "1.1.0", "select": object{"groups": []string{"garden"}}, "canary": []string{"yard"}, "waves": []object{{"percent": 100}}, "soak_s": 0,
	}).as(r.admin)).into(t, &v)
	if v.ID != "first" || len(v.Cameras) != 2 || v.By == "" || v.Source != "api" {
		t.Errorf("%+v", v)
	}
	if j, ok := r.OTA.Job("yard"); !ok || j.Rollout != "first" || j.To.Version != "1.1.0" {
		t.Errorf("%+v", j)
	}
	if _, ok := r.OTA.Job("door"); ok {
		t.Error("the canary is not alone")
	}
	var list struct{ Rollouts []rollout.View }
	r.want(http.StatusOK, get(rolloutsPath).as(r.admin)).into(t, &list)
	if len(list.Rollouts) != 1 || list.Rollouts[0].Counts[rollout.Updating] != 1 || list.Rollouts[0].Cameras != nil {
		t.Errorf("%+v", list)
	}
	r.want(http.StatusOK, post(rolloutsPath+"/first/pause", nil).as(r.admin)).into(t, &v)
	if v.State != rollout.Paused {
		t.Errorf("paused: %s", v.State)
	}
	r.want(http.StatusOK, post(rolloutsPath+"/first/resume", nil).as(r.admin)).into(t, &v)
	if v.State != rollout.Running {
		t.Errorf("resumed: %s", v.State)
	}
	r.want(http.StatusOK, post(rolloutsPath+"/first/cancel", nil).as(r.admin)).into(t, &v)
	if v.State != rollout.Cancelling {
		t.Errorf("cancelled: %s", v.State)
	}
	r.OTA.Hello("yard", wire.Hello{Firmware: "1.0.0", Build: 1, Board: "vcam", Chip: "host", Boot: "01020304", State: wire.StateConfirmed, Slot: "A"})
	r.Rollouts.Tick()
	v = rollout.View{}
	r.want(http.StatusOK, get(rolloutsPath+"/first").as(r.admin)).into(t, &v)
	if v.State != rollout.Cancelled || v.Counts[rollout.Cancelled] != 1 || v.Counts[rollout.NotStarted] != 1 || !strings.Contains(v.Text, "cancelled") {
		t.Errorf("%+v", v)
	}
	for _, action := range []string{"pause", "resume", "cancel"} {
		if a := r.want(http.StatusConflict, post(rolloutsPath+"/first/"+action, nil).as(r.admin)); !strings.Contains(string(a.body), `"over"`) {
			t.Errorf("%s: %s", action, a.body)
		}
	}
}

func TestRolloutAnswers(t *testing.T) {
	r := newRelay(t, withKeys)
	r.upload("1.1.0", 11)
	r.updatable("door")
	for _, c := range []struct {
		body   any
		status int
		says   string
	}{
		{"", 400, "latest"},
		{"{", 422, "JSON"},
		{object{"soak": 1}, 422, `unknown field "soak"`},
		{object{"waves": []object{{"percent": 50}}}, 422, "the last wave"},
		{object{"id": "../x"}, 422, "id "},
		{"cancel", 422, "/api/v1/ota/rollouts/{id}/cancel"},
		{object{"action": "pause", "id": "x"}, 422, "address of its own"},
		{"9.9.9", 409, "9.9.9"},
		{object{"select": object{"groups": []string{"house"}}}, 409, "no camera is in group house"},
		{object{"canary": []string{"nobody"}}, 409, "nobody"},
		{object{"deadline": "2020-01-01T00:00:00Z"}, 409, "deadline"},
		{"latest", 201, ""},
		{"latest", 409, "under way for door"},
	} {
		a := r.want(c.status, post(rolloutsPath, c.body).as(r.admin))
		if !strings.Contains(a.errorText(), c.says) {
			t.Errorf("%v: %q, want %q in it", c.body, a.errorText(), c.says)
		}
	}
	r.want(http.StatusNotFound, get(rolloutsPath+"/none").as(r.admin))
	r.want(http.StatusNotFound, post(rolloutsPath+"/none/pause", nil).as(r.admin))
	_, viewer := r.addToken("viewer")
	r.want(http.StatusOK, get(rolloutsPath).as(viewer))
	r.want(http.StatusOK, get(rolloutsPath+"/1.1.0-1").as(viewer))
	r.want(http.StatusForbidden, post(rolloutsPath, "latest").as(viewer))
	r.want(http.StatusForbidden, post(rolloutsPath+"/1.1.0-1/cancel", nil).as(viewer))
	r.want(http.StatusForbidden, get(rolloutsPath).as(r.share("door", 1)))
	if j, _ := r.OTA.Job("door"); j.State != ota.Queued || j.Rollout != "1.1.0-1" {
		r.OTA.Tick()
		if j, _ = r.OTA.Job("door"); j.Rollout != "1.1.0-1" {
			t.Errorf("%+v", j)
		}
	}
}

func TestGroups(t *testing.T) {
	r := newRelay(t, func(c *config.Config) {
		c.Cameras = []config.Camera{{ID: "gate", Name: "Gate", Kind: config.KindPush, KeySHA256: config.NewSecret(auth.Hash("a key of sixteen")), Groups: []string{"street"}}}
	})
	r.want(http.StatusCreated, post("/api/v1/cameras", object{"id": "door", "groups": []string{"house"}}).as(r.admin))
	groups := func(camera string) string {
		var info updateInfo
		r.want(http.StatusOK, get("/api/v1/ota/cameras/"+camera).as(r.admin)).into(t, &info)
		return strings.Join(info.Groups, " ")
	}
	if groups("door") != "house" || groups("gate") != "street" {
		t.Errorf("door %q, gate %q", groups("door"), groups("gate"))
	}
	for _, c := range []struct {
		camera string
		body   object
		status int
		says   string
	}{
		{"door", object{"groups": []string{"Garden"}}, 422, "not allowed"},
		{"door", object{"groups": []string{"a", "a"}}, 422, "twice"},
		{"door", object{"groups": []string{"a"}, "name": "two\nlines"}, 422, "one line"},
		{"door", object{"groups": "a"}, 400, "groups"},
		{"door", object{}, 422, "groups"},
		{"gate", object{"groups": []string{"a"}}, 409, "configuration file"},
		{"none", object{"groups": []string{"a"}}, 404, "no such camera"},
	} {
		if a := r.want(c.status, patch("/api/v1/cameras/"+c.camera, c.body).as(r.admin)); !strings.Contains(a.errorText(), c.says) {
			t.Errorf("%v: %q", c.body, a.errorText())
		}
	}
	if groups("door") != "house" {
		t.Errorf("a refused change has made %q", groups("door"))
	}
	r.want(http.StatusOK, patch("/api/v1/cameras/door", object{"groups": []string{"garden", "street"}}).as(r.admin))
	if kept, _ := r.Store.Camera("door"); groups("door") != "garden street" || strings.Join(kept.Groups, " ") != "garden street" {
		t.Errorf("%q, kept %q", groups("door"), kept.Groups)
	}
	r.want(http.StatusOK, patch("/api/v1/cameras/door", object{"groups": []string{}}).as(r.admin))
	if groups("door") != "" {
		t.Errorf("%q", groups("door"))
	}
}
