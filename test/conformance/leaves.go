package conformance

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Leaves returns the paths of the values that the model gives an operation's 200, such as
// "order.orderItems[].quantityOrdered", and false for each.
func (m *Model) Leaves(t testing.TB, operation string) map[string]bool {
	t.Helper()
	found := m.operation(operation)
	if found == nil {
		t.Fatalf("%s is no operation of the model", operation)
	}
	leaves := map[string]bool{}
	note(leaves, "", found.Responses.Status(200).Value.Content.Get("application/json").Schema.Value)
	return leaves
}

func note(leaves map[string]bool, at string, schema *openapi3.Schema) {
	switch {
	case schema.Items != nil:
		note(leaves, at+"[]", schema.Items.Value)
	case len(schema.Properties) > 0:
		for name, property := range schema.Properties {
			note(leaves, at+"."+name, property.Value)
		}
	default:
		leaves[at] = false
	}
}

// Mark sets the leaves that an answer's body has to true.
func Mark(t testing.TB, leaves map[string]bool, body string) {
	t.Helper()
	var answer any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	var mark func(at string, value any)
	mark = func(at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				mark(at+"."+name, inner)
			}
		case []any:
			for _, inner := range value {
				mark(at+"[]", inner)
			}
		default:
			if fmt.Sprint(value) != "" {
				leaves[at] = true
			}
		}
	}
	mark("", answer)
}
