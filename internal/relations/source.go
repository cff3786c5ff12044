package relations

import "fmt"

// Source is where the relations of every API are asked for: our own index, or for some
// APIs another decision point.
type Source struct {
	Index     *Index
	Elsewhere map[string]Relations // by the name of the API
}

// For returns the decision point of an API whose model is m.
func (s *Source) For(api string, m *Model) (Relations, error) {
	if r := s.Elsewhere[api]; r != nil {
		return r, nil
	}
	e, err := New(m, s.Index, Limits{})
	if err != nil {
		return nil, fmt.Errorf("relations: the model of %s: %w", api, err)
	}
	return e, nil
}
