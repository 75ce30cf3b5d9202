package main

import (
	"context"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	clientModule = "go.etcd.io/etcd/client/v3"
	// dialMost bounds how long a new connection may take until it answers.
	dialMost = 10 * time.Second
)

// connections stay open from job to job.
type connections struct {
	endpoints []string
	open      []*clientv3.Client
}

// leader gives exactly so many connections to the first endpoint. The client takes turns among
// its endpoints, so one that knew them all would send two writes of three by way of a follower.
func (c *connections) leader(count int) ([]*clientv3.Client, error) {
	for len(c.open) > count {
		last := len(c.open) - 1
		if err := c.open[last].Close(); err != nil {
			return nil, err
		}
		c.open = c.open[:last]
	}
	for len(c.open) < count {
		client, err := dial(c.endpoints[:1])
		if err != nil {
			return nil, err
		}
		c.open = append(c.open, client)
	}
	return c.open, nil
}

// everywhere gives so many connections that know all endpoints, for jobs in which the leader goes.
// The caller closes them.
func (c *connections) everywhere(count int) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, 0, count)
	for range count {
		client, err := dial(c.endpoints)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		clients = append(clients, client)
	}
	return clients, nil
}

func closeAll(clients []*clientv3.Client) {
	for _, client := range clients {
		// Nothing depends on how a connection ends, and a node may be dead by now.
		_ = client.Close()
	}
}

// dial connects and waits for a first answer, so that no connecting falls into what is measured.
func dial(endpoints []string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints,
		// What goes wrong is in the answer; lines of log per call would cost the measured time.
		Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("no client for %s: %w", strings.Join(endpoints, ","), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialMost)
	defer cancel()
	if _, err := client.Get(ctx, "bench/none", clientv3.WithSerializable(), clientv3.WithCountOnly()); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("%s does not answer: %w", strings.Join(endpoints, ","), err)
	}
	return client, nil
}

// clientName is the client library with its version, as it was built in.
func clientName() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == clientModule {
				return clientModule + " " + strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return clientModule
}

// addresses of a connection in gRPC's words: the near port is another one each time.
var addresses = regexp.MustCompile(`\S+->\S+`)

// errorKind is how a failure is called in the answer: the server's or the library's own words,
// without what changes from call to call.
func errorKind(err error) string {
	const longest = 200
	text := addresses.ReplaceAllString(err.Error(), "the connection")
	if len(text) > longest {
		text = text[:longest]
	}
	return text
}
