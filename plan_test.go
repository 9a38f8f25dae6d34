package pointsman

import (
	"strings"
	"testing"
)

// A condition that is not understood must not be overlooked: the step would be carried out.
func TestAPlanOfANewerVersionIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := DecodePlan([]byte(`{"version": 1, "runbook": "x", "steps": [{"name": "promote", "unless": {"fact": "lag"}}]}`))
	if err == nil || !strings.Contains(err.Error(), `was it made by a newer pointsman? json: unknown field "unless"`) {
		t.Error(err)
	}
}
