// Command reverseproxy is what bench compares Gatehouse with: Go's own
// httputil.ReverseProxy, tuned, and doing nothing but forward.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9950", "where clients are served")
	upstream := flag.String("upstream", "127.0.0.1:9900", "where requests go")
	flag.Parse()
	silent := log.New(io.Discard, "", 0)
	target := &url.URL{Scheme: "http", Host: *upstream}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{
			MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Hour, DisableCompression: true,
			DialContext: (&net.Dialer{}).DialContext, ReadBufferSize: 8 << 10, WriteBufferSize: 4 << 10,
		},
		BufferPool: &buffers{}, ErrorLog: silent,
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.SetXForwarded() },
	}
	server := &http.Server{Addr: *listen, Handler: proxy, ErrorLog: silent, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Hour}
	log.Fatal(server.ListenAndServe())
}

// buffers are what ReverseProxy copies bodies with.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
