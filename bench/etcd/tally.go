package main

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// microsMost is a minute: what takes longer counts as one.
	microsMost = 60_000_000
	// errorKindsMost are told apart in an answer; further ones are counted as furtherKinds.
	errorKindsMost = 10
	furtherKinds   = "other"
)

// tally counts what falls into the measured time, and nothing else: in a closed loop the calls that
// end in it, in an open loop those that were due in it, however long their answers took. Times are
// counted from the beginning of the job. Callers count in a few parts, so that they do not wait for one another.
type tally struct {
	begin, end time.Duration
	// byDue: a call counts by the moment at which it was due, not by its end.
	byDue bool
	parts []part
}

type part struct {
	mu                                   sync.Mutex
	histogram                            *hdrhistogram.Histogram
	operations, records, failed, dropped int64
	errors                               map[string]int64
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, microsMost, 3) }

func newTally(begin, end time.Duration) *tally {
	parts := make([]part, 4*runtime.GOMAXPROCS(0))
	for i := range parts {
		parts[i].histogram = newHistogram()
		parts[i].errors = map[string]int64{}
	}
	return &tally{begin: begin, end: end, parts: parts}
}

func (t *tally) within(at time.Duration) bool { return at >= t.begin && at < t.end }

func (t *tally) counts(start, now time.Duration) bool {
	if t.byDue {
		return t.within(start)
	}
	return t.within(now)
}

// succeeded counts a caller's call that was due (open loop) or made (closed loop) at `start`.
func (t *tally) succeeded(caller int, start, now time.Duration, records int) {
	if !t.counts(start, now) {
		return
	}
	micros := min(microsMost, max(1, (now-start+time.Microsecond/2)/time.Microsecond))
	p := &t.parts[caller%len(t.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.operations++
	p.records += int64(records)
	if err := p.histogram.RecordValue(int64(micros)); err != nil {
		panic(err) // the value was cut to what the histogram holds
	}
}

// failedWith counts a call that was due or made at `start` and failed at `now`.
func (t *tally) failedWith(caller int, kind string, start, now time.Duration) {
	if !t.counts(start, now) {
		return
	}
	p := &t.parts[caller%len(t.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed++
	count(p.errors, kind, 1)
}

// droppedAt counts an arrival that was due at `due` and found no room.
func (t *tally) droppedAt(due time.Duration) {
	if t.within(due) {
		p := &t.parts[0]
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dropped++
	}
}

// answer adds up; no caller may be under way any more.
func (t *tally) answer(client string, seconds float64) (answer, error) {
	total := answer{Seconds: seconds, Errors: map[string]int64{}, Client: client}
	histogram := newHistogram()
	for i := range t.parts {
		p := &t.parts[i]
		total.Operations += p.operations
		total.Records += p.records
		total.Failed += p.failed
		total.Dropped += p.dropped
		histogram.Merge(p.histogram)
		for kind, n := range p.errors {
			count(total.Errors, kind, n)
		}
	}
	encoded, err := histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return answer{}, err
	}
	total.Histogram = string(encoded)
	if total.Operations > 0 {
		total.P50 = percentile(histogram, 50)
		total.P90 = percentile(histogram, 90)
		total.P99 = percentile(histogram, 99)
		total.Max = histogram.Max()
	}
	return total, nil
}

// percentile is the smallest value that so many hundredths of all do not exceed: their number is
// rounded up, as the other side does it. The library rounds to the nearest, which for a p99 of a
// few dozen calls is another call.
func percentile(histogram *hdrhistogram.Histogram, hundredths int64) int64 {
	all := histogram.TotalCount()
	rank := (all*hundredths + 99) / 100
	return histogram.ValueAtPercentile(float64(rank) / float64(all) * 100)
}

// count adds under a kind, or under furtherKinds once there are enough of them.
func count(errors map[string]int64, kind string, n int64) {
	if _, known := errors[kind]; !known && len(errors) >= errorKindsMost-1 {
		kind = furtherKinds
	}
	errors[kind] += n
}
