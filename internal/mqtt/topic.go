package mqtt

import (
	"strings"

	"camrelay/internal/wire"
)

// Topics names the relay's topics; it is their common root, like "camrelay".
type Topics string

// Camera is what begins all topics of a camera, without a slash at its end.
func (t Topics) Camera(camera string) string { return string(t) + "/cam/" + camera }

// CameraStatus says, retained, whether a camera is there: online, updating or
// offline.
func (t Topics) CameraStatus(camera string) string { return t.Camera(camera) + "/status" }

// CameraInfo says, retained, what a camera is; see [Info].
func (t Topics) CameraInfo(camera string) string { return t.Camera(camera) + "/info" }

// Command carries commands to a camera.
func (t Topics) Command(camera string) string { return t.Camera(camera) + "/ota/cmd" }

// Ack carries a camera's answers to commands.
func (t Topics) Ack(camera string) string { return t.Camera(camera) + "/ota/ack" }

// RelayStatus says, retained, whether a relay is there: online or offline.
func (t Topics) RelayStatus(relay string) string { return string(t) + "/relay/" + relay + "/status" }

// under is what follows the root in a topic or filter.
func (t Topics) under(topic string) (rest string, ok bool) {
	return strings.CutPrefix(topic, string(t)+"/")
}

// isCommand reports whether a topic is that of a camera's commands or answers.
func (t Topics) isCommand(topic string) bool {
	rest, ok := t.under(topic)
	return ok && strings.HasPrefix(rest, "cam/") && strings.Contains(rest, "/ota/")
}

// isTrigger reports whether a topic asks for updates: ota/{camera}, ota/all or
// ota/group/{group}. A name that no camera has is let through, so that whoever
// asked is told.
func (t Topics) isTrigger(topic string) bool {
	rest, ok := t.under(topic)
	if !ok {
		return false
	}
	level := strings.Split(rest, "/")
	for _, l := range level {
		if l == "" || len(l) > 2*wire.MaxID {
			return false
		}
	}
	return level[0] == "ota" && (len(level) == 2 && level[1] != "group" || len(level) == 3 && level[1] == "group")
}

// overlap reports whether two topic filters can match the same topic (MQTT
// 3.1.1 section 4.7).
func overlap(a, b string) bool {
	if strings.HasPrefix(a, "$") != strings.HasPrefix(b, "$") {
		return false // section 4.7.2: wildcards do not match a first $
	}
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := 0; ; i++ {
		switch {
		case i < len(as) && as[i] == "#", i < len(bs) && bs[i] == "#":
			return true // also of the parent level
		case i == len(as) || i == len(bs):
			return len(as) == len(bs)
		case as[i] != bs[i] && as[i] != "+" && bs[i] != "+":
			return false
		}
	}
}

// Presence says, retained, whether a camera itself is connected to the broker:
// online or, as its last will, offline.
func (t Topics) Presence(camera string) string { return t.Camera(camera) + "/presence" }

// Trigger takes requests to update a camera.
func (t Topics) Trigger(camera string) string { return string(t) + "/ota/" + camera }

// UpdateState, UpdateEvent and UpdateResult say how an update goes: the state is
// retained.
func (t Topics) UpdateState(camera string) string  { return t.Trigger(camera) + "/state" }
func (t Topics) UpdateEvent(camera string) string  { return t.Trigger(camera) + "/event" }
func (t Topics) UpdateResult(camera string) string { return t.Trigger(camera) + "/result" }

// GroupTrigger takes requests to update a group of cameras, and GroupResult
// answers them, as UpdateResult("all") does those for all.
func (t Topics) GroupTrigger(group string) string { return string(t) + "/ota/group/" + group }
func (t Topics) GroupResult(group string) string  { return t.GroupTrigger(group) + "/result" }

// RolloutState and RolloutResult say how a rollout goes: the state is retained.
func (t Topics) RolloutState(id string) string  { return string(t) + "/ota/rollout/" + id + "/state" }
func (t Topics) RolloutResult(id string) string { return string(t) + "/ota/rollout/" + id + "/result" }

// Level is the part of a topic at place n below the root, counted from 0; empty
// if there is none.
func (t Topics) Level(topic string, n int) string {
	rest, ok := t.under(topic)
	levels := strings.Split(rest, "/")
	if !ok || n >= len(levels) {
		return ""
	}
	return levels[n]
}
