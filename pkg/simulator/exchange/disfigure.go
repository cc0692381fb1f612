package exchange

import (
	"encoding/json"

	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// disfigured is the body of an answer with what is scripted to be wrong with it.
func disfigured(a *fault.Action, body []byte) []byte {
	var value any
	if len(a.Replace) > 0 && json.Unmarshal(body, &value) == nil {
		replace(value, a.Replace)
		body = wire.JSON(value)
	}
	if a.Gzip {
		body = wire.Gzip(body)
	}
	return body
}

// replace gives members another value, wherever they stand; nil takes them out.
func replace(value any, by map[string]any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			replace(element, by)
		}
	case map[string]any:
		for name, member := range value {
			with, scripted := by[name]
			switch {
			case !scripted:
				replace(member, by)
			case with == nil:
				delete(value, name)
			default:
				value[name] = with
			}
		}
	}
}
