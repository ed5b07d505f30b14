package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/config"
	"camrelay/internal/ota"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// withKeys is a relay that takes images.
func withKeys(cfg *config.Config) { cfg.OTA.Keys = []string{"release.pub.pem"} }

// upload adds an image and returns its SHA-256.
func (r *relay) upload(version string, build uint32) (sha string) {
	r.t.Helper()
	var in imageInfo
	content := r.signer.Image(r.t, "vcam", version, build, 20_000)
	r.want(http.StatusCreated, post(imagesPath, string(content)).as(r.admin).with("Content-Type", "application/octet-stream")).into(r.t, &in)
	return in.SHA256
}

// updatable is a camera that has said hello, and its key.
func (r *relay) updatable(id string) (key string) {
	key = r.addLive(id)
	r.OTA.StreamOpened(id, "relay:8080")
	r.OTA.Hello(id, wire.Hello{Firmware: "1.0.0", Build: 1, Board: "vcam", Chip: "host", Boot: "01020304", State: wire.StateConfirmed, Slot: "A"})
	return key
}

func TestImages(t *testing.T) {
	r := newRelay(t, withKeys)
	sha := r.upload("1.1.0", 11)
	var list struct {
		Images []imageInfo
		Keys   int
	}
	r.want(http.StatusOK, get(imagesPath).as(r.admin)).into(t, &list)
	if len(list.Images) != 1 || list.Images[0].Version != "1.1.0" || list.Images[0].SHA256 != sha || list.Keys != 1 {
		t.Errorf("%+v", list)
	}
	r.want(http.StatusOK, get(imagesPath+"/"+sha).as(r.admin))
	r.want(http.StatusNotFound, get(imagesPath+"/"+strings.Repeat("0", 64)).as(r.admin))

	damaged := r.signer.Image(t, "vcam", "1.2.0", 12, 20_000)
	damaged[len(damaged)-1] ^= 1
	a := r.want(http.StatusUnprocessableEntity, post(imagesPath, string(damaged)).as(r.admin))
	if !strings.Contains(a.errorText(), "bad_sha256") {
		t.Errorf("refused with %q", a.errorText())
	}
	a = r.want(http.StatusUnprocessableEntity, post(imagesPath, string(append(r.signer.Image(t, "vcam", "1.2.0", 12, 100), 1))).as(r.admin))
	if !strings.Contains(a.errorText(), "overlong") {
		t.Errorf("refused with %q", a.errorText())
	}
	_, viewer := r.addToken("viewer")
	r.want(http.StatusForbidden, get(imagesPath).as(viewer))
	r.want(http.StatusForbidden, post(imagesPath, "x").as(viewer))
	r.want(http.StatusNoContent, del(imagesPath+"/"+sha).as(r.admin))
	r.want(http.StatusNotFound, del(imagesPath+"/"+sha).as(r.admin))
	without := newRelay(t, nil)
	if a := without.want(http.StatusConflict, post(imagesPath, "x").as(without.admin)); !strings.Contains(a.errorText(), "ota.keys") {
		t.Errorf("refused with %q", a.errorText())
	}
}

// A trigger becomes a job, whose image only its camera can load.
func TestTriggerAndDownload(t *testing.T) {
	r := newRelay(t, withKeys)
	sha := r.upload("1.1.0", 11)
	other := r.upload("1.2.0", 12)
	key, yard := r.updatable("door"), r.updatable("yard")

	var job ota.Job
	r.want(http.StatusAccepted, post("/api/v1/ota/cameras/door", "1.1.0").as(r.admin).with("Content-Type", "text/plain")).into(t, &job)
	if job.To.Version != "1.1.0" || job.To.SHA256 != sha || job.By == "" {
		t.Errorf("%+v", job)
	}
	for job.Sends == 0 {
		r.OTA.Tick()
		job, _ = r.OTA.Job("door")
	}
	var order wire.Update
	_, text, _ := strings.Cut(<-r.orders, " ")
	if err := json.Unmarshal([]byte(text), &order); err != nil || order.Host != "relay:8080" || order.Image != "/ota/images/"+sha+".img" {
		t.Fatalf("%s: %v", text, err)
	}
	for _, secret := range []string{order.Token, key} {
		a := r.want(http.StatusOK, get(order.Image).as(secret))
		if len(a.body) != int(order.Size) || a.Header.Get("ETag") != `"`+sha+`"` || !a.Close {
			t.Errorf("%d bytes, %v", len(a.body), a.Header)
		}
		r.want(http.StatusPartialContent, get(order.Image).as(secret).with("Range", "bytes=4096-"))
		r.want(http.StatusForbidden, get("/ota/images/"+other+".img").as(secret))
		r.want(http.StatusOK, get("/ota/probe").as(secret))
		if a := r.want(http.StatusOK, get("/ota/cameras/door/job").as(secret)); string(a.body) != text {
			t.Errorf("order %s", a.body)
		}
	}
	if j, _ := r.OTA.Job("door"); j.Offset != int64(order.Size) {
		t.Errorf("the coordinator saw %d bytes", j.Offset)
	}
	r.want(http.StatusForbidden, get(order.Image).as(yard))
	r.want(http.StatusForbidden, get("/ota/cameras/door/job").as(yard))
	r.want(http.StatusNoContent, get("/ota/cameras/yard/job").as(yard))
	r.want(http.StatusUnauthorized, get(order.Image).as("wrong"))
	r.want(http.StatusUnauthorized, get("/ota/probe"))
	r.want(http.StatusNotFound, get("/ota/images/x.img").as(r.admin))

	ack := wire.UpdateAck{Job: order.Job, Boot: "01020304", Seq: 1, Phase: wire.PhaseAccepted}
	report := func(ack wire.UpdateAck, secret string) request {
		text, _ := json.Marshal(ack)
		return post("/ota/cameras/door/report", string(text)).as(secret).with("Content-Type", "application/json")
	}
	if a := r.want(http.StatusOK, report(ack, order.Token)); strings.TrimSpace(string(a.body)) != "{}" {
		t.Errorf("answer %s", a.body)
	}
	r.want(http.StatusForbidden, report(ack, yard))
	r.want(http.StatusBadRequest, post("/ota/cameras/door/report", "{").as(key))

	var info updateInfo
	r.want(http.StatusOK, get("/api/v1/ota/cameras/door").as(r.admin)).into(t, &info)
	if !info.Updatable || info.Newest != "1.2.0" || info.Job == nil || len(info.Jobs) != 1 {
		t.Errorf("%+v", info)
	}
	if a := r.want(http.StatusConflict, post("/api/v1/ota/cameras/door", "1.2.0").as(r.admin)); !strings.Contains(string(a.body), `"busy"`) {
		t.Errorf("%s", a.body)
	}
	r.want(http.StatusConflict, del(imagesPath+"/"+sha).as(r.admin)) // it is in use
	r.want(http.StatusAccepted, del("/api/v1/ota/cameras/door").as(r.admin))
	ack.Seq, ack.Phase = 2, wire.PhaseStreamClosed
	if a := r.want(http.StatusOK, report(ack, order.Token)); !strings.Contains(string(a.body), `"abort"`) {
		t.Errorf("a cancelled camera is told %s", a.body)
	}
}

func TestTriggerAnswers(t *testing.T) {
	r := newRelay(t, withKeys)
	r.upload("1.1.0", 11)
	r.updatable("door")
	r.addLive("plain")
	trigger := func(camera, text string) request { return post("/api/v1/ota/cameras/"+camera, text).as(r.admin) }
	r.want(http.StatusOK, trigger("door", "dry-run"))
	r.want(http.StatusConflict, trigger("door", "9.9.9"))
	r.want(http.StatusConflict, trigger("plain", ""))
	r.want(http.StatusNotFound, trigger("none", ""))
	r.want(http.StatusUnprocessableEntity, trigger("door", `{"dry_rum":true}`))
	r.want(http.StatusConflict, del("/api/v1/ota/cameras/door").as(r.admin))
	_, viewer := r.addToken("viewer")
	r.want(http.StatusForbidden, post("/api/v1/ota/cameras/door", "").as(viewer))
	r.want(http.StatusOK, get("/api/v1/ota/cameras").as(viewer))
	r.want(http.StatusAccepted, trigger("door", ""))
	if j, _ := r.OTA.Job("door"); j.To.Version != "1.1.0" {
		t.Errorf("%+v", j)
	}
}

// What a camera says on its own socket reaches the coordinator, and orders reach
// the camera.
func TestUpdateBySocket(t *testing.T) {
	r := newRelay(t, withKeys)
	key := r.addCamera("door")
	s := r.upgrade(t, "/ws/push/door", "Authorization: Bearer "+key, "Sec-WebSocket-Protocol: "+wire.CameraProtocol)
	testkit.Eventually(t, 5*time.Second, func() bool { return r.Ingest.Order("door", []byte(`{"t":"ota","cmd":"status"}`)) }, "the socket takes orders")
	for {
		f, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(f.Payload), `"status"`) {
			return
		}
	}
}
