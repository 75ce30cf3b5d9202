package main

import (
	"math"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// fillBytesMost keeps a call of fill under etcd's default bound of 1.5 MiB for one request.
const fillBytesMost = 1_048_576

// runJob runs one job from beginning to end, over the connections that it asks for.
func runJob(j job, open *connections) (answer, error) {
	connect := open.leader
	if j.op == opWriteGap {
		connect = open.everywhere
	}
	clients, err := connect(j.connections)
	if err != nil {
		return answer{}, err
	}
	if j.op == opWriteGap {
		defer closeAll(clients)
	}
	w := newWorkload(j)
	// The callers are spread evenly over the connections.
	kv := func(caller int) clientv3.KV { return clients[caller%len(clients)] }
	l := &load{
		callers: callers{kv: kv, seed: j.seed, cancels: &cancels{}},
		sleep:   pause,
		started: time.Now(),
	}
	if j.op == opFill {
		return l.runFill(w)
	}
	l.call = w.operation()
	begin := seconds(j.warmupSeconds)
	l.tally = newTally(begin, begin+seconds(j.seconds))
	if j.op == opWriteGap {
		watch := l.writeGap(j.inFlight)
		longest := milliseconds(watch.longest)
		said, err := l.tally.answer(clientName(), j.seconds)
		said.Gaps, said.LongestGapMs = &watch.gaps, &longest
		return said, err
	}
	if j.rate > 0 {
		l.open(j.rate)
	} else {
		l.closed(j.inFlight)
	}
	return l.tally.answer(clientName(), j.seconds)
}

// runFill has no window: it takes as long as it takes.
func (l *load) runFill(w *workload) (answer, error) {
	l.tally = newTally(0, math.MaxInt64)
	record := w.job.valueBytes + len(w.job.prefix) + keyDigits
	batch := max(1, min(w.job.batch, txnOpsMax, fillBytesMost/record))
	if err := l.fill(w, batch); err != nil {
		return answer{}, err
	}
	return l.tally.answer(clientName(), l.now().Seconds())
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
