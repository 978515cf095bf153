// SPDX-License-Identifier: BSD-3-Clause

// HTTP as Go's library speaks it. `gohttp server [tls]` prints its port and answers with the status of the query's "code", after "ms"
// milliseconds, with "bytes" bytes; inside TLS it asks for a certificate if `tls` is `mutual`. `gohttp client URL N CONCURRENCY
// [CERTIFICATE KEY]` prints what it was answered, a line "STATUS NUMBER" for each status, and the times until the header of a response,
// "p50 SECONDS", the median, and "longest SECONDS". With `strict` for `client` it trusts no certificate that the system does not trust.
package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

func answer(w http.ResponseWriter, r *http.Request) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
			return n
		}
		return otherwise
	}
	io.Copy(io.Discard, r.Body)
	time.Sleep(time.Duration(number("ms", 0)) * time.Millisecond)
	w.WriteHeader(number("code", 200))
	w.Write(bytes.Repeat([]byte("x"), number("bytes", 100)))
}

func serve(secure string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := http.Server{Handler: http.HandlerFunc(answer)}
	if secure != "" {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}}
		if secure == "mutual" {
			server.TLSConfig.ClientAuth = tls.RequestClientCert
		}
		fail(server.ServeTLS(listener, "", ""))
	}
	fail(server.Serve(listener))
}

func ask(url string, n, concurrency int, strict bool, files []string) {
	var lock sync.Mutex
	var wait sync.WaitGroup
	statuses := map[int]int{}
	times := []float64{}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: !strict}
	if len(files) > 1 {
		own, err := tls.LoadX509KeyPair(files[0], files[1])
		fail(err)
		transport.TLSClientConfig.Certificates = []tls.Certificate{own}
	}
	transport.ForceAttemptHTTP2 = false
	transport.MaxIdleConnsPerHost = concurrency
	client := http.Client{Transport: transport}
	for i := 0; i < concurrency; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := 0; i < n; i++ {
				began := time.Now()
				response, err := client.Get(url)
				fail(err)
				took := time.Since(began).Seconds()
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				lock.Lock()
				statuses[response.StatusCode]++
				times = append(times, took)
				lock.Unlock()
			}
		}()
	}
	wait.Wait()
	for status, cnt := range statuses {
		fmt.Println(status, cnt)
	}
	sort.Float64s(times)
	fmt.Printf("p50 %.6f\nlongest %.6f\n", times[len(times)/2], times[len(times)-1])
}

func main() {
	if os.Args[1] == "server" {
		serve(strings.Join(os.Args[2:], ""))
	}
	n, err := strconv.Atoi(os.Args[3])
	fail(err)
	concurrency, err := strconv.Atoi(os.Args[4])
	fail(err)
	ask(os.Args[2], n, concurrency, os.Args[1] == "strict", os.Args[5:])
}
