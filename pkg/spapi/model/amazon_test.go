package model_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/models"
)

// TestTheTableIsAmazons compares the table with Amazon's models: method and path,
// the status of a success, the default usage plan.
func TestTheTableIsAmazons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(models.Directory(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	amazons := make(map[string]model.Operation)
	for _, file := range files {
		for _, o := range readModel(t, file) {
			amazons[o.Name] = o
		}
	}
	reports := models.Has(t, models.ReportsModel)
	for _, o := range model.Operations() {
		if o.Throttle() || o.Section == "reports" && !reports {
			continue // which is in no model
		}
		want := amazons[o.Name]
		got := model.Operation{Name: o.Name, Method: o.Method, Path: o.Path, Success: cmp.Or(o.Success, http.StatusOK), Rate: o.Rate, Burst: o.Burst}
		if got != want {
			t.Errorf("%s: %+v, the model says %+v", o.Name, got, want)
		}
	}
}

// readModel takes from a model what the table repeats of it. The usage plan is in each
// operation's description. A deprecated operation is named with its version.
func readModel(t *testing.T, file string) []model.Operation {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Info  struct{ Version string }
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	plan := regexp.MustCompile(`\|\s*([\d.]+)\s*\|\s*(\d+)\s*\|`)
	var operations []model.Operation
	for path, methods := range api.Paths {
		for method, raw := range methods {
			var described struct {
				OperationID, Description string
				Deprecated               bool
				Responses                map[string]any
			}
			if json.Unmarshal(raw, &described) != nil || described.OperationID == "" {
				continue // the parameters that the path's methods share
			}
			o := model.Operation{Name: described.OperationID, Method: strings.ToUpper(method), Path: path}
			if described.Deprecated {
				o.Name = api.Info.Version + "." + o.Name
			}
			for status := range described.Responses {
				if code, _ := strconv.Atoi(status); code/100 == 2 {
					o.Success = code
				}
			}
			if found := plan.FindStringSubmatch(described.Description); found != nil {
				o.Rate, _ = strconv.ParseFloat(found[1], 64)
				o.Burst, _ = strconv.Atoi(found[2])
			}
			operations = append(operations, o)
		}
	}
	return operations
}
