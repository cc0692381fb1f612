package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// decoder fills a Config from YAML nodes. The YAML library's own strict
// decoding stops short of saying where and what to write instead, so the walk
// is ours; parsing stays the library's.
type decoder struct {
	faults *Faults
	lines  map[string]int  // where each key stands, for the rules of validate.go
	broken map[string]bool // paths whose content could not be read, so that no rule applies
	depth  int
	budget int // nodes that may still be read: aliases can make a small file endless
}

// maxDepth is more than the file's form has.
const maxDepth = 12

// unreadable reports that node's content is not of path's form.
func (d *decoder) unreadable(node *yaml.Node, path, format string, args ...any) {
	d.broken[path] = true
	d.faults.add(node.Line, path, format, args...)
}

// decode puts node's content into into, which holds the default.
func (d *decoder) decode(node *yaml.Node, into reflect.Value, path string) {
	d.budget--
	if d.depth >= maxDepth || d.budget < 0 {
		d.unreadable(node, path, "nested too deep or too often: an alias that contains itself?")
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	d.lines[path] = node.Line
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return // a key with nothing behind it keeps its default
	}
	switch target := into.Addr().Interface().(type) {
	case *time.Time:
		d.time(node, into, path)
	case *time.Duration:
		d.duration(node, into, path)
	case *secrets.Secret:
		*target = secrets.New(node.Value)
	case *Secret:
		d.secret(node, into, path)
	case *Account:
		target.at = d.place(node, path)
		d.byKind(node, into, path)
	default:
		d.byKind(node, into, path)
	}
}

func (d *decoder) place(node *yaml.Node, path string) place {
	return place{file: d.faults.File, line: node.Line, path: path}
}

func (d *decoder) byKind(node *yaml.Node, into reflect.Value, path string) {
	switch into.Kind() {
	case reflect.Struct:
		d.mapping(node, into, path)
	case reflect.Slice:
		d.sequence(node, into, path)
	case reflect.Map:
		d.stringMap(node, into, path)
	default:
		d.scalar(node, into, path)
	}
}

func (d *decoder) mapping(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.unreadable(node, path, "%s here: write a block of keys: %s", describe(node), strings.Join(keysOf(into.Type()), ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, tag, ok := fieldOf(into, key.Value)
		where := join(path, key.Value)
		if !ok && into.Type() == reflect.TypeFor[Secret]() {
			// What is written there may be the secret.
			d.faults.add(key.Line, path, "no such key here: write {env: NAME}, {file: /path} or {aws: NAME}")
			continue
		}
		advice, gone := withdrawn(key.Value)
		if known := keysOf(into.Type()); !ok && !gone {
			if !misspelt(key.Value, known) { // such as a secret whose colon is missing: it is not repeated
				where = path
			}
			d.faults.add(key.Line, where, "no such key; the keys here are %s", strings.Join(known, ", "))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.faults.add(key.Line, where, "given twice, first on line %d: keep one", first)
			continue
		}
		seen[key.Value] = key.Line
		if gone {
			d.faults.add(key.Line, where, "%s", advice)
			continue
		}
		d.decode(value, field, where)
		if tag.Get("path") == "relative" {
			field.SetString(d.absolute(field.String()))
		}
	}
}

// absolute is a path of the file's as the program can use it, wherever it was
// started: a relative one starts at the file's folder.
func (d *decoder) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.faults.File), path)
}

func (d *decoder) sequence(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		d.unreadable(node, path, "%s here: write a list, such as [a, b] or lines that start with \"- \"", describe(node))
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.decode(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(list)
}

func (d *decoder) stringMap(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.unreadable(node, path, "%s here: write \"name: value\" lines", describe(node))
		return
	}
	// The default's other entries stay: an override of one endpoint keeps the rest.
	merged := reflect.MakeMap(into.Type())
	for iter := into.MapRange(); iter.Next(); {
		merged.SetMapIndex(iter.Key(), iter.Value())
	}
	for i := 0; i < len(node.Content); i += 2 {
		key := reflect.New(into.Type().Key()).Elem()
		key.SetString(node.Content[i].Value)
		value := reflect.New(into.Type().Elem()).Elem()
		d.decode(node.Content[i+1], value, join(path, node.Content[i].Value))
		merged.SetMapIndex(key, value)
	}
	into.Set(merged)
}

// secret wants a source. A secret written down where its source belongs is
// refused without being repeated.
func (d *decoder) secret(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.unreadable(node, path, "write where the secret is to be read: {env: NAME}, {file: /path} or {aws: NAME}")
		return
	}
	before := len(d.faults.Found)
	d.mapping(node, into, path)
	d.broken[path] = len(d.faults.Found) > before // a misspelt source is no missing one
	s := into.Addr().Interface().(*Secret)
	s.at = d.place(node, path)
}

func (d *decoder) duration(node *yaml.Node, into reflect.Value, path string) {
	value, err := time.ParseDuration(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		d.unreadable(node, path, "%s is not a duration: write a number with a unit, such as 500ms, 30s or 5m", describe(node))
		return
	}
	into.SetInt(int64(value))
}

func (d *decoder) time(node *yaml.Node, into reflect.Value, path string) {
	value, err := time.Parse(time.RFC3339Nano, node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		d.unreadable(node, path, "%s is not a time: write it as 2026-11-23T13:15:18Z", describe(node))
		return
	}
	into.Set(reflect.ValueOf(value))
}

func (d *decoder) scalar(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.ScalarNode {
		d.unreadable(node, path, "%s here: write one value", describe(node))
		return
	}
	var err error
	want := "text"
	switch into.Kind() {
	case reflect.String:
		into.SetString(node.Value)
	case reflect.Bool:
		want = "true or false"
		var v bool
		if err = node.Decode(&v); err == nil {
			into.SetBool(v)
		}
	case reflect.Int:
		want = "a whole number"
		var v int64
		if v, err = strconv.ParseInt(node.Value, 10, 0); err == nil {
			into.SetInt(v)
		}
	case reflect.Float64:
		want = "a number"
		var v float64
		if v, err = strconv.ParseFloat(node.Value, 64); err == nil {
			into.SetFloat(v)
		}
	}
	if err != nil {
		d.unreadable(node, path, "%s is not %s", describe(node), want)
	}
}

// describe names what stands in the file, without the text of anything long:
// a misplaced secret must not end in an error message.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a block of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	if len(node.Value) > 24 {
		return "a text of " + strconv.Itoa(len(node.Value)) + " characters"
	}
	return strconv.Quote(node.Value)
}

func fieldOf(v reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if name, ok := tag.Lookup("yaml"); ok && name == key {
			return v.Field(i), tag, true
		}
	}
	return reflect.Value{}, "", false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if name, ok := t.Field(i).Tag.Lookup("yaml"); ok {
			keys = append(keys, name)
		}
	}
	sort.Strings(keys)
	return keys
}

func join(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
