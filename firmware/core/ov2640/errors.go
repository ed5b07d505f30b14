package ov2640

// Error is why a setting is refused or a sensor does not work. It allocates
// nothing.
type Error uint8

// Errors of settings.
const (
	ErrName    Error = iota + 1 // there is no such setting
	ErrRange                    // it does not have this value
	ErrSize                     // the sensor cannot give this size
	ErrEncoded                  // what was stored is damaged
)

// Errors of a Driver.
const (
	ErrWrite    Error = iota + 16 // the sensor did not take a register, four times
	ErrRead                       // it did not give one
	ErrSensor                     // it is not an OV2640
	ErrNoFrames                   // it gives no frames
)

func (e Error) Error() string {
	switch e {
	case ErrName:
		return "no such setting"
	case ErrRange:
		return "value out of range"
	case ErrSize:
		return "the sensor does not have this size"
	case ErrEncoded:
		return "stored settings are damaged"
	case ErrWrite:
		return "sensor does not take a register"
	case ErrRead:
		return "sensor does not give a register"
	case ErrSensor:
		return "sensor is not an OV2640"
	case ErrNoFrames:
		return "sensor gives no frames"
	}
	return "unknown error of the sensor"
}
