package bundle

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Context makes the record that policies read as context: now; local, the hour
// (0 to 23) and the weekday (1, Monday, to 7, Sunday: ISO 8601) in a time zone;
// ip; operation; and rel, where relations are given. An address that is not valid
// is left out, so that a policy that reads it denies.
func Context(at time.Time, zone *time.Location, address netip.Addr, operation string, relations cedar.RecordMap) (cedar.Record, error) {
	local := at.In(cmp.Or(zone, time.UTC))
	m := cedar.RecordMap{
		"now":       cedar.NewDatetime(at),
		"local":     cedar.NewRecord(cedar.RecordMap{"hour": cedar.Long(local.Hour()), "weekday": cedar.Long((int(local.Weekday())+6)%7 + 1)}),
		"operation": cedar.String(operation),
	}
	if address.IsValid() {
		ip, err := cedar.ParseIPAddr(address.Unmap().WithZone("").String())
		if err != nil {
			return cedar.Record{}, fmt.Errorf("bundle: the address: %w", err)
		}
		m["ip"] = ip
	}
	if relations != nil {
		m["rel"] = cedar.NewRecord(relations)
	}
	return cedar.NewRecord(m), nil
}
