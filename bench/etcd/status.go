package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// statusMost bounds how long a node may take to say how it is.
const statusMost = 2 * time.Second

// nodeStatus is what a node says of itself, or why it says nothing.
type nodeStatus struct {
	Endpoint string `json:"endpoint"`
	// Leader: this node is the one.
	Leader  bool   `json:"leader"`
	Version string `json:"version"`
	// DbSize is in bytes, as it lies on the disk.
	DbSize    int64  `json:"dbSize"`
	RaftIndex uint64 `json:"raftIndex"`
	Error     string `json:"error,omitempty"`
}

// printStatus prints one line of JSON with all nodes, and tells whether any of them answered.
func printStatus(out io.Writer, endpoints []string) (bool, error) {
	nodes := make([]nodeStatus, 0, len(endpoints))
	answered := false
	for _, endpoint := range endpoints {
		node := statusOf(endpoint)
		answered = answered || node.Error == ""
		nodes = append(nodes, node)
	}
	return answered, json.NewEncoder(out).Encode(nodes)
}

func statusOf(endpoint string) nodeStatus {
	node := nodeStatus{Endpoint: endpoint}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		node.Error = err.Error()
		return node
	}
	defer closeAll([]*clientv3.Client{client})
	ctx, cancel := context.WithTimeout(context.Background(), statusMost)
	defer cancel()
	status, err := client.Status(ctx, endpoint)
	if err != nil {
		node.Error = err.Error()
		return node
	}
	node.Leader = status.Leader == status.Header.MemberId
	node.Version = status.Version
	node.DbSize = status.DbSize
	node.RaftIndex = status.RaftIndex
	return node
}
