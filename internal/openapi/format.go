package openapi

// format is a format that is checked.
type format uint8

const (
	noFormat format = iota
	formatDate
	formatDateTime
	formatTime
	formatDuration
	formatEmail
	formatIDNEmail
	formatUUID
	formatURI
	formatURIReference
	formatIRI
	formatIRIReference
	formatURITemplate
	formatIPv4
	formatIPv6
	formatHostname
	formatIDNHostname
	formatByte
	formatBase64URL
	formatPointer
	formatRelativePointer
	formatRegex
	formatChar
	// The formats of numbers come last.
	formatInt8
	formatInt16
	formatInt32
	formatInt64
	formatUint8
	formatUint16
	formatUint32
	formatUint64
	formatExact
	formatFloat
	formatDouble
	formats
)

// formatOf returns the check of a format, and whether the name is known: the
// formats of JSON Schema (Validation section 7.3) and those of the OpenAPI format
// registry that can be checked. Formats such as password and binary are known and
// have nothing to check.
func formatOf(name string) (format, bool) {
	switch name {
	case "date":
		return formatDate, true
	case "date-time":
		return formatDateTime, true
	case "time":
		return formatTime, true
	case "duration":
		return formatDuration, true
	case "email":
		return formatEmail, true
	case "idn-email":
		return formatIDNEmail, true
	case "uuid":
		return formatUUID, true
	case "uri", "url":
		return formatURI, true
	case "uri-reference":
		return formatURIReference, true
	case "iri":
		return formatIRI, true
	case "iri-reference":
		return formatIRIReference, true
	case "uri-template":
		return formatURITemplate, true
	case "ipv4":
		return formatIPv4, true
	case "ipv6":
		return formatIPv6, true
	case "hostname":
		return formatHostname, true
	case "idn-hostname":
		return formatIDNHostname, true
	case "byte":
		return formatByte, true
	case "base64url":
		return formatBase64URL, true
	case "json-pointer":
		return formatPointer, true
	case "relative-json-pointer":
		return formatRelativePointer, true
	case "regex":
		return formatRegex, true
	case "char":
		return formatChar, true
	case "password", "binary", "html", "commonmark":
		return noFormat, true
	}
	return numericFormat(name)
}

func numericFormat(name string) (format, bool) {
	switch name {
	case "int8":
		return formatInt8, true
	case "int16":
		return formatInt16, true
	case "int32":
		return formatInt32, true
	case "int64":
		return formatInt64, true
	case "uint8":
		return formatUint8, true
	case "uint16":
		return formatUint16, true
	case "uint32":
		return formatUint32, true
	case "uint64":
		return formatUint64, true
	case "double-int":
		return formatExact, true
	case "float":
		return formatFloat, true
	case "double":
		return formatDouble, true
	}
	return noFormat, false
}

// numeric reports a format of numbers, which does not concern strings.
func (f format) numeric() bool { return f >= formatInt8 }

// whole reports a format of integers.
func (f format) whole() bool { return f >= formatInt8 && f <= formatExact }

// matches reports whether the text is of the format.
func (f format) matches(b []byte) bool {
	switch f {
	case formatDate:
		return len(b) == 10 && date(b)
	case formatDateTime:
		// RFC 3339 section 5.6.
		return len(b) >= 20 && date(b[:10]) && b[10]|0x20 == 't' && clock(b[11:])
	case formatTime:
		return clock(b)
	case formatDuration:
		return duration(b)
	case formatEmail:
		return email(b, false)
	case formatIDNEmail:
		return email(b, true)
	case formatUUID:
		return uuid(b)
	case formatURI:
		return uri(b, true, false)
	case formatURIReference:
		return uri(b, false, false)
	case formatIRI:
		return uri(b, true, true)
	case formatIRIReference:
		return uri(b, false, true)
	case formatURITemplate:
		return uriTemplate(b)
	case formatIPv4:
		return ipv4(b)
	case formatIPv6:
		return ipv6(b)
	case formatHostname:
		return hostname(b)
	case formatIDNHostname:
		return idnHostname(b)
	case formatByte:
		return base64(b, '+', '/')
	case formatBase64URL:
		return base64url(b)
	case formatPointer:
		return pointer(b)
	case formatRelativePointer:
		return relativePointer(b)
	case formatRegex:
		return ecmaRegex(b)
	case formatChar:
		return char(b)
	}
	return true
}
