package people

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Mail is one message of plain text.
type Mail struct{ To, Subject, Text string }

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Folder writes mail into a folder instead of sending it. It is for development:
// whoever reads the folder can take accounts over.
type Folder struct{ Path, From string }

// Send implements [Mailer]. The names of the files are in the order of sending.
func (f Folder) Send(_ context.Context, m Mail) error {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return fmt.Errorf("people: writing mail: %w", err)
	}
	now := time.Now()
	name := now.UTC().Format("20060102T150405.000000000") + "-" + rand.Text()[:6] + ".eml"
	if err := os.WriteFile(filepath.Join(f.Path, name), message(f.From, m, now), 0o600); err != nil {
		return fmt.Errorf("people: writing mail: %w", err)
	}
	return nil
}

// SMTP sends mail through a server, over TLS and never without: from the first byte
// on port 465 (RFC 8314), after STARTTLS on every other.
type SMTP struct {
	Address        string // host:port
	From           string // an address
	User, Password string // "" for a server that needs none
	TLS            *tls.Config
}

// ErrPlain says that the server does not offer TLS. Nothing was sent.
var ErrPlain = errors.New("people: the mail server offers no TLS")

// Send implements [Mailer].
func (s SMTP) Send(ctx context.Context, m Mail) error {
	if err := s.send(ctx, m); err != nil {
		return fmt.Errorf("people: sending mail: %w", err)
	}
	return nil
}

func (s SMTP) send(ctx context.Context, m Mail) error {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	config := &tls.Config{}
	if s.TLS != nil {
		config = s.TLS.Clone()
	}
	config.ServerName, config.MinVersion = host, tls.VersionTLS12
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	if port == "465" {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if port != "465" {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return ErrPlain
		}
		if err := c.StartTLS(config); err != nil {
			return err
		}
	}
	return s.deliver(c, host, m)
}

func (s SMTP) deliver(c *smtp.Client, host string, m Mail) error {
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(message(s.From, m, time.Now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// message is a mail as it is sent. Addresses are canonical names, so that no line
// end is in them.
func message(from string, m Mail, at time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", from, m.To,
		mime.QEncoding.Encode("utf-8", m.Subject), at.Format(time.RFC1123Z), strings.ToLower(rand.Text()), from[strings.LastIndexByte(from, '@')+1:])
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(m.Text)) // into memory
	_ = w.Close()
	return []byte(b.String())
}
