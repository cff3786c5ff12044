package openapi

import "strings"

// Represented returns what is declared for the Content-Type of a reply, as it was
// sent, or nil: the type itself before "type/*" and "*/*".
func (r *Response) Represented(contentType string) *MediaType {
	for i := range r.Content { // mostly it is sent as it is declared, which has no parameters
		if m := &r.Content[i]; m.Type == contentType && contentType != "" {
			return m
		}
	}
	return Match(r.Content, strings.ToLower(mediaType(contentType))) // mostly in lower case already
}

// JSON returns the schema of a reply that is JSON, by its Content-Type as it was
// sent, or nil. Where the upstream does not say what it sends, the description
// does.
func (r *Response) JSON(contentType string) *Schema {
	if contentType == "" && len(r.Content) > 0 {
		contentType = r.Content[0].Type
	}
	m := r.Represented(contentType)
	if m == nil {
		return nil
	}
	if contentType != m.Type {
		contentType = mediaType(contentType)
	}
	if !IsJSON(contentType) {
		return nil
	}
	return m.Schema
}

// mediaType cuts the parameters off a Content-Type.
func mediaType(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.Trim(name, " \t")
}
