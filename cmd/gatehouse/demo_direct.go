package main

import (
	"bytes"
	"io"
	"net/http"
)

// direct has requests answered by a handler, by a call.
type direct struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "@"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	a := &spoken{header: http.Header{}}
	d.handler.ServeHTTP(a, in)
	_ = in.Body.Close()
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// spoken is what a handler has answered.
type spoken struct {
	header http.Header
	status int // 0 until it is written
	body   bytes.Buffer
}

func (a *spoken) Header() http.Header { return a.header }

func (a *spoken) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *spoken) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
