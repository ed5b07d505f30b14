package ingest

import (
	"context"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// CanSet implements stream.Source.
func (p *Puller) CanSet() bool { return p.control != nil && p.control.known.Load() }

// readStatus finds out what the camera's settings are.
func (p *Puller) readStatus(ctx context.Context) {
	release, err := p.control.take(ctx)
	if err != nil {
		return
	}
	defer release()
	numbers, err := p.control.status(ctx)
	if err != nil {
		p.log.Debug("camera cannot be controlled", "error", err)
		return
	}
	p.control.forget()
	p.control.observe(numbers[wire.FrameSizeSetting], int(p.width.Load()), int(p.height.Load()))
	p.control.known.Store(true)
	p.tell(p.control.settings(numbers))
}

// tell gives the hub what is in force.
func (p *Puller) tell(settings wire.Settings) {
	p.mu.Lock()
	feed := p.feed
	p.mu.Unlock()
	if feed != nil {
		feed.Settings(settings)
	}
}

// Set implements stream.Source. Its errors are ErrNoAnswer, *RefusedError,
// stream.ErrNoControl, that of ctx, and sentences about the network.
func (p *Puller) Set(ctx context.Context, settings wire.Settings) (wire.Settings, error) {
	if !p.CanSet() {
		return nil, stream.ErrNoControl
	}
	release, err := p.control.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, ok := settings[wire.FrameSizeSetting]; ok {
		numbers, err := p.control.status(ctx)
		if err != nil {
			return nil, err
		}
		p.control.observe(numbers[wire.FrameSizeSetting], int(p.width.Load()), int(p.height.Load()))
	}
	done := make(wire.Settings)
	for _, name := range settings.Names() {
		value, ok, err := p.control.valueOf(settings, name)
		if err == nil && ok {
			err = p.control.set(ctx, name, value)
		}
		if err != nil {
			p.tell(done) // those before it are in force
			return nil, err
		}
		if ok {
			done[name] = settings[name]
		}
	}
	if numbers, err := p.control.status(ctx); err == nil {
		return done.Merge(p.control.settings(numbers)), nil
	}
	return done, nil
}
