package conformance

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// CheckFields finds the fields of a Go type that are not in an operation's 20x,
// or are of another type there. A misspelt field decodes into nothing, without
// an error, wherever the examples happen not to have it.
func (m *Model) CheckFields(operation string, answer reflect.Type) error {
	found := m.operation(operation)
	if found == nil {
		return fmt.Errorf("%s is no operation of the model", operation)
	}
	for _, status := range []int{http.StatusOK, http.StatusCreated, http.StatusAccepted} {
		if response := found.Responses.Status(status); response != nil {
			return checkFields(operation, answer, response.Value.Content.Get("application/json").Schema.Value)
		}
	}
	return fmt.Errorf("the model has no success of %s", operation)
}

// Documents reports whether the model gives an operation an answer of a status.
func (m *Model) Documents(operation string, status int) bool {
	found := m.operation(operation)
	return found != nil && found.Responses.Status(status) != nil
}

// plan is a usage plan in an operation's description.
var plan = regexp.MustCompile(`\|\s*([\d.]+)\s*\|\s*\d+\s*\|`)

// Rate is an operation's default rate in requests per second, as the model writes it.
func (m *Model) Rate(operation string) string {
	return plan.FindStringSubmatch(m.operation(operation).Description)[1]
}

func (m *Model) operation(id string) *openapi3.Operation {
	for _, document := range m.documents {
		for _, item := range document.Paths.Map() {
			for _, candidate := range item.Operations() {
				if candidate.OperationID == id {
					return candidate
				}
			}
		}
	}
	return nil
}

func checkFields(at string, field reflect.Type, schema *openapi3.Schema) error {
	switch field.Kind() {
	case reflect.Pointer:
		return checkFields(at, field.Elem(), schema)
	case reflect.Slice:
		if schema.Items == nil {
			return fmt.Errorf("%s: a list, which the model says is %v", at, schema.Type)
		}
		return checkFields(at+"[]", field.Elem(), schema.Items.Value)
	case reflect.Struct:
		if field != reflect.TypeFor[time.Time]() {
			return checkStruct(at, field, schema)
		}
		if !isTime(at, schema) {
			return fmt.Errorf("%s: a time, which the model says is %v %s", at, schema.Type, schema.Format)
		}
		return nil
	}
	if field == reflect.TypeFor[model.Private]() && !schema.Type.Is(openapi3.TypeString) {
		return nil // kept as JSON
	}
	types := map[reflect.Kind]string{
		reflect.String: openapi3.TypeString, reflect.Bool: openapi3.TypeBoolean,
		reflect.Int: openapi3.TypeInteger, reflect.Int32: openapi3.TypeInteger, reflect.Int64: openapi3.TypeInteger,
		reflect.Float64: openapi3.TypeNumber,
	}
	if !schema.Type.Is(types[field.Kind()]) {
		return fmt.Errorf("%s: %s, which the model says is %v", at, field, schema.Type)
	}
	return nil
}

// isTime reports whether the model's field holds a time. Orders v0 gives its times
// as plain text, in ISO 8601 by what its descriptions say, in fields named …Date.
func isTime(at string, schema *openapi3.Schema) bool {
	return schema.Format == "date-time" || schema.Format == "" && schema.Type.Is(openapi3.TypeString) && strings.HasSuffix(at, "Date")
}

func checkStruct(at string, object reflect.Type, schema *openapi3.Schema) error {
	var faults []error
	for field := range object.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" { // the client's own, which no answer holds
			continue
		}
		property := schema.Properties[name]
		if property == nil {
			faults = append(faults, fmt.Errorf("%s: the model has no %q", at, name))
			continue
		}
		faults = append(faults, checkFields(at+"."+name, field.Type, property.Value))
	}
	return errors.Join(faults...)
}

// Missing are the leaves of an operation's 200 that a Go type has no field for, by their
// paths. A field that keeps JSON as it comes has all below it.
func (m *Model) Missing(operation string, answer reflect.Type) ([]string, error) {
	found := m.operation(operation)
	if found == nil {
		return nil, fmt.Errorf("%s is no operation of the model", operation)
	}
	return missing("", answer, found.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value), nil
}

func missing(at string, field reflect.Type, schema *openapi3.Schema) (paths []string) {
	for field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	switch {
	case schema.Items != nil && field.Kind() == reflect.Slice:
		return missing(at+"[]", field.Elem(), schema.Items.Value)
	case field.Kind() != reflect.Struct:
		return nil
	}
	for name, property := range schema.Properties {
		path := strings.TrimPrefix(at+"."+name, ".")
		known := false
		for f := range field.Fields() {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
				known = true
				paths = append(paths, missing(path, f.Type, property.Value)...)
			}
		}
		if !known {
			paths = append(paths, path)
		}
	}
	return paths
}
