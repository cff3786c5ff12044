package gatehouse

// Recorder takes note of ended exchanges. It must copy what it keeps, since the
// exchange is used again, and it must not block: it is called between the answer
// and the next request of the same connection.
type Recorder interface {
	Record(x *Exchange, t Traffic)
}

// Traffic is what a host measured of one exchange.
type Traffic struct {
	Took       int64  // nanoseconds from the first byte of the head to the last of the answer
	Upstream   int64  // nanoseconds spent waiting for the upstream, 0 when it was not asked
	In, Out    int64  // body bytes from and to the client
	Aborted    string // why the exchange was cut short after the answer began, or ""
	UpstreamTo string // address of the upstream that was asked, or ""
}
