package quota

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/sellerstream/sellerstream/test/models"
)

// TestOperationsAreThoseWithADefault reads the names out of package model, so
// that a new operation is not forgotten.
func TestOperationsAreThoseWithADefault(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../spapi/model/operation.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range regexp.MustCompile(`= "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		if _, ok := Default(name[1]); ok {
			want = append(want, name[1])
		}
	}
	got := Operations()
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("listed are\n  %v\nDefault knows\n  %v", got, want)
	}
}

// TestDefaultsAreAmazons compares the table with the text of Amazon's models.
func TestDefaultsAreAmazons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(models.Directory(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		for operation, want := range usagePlans(t, file) {
			if filepath.Base(file) == "ordersV0.json" && operation != "confirmShipment" {
				operation = "v0." + operation
			}
			got, ok := Default(operation)
			if !ok {
				continue // not one that this project calls
			}
			compared++
			if got != want {
				t.Errorf("%s: %+v, the model says %+v", operation, got, want)
			}
		}
	}
	if compared < 23 {
		t.Errorf("only %d operations were found in the models", compared)
	}
}

// usagePlans reads the table in each operation's description.
func usagePlans(t *testing.T, file string) map[string]Limit {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`\|\s*([\d.]+)\s*\|\s*(\d+)\s*\|`)
	plans := make(map[string]Limit)
	for _, methods := range model.Paths {
		for _, raw := range methods {
			var operation struct{ OperationID, Description string }
			if json.Unmarshal(raw, &operation) != nil || operation.OperationID == "" {
				continue // the parameters that the path's methods share
			}
			if found := row.FindStringSubmatch(operation.Description); found != nil {
				rate, _ := strconv.ParseFloat(found[1], 64)
				burst, _ := strconv.Atoi(found[2])
				plans[operation.OperationID] = Limit{rate, burst}
			}
		}
	}
	return plans
}
