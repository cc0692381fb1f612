// Package interop holds our Avro against a second, independent library.
package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	hamba "github.com/hamba/avro/v2"
	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

const golden = "../../schemas/testdata/golden"

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, r := range schemas.Records() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			// Its own cache: records such as Money stand in several schemas.
			theirs, err := hamba.ParseWithCache(r.Schema(), "", &hamba.SchemaCache{})
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := hamba.Unmarshal(theirs, read(t, r.File()+".bin"), &value); err != nil {
				t.Fatal(err)
			}
			want := bytes.TrimSpace(read(t, r.File()+".json"))
			if got, want := normal(t, plain(value)), parse(t, want); !reflect.DeepEqual(got, want) {
				t.Errorf("they read our bytes as\n%v\nwant\n%v", got, want)
			}
			data, err := hamba.Marshal(theirs, value)
			if err != nil {
				t.Fatal(err)
			}
			ours := r.New()
			if _, err := avro.MustParse(r.Schema()).Decode(data, ours); err != nil {
				t.Fatal(err)
			}
			got, err := schemas.AppendJSON(nil, ours)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("we read their bytes as\n%s, %v\nwant\n%s", got, err, want)
			}
		})
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(golden, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// plain takes away what hamba adds around a record in a union, and nulls,
// which our JSON leaves out.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any)
		for key, member := range v {
			if strings.HasPrefix(key, schemas.Namespace+".") && len(v) == 1 {
				return plain(member)
			}
			if member != nil {
				out[key] = plain(member)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			out = append(out, plain(element))
		}
		return out
	}
	return value
}

func normal(t *testing.T, value any) any {
	t.Helper()
	text, err := schemas.AppendJSON(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a long does not fit into a float
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// The library that we compare with must stay out of what is shipped.
func TestNotShipped(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mod, []byte("hamba/avro")) {
		t.Error("the main module requires hamba/avro")
	}
}
