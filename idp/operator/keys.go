package operator

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
)

// Key is what operators see of a key that tokens are signed with.
type Key struct {
	ID    string    `json:"kid"`
	Made  time.Time `json:"published"`
	From  time.Time `json:"signs_from"`
	Until time.Time `json:"verifies_until,omitzero"`
	Signs bool      `json:"signs"`
}

var errNoKeys = errors.New("operator: there is no authorization server whose keys these could be")

// SigningKeys lists the keys, the oldest first. They are the operator's alone.
func (d *Desk) SigningKeys(ctx context.Context, by By) ([]Key, error) {
	keys, err := d.keys(ctx, &by)
	if err != nil {
		return nil, err
	}
	return listKeys(ctx, keys)
}

func (d *Desk) keys(ctx context.Context, by *By) (*idp.Keys, error) {
	if err := by.everywhere(); err != nil {
		return nil, err
	}
	if d.Keys == nil {
		return nil, errNoKeys
	}
	return d.Keys(ctx)
}

func listKeys(ctx context.Context, keys *idp.Keys) ([]Key, error) {
	found, err := keys.List(ctx)
	var list []Key
	for _, k := range found {
		list = append(list, Key{ID: k.ID, Made: k.Made, From: k.From, Until: k.Until, Signs: k.Signs})
	}
	return list, err
}

// RotateKeys makes a new key. In an emergency it signs now, and every other key, with
// the tokens that it signed, is worth nothing.
func (d *Desk) RotateKeys(ctx context.Context, by By, emergency bool) ([]Key, error) {
	keys, err := d.keys(ctx, &by)
	if err != nil {
		return nil, err
	}
	k, err := keys.Rotate(ctx, emergency)
	if err != nil {
		return nil, err
	}
	d.record(ctx, &by, "keys.rotate", k.ID, nil, map[string]bool{"emergency": emergency})
	return listKeys(ctx, keys)
}
