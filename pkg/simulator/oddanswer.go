package simulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
)

// disfigured is the body of an answer with what is scripted to be wrong with it.
func (a *Action) disfigured(body []byte) []byte {
	var value any
	if len(a.Replace) > 0 && json.Unmarshal(body, &value) == nil {
		a.replace(value)
		body = mustJSON(value)
	}
	if a.Gzip {
		var packed bytes.Buffer
		out := gzip.NewWriter(&packed)
		_, _ = out.Write(body) // into memory
		_ = out.Close()
		body = packed.Bytes()
	}
	return body
}

func (a *Action) replace(value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			a.replace(element)
		}
	case map[string]any:
		for name, member := range value {
			with, scripted := a.Replace[name]
			switch {
			case !scripted:
				a.replace(member)
			case with == nil:
				delete(value, name)
			default:
				value[name] = with
			}
		}
	}
}
