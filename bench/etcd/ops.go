package main

import (
	"context"
	"fmt"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// scanPageRows is how many rows a scan asks for at a time.
const scanPageRows = 1_000

// caller is one of those who call: it has one call under way at a time, and shares nothing with
// the others but a connection and the counter of fresh keys.
type caller struct {
	number int
	ctx    context.Context
	kv     clientv3.KV
	draw   numbers
	turn   int
}

// operation makes one call and tells how many records it wrote or read.
type operation func(c *caller) (int, error)

// workload is what the callers of a job have in common.
type workload struct {
	job    job
	values []string
	fresh  atomic.Int64
}

func newWorkload(j job) *workload {
	w := &workload{job: j, values: valuesOf(j.seed, j.valueBytes)}
	w.fresh.Store(j.from)
	return w
}

// operation is what the job does time and again.
func (w *workload) operation() operation {
	switch w.job.op {
	case opPut, opWriteGap:
		return w.put
	case opPutToken:
		return w.putToken
	case opOnce:
		return w.once
	case opPutMany:
		return w.putMany
	case opGet:
		return func(c *caller) (int, error) { return w.get(c) }
	case opGetStale:
		return func(c *caller) (int, error) { return w.get(c, clientv3.WithSerializable()) }
	case opMix:
		reads := w.job.readShare * (1 << 32)
		return func(c *caller) (int, error) {
			if float64(c.draw.next()) < reads {
				return w.get(c)
			}
			return w.put(c)
		}
	case opScan:
		return w.scan
	default:
		panic(fmt.Sprintf("%s has no operation of its own", w.job.op))
	}
}

func (w *workload) put(c *caller) (int, error) {
	if _, err := c.kv.Put(c.ctx, w.anyKey(c), w.value(c)); err != nil {
		return 0, err
	}
	return 1, nil
}

// putToken is what users of etcd do for a write that takes effect once however often it is sent:
// a key for the token, made in the same transaction.
func (w *workload) putToken(c *caller) (int, error) {
	key := w.anyKey(c)
	token := "token/" + w.newKey()
	response, err := c.kv.Txn(c.ctx).
		If(clientv3.Compare(clientv3.CreateRevision(token), "=", 0)).
		Then(clientv3.OpPut(key, w.value(c)), clientv3.OpPut(token, "")).
		Commit()
	return written(response, err)
}

func (w *workload) once(c *caller) (int, error) {
	key := w.newKey()
	response, err := c.kv.Txn(c.ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, w.value(c))).
		Commit()
	return written(response, err)
}

func written(response *clientv3.TxnResponse, err error) (int, error) {
	if err != nil || !response.Succeeded {
		return 0, err
	}
	return 1, nil
}

func (w *workload) putMany(c *caller) (int, error) {
	end := w.fresh.Add(int64(w.job.batch))
	return w.putRange(c, end-int64(w.job.batch), end)
}

// putRange writes the rows with these numbers in one transaction.
func (w *workload) putRange(c *caller, from, end int64) (int, error) {
	puts := make([]clientv3.Op, 0, end-from)
	for number := from; number < end; number++ {
		puts = append(puts, clientv3.OpPut(keyOf(w.job.prefix, number), w.value(c)))
	}
	if _, err := c.kv.Txn(c.ctx).Then(puts...).Commit(); err != nil {
		return 0, err
	}
	return len(puts), nil
}

func (w *workload) get(c *caller, options ...clientv3.OpOption) (int, error) {
	response, err := c.kv.Get(c.ctx, w.anyKey(c), options...)
	if err != nil {
		return 0, err
	}
	return len(response.Kvs), nil
}

// scan reads all rows of the prefix as they were when its first page was read.
func (w *workload) scan(c *caller) (int, error) {
	rows, key, revision := 0, w.job.prefix, int64(0)
	for {
		response, err := c.kv.Get(c.ctx, key,
			clientv3.WithRange(endOf(w.job.prefix)),
			clientv3.WithLimit(scanPageRows),
			clientv3.WithRev(revision))
		if err != nil {
			return 0, err
		}
		rows += len(response.Kvs)
		if !response.More || len(response.Kvs) == 0 {
			return rows, nil
		}
		// The next name in the order of bytes.
		key = string(response.Kvs[len(response.Kvs)-1].Key) + "\x00"
		if revision == 0 {
			// A later page answers with the newest revision in its header, whichever it was asked for.
			revision = response.Header.Revision
		}
	}
}

func (w *workload) anyKey(c *caller) string {
	return keyOf(w.job.prefix, int64(c.draw.next())%w.job.count)
}

func (w *workload) newKey() string { return keyOf(w.job.prefix, w.fresh.Add(1)-1) }

func (w *workload) value(c *caller) string {
	c.turn++
	if c.turn >= len(w.values) {
		c.turn = 0
	}
	return w.values[c.turn]
}
