package cedar

import (
	"time"

	"github.com/cedar-policy/cedar-go/types"
)

// The values of the language, under the library's own types: what is made of
// them needs no conversion before a decision.
type (
	// EntityUID names one entity, as User::"alice".
	EntityUID = types.EntityUID
	// EntityType is the type of an entity, with its namespace.
	EntityType = types.EntityType
	// Entity is an entity with its attributes and its parents.
	Entity = types.Entity
	// EntityUIDSet is an immutable set of names of entities.
	EntityUIDSet = types.EntityUIDSet
	// Value is any value of the language.
	Value = types.Value
	// String is a Cedar String.
	String = types.String
	// Long is a Cedar Long, 64 bits with sign.
	Long = types.Long
	// Boolean is a Cedar Bool.
	Boolean = types.Boolean
	// Record is an immutable record. Making one costs a map: keep those that
	// come again.
	Record = types.Record
	// RecordMap is what a Record is made of.
	RecordMap = types.RecordMap
	// ValueSet is an immutable Cedar Set.
	ValueSet = types.Set
	// Datetime is a Cedar datetime, in milliseconds since 1970 in UTC.
	Datetime = types.Datetime
	// Duration is a Cedar duration, in milliseconds.
	Duration = types.Duration
	// Decimal is a Cedar decimal with four digits after the point.
	Decimal = types.Decimal
	// IPAddr is a Cedar ipaddr: an address or a range.
	IPAddr = types.IPAddr
	// Request is what is decided: may this principal do this action on this
	// resource, in this context.
	Request = types.Request
)

// NewEntityUID names an entity.
func NewEntityUID(t EntityType, id String) EntityUID { return types.NewEntityUID(t, id) }

// NewEntityType checks that a text is the name of a type, as Orders::Order.
func NewEntityType(name string) (EntityType, error) { return types.NewEntityType(name) }

// NewEntityUIDSet makes a set of names, as of an entity's parents.
func NewEntityUIDSet(names ...EntityUID) EntityUIDSet { return types.NewEntityUIDSet(names...) }

// NewRecord copies a map into a Record.
func NewRecord(m RecordMap) Record { return types.NewRecord(m) }

// NewValueSet makes a Cedar Set; what comes twice is kept once.
func NewValueSet(v ...Value) ValueSet { return types.NewSet(v...) }

// NewDatetime makes a datetime of a time; what is below a millisecond is lost.
func NewDatetime(t time.Time) Datetime { return types.NewDatetime(t) }

// ParseDecimal reads a decimal, as "12.34".
func ParseDecimal(s string) (Decimal, error) { return types.ParseDecimal(s) }

// ParseIPAddr reads an address or a range, as "10.0.0.0/8".
func ParseIPAddr(s string) (IPAddr, error) { return types.ParseIPAddr(s) }
