package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const ms = time.Millisecond

func TestTallyCountsWhatEndsWithinTheWindow(t *testing.T) {
	tally := newTally(100*ms, 200*ms)
	tally.succeeded(0, 90*ms, 99*ms, 1)    // ended before
	tally.succeeded(1, 90*ms, 100*ms, 2)   // began before, ended within
	tally.succeeded(2, 198*ms, 199*ms, 3)  // within
	tally.succeeded(3, 199*ms, 200*ms, 50) // ended behind
	tally.failedWith(4, "late", 150*ms, 200*ms)
	tally.failedWith(5, "refused", 0, 150*ms)
	tally.droppedAt(99 * ms)
	tally.droppedAt(100 * ms)
	got, err := tally.answer("a client", 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Operations != 2 || got.Records != 5 || got.Failed != 1 || got.Dropped != 1 {
		t.Errorf("got %+v", got)
	}
	if len(got.Errors) != 1 || got.Errors["refused"] != 1 {
		t.Errorf("errors: %v", got.Errors)
	}
	if got.P50 != 1_000 || got.Seconds != 0.1 || got.Client != "a client" {
		t.Errorf("got %+v", got)
	}
	histogram, err := hdrhistogram.Decode([]byte(got.Histogram))
	if err != nil || histogram.TotalCount() != 2 {
		t.Errorf("histogram of %v, %v", histogram, err)
	}
}

func TestTallyKeepsLatenciesWithinTheHistogram(t *testing.T) {
	tally := newTally(0, time.Hour)
	tally.succeeded(0, 0, 10*time.Nanosecond, 1)
	tally.succeeded(0, 0, 30*time.Minute, 1)
	got, err := tally.answer("", 1)
	if err != nil || got.Operations != 2 || got.P50 != 1 || got.Max < 60_000_000 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTallyOfNothingIsAllZero(t *testing.T) {
	got, err := newTally(0, 0).answer("", 0)
	if err != nil || got.Operations != 0 || got.P99 != 0 || got.Max != 0 || got.Histogram == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Of 71 calls the p99 is the 71st: 70.29 of them rounded up.
func TestPercentilesRoundTheNumberOfCallsUp(t *testing.T) {
	histogram := newHistogram()
	for i := range int64(71) {
		_ = histogram.RecordValue(i + 1)
	}
	if got := percentile(histogram, 99); got != 71 {
		t.Errorf("p99 is %d", got)
	}
	if got := percentile(histogram, 50); got != 36 {
		t.Errorf("p50 is %d", got)
	}
}

func TestTallyTellsTenKindsOfErrorsApart(t *testing.T) {
	tally := newTally(0, time.Second)
	for i := range 30 {
		tally.failedWith(i, fmt.Sprintf("kind %d", i), 0, 0)
	}
	got, err := tally.answer("", 1)
	if err != nil || got.Failed != 30 || len(got.Errors) != 10 {
		t.Errorf("got %d failed as %v, %v", got.Failed, got.Errors, err)
	}
	sum := int64(0)
	for _, n := range got.Errors {
		sum += n
	}
	if sum != 30 {
		t.Errorf("the kinds add up to %d", sum)
	}
}
