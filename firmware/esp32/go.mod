module camrelay/firmware/esp32

go 1.26.0

require (
	camrelay v0.0.0
	github.com/soypat/lneto v0.3.2
	tinygo.org/x/espradio v0.3.0
)

replace camrelay => ../..

// espradio asks for a version without a tag; this release has all it needs.
replace tinygo.org/x/drivers => tinygo.org/x/drivers v0.35.0
