package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The loops run on synctest's own clock, which moves on when all sleep: nothing here depends on
// how fast the machine is.

func loadOf(begin, end time.Duration, call operation) *load {
	return &load{
		started: time.Now(),
		tally:   newTally(begin, end),
		callers: callers{kv: func(int) clientv3.KV { return nil }, seed: 1, cancels: &cancels{}},
		call:    call,
		sleep:   time.Sleep,
	}
}

func answerOf(t *testing.T, l *load) answer {
	t.Helper()
	got, err := l.tally.answer("", 1)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func takes(span time.Duration) operation {
	return func(*caller) (int, error) {
		time.Sleep(span)
		return 1, nil
	}
}

func TestClosedLoopHasOneCallPerCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		l := loadOf(100*ms, 1_100*ms, func(c *caller) (int, error) {
			if under := now.Add(1); under > most.Load() {
				most.Store(under)
			}
			time.Sleep(10 * ms)
			now.Add(-1)
			return 1, nil
		})
		l.closed(4)
		got := answerOf(t, l)
		// 100 a second for each of four; those that end as the window does are out.
		if got.Operations != 400 || got.P50 < 9_990 || got.P50 > 10_010 || most.Load() != 4 {
			t.Errorf("%d operations, p50 %d, %d at a time", got.Operations, got.P50, most.Load())
		}
	})
}

func TestClosedLoopRestsAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(0, 100*ms, func(*caller) (int, error) { return 0, errors.New("away") })
		l.closed(1)
		if got := answerOf(t, l); got.Failed != 100 || got.Errors["away"] != 100 || got.Operations != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestOpenLoopCallsAtItsRateWhateverTheAnswersTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(1_000*ms, 2_000*ms, takes(500*ms))
		l.open(200)
		if got := answerOf(t, l); got.Operations != 200 || got.Dropped != 0 || got.P50 < 499_000 {
			t.Errorf("got %+v", got)
		}
	})
}

// A stall of half a second, in which all calls wait, counts for all that were due in it.
func TestOpenLoopCountsFromTheTimeThatACallWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(0, 2_000*ms, takes(0))
		stalled := false
		l.sleep = func(span time.Duration) {
			if !stalled && l.now() >= 1_000*ms {
				stalled = true
				span = 500 * ms
			}
			time.Sleep(span)
		}
		l.open(1_000)
		got := answerOf(t, l)
		if got.Operations != 2_000 || got.Max < 498_000 || got.P90 < 250_000 || got.P50 > 1_000 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestOpenLoopCountsWhatWasDueHoweverLateItsAnswerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := atomic.Int64{}
		l := loadOf(500*ms, 1_500*ms, func(*caller) (int, error) {
			if calls.Add(1) > 100 {
				time.Sleep(10 * time.Second)
			}
			return 1, nil
		})
		l.open(100)
		if got := answerOf(t, l); got.Operations != 100 || got.P50 > 1_000 || got.P90 < 9_900_000 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestOpenLoopDropsWhatFindsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(0, 1_000*ms, takes(10*time.Second))
		l.open(30_000)
		if got := answerOf(t, l); got.Dropped != 30_000-outstandingMax {
			t.Errorf("dropped %d", got.Dropped)
		}
	})
}

func TestACallWithoutAnAnswerIsCancelledInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(0, time.Second, func(c *caller) (int, error) {
			<-c.ctx.Done()
			return 0, c.ctx.Err()
		})
		l.closed(2)
		if took := l.now(); took < time.Second+unansweredMost || took > 2*time.Second+unansweredMost {
			t.Errorf("took %v", took)
		}
	})
}

func TestWriteGapFindsTheSpansWithoutASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l *load
		l = loadOf(0, 3*time.Second, func(c *caller) (int, error) {
			now := l.now()
			if now < time.Second || now > 1_500*ms {
				return 1, nil
			}
			// The leader is gone: the call hangs until its own limit.
			<-c.ctx.Done()
			return 0, c.ctx.Err()
		})
		watch := l.writeGap(2)
		got := answerOf(t, l)
		if len(watch.gaps) != 1 || watch.gaps[0][1] < 500 || watch.gaps[0][1] > 750 {
			t.Errorf("gaps: %v", watch.gaps)
		}
		if began := watch.gaps[0][0] - float64(l.started.UnixMilli()); began < 990 || began > 1_000 {
			t.Errorf("began at %v", began)
		}
		if milliseconds(watch.longest) != watch.gaps[0][1] {
			t.Errorf("the longest is %v", watch.longest)
		}
		if kind := context.DeadlineExceeded.Error(); got.Errors[kind] != got.Failed || got.Failed == 0 {
			t.Errorf("errors: %v", got.Errors)
		}
	})
}

func TestWriteGapCountsAGapThatIsStillOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l *load
		l = loadOf(0, 2*time.Second, func(*caller) (int, error) {
			if l.now() > time.Second {
				return 0, errors.New("away")
			}
			return 1, nil
		})
		if watch := l.writeGap(1); watch.longest < 990*ms || watch.longest > 1_010*ms {
			t.Errorf("the longest is %v", watch.longest)
		}
	})
}
