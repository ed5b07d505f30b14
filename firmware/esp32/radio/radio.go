//go:build esp32

// Package radio joins a wireless network and stays in it: a netlneto.Device over
// espradio.
package radio

/*
#include <stdint.h>
int esp_wifi_set_max_tx_power(int8_t quarters);
int esp_wifi_sta_get_ap_info(void *record);
*/
import "C"

import (
	"unsafe"

	"tinygo.org/x/espradio"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/esp32/netlneto"
)

const second = 1_000_000_000

const (
	txPower      = 78 // quarters of a dBm: espradio sets 20, which would be 5 dBm
	rejoinFirst  = second
	rejoinLast   = 60 * second
	rejoinMost   = 50      // each takes memory that never comes back
	arenaReserve = 4 << 10 // of the radio's memory, in bytes
	rssiEvery    = 5 * second
	notConnected = 0x300f // ESP_ERR_WIFI_NOT_CONNECT
)

// apRecord is wifi_ap_record_t, of which only the strength is used.
const (
	apRecordSize = 128
	apRSSI       = 44
)

// Station implements netlneto.Device.
type Station struct {
	conf    espradio.STAConfig
	clock   hal.Clock
	restart func() // when the radio cannot go on
	device  *espradio.NetDev
	joined  bool
	joins   int
	again   int64
	wait    int64
	rssi    int
	rated   int64
	record  [apRecordSize / 4]uint32
}

var _ netlneto.Device = (*Station)(nil)

// Start switches the radio on. It takes a second. Random numbers are random from
// then on.
func (s *Station) Start(ssid, password string, clock hal.Clock, restart func()) error {
	s.conf = espradio.STAConfig{SSID: ssid, Password: password}
	s.clock, s.restart, s.wait = clock, restart, rejoinFirst
	if err := espradio.Enable(espradio.Config{}); err != nil {
		return err
	}
	if err := espradio.Start(); err != nil {
		return err
	}
	C.esp_wifi_set_max_tx_power(txPower)
	device, err := espradio.StartNetDev()
	s.device = device
	return err
}

// MAC is the station's address.
func (s *Station) MAC() [6]byte {
	mac, _ := s.device.HardwareAddr6()
	return mac
}

// Step joins the network if it has been lost, now and then. That takes up to 15
// seconds, in which nothing else is done.
func (s *Station) Step() {
	now := s.clock.Now()
	if s.joined {
		s.rate(now)
		return
	}
	if now < s.again {
		return
	}
	used, size := espradio.ArenaStats()
	if s.joins++; s.joins > rejoinMost || size-used < arenaReserve {
		s.restart()
		return
	}
	if err := espradio.Connect(s.conf); err != nil {
		println("radio: cannot join", s.conf.SSID+":", err.Error())
		s.again = s.clock.Now() + s.wait
		s.wait = min(2*s.wait, rejoinLast)
		return
	}
	s.joined, s.wait = true, rejoinFirst
	println("radio: joined", s.conf.SSID)
}

// rate asks for the strength of the link, now and then.
func (s *Station) rate(now int64) {
	if now < s.rated {
		return
	}
	s.rated = now + rssiEvery
	s.rssi = 0
	if C.esp_wifi_sta_get_ap_info(unsafe.Pointer(&s.record)) == 0 {
		s.rssi = int(int8(s.record[apRSSI/4]))
	}
}

// Receive implements netlneto.Device.
func (s *Station) Receive(p []byte) int {
	n, _ := s.device.EthPoll(p)
	return n
}

// Send implements netlneto.Device. That the network is lost is seen here.
func (s *Station) Send(p []byte) {
	err := s.device.SendEthFrame(p)
	if e, ok := err.(espradio.Error); ok && e == notConnected {
		s.joined = false
	}
}

// Up implements netlneto.Device.
func (s *Station) Up() bool { return s.joined }

// RSSI implements netlneto.Device.
func (s *Station) RSSI() int { return s.rssi }
