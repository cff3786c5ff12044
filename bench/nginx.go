package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nginxConfig is what both nginx have in common: one worker, nothing logged,
// connections that are not closed for their age.
const nginxConfig = `
daemon off;
worker_processes 1;
pid $DIR/$NAME.pid;
error_log $DIR/$NAME.error.log crit;
events { worker_connections 20000; }
http {
  access_log off;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_body_temp_path $DIR/$NAME.body;
  proxy_temp_path $DIR/$NAME.proxy;
  fastcgi_temp_path $DIR/$NAME.fastcgi;
  uwsgi_temp_path $DIR/$NAME.uwsgi;
  scgi_temp_path $DIR/$NAME.scgi;
  $SERVER
}
`

func (s *site) startNginx(core int, name, addr, server string) (*process, error) {
	text := strings.Replace(nginxConfig, "$SERVER", server, 1)
	text = strings.NewReplacer("$DIR", s.dir, "$NAME", name, "$LISTEN", addr).Replace(text)
	path := filepath.Join(s.dir, name+".conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return start(s.ctx, core, "nginx as "+name, addr, nil, s.nginx, "-c", path, "-p", s.dir, "-e", filepath.Join(s.dir, name+".start.log"))
}

// upstreamServer answers every order with 1 kB of JSON that belongs to the
// customer whose name the order has, and a creation with the first customer's.
func upstreamServer() string {
	return fmt.Sprintf(`server {
    listen $LISTEN;
    default_type application/json;
    location = /v1/orders { return 201 '%s'; }
    location ~ ^/v1/orders/(u[0-9]+)$ { return 200 '%s'; }
  }`, order(customer(0)), order("$1"))
}

// plainProxy forwards and does nothing else.
func plainProxy(upstream string) string { return proxyServer(upstream, "listen $LISTEN;") }

// tlsProxy is plainProxy behind TLS 1.3, for HTTP/1.1 and HTTP/2. The cipher
// suite is the one that Go chooses.
func tlsProxy(upstream string) string {
	return proxyServer(upstream, `listen $LISTEN ssl http2;
    ssl_certificate $DIR/cert.pem;
    ssl_certificate_key $DIR/key.pem;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;`)
}

func proxyServer(upstream, listen string) string {
	return fmt.Sprintf(`upstream api { server %s; keepalive 64; keepalive_requests 1000000000; }
  server {
    %s
    location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }`, upstream, listen)
}

// customer returns the name of the nth customer, who owns one order of that name.
func customer(n int) string { return fmt.Sprintf("u%d", n) }

// order is an order of about 1 kB.
func order(owner string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"%[1]s","customer_id":"%[1]s","tenant_id":"t1","status":"shipped","created":"2026-10-02T08:15:30Z","currency":"EUR","total":48950,"note":"leave it with the neighbours","lines":[`, owner)
	for i := range 11 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"BK-%05d","name":"a book about gates, vol. %d","quantity":%d,"price":%d}`, 10_000+i, i+1, i%3+1, 1990+100*i)
	}
	b.WriteString("]}")
	return b.String()
}

// newOrder is what a creation sends: about 600 bytes.
func newOrder() string {
	var b strings.Builder
	b.WriteString(`{"currency":"EUR","note":"leave it with the neighbours","lines":[`)
	for i := range 6 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"BK-%05d","name":"a book about gates, vol. %d","quantity":%d,"price":%d}`, 10_000+i, i+1, i%3+1, 1990+100*i)
	}
	b.WriteString("]}")
	return b.String()
}
