package main

import (
	"context"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// fakeKV stands for etcd: rows by key, the revision moves on with every call, and what was asked
// is kept. A transaction's comparisons are all of one kind here: this key was never created.
type fakeKV struct {
	clientv3.KV
	rows     map[string]string
	revision int64
	asked    []clientv3.Op
}

func (f *fakeKV) Put(_ context.Context, key, value string, _ ...clientv3.OpOption) (*clientv3.PutResponse, error) {
	f.rows[key] = value
	return &clientv3.PutResponse{}, nil
}

func (f *fakeKV) Get(_ context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	op := clientv3.OpGet(key, options...)
	f.asked = append(f.asked, op)
	f.revision++
	end := string(op.RangeBytes())
	if end == "" {
		end = key + "\x00"
	}
	found := []*mvccpb.KeyValue{}
	for name, value := range f.rows {
		if name >= key && name < end {
			found = append(found, &mvccpb.KeyValue{Key: []byte(name), Value: []byte(value)})
		}
	}
	slices.SortFunc(found, func(a, b *mvccpb.KeyValue) int { return slices.Compare(a.Key, b.Key) })
	more := op.Limit() > 0 && int64(len(found)) > op.Limit()
	if more {
		found = found[:op.Limit()]
	}
	header := &etcdserverpb.ResponseHeader{Revision: f.revision}
	return &clientv3.GetResponse{Header: header, Kvs: found, More: more}, nil
}

func (f *fakeKV) Txn(context.Context) clientv3.Txn { return &fakeTxn{kv: f} }

type fakeTxn struct {
	clientv3.Txn
	kv    *fakeKV
	never []string
	puts  []clientv3.Op
}

func (f *fakeTxn) If(comparisons ...clientv3.Cmp) clientv3.Txn {
	for _, comparison := range comparisons {
		if comparison.Target != etcdserverpb.Compare_CREATE || comparison.Result != etcdserverpb.Compare_EQUAL {
			panic("only create revisions are compared")
		}
		f.never = append(f.never, string(comparison.KeyBytes()))
	}
	return f
}

func (f *fakeTxn) Then(puts ...clientv3.Op) clientv3.Txn {
	f.puts = puts
	return f
}

func (f *fakeTxn) Commit() (*clientv3.TxnResponse, error) {
	for _, key := range f.never {
		if _, there := f.kv.rows[key]; there {
			return &clientv3.TxnResponse{Succeeded: false}, nil
		}
	}
	for _, put := range f.puts {
		f.kv.rows[string(put.KeyBytes())] = string(put.ValueBytes())
	}
	return &clientv3.TxnResponse{Succeeded: true}, nil
}

// callsOf makes so many calls of a job against the fake, and returns the records of each.
func callsOf(t *testing.T, kv *fakeKV, j job, calls int) []int {
	t.Helper()
	j.valueBytes = 8
	w := newWorkload(j)
	call, c := w.operation(), &caller{ctx: context.Background(), kv: kv, draw: numbers{state: 1}}
	records := make([]int, calls)
	for i := range records {
		n, err := call(c)
		if err != nil {
			t.Fatal(err)
		}
		records[i] = n
	}
	return records
}

func keysOf(kv *fakeKV) []string {
	keys := []string{}
	for key := range kv.rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func same[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPutDrawsItsKeysFromAllOfThem(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{}}
	callsOf(t, kv, job{op: opPut, prefix: "p/", count: 3}, 100)
	same(t, keysOf(kv), []string{"p/0000000000", "p/0000000001", "p/0000000002"})
}

func TestPutTokenWritesTheRecordAndItsTokenOnce(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{}}
	again := job{op: opPutToken, prefix: "p/", count: 1, from: 7}
	same(t, callsOf(t, kv, again, 2), []int{1, 1})
	same(t, keysOf(kv), []string{"p/0000000000", "token/p/0000000007", "token/p/0000000008"})
	kv.rows["p/0000000000"] = "changed"
	same(t, callsOf(t, kv, again, 1), []int{0})
	same(t, []string{kv.rows["p/0000000000"]}, []string{"changed"})
}

func TestOnceMakesWhatIsNotThere(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{"p/0000000001": "there"}}
	same(t, callsOf(t, kv, job{op: opOnce, prefix: "p/"}, 3), []int{1, 0, 1})
	same(t, []string{kv.rows["p/0000000001"]}, []string{"there"})
}

func TestPutManyCountsUpOverItsCalls(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{}}
	same(t, callsOf(t, kv, job{op: opPutMany, prefix: "p/", from: 5, batch: 2}, 2), []int{2, 2})
	same(t, keysOf(kv), []string{"p/0000000005", "p/0000000006", "p/0000000007", "p/0000000008"})
}

func TestGetsDifferInTheirConsistencyAlone(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{"p/0000000000": "there"}}
	same(t, callsOf(t, kv, job{op: opGet, prefix: "p/", count: 1}, 1), []int{1})
	same(t, callsOf(t, kv, job{op: opGetStale, prefix: "none/", count: 1}, 1), []int{0})
	same(t, []bool{kv.asked[0].IsSerializable(), kv.asked[1].IsSerializable()}, []bool{false, true})
}

func TestMixReadsItsShare(t *testing.T) {
	for share, want := range map[float64][2]int{0: {0, 0}, 0.9: {850, 950}, 1: {1_000, 1_000}} {
		kv := &fakeKV{rows: map[string]string{}}
		callsOf(t, kv, job{op: opMix, prefix: "p/", count: 10, readShare: share}, 1_000)
		if reads := len(kv.asked); reads < want[0] || reads > want[1] {
			t.Errorf("share %v: %d reads of 1000", share, reads)
		}
	}
}

func TestScanReadsAllPagesAtTheRevisionOfTheFirst(t *testing.T) {
	for _, rows := range []int{0, 1, scanPageRows, 2*scanPageRows + 1} {
		kv := &fakeKV{rows: map[string]string{"o": "before", "p0": "behind"}}
		for number := range rows {
			kv.rows[keyOf("p/", int64(number))] = "x"
		}
		same(t, callsOf(t, kv, job{op: opScan, prefix: "p/"}, 1), []int{rows})
		for page, op := range kv.asked {
			if want := min(int64(page), 1); op.Rev() != want || op.Limit() != scanPageRows {
				t.Errorf("%d rows, page %d: revision %d, limit %d", rows, page, op.Rev(), op.Limit())
			}
		}
	}
}

func TestFillWritesEveryRowOnce(t *testing.T) {
	kv := &fakeKV{rows: map[string]string{}}
	w := newWorkload(job{op: opFill, inFlight: 1, prefix: "p/", from: 10, count: 25, valueBytes: 8})
	l := loadOf(0, unansweredMost, nil)
	l.callers.kv = func(int) clientv3.KV { return kv }
	if err := l.fill(w, 10); err != nil {
		t.Fatal(err)
	}
	got := answerOf(t, l)
	if got.Operations != 3 || got.Records != 25 || len(kv.rows) != 25 {
		t.Errorf("%d calls, %d records, %d rows", got.Operations, got.Records, len(kv.rows))
	}
	for number := int64(10); number < 35; number++ {
		if _, there := kv.rows[keyOf("p/", number)]; !there {
			t.Errorf("%d is not there", number)
		}
	}
}
