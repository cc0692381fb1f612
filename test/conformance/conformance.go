// Package conformance checks what is sent and answered against Amazon's own
// models: OpenAPI for the SP-API, JSON Schema for notifications and documents.
// Amazon's files are not copied into the project; package models says where they
// are looked for.
//
// To cover another API, load its model file beside the others: Transport checks
// whatever passes through it.
package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sellerstream/sellerstream/test/models"
)

// Model is one or more of Amazon's OpenAPI models.
type Model struct {
	documents []*openapi3.T
	routers   []routers.Router
}

// LoadModel reads model files, such as "orders_2026-01-01.json". They are made
// strict: a property that the model does not name is a fault, which is how a
// misspelt one is found.
func LoadModel(t testing.TB, names ...string) *Model {
	t.Helper()
	directory := models.Directory(t)
	m := new(Model)
	for _, name := range names {
		document, err := loadModel(filepath.Join(directory, name))
		if err != nil {
			t.Fatalf("model %s: %v", name, err)
		}
		router, err := gorillamux.NewRouter(document)
		if err != nil {
			t.Fatalf("model %s: %v", name, err)
		}
		m.documents = append(m.documents, document)
		m.routers = append(m.routers, router)
	}
	return m
}

func loadModel(path string) (*openapi3.T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var swagger openapi2.T
	if err := json.Unmarshal(text, &swagger); err != nil {
		return nil, err
	}
	separateByCommas(&swagger)
	nameOperations(&swagger)
	document, err := openapi2conv.ToV3(&swagger)
	if err != nil {
		return nil, err
	}
	document.Servers = nil // any host will do: the simulator's is on loopback
	closed := false
	for _, schema := range document.Components.Schemas {
		join(schema.Value)
	}
	for _, schema := range document.Components.Schemas {
		if s := schema.Value; s != nil && len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = &closed
		}
	}
	return document, nil
}

// join makes one object of a schema that is all of several objects. Closed one
// by one, each would refuse the properties of the others.
func join(s *openapi3.Schema) {
	if s == nil || len(s.AllOf) == 0 {
		return
	}
	joined := openapi3.Schemas{}
	for _, part := range s.AllOf {
		maps.Copy(joined, part.Value.Properties)
		s.Required = append(s.Required, part.Value.Required...)
	}
	s.AllOf, s.Properties = nil, joined
}

// separateByCommas writes down what Swagger 2.0 means where an array names no format,
// and which the conversion to OpenAPI 3 would take for repeated parameters.
func separateByCommas(swagger *openapi2.T) {
	for _, path := range swagger.Paths {
		for _, operation := range path.Operations() {
			for _, parameter := range operation.Parameters {
				if parameter.Type.Is("array") && parameter.CollectionFormat == "" {
					parameter.CollectionFormat = "csv"
				}
			}
		}
	}
}

// nameOperations gives each operation the name that the project has for it.
func nameOperations(swagger *openapi2.T) {
	for _, path := range swagger.Paths {
		for _, operation := range path.Operations() {
			operation.OperationID = operationName(swagger, operation)
		}
	}
}

// operationName is Amazon's, behind the version where a newer version of the API
// has an operation for the same: "v0.getOrder".
func operationName(swagger *openapi2.T, operation *openapi2.Operation) string {
	if operation.Deprecated {
		return swagger.Info.Version + "." + operation.OperationID
	}
	return operation.OperationID
}

// route finds the operation of a request.
func (m *Model) route(r *http.Request) (*routers.Route, map[string]string, error) {
	var faults []error
	for _, router := range m.routers {
		route, parameters, err := router.FindRoute(r)
		if err == nil {
			return route, parameters, nil
		}
		faults = append(faults, err)
	}
	return nil, nil, fmt.Errorf("%s %s is no operation of the model: %w", r.Method, r.URL.Path, errors.Join(faults...))
}

// Check validates a request and its answer. Bodies are given apart, since they
// have been read. refusals allows a request that the model forbids, as long as
// the answer refuses it too.
func (m *Model) Check(r *http.Request, requestBody []byte, answer *http.Response, answerBody []byte, refusals bool) error {
	route, parameters, err := m.route(r)
	if err != nil {
		return err
	}
	options := &openapi3filter.Options{
		MultiError:                        true,
		IncludeResponseStatus:             true,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc,
		SchemaValidationOptions:           []openapi3.SchemaValidationOption{openapi3.EnableFormatValidation()},
	}
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return "/" + strings.Join(err.JSONPointer(), "/") + ": " + err.Reason
	})
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(requestBody))
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route, Options: options}
	refused := refusals && answer.StatusCode >= 400
	var faults []error
	if !refused {
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			faults = append(faults, fmt.Errorf("request: %w", err))
		}
		faults = append(faults, unknownParameters(r, route))
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Options: options,
	}
	output.SetBodyBytes(answerBody)
	if err := openapi3filter.ValidateResponse(r.Context(), output); err != nil {
		faults = append(faults, fmt.Errorf("answer %d: %w", answer.StatusCode, err))
	}
	faults = append(faults, checkHeaders(answer))
	return errors.Join(faults...)
}

// unknownParameters finds query parameters that the operation does not have,
// which the library lets through.
func unknownParameters(r *http.Request, route *routers.Route) error {
	for name := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil &&
			route.PathItem.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("request: %s has no query parameter %q", route.Operation.OperationID, name)
		}
	}
	return nil
}

// checkHeaders checks what the models say in words only: every answer has a
// request id, and the rate comes with 20x, 400 and 404 alone.
func checkHeaders(answer *http.Response) error {
	if answer.Header.Get("x-amzn-RequestId") == "" {
		return errors.New("answer: no x-amzn-RequestId")
	}
	rate := answer.Header.Get("x-amzn-RateLimit-Limit")
	if rate == "" {
		return nil
	}
	switch answer.StatusCode {
	case 200, 201, 202, 204, 400, 404:
	default:
		return fmt.Errorf("answer %d: it tells the rate %s", answer.StatusCode, rate)
	}
	if _, err := strconv.ParseFloat(rate, 64); err != nil {
		return fmt.Errorf("answer: the rate is no number: %w", err)
	}
	return nil
}

// Transport checks every request and answer that passes through it against a
// model, and reports what does not conform.
type Transport struct {
	Base     http.RoundTripper
	Model    *Model
	Refusals bool // see Model.Check
	Report   func(error)
	// Answered, if not nil, is told the operationId of each call and its status.
	Answered func(operation string, status int)
}

// RoundTrip is http.RoundTripper. LWA's endpoint, which has no model, passes.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/auth/o2/token" {
		return t.Base.RoundTrip(r)
	}
	var sent []byte
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		sent = body
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	received, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if err := t.Model.Check(r, sent, answer, received, t.Refusals); err != nil {
		t.Report(fmt.Errorf("%s %s: %w\n%s", r.Method, r.URL, err, received))
	}
	if route, _, err := t.Model.route(r); err == nil && t.Answered != nil {
		t.Answered(route.Operation.OperationID, answer.StatusCode)
	}
	answer.Body = io.NopCloser(bytes.NewReader(received))
	return answer, nil
}

// Schema is one of Amazon's JSON Schemas.
type Schema struct{ compiled *jsonschema.Schema }

// LoadSchema compiles a file of the models' schemas folder, such as
// "OrderChangeNotification.json". Amazon gives every property an $id that is a
// JSON Pointer, which draft 7 does not allow; they refer to nothing and are
// left out.
func LoadSchema(t testing.TB, name string) *Schema {
	t.Helper()
	file, err := os.Open(filepath.Join(models.Directory(t), "schemas", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatalf("schema %s: %v", name, err)
	}
	tighten(document)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, document); err != nil {
		t.Fatalf("schema %s: %v", name, err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		t.Fatalf("schema %s: %v", name, err)
	}
	return &Schema{compiled}
}

// tighten takes $id out of every schema, and closes objects that list their
// properties, so that a misspelt one is found.
func tighten(node any) {
	switch node := node.(type) {
	case map[string]any:
		delete(node, "$id")
		if _, listed := node["properties"].(map[string]any); listed {
			node["additionalProperties"] = false
		}
		for key, child := range node {
			switch key {
			case "examples", "enum", "default", "oneOf", "anyOf", "allOf":
				// A branch names only those properties that it is about.
			default:
				tighten(child)
			}
		}
	case []any:
		for _, child := range node {
			tighten(child)
		}
	}
}

// Check validates a JSON document.
func (s *Schema) Check(document []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return s.compiled.Validate(value)
}
