// SPDX-License-Identifier: BSD-3-Clause

// HTTP over Go's crypto/tls, as it is hard to look into: stacks that move, goroutines that change threads, garbage that is collected all
// the time (by the environment). `gotls server` prints two ports, of net/http (HTTP/1.1 and h2) and of a server of its own, which reads
// into its stack and shakes hands within its first read; both answer with the status that is the path, after recursion, the first one with
// 503 after 20 ms. `gotls client URL PROTOCOL CONCURRENCY`, PROTOCOL being http or h2, reads lines "STATUS N" and makes so many requests of that status at a time, N each, on a
// connection each, in h2 on one of all, and says "ok SUM" or what went wrong.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Calls f some KiB further down the stack.
func dive(depth int, f func()) byte {
	var room [512]byte
	if depth <= 0 {
		f()
		return room[0]
	}
	room[depth%len(room)] = byte(depth)
	return dive(depth-1, f) + room[(depth*7)%len(room)]
}

var turn int32

// From nearly nothing to some 100 KiB, another depth each time.
func someDepth() int {
	return int(atomic.AddInt32(&turn, 1)*37) % 200
}

func answer(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	fail(err)
	io.Copy(io.Discard, r.Body)
	if status == 503 {
		time.Sleep(20 * time.Millisecond)
	}
	dive(someDepth(), func() {
		w.WriteHeader(status)
		w.Write(bytes.Repeat([]byte("x"), 100+status*10))
	})
}

// Reads a request into its own stack, which has to grow for that. 0: there is none.
func statusRead(c *tls.Conn) int {
	var request [600]byte
	status := 0
	for n := 0; n < len(request); {
		m, err := c.Read(request[n:])
		if err != nil {
			return 0
		}
		if n += m; bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
			fmt.Sscanf(string(request[:n]), "GET /%d ", &status)
			return status
		}
	}
	return 0
}

// Each request is answered by a goroutine of its own, whose stack is small.
func talk(c *tls.Conn) {
	more := make(chan bool)
	for {
		go func() {
			status := statusRead(c)
			if status != 0 {
				fmt.Fprintf(c, "HTTP/1.1 %d Said\r\nContent-Length: 5\r\n\r\nhello", status)
			}
			more <- status != 0
		}()
		if !<-more {
			c.Close()
			return
		}
	}
}

func serve() {
	config := &tls.Config{Certificates: []tls.Certificate{certificate()}}
	library, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	own, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println(library.Addr().(*net.TCPAddr).Port, own.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			c, err := own.Accept()
			fail(err)
			go talk(tls.Server(c, config))
		}
	}()
	server := http.Server{Handler: http.HandlerFunc(answer), TLSConfig: config.Clone()}
	fail(server.ServeTLS(library, "", ""))
}

func get(client *http.Client, url string, status int) {
	response, err := client.Get(url + "/" + strconv.Itoa(status))
	fail(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if response.StatusCode != status {
		fail(fmt.Errorf("%d in place of %d", response.StatusCode, status))
	}
}

// One that keeps its connections.
func newClient(h2 bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: h2,
	}}
}

func ask(url string, h2 bool, concurrency int) {
	clients := []*http.Client{}
	for i := 0; i < concurrency; i++ {
		if h2 && i > 0 {
			clients = append(clients, clients[0])
		} else {
			clients = append(clients, newClient(h2))
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var status, n int
		var wait sync.WaitGroup
		_, err := fmt.Sscan(lines.Text(), &status, &n)
		fail(err)
		get(clients[0], url, status) // it is connected before others want to be, too
		several := func(client *http.Client, n int) {
			for i := 0; i < n; i++ {
				dive(someDepth(), func() { get(client, url, status) })
			}
			wait.Done()
		}
		wait.Add(concurrency)
		go several(clients[0], n-1)
		for _, client := range clients[1:] {
			go several(client, n)
		}
		wait.Wait()
		fmt.Println("ok", n*concurrency)
	}
}

func main() {
	if os.Args[1] == "server" {
		serve()
	}
	concurrency, err := strconv.Atoi(os.Args[4])
	fail(err)
	ask(os.Args[2], os.Args[3] == "h2", concurrency)
}
