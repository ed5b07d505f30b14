package ota

import "strings"

// Code says in a word why a job or a trigger ended as it did. Codes never
// change. What a camera says with failed or rolled_back (docs/protocol.md
// section 7) is passed on as it is.
type Code string

// The codes of the coordinator.
const (
	BadRequest      Code = "bad_request"
	UnknownCamera   Code = "unknown_camera"
	NotUpdatable    Code = "not_updatable"
	RetainedTrigger Code = "retained_trigger"
	Expired         Code = "expired"
	BusyJob         Code = "busy"
	Duplicate       Code = "duplicate"
	RateLimited     Code = "rate_limited"
	NothingToCancel Code = "nothing_to_cancel"
	NothingToRetry  Code = "nothing_to_retry"
	CameraOffline   Code = "camera_offline"
	UnknownVersion  Code = "unknown_version"
	NoImage         Code = "no_image"
	WrongBoard      Code = "wrong_board"
	Downgrade       Code = "downgrade"
	BelowFloor      Code = "below_floor"
	NeedsStep       Code = "needs_step"
	OnTrial         Code = "on_trial"
	OutOfWindow     Code = "window"
	ViewersPresent  Code = "viewers_present"
	DiskFull        Code = "disk_full"
	AlreadyThere    Code = "already_installed"
	Fine            Code = "ok"

	PrepareTimeout  Code = "prepare_timeout"
	StreamStuck     Code = "stream_stuck"
	ServerStuck     Code = "server_stuck"
	NoDownload      Code = "no_download"
	DownloadStalled Code = "download_stalled"
	DownloadSlow    Code = "download_slow"
	VerifyTimeout   Code = "verify_timeout"
	PowerLost       Code = "power_lost"
	Restarted       Code = "restarted"
	NoReport        Code = "no_report"
	ActivateLost    Code = "activate_lost"
	TrialTimeout    Code = "trial_timeout"
	WrongVersion    Code = "wrong_version"
	NotComingBack   Code = "lost"
	JobTimeout      Code = "job_timeout"
	CancelledByUser Code = "cancelled"
	TooLate         Code = "too_late"
	ReplacedByOther Code = "superseded"
	Internal        Code = "internal"
)

// sentences say what each code means for the person who asked. {camera}, {from},
// {to} and {detail} are replaced. docs/ota.md has the same table.
var sentences = map[Code]string{
	BadRequest:      "{camera}: the request was not understood: {detail}.",
	UnknownCamera:   "{camera}: no such camera. Add it first, or check the spelling.",
	NotUpdatable:    "{camera}: its firmware cannot be updated by the relay. Install camrelay's firmware by cable once.",
	RetainedTrigger: "{camera}: the trigger was published as a retained message and would come again with every restart, so nothing was done. Publish it without -r.",
	Expired:         "{camera}: the deadline passed before the update could begin. Nothing was done; ask again.",
	BusyJob:         "{camera}: an update to {to} is running. Wait for its result, cancel it, or ask with \"replace\":true.",
	Duplicate:       "{camera}: this update is already running; nothing more was started.",
	RateLimited:     "{camera}: it was updated too often lately. Wait, or ask with \"force\":true.",
	NothingToCancel: "{camera}: no update is running, so there is nothing to cancel.",
	NothingToRetry:  "{camera}: there was no update to try again.",
	CameraOffline:   "{camera}: the camera was not online before the deadline. Nothing was done. Check its power and its network.",
	UnknownVersion:  "{camera}: {detail}. Upload the image, or ask for one of those that are there.",
	NoImage:         "{camera}: {detail}.",
	WrongBoard:      "{camera}: the image is for another board: {detail}.",
	Downgrade:       "{camera}: {to} is older than {from}, which is installed. Cameras take newer builds only: release the old code with a higher build number.",
	BelowFloor:      "{camera}: {to} is below the security floor that {from} has set. Cameras do not take it.",
	NeedsStep:       "{camera}: {to} cannot be installed over {from}: {detail}. Install an image in between first.",
	OnTrial:         "{camera}: {from} is on trial and has to prove itself first. Ask again in two minutes.",
	OutOfWindow:     "{camera}: no window for updates opens before the deadline. Ask with \"force\":true to update now.",
	ViewersPresent:  "{camera}: people were watching until the deadline. Ask with \"force\":true to update anyway.",
	DiskFull:        "{camera}: the relay cannot write its journal: {detail}. Make room on its disk; nothing was done.",
	AlreadyThere:    "{camera}: {from} is installed already. Nothing to do.",
	Fine:            "{camera}: {from} can be updated to {to}.",

	PrepareTimeout:  "{camera}: the camera did not answer the order. It streams {from} as before, or will after its next restart. Try again.",
	StreamStuck:     "{camera}: the camera did not close its stream. It stays on {from}. Restart it and try again.",
	ServerStuck:     "{camera}: the camera could not stop its own server, not even after a restart. It stays on {from}.",
	NoDownload:      "{camera}: the camera never asked for the image. Check that it can reach the relay by HTTP. It stays on {from}.",
	DownloadStalled: "{camera}: the download stopped half-way and did not go on. Check the wireless link. It stays on {from}.",
	DownloadSlow:    "{camera}: the download was too slow to end in time. Check the wireless link. It stays on {from}.",
	VerifyTimeout:   "{camera}: the camera has all of the image but did not say that it is good. It stays on {from} unless it reports otherwise.",
	PowerLost:       "{camera}: the camera lost power during the update, before anything was decided. It runs {from}. Try again.",
	Restarted:       "{camera}: the camera restarted during the update ({detail}). It runs {from}. Try again.",
	NoReport:        "{camera}: the camera went back to its pictures without saying why. It runs {from}. Try again.",
	ActivateLost:    "{camera}: the new image is complete in the camera but was not made the one to start. It runs {from}. Try again.",
	TrialTimeout:    "{camera}: {to} started but did not prove itself ({detail}); it went back to {from} by itself. Nothing to do but to mend {to}.",
	WrongVersion:    "{camera}: it came back with neither {from} nor {to}. Somebody flashed it by cable; the update is closed.",
	NotComingBack:   "{camera}: it has not come back from its restart. Power-cycle it once: if {to} does not work it goes back to {from} by itself. If that does not help, flash it by cable.",
	JobTimeout:      "{camera}: the update took too long altogether. The camera goes back to {from} by its own timer.",
	CancelledByUser: "{camera}: the update was cancelled. It stays on {from}.",
	TooLate:         "{camera}: the new image is already being started, so the update cannot be cancelled any more.",
	ReplacedByOther: "{camera}: another update took its place.",
	Internal:        "{camera}: the relay made a mistake: {detail}. Please report it.",

	// Said by cameras.
	"busy_camera":      "{camera}: the camera is busy with another update.",
	"not_configured":   "{camera}: the firmware has no key to check images with. Install one that has by cable.",
	"wrong_host":       "{camera}: the camera is configured for another address of the relay than the update named. Set ota.host in the relay's configuration.",
	"camera_stuck":     "{camera}: the camera could not switch its sensor off, not even after a restart. It stays on {from}.",
	"low_heap":         "{camera}: too little memory for the update, also after a restart. It stays on {from}.",
	"unknown_key":      "{camera}: the image is signed with a key the camera does not know. It stays on {from}.",
	"bad_signature":    "{camera}: the signature of the image is wrong. Nothing was erased; it stays on {from}.",
	"bad_sha256":       "{camera}: what arrived in the flash is not the image. It stays on {from}. If it happens again the flash chip may be worn.",
	"flash_error":      "{camera}: the flash chip reports an error. It stays on {from}. If it happens again the chip may be worn out.",
	"stalled":          "{camera}: the download stopped half-way. Check the wireless link. It stays on {from}.",
	"too_many_resumes": "{camera}: the connection broke again and again during the download. Check the wireless link. It stays on {from}.",
	"budget":           "{camera}: the update did not end in the time it had. It stays on {from}.",
	"aborted":          "{camera}: the update was cancelled. It stays on {from}.",
	"trial_reset":      "{camera}: {to} restarted before it had proved itself ({detail}); it went back to {from} by itself. Nothing to do but to mend {to}.",
	"trial_refused":    "{camera}: {to} gave itself up; it went back to {from} by itself.",
	"not_started":      "{camera}: {to} could not be started from the flash; the camera runs {from}. Try again.",
}

// sentence renders what a code means.
func sentence(c Code, camera, from, to, detail string) string {
	text, ok := sentences[c]
	if !ok {
		text = "{camera}: the camera says " + string(c) + ". It stays on {from}."
	}
	if detail == "" {
		detail = "no details"
	}
	return strings.NewReplacer("{camera}", camera, "{from}", orUnknown(from), "{to}", orUnknown(to), "{detail}", detail).Replace(text)
}

func orUnknown(version string) string {
	if version == "" {
		return "an unknown version"
	}
	return version
}
