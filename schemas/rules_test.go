package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

// TestRulesNameWhatEventsHave: a field that no event has would let a rule match
// nothing for ever. That they match what they say is tested on a bus, in
// test/integration.
func TestRulesNameWhatEventsHave(t *testing.T) {
	t.Parallel()
	fields, named := make(map[string]bool), make(map[string]bool)
	for _, event := range schemas.Events() {
		named[event.DetailType] = false
		var schema struct{ Properties map[string]any }
		if err := json.Unmarshal(readFile(t, "jsonschema", event.Name()+".json"), &schema); err != nil {
			t.Fatal(err)
		}
		for field := range schema.Properties {
			fields[field] = true
		}
	}
	for _, rule := range schemas.Rules() {
		var pattern struct {
			Source     []string         `json:"source"`
			DetailType []any            `json:"detail-type"`
			Detail     map[string][]any `json:"detail"`
		}
		if err := json.Unmarshal([]byte(rule.Pattern), &pattern); err != nil || len(pattern.Source) != 1 || len(pattern.DetailType)+len(pattern.Detail) == 0 {
			t.Errorf("%s: %s: %v", rule.Catches, rule.Pattern, err)
		}
		for field := range pattern.Detail {
			if !fields[field] {
				t.Errorf("%s: no event has the field %s", rule.Catches, field)
			}
		}
		for _, name := range pattern.DetailType {
			if name, plain := name.(string); plain {
				named[name] = true
			}
		}
	}
	for detailType, ruled := range named {
		if detailType != "" && !ruled {
			t.Errorf("no rule is for %s", detailType)
		}
	}
}
