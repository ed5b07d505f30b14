package image

import "math/bits"

// Reason is why an image is refused. It is an error that allocates nothing.
type Reason uint8

// Reasons that lie in the header itself (Decode), in its signature (Verify), in
// the body (Body), and in where it is to go (Target).
const (
	Short        Reason = iota + 1 // fewer bytes than a header
	BadMagic                       // not an image
	BadFormat                      // a format version this program does not know
	BadCRC                         // header damaged
	BadHeader                      // header length, reserved bytes or padding not as the format has them
	BadLength                      // no body, or longer than any slot
	BadBoard                       // board name not well formed
	BadChip                        // chip name not well formed
	BadVersion                     // version text not well formed
	BadBuild                       // build number 0
	BadFloor                       // floor above the image's own build
	BadBase                        // base not below the image's own build
	BadLayout                      // layout unknown, or not that of the chip
	BadEntry                       // entry outside the code that is loaded
	BadPatch                       // patch address outside the data that is loaded
	BadMapping                     // mapped data and code not where the start-up code looks for them
	BadSegment                     // a load segment outside the file, or outside the memory it may fill
	OverlapFile                    // load segments not in the order of the file
	OverlapRAM                     // load segments overlap in memory
	Unsigned                       // nobody has signed it
	UnknownKey                     // signed with a key that is not in the ring
	BadSignature                   // the signature is not that of this header
	Truncated                      // body shorter than the header says
	Overlong                       // body longer than the header says
	BadSum                         // body has another SHA-256
	BadLoad                        // a load segment has another CRC
	OtherBoard                     // for another board
	OtherChip                      // for another chip
	TooLarge                       // larger than the slot
	SameBuild                      // this build is installed
	OlderBuild                     // a newer build is installed
	BelowFloor                     // older than the security floor
	NeedsStep                      // an image in between has to be installed first
	numReasons
)

// refused begins each sentence; unknown ends that of a reason from elsewhere.
const (
	refused = "image refused: "
	unknown = "the reason is unknown"
)

// reasons holds for each Reason its code for messages and its sentence.
var reasons = [numReasons][2]string{
	Short:        {"short", refused + "it is shorter than a header"},
	BadMagic:     {"bad_magic", refused + "it does not begin with CAMS, so it is no camrelay image"},
	BadFormat:    {"bad_format", refused + "its format version is unknown; a newer program may know it"},
	BadCRC:       {"bad_header_crc", refused + "the header is damaged: its checksum is wrong"},
	BadHeader:    {"bad_header", refused + "header length, reserved bytes or padding are not what the format wants"},
	BadLength:    {"bad_length", refused + "the length is not possible"},
	BadBoard:     {"bad_board", refused + "the board's name is not well formed"},
	BadChip:      {"bad_chip", refused + "the chip's name is not well formed"},
	BadVersion:   {"bad_version", refused + "the version text is not well formed"},
	BadBuild:     {"bad_build", refused + "the build number is 0"},
	BadFloor:     {"bad_floor", refused + "the security floor is above the build number"},
	BadBase:      {"bad_base", refused + "the build it must be installed over is not below its own"},
	BadLayout:    {"bad_layout", refused + "the layout of the body is unknown or not that of the chip"},
	BadEntry:     {"bad_entry", refused + "the entry address is not in loaded code"},
	BadPatch:     {"bad_patch", refused + "the address of the flash offset is not in loaded data"},
	BadMapping:   {"bad_mapping", refused + "mapped data or code does not lie where it is looked for"},
	BadSegment:   {"bad_segment", refused + "a load segment lies outside the file or outside the memory it may fill"},
	OverlapFile:  {"overlap_file", refused + "load segments overlap in the file or are not in its order"},
	OverlapRAM:   {"overlap_ram", refused + "load segments overlap in memory"},
	Unsigned:     {"unsigned", refused + "it is not signed"},
	UnknownKey:   {"unknown_key", refused + "it is signed with a key that is not known here"},
	BadSignature: {"bad_signature", refused + "the signature is wrong"},
	Truncated:    {"truncated", refused + "the body ends early"},
	Overlong:     {"overlong", refused + "there is more after the end of the body"},
	BadSum:       {"bad_sha256", refused + "the body is damaged: its SHA-256 is wrong"},
	BadLoad:      {"bad_segment_crc", refused + "the checksum of a load segment is wrong"},
	OtherBoard:   {"other_board", refused + "it is for another board"},
	OtherChip:    {"other_chip", refused + "it is for another chip"},
	TooLarge:     {"too_large", refused + "it is larger than the slot"},
	SameBuild:    {"same_build", refused + "this build is installed already"},
	OlderBuild:   {"older_build", refused + "a newer build is installed"},
	BelowFloor:   {"below_floor", refused + "it is older than the security floor allows"},
	NeedsStep:    {"needs_step", refused + "an image in between has to be installed first"},
}

// Error is a sentence about the image.
func (r Reason) Error() string {
	if r == 0 || r >= numReasons {
		return refused + unknown
	}
	return reasons[r][1]
}

// Text is the sentence without the words that say that it is a refusal.
func (r Reason) Text() string {
	if r == 0 || r >= numReasons {
		return unknown
	}
	return reasons[r][1][len(refused):]
}

// Code is a word for messages between programs; it never changes.
func (r Reason) Code() string {
	if r == 0 || r >= numReasons {
		return "unknown"
	}
	return reasons[r][0]
}

// Reasons is a set of reasons.
type Reasons uint64

func (s *Reasons) add(r Reason) { *s |= 1 << r }

func (s *Reasons) when(refuse bool, r Reason) {
	if refuse {
		s.add(r)
	}
}

// Has reports whether r is one of them.
func (s Reasons) Has(r Reason) bool { return s>>r&1 != 0 }

// First is the reason that comes first in the list above, 0 for an empty set.
func (s Reasons) First() Reason {
	if s == 0 {
		return 0
	}
	return Reason(bits.TrailingZeros64(uint64(s)))
}

// Err is First as an error, nil for an empty set.
func (s Reasons) Err() error {
	if s == 0 {
		return nil
	}
	return s.First()
}

// All calls yield with each reason, for range.
func (s Reasons) All(yield func(Reason) bool) {
	for ; s != 0; s &= s - 1 {
		if !yield(s.First()) {
			return
		}
	}
}
