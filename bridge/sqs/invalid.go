package sqs

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// inJSONTerms returns what is wrong with a body that did not decode. It is for
// readers of dead letters, who know JSON and Amazon's names and not our types.
func inJSONTerms(err error) string {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return strings.TrimPrefix(err.Error(), "jsontext: ")
	}
	where := "the document"
	if semantic.JSONPointer != "" {
		where = fmt.Sprintf("%.200s", semantic.JSONPointer)
	}
	wanted := kindOf(semantic.GoType)
	if wanted == "" {
		return fmt.Sprintf("%s: %v", where, semantic.Err)
	}
	return fmt.Sprintf("%s must be %s, not %s", where, wanted, kindName(semantic.JSONKind))
}

// kindOf names what JSON a type of a notification's field is read from; ""
// when the type itself says what is wrong, as timestamp does.
func kindOf(field reflect.Type) string {
	for field != nil && field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	if field == nil || field == reflect.TypeFor[timestamp]() {
		return ""
	}
	switch field.Kind() {
	case reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int32:
		return "a whole number of 32 bits"
	default:
		return ""
	}
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a string"
	case '0':
		return "this number"
	case '{', '}':
		return "an object"
	case '[', ']':
		return "an array"
	default:
		return "what it is"
	}
}
