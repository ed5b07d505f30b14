package update

import (
	"camrelay/firmware/core/fetch"
	"camrelay/firmware/core/image"
)

// code is a word for messages that says why something ended.
type code string

// Codes that are not those of another package.
const (
	badRequest    code = "bad_request"
	busy          code = "busy"
	onTrial       code = "on_trial"
	wrongHost     code = "wrong_host"
	tooLarge      code = "too_large"
	notConfigured code = "not_configured"

	streamStuck    code = "stream_stuck"
	serverStuck    code = "server_stuck"
	cameraStuck    code = "camera_stuck"
	lowHeap        code = "low_heap"
	noAnswer       code = "no_answer"
	badAnswer      code = "bad_answer"
	sizeMismatch   code = "size_mismatch"
	overBudget     code = "budget"
	aborted        code = "aborted"
	flashError     code = "flash_error"
	activateFailed code = "activate_failed"
	restoreFailed  code = "restore_failed"
	restarted      code = "restarted"
	trialTimeout   code = "trial_timeout"
	trialReset     code = "trial_reset"
	trialRefused   code = "trial_refused"
	notStarted     code = "not_started"
)

// codeOf says in a word what an error of the chip or of the image is.
func codeOf(err error) code {
	if r, ok := err.(image.Reason); ok {
		return code(r.Code())
	}
	return flashError
}

// codeOfResult does so for a request that failed.
func (u *Updater) codeOfResult(r fetch.Result) code { return code(r.AppendCode(u.scratch[:0])) }
