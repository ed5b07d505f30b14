package httpapi

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"camrelay/internal/egress"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// counters count what happens to requests.
type counters struct {
	requests     *prometheus.CounterVec
	authFailures prometheus.Counter
}

func newCounters(reg *prometheus.Registry) counters {
	c := counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "camrelay_http_requests_total", Help: "Requests answered, by status.",
		}, []string{"code"}),
		authFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "camrelay_auth_failures_total", Help: "Requests without a key or token that holds.",
		}),
	}
	reg.MustRegister(c.requests, c.authFailures)
	return c
}

// collector reads the cameras and viewers when it is asked: nothing is counted
// twice, and no viewer has a label of its own.
type collector struct {
	reg *stream.Registry
	out *egress.Server
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("camrelay_"+name, help, labels, nil)
}

// descs are the collector's metrics.
type descs struct {
	state, frames, bytes, faults, fps, age, connections, viewers, delivered, skipped *prometheus.Desc
	rssi, heap, heapLargest, uptime, temperature                                     *prometheus.Desc
	kinds, live                                                                      *prometheus.Desc
}

func newDescs() descs {
	return descs{
		state:       desc("camera_state", "1 for the state the camera is in.", "camera", "state"),
		frames:      desc("camera_frames_total", "Frames received.", "camera"),
		bytes:       desc("camera_bytes_total", "Bytes of frames received.", "camera"),
		faults:      desc("camera_faults_total", "What came from the camera and was no frame.", "camera", "fault"),
		fps:         desc("camera_fps", "Frames a second over the last two seconds.", "camera"),
		age:         desc("camera_frame_age_seconds", "Age of the newest frame.", "camera"),
		connections: desc("camera_connections_total", "Connections the camera made.", "camera"),
		viewers:     desc("camera_viewers", "Viewers now.", "camera"),
		delivered:   desc("camera_delivered_frames_total", "Frames sent to viewers.", "camera"),
		skipped:     desc("camera_skipped_frames_total", "Frames that viewers were too slow for.", "camera"),
		rssi:        desc("camera_rssi_dbm", "WiFi signal, as the camera says.", "camera"),
		heap:        desc("camera_heap_bytes", "Free heap, as the camera says.", "camera"),
		heapLargest: desc("camera_heap_largest_bytes", "Largest free block, as the camera says.", "camera"),
		uptime:      desc("camera_uptime_seconds", "Time since the camera started, as it says.", "camera"),
		temperature: desc("camera_temperature_celsius", "Chip temperature, as the camera says.", "camera"),
		kinds:       desc("viewers", "Viewers' connections now.", "kind"),
		live:        desc("frames_live", "Frames in memory."),
	}
}

// Describe implements prometheus.Collector; the metrics' names depend on
// nothing, so a collection tells them.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	d := newDescs()
	for _, desc := range []*prometheus.Desc{
		d.state, d.frames, d.bytes, d.faults, d.fps, d.age, d.connections, d.viewers, d.delivered, d.skipped,
		d.rssi, d.heap, d.heapLargest, d.uptime, d.temperature, d.kinds, d.live,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	d := newDescs()
	for _, h := range c.reg.All() {
		d.camera(ch, h)
	}
	for kind, n := range c.out.Viewers() {
		ch <- prometheus.MustNewConstMetric(d.kinds, prometheus.GaugeValue, float64(n), kind)
	}
	ch <- prometheus.MustNewConstMetric(d.live, prometheus.GaugeValue, float64(c.reg.Pool().Live()))
}

func (d descs) camera(ch chan<- prometheus.Metric, h *stream.Hub) {
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, append([]string{h.ID()}, labels...)...)
	}
	counter := func(desc *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v), append([]string{h.ID()}, labels...)...)
	}
	camera, totals := h.Camera(), h.Totals()
	for _, s := range stream.States() {
		on := 0.0
		if s.String() == camera.State {
			on = 1
		}
		gauge(d.state, on, s.String())
	}
	counter(d.frames, totals.Frames)
	counter(d.bytes, totals.Bytes)
	counter(d.delivered, totals.Delivered)
	counter(d.skipped, totals.Skipped)
	counter(d.connections, totals.Attached)
	for _, f := range stream.Faults() {
		counter(d.faults, totals.Faults[f], f.String())
	}
	gauge(d.fps, camera.FPS)
	gauge(d.viewers, float64(camera.Viewers))
	if camera.LastFrame != 0 {
		gauge(d.age, max(0, time.Since(time.UnixMicro(camera.LastFrame)).Seconds()))
	}
	if camera.Stats != nil {
		d.stats(gauge, camera.Stats)
	}
}

// stats exports what the camera said about itself.
func (d descs) stats(gauge func(*prometheus.Desc, float64, ...string), s *wire.Stats) {
	if s.RSSI != nil {
		gauge(d.rssi, float64(*s.RSSI))
	}
	if s.Heap != nil {
		gauge(d.heap, float64(*s.Heap))
	}
	if s.HeapLargest != nil {
		gauge(d.heapLargest, float64(*s.HeapLargest))
	}
	if s.Uptime != nil {
		gauge(d.uptime, *s.Uptime)
	}
	if s.Temperature != nil {
		gauge(d.temperature, *s.Temperature)
	}
}
