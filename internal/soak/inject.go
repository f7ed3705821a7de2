package soak

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// injector breaks a cluster as its plan says.
type injector struct {
	cluster *cluster
	clock   *atomic.Int64 // messages acknowledged
	tell    func(string)

	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// run injects every fault in its turn and returns when all are healed. Faults of
// different processes and links may overlap.
func (i *injector) run(ctx context.Context, faults []Fault) error {
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for _, f := range faults {
		for i.clock.Load() < int64(f.At) {
			select {
			case <-ctx.Done():
				i.running.Wait()
				return ctx.Err()
			case <-again.C:
			}
		}
		i.running.Go(func() {
			if err := i.inject(ctx, f); err != nil {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.errs = append(i.errs, fmt.Errorf("soak: fault %s: %w", f, err))
			}
		})
	}
	i.running.Wait()
	if len(i.errs) > 0 {
		return i.errs[0]
	}
	return nil
}

// inject breaks one thing and heals it.
func (i *injector) inject(ctx context.Context, f Fault) error {
	from, to := f.link()
	if from == working {
		from = i.cluster.working(ctx)
	}
	if to != "" {
		f.Target = from + ">" + to
		i.tell("fault " + f.String())
		return i.disturb(ctx, i.cluster.links[f.Target], f)
	}
	f.Target = from
	p := i.cluster.processes[f.Target]
	p.fault.Lock() // of two faults one waits
	defer p.fault.Unlock()
	i.tell("fault " + f.String())
	switch f.Kind {
	case Kill:
		p.kill()
		wait(ctx, f.For)
		return p.start()
	case KillEngine:
		return p.signal(syscall.SIGKILL, true)
	case Freeze:
		if err := p.freeze(); err != nil {
			return err
		}
		wait(ctx, f.For)
		return p.thaw()
	case LogFull:
		return i.fillLog(ctx, p, f)
	case DiskFull:
		return i.fillDisk(ctx, p, f)
	}
	return fmt.Errorf("no fault of a process")
}

// working names the projector that projects, or either of the two when none does.
func (s *cluster) working(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if floor, err := s.metric(ctx, second, "gapwise_projection_floor"); err == nil && floor > 0 {
		return second
	}
	return first
}

// disturb breaks a link. What another fault does to the same link ends with the
// first that is healed.
func (i *injector) disturb(ctx context.Context, l *Link, f Fault) error {
	switch f.Kind {
	case Drop:
		l.Drop()
	case Reset:
		l.Reset()
	case Delay:
		l.Delay(time.Duration(f.Amount) * time.Millisecond)
	case HalfOpen:
		l.HalfOpen(direction(f.Amount))
	case Strand:
		l.Strand(direction(f.Amount))
		return nil
	default:
		return fmt.Errorf("no fault of a link")
	}
	wait(ctx, f.For)
	l.Heal()
	return nil
}

// fillLog starts the broker again with hardly any room, and later with enough.
func (i *injector) fillLog(ctx context.Context, p *process, f Fault) error {
	bytes, err := i.cluster.storedBytes(ctx)
	if err != nil {
		return err
	}
	b, _ := i.cluster.login()
	p.kill()
	p.again(i.cluster.brokerArgs(b.Addr, bytes+f.Amount)...)
	if err := p.start(); err != nil {
		return err
	}
	wait(ctx, f.For)
	p.kill()
	p.again(i.cluster.brokerArgs(b.Addr, 0)...)
	return p.start()
}

// fillDisk makes a file system as small as what is in it, and later large again. A
// broker that found its disk full has given up storing until it is started again.
func (i *injector) fillDisk(ctx context.Context, p *process, f Fault) error {
	dir := i.cluster.folder(f.Target)
	if err := shrink(dir, f.Amount); err != nil {
		return err
	}
	wait(ctx, f.For)
	size := int64(brokerDisk)
	if f.Target == engine {
		size = engineDisk
	}
	if err := resize(dir, size); err != nil {
		return err
	}
	if f.Target == broker {
		p.kill()
		return p.start()
	}
	return nil
}

// shrink leaves so many bytes free. What is written meanwhile may take them: then it
// looks again.
func shrink(dir string, free int64) error {
	for attempt := int64(0); ; attempt++ {
		bytes, err := used(dir)
		if err != nil {
			return err
		}
		err = resize(dir, bytes+free+attempt<<20)
		if err == nil || attempt == 5 {
			return err
		}
	}
}

// freeze stops a process where it is: of the engine's process the engine itself.
func (p *process) freeze() error { return p.signal(syscall.SIGSTOP, p.name == engine) }

// thaw lets it go on.
func (p *process) thaw() error { return p.signal(syscall.SIGCONT, p.name == engine) }

// wait passes some time.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// storedBytes is how much the log takes, asked until a broker answers that may be just
// starting.
func (s *cluster) storedBytes(ctx context.Context) (bytes int64, err error) {
	err = eventually(ctx, "the broker tells how much it holds", func() error {
		log, done, err := s.openLog(ctx)
		if err != nil {
			return err
		}
		defer done()
		info, err := log.Info(ctx)
		bytes = int64(info.Bytes)
		return err
	})
	return bytes, err
}
