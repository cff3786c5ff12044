package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/identity"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// identityName is the file of the state folder with the key that signs what upstreams
// are told about callers, and those behind it.
const identityName = "identity.pem"

// keysBehind is how many keys are published behind the one that signs.
const keysBehind = 2

// identityKey reads the key that signs what upstreams are told about callers,
// and makes it at the first start.
func identityKey(path string) (*jose.Signer, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return jose.ParseSigner(string(text))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the identity key: %w", err)
	}
	signer, err := jose.GenerateSigner()
	if err != nil {
		return nil, err
	}
	pem, err := signer.PEM()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem, 0o600); err != nil {
		return nil, fmt.Errorf("keeping the identity key: %w", err)
	}
	return signer, nil
}

// upstreamKeys returns what is published: the keys that the compiled policies sign
// with, and the gateway's own.
func upstreamKeys(kept *gatehouse.Kept, own jose.IdentityKey) (*jose.Published, error) {
	published, err := identity.Published(kept)
	if err != nil {
		return nil, err
	}
	return published, published.Add(own)
}

// upstreamKeys prints the public keys that upstreams verify with, and puts a new one
// in front of them.
func (e *entry) upstreamKeys(args []string) error {
	rotate := e.flags.Bool("rotate", false, "make a new key, which signs from the next start of the gateway")
	emergency := e.flags.Bool("emergency", false, "with --rotate: the old keys are known to others and are published no more")
	if err := e.none(args); err != nil {
		return err
	}
	kept := gatehouse.NewKept()
	if e.state == "" {
		f, err := load(e.config, config.Options{})
		if err != nil {
			return err
		}
		e.state = f.State
		if kept, err = standIns(f, time.Now()); err != nil {
			return err
		}
		if _, err := f.Policies(kept, gatehouse.AllCaps); err != nil {
			return err
		}
	}
	path := filepath.Join(e.state, identityName)
	if _, err := os.Stat(e.state); err != nil {
		return fmt.Errorf("there is no state folder yet, which the first start of the gateway makes: %w", err)
	}
	own, err := identityKey(path)
	if err != nil {
		return err
	}
	switch {
	case *rotate:
		own, err = rotateIdentity(path, own, *emergency)
	case *emergency:
		err = errors.New("--emergency goes with --rotate")
	}
	if err != nil {
		return err
	}
	published, err := upstreamKeys(kept, own)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s\n", published.JWKS())
	return err
}

// rotateIdentity puts a new key in front of those of the file.
func rotateIdentity(path string, old *jose.Signer, emergency bool) (*jose.Signer, error) {
	next, err := jose.GenerateSigner()
	if err != nil {
		return nil, err
	}
	if !emergency {
		next = next.Before(old, keysBehind)
	}
	text, err := next.PEM()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), identityName+".*") // 0600
	if err != nil {
		return nil, fmt.Errorf("keeping the identity key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the identity key: %w", err)
	}
	return next, nil
}
