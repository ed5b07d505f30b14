package homeassistant

import (
	"camrelay/internal/wire"
)

func (d *Discovery) statsTopic(id string) string   { return d.opt.Topics.Camera(id) + "/stats" }
func (d *Discovery) pictureTopic(id string) string { return d.opt.Topics.Camera(id) + "/snapshot" }
func (d *Discovery) updateTopic(id string) string  { return d.opt.Topics.Trigger(id) + "/ha" }

// device groups the entities of a camera.
type device struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer,omitempty"`
	Model        string   `json:"model,omitempty"`
	Version      string   `json:"sw_version,omitempty"`
}

// availability says where it stands whether an entity is there.
type availability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template,omitempty"`
}

// entity is a discovery message. Empty fields are left out.
type entity struct {
	Name         string         `json:"name"`
	UniqueID     string         `json:"unique_id"`
	DeviceClass  string         `json:"device_class,omitempty"`
	Category     string         `json:"entity_category,omitempty"`
	StateTopic   string         `json:"state_topic,omitempty"`
	Topic        string         `json:"topic,omitempty"`
	Template     string         `json:"value_template,omitempty"`
	Unit         string         `json:"unit_of_measurement,omitempty"`
	StateClass   string         `json:"state_class,omitempty"`
	PayloadOn    string         `json:"payload_on,omitempty"`
	PayloadOff   string         `json:"payload_off,omitempty"`
	Icon         string         `json:"icon,omitempty"`
	CommandTopic string         `json:"command_topic,omitempty"`
	Install      string         `json:"payload_install,omitempty"`
	QoS          int            `json:"qos,omitempty"`
	Retain       *bool          `json:"retain,omitempty"`
	Availability []availability `json:"availability,omitempty"`
	Mode         string         `json:"availability_mode,omitempty"`
	Device       device         `json:"device"`
}

// entities are those of a camera, by the topic of their discovery.
func (d *Discovery) entities(c wire.Camera, updatable bool) map[string]entity {
	id := "camrelay_" + c.ID
	dev := device{Identifiers: []string{id}, Name: c.Name, Manufacturer: "camrelay", Model: c.Board, Version: c.Firmware}
	relay := availability{Topic: d.opt.Topics.RelayStatus(d.opt.Relay)}
	// A camera that is being updated is there: else the update entity would go away
	// while it shows the progress.
	camera := availability{Topic: d.opt.Topics.CameraStatus(c.ID), Template: "{{ 'offline' if value == 'offline' else 'online' }}"}
	list := map[string]entity{}
	add := func(kind, object string, e entity) {
		e.UniqueID, e.Device, e.Mode = id+"_"+object, dev, "all"
		list[d.opt.Prefix+"/"+kind+"/"+id+"/"+object+"/config"] = e
	}
	add("binary_sensor", "online", entity{
		Name: "Connection", DeviceClass: "connectivity", Category: "diagnostic", StateTopic: d.opt.Topics.CameraStatus(c.ID),
		Template: "{{ 'ON' if value == 'online' else 'OFF' }}", PayloadOn: "ON", PayloadOff: "OFF", Availability: []availability{relay},
	})
	if d.opt.Snapshot > 0 {
		add("camera", "picture", entity{Name: "Picture", Topic: d.pictureTopic(c.ID), Availability: []availability{relay, camera}})
	}
	for object, e := range sensors {
		e.StateTopic, e.StateClass, e.Category = d.statsTopic(c.ID), "measurement", "diagnostic"
		e.Template = "{{ value_json." + object + " | default(none) }}"
		e.Availability = []availability{relay, camera}
		add("sensor", object, e)
	}
	if updatable {
		never := false
		add("update", "fw", entity{
			Name: "Firmware", DeviceClass: "firmware", Category: "config", StateTopic: d.updateTopic(c.ID), CommandTopic: d.opt.Topics.Trigger(c.ID),
			Install: "latest", QoS: 1, Retain: &never, Availability: []availability{relay, camera},
		})
	}
	return list
}

// sensors are values of the stats document.
var sensors = map[string]entity{
	"fps":     {Name: "Frame rate", Unit: "fps", Icon: "mdi:filmstrip"},
	"viewers": {Name: "Viewers", Icon: "mdi:eye"},
	"rssi":    {Name: "Signal", DeviceClass: "signal_strength", Unit: "dBm"},
	"heap":    {Name: "Free memory", DeviceClass: "data_size", Unit: "B"},
	"uptime":  {Name: "Uptime", DeviceClass: "duration", Unit: "s"},
}

// firmware is the state of an update entity. Home Assistant drops a document
// with a key it does not know.
type firmware struct {
	Installed  string `json:"installed_version"`
	Latest     string `json:"latest_version"`
	Title      string `json:"title"`
	InProgress bool   `json:"in_progress"`
	Percentage *int   `json:"update_percentage"`
	Summary    string `json:"release_summary"`
}

// maxSummary is how long a summary may be, in characters.
const maxSummary = 255

func (d *Discovery) update(id string, hello wire.Hello) firmware {
	state := firmware{Installed: hello.Firmware, Latest: d.opt.Updates.Newest(hello.Board, hello.Chip), Title: "camrelay camera"}
	job, ok := d.opt.Updates.Job(id)
	if ok && !job.State.Final() && !job.Begun.IsZero() {
		percent := job.Progress()
		// The progress is shown while what is installed is not the latest.
		state.Installed, state.Latest, state.InProgress, state.Percentage = job.From.Version, job.To.Version, true, &percent
	}
	if state.Latest == "" {
		state.Latest = state.Installed
	}
	if ok {
		text := []rune(job.Text)
		state.Summary = string(text[:min(len(text), maxSummary)])
	}
	return state
}
