package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// memory measures the resident memory of the full setup in a process of its
// own: idle, and with many keep-alive clients that have asked once.
func (s *site) memory(o options, stderr io.Writer) (figures []figure, err error) {
	if o.clients == 0 || o.only != "" {
		return nil, nil
	}
	fmt.Fprintf(stderr, "memory with %d clients\n", o.clients)
	set := full
	set.name = "memory"
	listen, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := s.startGatehouse(set, s.programs["gatehouse"], listen)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.stop() }()
	time.Sleep(time.Second)
	idle, err := p.rss()
	if err != nil {
		return nil, err
	}
	clients, err := s.connect(listen, min(o.clients, descriptors()))
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second)
	busy, err := p.rss()
	if err != nil {
		return nil, err
	}
	const mega = 1 << 20
	return []figure{
		{name: "resident memory, idle", value: float64(idle) / mega, unit: "MB", bar: 60},
		{name: fmt.Sprintf("resident memory, %d keep-alive clients", len(clients)), value: float64(busy) / mega, unit: "MB", bar: 300},
	}, nil
}

// descriptors returns how many connections this process may open.
func descriptors() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 1000
	}
	return int(min(r.Cur, 1<<20)) - 200
}

// connect opens n connections, each of which asks once and stays.
func (s *site) connect(addr string, n int) (clients []net.Conn, err error) {
	l := s.getLoad()
	request := "GET " + l.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + l.header.Get("Authorization") + "\r\n\r\n"
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed []error
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	for range 64 {
		wg.Go(func() {
			for range todo {
				c, err := askOnce(addr, request)
				mu.Lock()
				if c != nil {
					clients = append(clients, c)
				}
				if err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(failed) > 0 {
		return clients, fmt.Errorf("%d of %d clients failed: %w", len(failed), n, failed[0])
	}
	return clients, nil
}

func askOnce(addr, request string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return c, err
	}
	var answer [16]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return c, err
	}
	if string(answer[:15]) != "HTTP/1.1 200 OK" {
		return c, errors.New("the answer is " + string(answer[:15]))
	}
	return c, nil
}
