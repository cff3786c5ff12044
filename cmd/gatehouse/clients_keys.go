package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

// readJWKS reads a file of public keys; there is none of no name.
func readJWKS(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	return b, nil
}

func (e *entry) replaceKeys(args []string) error {
	path := e.flags.String("jwks", "", "a file with its public keys; while keys change hands it has both")
	id, err := e.one(args)
	if err != nil {
		return err
	}
	jwks, err := readJWKS(*path)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if err := d.Reprove(ctx, by, id, func(c *store.Client) error { return idp.ReplaceKeys(c, jwks) }); err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		_, err = fmt.Fprintf(e.stdout, "%s proves itself by these keys now, and by no other\n", printable(id))
		return err
	})
}

const certificateFlag = "a PEM file with the one certificate, or what one that is vouched for says: subject:, dns:, uri:, ip: or email: and the value; may be given twice"

// certificateEntries reads the files among what was given: of a file its certificate
// is meant, by its thumbprint.
func certificateEntries(given []string) (out []string, err error) {
	for _, text := range given {
		kind, _, _ := strings.Cut(text, ":")
		if !slices.Contains([]string{"sha256", "subject", "dns", "uri", "ip", "email"}, kind) {
			if text, err = thumbprint(text); err != nil {
				return nil, err
			}
		}
		out = append(out, text)
	}
	return out, nil
}

func thumbprint(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the certificate: %w", err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return "", errors.New("reading the certificate: the file is not one certificate in PEM")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return "", fmt.Errorf("reading the certificate: %w", err)
	}
	sum := sha256.Sum256(block.Bytes)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func (e *entry) replaceCertificates(args []string) error {
	var given texts
	e.flags.Var(&given, "certificate", certificateFlag)
	id, err := e.one(args)
	if err != nil {
		return err
	}
	list, err := certificateEntries(given)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if err := d.Reprove(ctx, by, id, func(c *store.Client) error { return idp.ReplaceCertificates(c, list) }); err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		_, err = fmt.Fprintf(e.stdout, "%s proves itself by these certificates now, and by no other\n", printable(id))
		return err
	})
}
