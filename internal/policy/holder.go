package policy

// Holder is a control that decides by the policy of its API. The configuration
// hands it over after every load and before the control is compiled, so that a
// policy is compiled once, whatever the number of its endpoints and controls.
// Hold is not called for an API that has no objects and no policies.
type Holder interface{ Hold(*Policy) }
