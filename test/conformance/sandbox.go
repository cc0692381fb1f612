package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"

	"github.com/sellerstream/sellerstream/test/models"
)

// Case is a static case of Amazon's sandbox: what it answers to a call with
// these parameters. The models hold them as x-amzn-api-sandbox.
type Case struct {
	Operation  string // the model's operationId
	Method     string
	Path       string // with {placeholders}
	Status     int
	Parameters map[string]string // of the path and the query; those that are not here may have any value
	Body       []byte            // of the request, in JSON; any will do
	Answer     []byte
}

// LoadCases finds the static cases of a model file's operations.
func LoadCases(t testing.TB, name string) []Case {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(models.Directory(t), name))
	if err != nil {
		t.Fatal(err)
	}
	var swagger openapi2.T
	if err := json.Unmarshal(text, &swagger); err != nil {
		t.Fatalf("model %s: %v", name, err)
	}
	var cases []Case
	for path, item := range swagger.Paths {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				found, err := staticCases(response)
				if err != nil {
					t.Fatalf("model %s: sandbox case of %s, %s: %v", name, operation.OperationID, status, err)
				}
				for _, c := range found {
					c.Operation, c.Method, c.Path = operationName(&swagger, operation), method, path
					if c.Status, err = strconv.Atoi(status); err != nil {
						t.Fatalf("model %s: %s: %v", name, operation.OperationID, err)
					}
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

// staticCases are a response's cases, without what the response does not know.
func staticCases(response *openapi2.Response) ([]Case, error) {
	text, err := json.Marshal(response.Extensions["x-amzn-api-sandbox"])
	if err != nil {
		return nil, err
	}
	var sandbox struct {
		Static []struct {
			Request struct {
				Parameters map[string]struct{ Value json.RawMessage }
			}
			Response json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &sandbox); err != nil {
		return nil, err
	}
	var cases []Case
	for _, static := range sandbox.Static {
		c := Case{Parameters: make(map[string]string), Answer: static.Response}
		for name, parameter := range static.Request.Parameters {
			if name == "body" { // any body will do
				c.Body = parameter.Value
				continue
			}
			var value any
			if err := json.Unmarshal(parameter.Value, &value); err != nil {
				return nil, err
			}
			c.Parameters[name] = asParameter(value)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// asParameter is a value as it is written in a path or a query.
func asParameter(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = fmt.Sprint(element)
	}
	return strings.Join(texts, ",")
}

// Sandbox is a server that has one case, and gives an access token to whoever
// asks. It reports any call but the case's.
func (c Case) Sandbox(report func(error)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/o2/token", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"Atza|sandbox","token_type":"bearer","expires_in":3600}`)
	})
	mux.HandleFunc(c.Method+" "+c.Path, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range c.Parameters {
			got := r.PathValue(name)
			if !strings.Contains(c.Path, "{"+name+"}") {
				got = r.URL.Query().Get(name)
			}
			if got != want {
				report(fmt.Errorf("%s %s: parameter %s is %q, not the sandbox case's %q", r.Method, r.URL, name, got, want))
			}
		}
		w.Header().Set("x-amzn-RequestId", "sandbox")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(c.Status)
		if c.Status != http.StatusNoContent {
			w.Write(c.Answer)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		report(fmt.Errorf("%s %s is not the sandbox case's call", r.Method, r.URL))
		http.NotFound(w, r)
	})
	return mux
}
