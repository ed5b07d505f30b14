package boot

// MaxCrashes is how many starts in a row a confirmed image may fail to stay up
// before the other one is tried. The selector counts them where a power cut
// clears them.
const MaxCrashes = 10

// Match is what an image in a slot must be for a Step to take it.
type Match uint8

// What a Step takes.
const (
	AnyImage      Match = iota
	RecordImage         // the one the newest record names
	FallbackImage       // the one that wrote the newest record
)

// Step is one thing to try at a start.
type Step struct {
	Slot  Slot
	Match Match
	Trial bool // to be counted before it is started; rejected if it is not complete
	Quick bool // its body need not be hashed: it has been, and it has run
}

// Plan is what to try, in this order; the first Len steps hold.
type Plan struct {
	Steps [3]Step
	Len   int
}

func plan(steps ...Step) (p Plan) {
	p.Len = copy(p.Steps[:], steps)
	return p
}

// Decide says what to start: r is the newest record, if ok says that there is
// one, and crashes how often a confirmed image has failed in a row. Every plan
// ends with whatever is complete: an image that once failed is better than none.
func Decide(r Record, ok bool, crashes int) Plan {
	if !ok {
		return plan(Step{Slot: A}, Step{Slot: B})
	}
	this, other := r.Slot, r.Slot.Other()
	known := Step{Slot: this, Match: RecordImage, Quick: true}
	switch r.State() {
	case Confirmed:
		if crashes >= MaxCrashes && r.Fallback != NoSlot {
			return plan(Step{Slot: other, Match: FallbackImage}, known, Step{Slot: other})
		}
		return plan(known, Step{Slot: this}, Step{Slot: other})
	case Pending:
		return plan(Step{Slot: this, Match: RecordImage, Trial: true}, Step{Slot: other}, Step{Slot: this})
	default:
		return plan(Step{Slot: other}, Step{Slot: this})
	}
}
