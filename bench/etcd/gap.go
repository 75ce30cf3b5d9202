package main

import (
	"context"
	"math"
	"sync"
	"time"
)

// For how long no write succeeded: what a fail-over costs those who write.

const (
	// gapPace is the pause between two writes of one caller.
	gapPace = 5 * time.Millisecond
	// gapLeast: a shorter span is no gap; a slow flush or a busy machine makes such.
	gapLeast = 50 * time.Millisecond
	// gapsMost: a list that long tells no more; the longest gap is kept beside it.
	gapsMost = 10_000
	// gapCallMost bounds a single write. A follower sends a write on to the leader that it knows and
	// forgets it there: while that one is dead, the call waits for the server's own limit of seven
	// seconds. Whoever wants a short fail-over gives up sooner and writes again, so that is done here.
	gapCallMost = 200 * time.Millisecond
)

// gap is when it began (ms since 1970) and how long it was (ms).
type gap [2]float64

// gapWatch is told of every success.
type gapWatch struct {
	mu      sync.Mutex
	wall    time.Time
	last    time.Duration
	gaps    []gap
	longest time.Duration
}

// success takes the time since `wall`. The end of the watch counts as one, so that a gap which is
// still open is not lost.
func (w *gapWatch) success(now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	length := now - w.last
	if length <= 0 {
		return
	}
	w.longest = max(w.longest, length)
	if length > gapLeast && len(w.gaps) < gapsMost {
		began := float64(w.wall.Add(w.last).UnixMicro()) / 1_000
		w.gaps = append(w.gaps, gap{began, milliseconds(length)})
	}
	w.last = now
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }

// writeGap has callers that write, rest and write until the tally's window is over.
func (l *load) writeGap(inFlight int) *gapWatch {
	watch := &gapWatch{wall: l.started, gaps: []gap{}}
	call := l.call
	l.call = func(c *caller) (int, error) {
		ctx, cancel := context.WithTimeout(c.ctx, gapCallMost)
		defer cancel()
		bounded := *c
		bounded.ctx = ctx
		records, err := call(&bounded)
		c.draw, c.turn = bounded.draw, bounded.turn
		if now := l.now(); err == nil && now < l.tally.end {
			watch.success(now)
		}
		return records, err
	}
	defer l.callers.cancelLate(l.tally.end)()
	var all sync.WaitGroup
	for number := range inFlight {
		c := l.callers.make(number)
		all.Go(func() {
			for start := l.now(); start < l.tally.end; start = l.now() {
				l.once(c, start)
				if rest := gapPace - (l.now() - start); rest > 0 {
					time.Sleep(rest)
				}
			}
		})
	}
	all.Wait()
	watch.success(l.tally.end)
	return watch
}
