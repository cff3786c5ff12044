package openapi

import "strings"

// Represented returns what is declared for the Content-Type of a reply, as it was
// sent, or nil: the type itself before "type/*" and "*/*".
func (r *Response) Represented(contentType string) *MediaType {
	name := mediaType(contentType)
	var ranged *MediaType
	for i := range r.Content {
		m := &r.Content[i]
		if strings.EqualFold(m.Type, name) {
			return m
		}
		prefix, isRange := strings.CutSuffix(m.Type, "*")
		if isRange && name != "" && (m.Type == "*/*" || len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)) {
			ranged = m
		}
	}
	return ranged
}

// JSON returns the schema of a reply that is JSON, by its Content-Type as it was
// sent, or nil. Where the upstream does not say what it sends, the description
// does.
func (r *Response) JSON(contentType string) *Schema {
	if contentType == "" && len(r.Content) > 0 {
		contentType = r.Content[0].Type
	}
	m := r.Represented(contentType)
	if m == nil || !IsJSON(mediaType(contentType)) {
		return nil
	}
	return m.Schema
}

// mediaType cuts the parameters off a Content-Type.
func mediaType(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.Trim(name, " \t")
}
