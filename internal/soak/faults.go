package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is one way of breaking things.
type Kind string

// The kinds of faults.
const (
	Kill       Kind = "kill"        // kill -9 of a process, and a new start
	KillEngine Kind = "kill-engine" // kill -9 of the database engine inside its process, which starts it again
	Freeze     Kind = "freeze"      // a process stopped, and woken when others have gone on without it
	Drop       Kind = "drop"        // a link closes all connections, and new ones for a while
	Reset      Kind = "reset"       // a link breaks all connections once
	Delay      Kind = "delay"       // a link is slow
	HalfOpen   Kind = "half-open"   // a link loses one direction, and nobody is told
	Strand     Kind = "strand"      // what is open on a link loses one direction for good
	LogFull    Kind = "log-full"    // the broker is started again with no room for more
	DiskFull   Kind = "disk-full"   // the file system of broker or engine gets full
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Kill, KillEngine, Freeze, Drop, Reset, Delay, HalfOpen, Strand, LogFull, DiskFull}
}

// ParseKinds reads a list of kinds; empty are all.
func ParseKinds(names []string) ([]Kind, error) {
	if len(names) == 0 {
		return Kinds(), nil
	}
	var kinds []Kind
	for _, name := range names {
		if !slices.Contains(Kinds(), Kind(name)) {
			return nil, fmt.Errorf("%q is no kind of fault; there are %v", name, Kinds())
		}
		kinds = append(kinds, Kind(name))
	}
	return kinds, nil
}

// Fault is one thing that breaks.
type Fault struct {
	Kind   Kind
	Target string        // a process, or a link as from>to
	At     int           // once so many messages were acknowledged
	For    time.Duration // until it is healed
	Amount int64         // bytes left, milliseconds late, or the direction that is lost
}

func (f Fault) String() string {
	return fmt.Sprintf("%s %s at %d for %s (%d)", f.Kind, f.Target, f.At, f.For, f.Amount)
}

// The processes of a schedule.
const (
	broker  = "broker"
	engine  = "engine"
	ingest  = "ingest"
	reports = "query"
	first   = "projector-1"
	second  = "projector-2"
	working = "projector" // the one of the two that projects, found when its fault comes
	clients = "clients"   // the producers; links alone begin there
)

// drawFaults spreads faults over a schedule. All kinds come before one comes again.
func drawFaults(c Config, dice *rand.Rand) []Fault {
	n := 3 + min(c.Events/4000, 5)
	var deck []Kind
	var faults []Fault
	for i := range n {
		if len(deck) == 0 {
			deck = slices.Clone(c.Faults)
			dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := Fault{Kind: deck[0], At: (i + 1) * c.Events / (n + 2)}
		deck = deck[1:]
		f.At += dice.IntN(1 + c.Events/(2*n+4))
		f.draw(dice)
		faults = append(faults, f)
	}
	return faults
}

// draw decides what breaks and for how long.
func (f *Fault) draw(dice *rand.Rand) {
	among := func(names ...string) string { return names[dice.IntN(len(names))] }
	between := func(low, high time.Duration) time.Duration { return low + time.Duration(dice.Int64N(int64(high-low))) }
	link := func() string {
		return among(ingest, working, working, first, second, reports) + ">" + among(broker, engine)
	}
	switch f.Kind {
	case Kill:
		f.Target, f.For = among(ingest, working, first, reports, broker, engine), between(0, 500*time.Millisecond)
	case KillEngine:
		f.Target = engine
	case Freeze: // a projector's lease is one second here
		f.Target, f.For = among(working, working, working, first, ingest, broker, engine), between(1500*time.Millisecond, 2500*time.Millisecond)
	case Drop:
		f.Target, f.For = among(link(), clients+">"+broker, clients+">"+ingest), between(100*time.Millisecond, time.Second)
	case Reset:
		f.Target = among(link(), clients+">"+broker, clients+">"+ingest)
	case Delay:
		f.Target, f.For, f.Amount = among(link(), clients+">"+broker, clients+">"+ingest), between(500*time.Millisecond, 2*time.Second), 5+dice.Int64N(200)
	case HalfOpen:
		f.Target, f.For, f.Amount = among(link(), clients+">"+broker, clients+">"+ingest), between(500*time.Millisecond, 2*time.Second), 1+dice.Int64N(2)
	case Strand: // who talks to the engine finds out only when a query takes too long
		f.Target, f.Amount = among(ingest, working, reports, clients)+">"+broker, 1+dice.Int64N(2)
	case LogFull:
		f.Target, f.For, f.Amount = broker, between(700*time.Millisecond, 1500*time.Millisecond), 1<<10+dice.Int64N(256<<10)
	case DiskFull:
		f.Target, f.For, f.Amount = among(broker, engine), between(700*time.Millisecond, 1500*time.Millisecond), dice.Int64N(512<<10)
	}
}

// CountFaults tells how many faults there were, kind by kind.
func CountFaults(faults []Fault) map[Kind]int {
	counts := map[Kind]int{}
	for _, f := range faults {
		counts[f.Kind]++
	}
	return counts
}

// link splits a link's name.
func (f Fault) link() (from, to string) {
	from, to, _ = strings.Cut(f.Target, ">")
	return from, to
}
