package proxy

// Watches returns how many deadlines are looked after: one for each connection and stream.
func (s *Server) Watches() (n int) {
	for i := range s.watcher.shards {
		h := &s.watcher.shards[i]
		h.mu.Lock()
		n += len(h.ws)
		h.mu.Unlock()
	}
	return n
}
