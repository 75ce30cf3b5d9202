package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The two shapes of load. In a closed loop each caller waits for its answer before it calls again,
// which finds the most that a store can do; it hides stalls, because nobody calls during one. In an
// open loop calls arrive at a fixed rate whatever the answers take, and each is timed from the
// moment at which it was due, so that a stall counts for all that fell into it (Gil Tene's
// "coordinated omission").

const (
	// restAfterFailure keeps a store that is away from being asked a million times.
	restAfterFailure = time.Millisecond
	// tick is how finely an open loop looks at the clock: the same on both sides of a comparison.
	tick = time.Millisecond
	// unansweredMost is how long after the end of a job a call may stay without an answer; then it
	// is cancelled, so that a job always ends.
	unansweredMost = 20 * time.Second
)

// load runs the calls of one job.
type load struct {
	started time.Time
	tally   *tally
	callers callers
	call    operation
	// sleep lets open loops wait; see pause.
	sleep func(time.Duration)
}

// now is the time since the job began.
func (l *load) now() time.Duration { return time.Since(l.started) }

// once makes one call and counts it from `start` on.
func (l *load) once(c *caller, start time.Duration) {
	records, err := l.call(c)
	if err != nil {
		l.tally.failedWith(c.number, errorKind(err), start, l.now())
		time.Sleep(restAfterFailure)
		return
	}
	l.tally.succeeded(c.number, start, l.now(), records)
}

// closed has so many callers, each with one call at a time, until the tally's window is over.
func (l *load) closed(inFlight int) {
	defer l.callers.cancelLate(l.tally.end)()
	var all sync.WaitGroup
	for number := range inFlight {
		c := l.callers.make(number)
		all.Go(func() {
			for start := l.now(); start < l.tally.end; start = l.now() {
				l.once(c, start)
			}
		})
	}
	all.Wait()
}

// open makes calls at `perSecond` until the tally's window is over, and waits for their answers.
// After a late wake-up all calls that are due by then are made at once.
func (l *load) open(perSecond float64) {
	defer l.callers.cancelLate(l.tally.end)()
	l.tally.byDue = true
	var all sync.WaitGroup
	// Whoever has called goes to the end of the queue: the connections take turns.
	idle := make(chan *caller, outstandingMax)
	made := 0
	for number := int64(0); ; number++ {
		due := time.Duration(float64(number) / perSecond * float64(time.Second))
		if due >= l.tally.end {
			break
		}
		for due > l.now() {
			l.sleep(tick)
		}
		var c *caller
		select {
		case c = <-idle:
		default:
			if made == outstandingMax {
				l.tally.droppedAt(due)
				continue
			}
			c = l.callers.make(made)
			made++
		}
		all.Go(func() {
			l.once(c, due)
			idle <- c
		})
	}
	all.Wait()
}

// fill writes the rows `from` … `from + count` in calls of `batch`. The first failure ends it.
func (l *load) fill(w *workload, batch int) error {
	defer l.callers.cancelAll()
	end := w.job.from + w.job.count
	var all sync.WaitGroup
	var stop atomic.Bool
	var failure error
	var once sync.Once
	for number := range w.job.inFlight {
		c := l.callers.make(number)
		all.Go(func() {
			for !stop.Load() {
				last := w.fresh.Add(int64(batch))
				first := last - int64(batch)
				if first >= end {
					return
				}
				start := l.now()
				records, err := w.putRange(c, first, min(last, end))
				if err != nil {
					once.Do(func() { failure = err })
					stop.Store(true)
					return
				}
				l.tally.succeeded(c.number, start, l.now(), records)
			}
		})
	}
	all.Wait()
	return failure
}

// callers makes those who call.
type callers struct {
	// kv is the connection of a caller.
	kv      func(caller int) clientv3.KV
	seed    uint32
	cancels *cancels
}

// cancels are kept per caller: one parent context for all would be one lock for all.
type cancels struct {
	mu  sync.Mutex
	all []context.CancelFunc
}

func (c callers) make(number int) *caller {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancels.mu.Lock()
	c.cancels.all = append(c.cancels.all, cancel)
	c.cancels.mu.Unlock()
	// An odd factor, so that no two of 2^32 callers begin alike.
	draw := numbers{state: (c.seed ^ 0x9e37_79b9) + uint32(number)*0x85eb_ca6b}
	return &caller{number: number, ctx: ctx, kv: c.kv(number), draw: draw, turn: number}
}

// cancelLate cancels all calls that are unanswered long after `end`; the function that it returns
// calls that off and releases the contexts.
func (c callers) cancelLate(end time.Duration) func() {
	timer := time.AfterFunc(end+unansweredMost, c.cancelAll)
	return func() {
		timer.Stop()
		c.cancelAll()
	}
}

func (c callers) cancelAll() {
	c.cancels.mu.Lock()
	defer c.cancels.mu.Unlock()
	for _, cancel := range c.cancels.all {
		cancel()
	}
}
