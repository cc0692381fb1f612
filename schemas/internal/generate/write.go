package main

import (
	"fmt"
	"strings"
	"unicode"
)

func writeStruct(b *strings.Builder, r *record) {
	fmt.Fprintf(b, "\n%stype %s struct {\n", comment(r.name+": "+r.doc), r.name)
	for _, f := range r.fields {
		tag := f.name
		if f.typ.nullable {
			tag += ",omitzero"
		}
		fmt.Fprintf(b, "%s%s %s `avro:%q json:%q`\n", comment(f.doc), goName(f.name), f.typ.goType(), tag, tag)
	}
	b.WriteString("}\n")
}

// goType is the Go type of an Avro type. Optional strings, bytes and times are
// plain, their zero value meaning null; other optional values are pointers.
func (t avroType) goType() string {
	star := ""
	if t.pointer() {
		star = "*"
	}
	switch t.kind {
	case "string":
		return "string"
	case "bytes":
		return "[]byte"
	case "time":
		return "time.Time"
	case "int":
		return star + "int32"
	case "long":
		return star + "int64"
	case "double":
		return star + "float64"
	case "boolean":
		return star + "bool"
	case "array":
		return "[]" + t.element.goType()
	case "map":
		return "map[string]" + t.element.goType()
	}
	return star + t.kind
}

// pointer reports whether null is a nil pointer.
func (t avroType) pointer() bool {
	switch t.kind {
	case "string", "bytes", "time", "array", "map":
		return false
	}
	return t.nullable
}

func writeEncoder(b *strings.Builder, r *record) {
	fmt.Fprintf(b, "\n// AppendAvro appends the Avro binary encoding to dst.\nfunc (r *%s) AppendAvro(dst []byte) []byte {\n", r.name)
	for _, f := range r.fields {
		f.typ.writeEncoder(b, "r."+goName(f.name), 'i')
	}
	b.WriteString("return dst\n}\n")
}

// writeEncoder writes the statements that encode the value x. index names the
// loop variable of an array.
func (t avroType) writeEncoder(b *strings.Builder, x string, index rune) {
	if t.nullable && (t.kind == "string" || t.kind == "time") {
		fmt.Fprintf(b, "dst = appendOptional%s(dst, %s)\n", goName(t.kind), x)
		return
	}
	if t.nullable {
		fmt.Fprintf(b, "if %s == nil {\ndst = append(dst, 0)\n} else {\ndst = append(dst, 2)\n", x)
		plain := t
		plain.nullable = false
		if t.pointer() && isPrimitive(t.kind) {
			x = "*" + x
		}
		plain.writeEncoder(b, x, index)
		b.WriteString("}\n")
		return
	}
	switch t.kind {
	case "string":
		fmt.Fprintf(b, "dst = appendText(dst, %s)\n", x)
	case "bytes":
		fmt.Fprintf(b, "dst = binary.AppendVarint(dst, int64(len(%s)))\ndst = append(dst, %s...)\n", x, x)
	case "int", "long":
		fmt.Fprintf(b, "dst = binary.AppendVarint(dst, int64(%s))\n", x)
	case "double":
		fmt.Fprintf(b, "dst = appendDouble(dst, %s)\n", x)
	case "boolean":
		fmt.Fprintf(b, "dst = appendBool(dst, %s)\n", x)
	case "time":
		fmt.Fprintf(b, "dst = binary.AppendVarint(dst, %s.UnixMilli())\n", x)
	case "array":
		fmt.Fprintf(b, "if len(%s) > 0 {\ndst = binary.AppendVarint(dst, int64(len(%s)))\nfor %c := range %s {\n", x, x, index, x)
		t.element.writeEncoder(b, fmt.Sprintf("%s[%c]", x, index), index+1)
		b.WriteString("}\n}\ndst = append(dst, 0)\n")
	case "map":
		fmt.Fprintf(b, "if len(%s) > 0 {\ndst = binary.AppendVarint(dst, int64(len(%s)))\nfor _, key := range slices.Sorted(maps.Keys(%s)) {\n", x, x, x)
		avroType{kind: "string"}.writeEncoder(b, "key", index)
		t.element.writeEncoder(b, x+"[key]", index)
		b.WriteString("}\n}\ndst = append(dst, 0)\n")
	default:
		fmt.Fprintf(b, "dst = %s.AppendAvro(dst)\n", x)
	}
}

func isPrimitive(kind string) bool {
	switch kind {
	case "int", "long", "double", "boolean":
		return true
	}
	return false
}

// goName is the exported Go name of an Avro field, with Go's initialisms.
func goName(name string) string {
	var words []string
	start := 0
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			words = append(words, name[start:i])
			start = i
		}
	}
	words = append(words, name[start:])
	for i, w := range words {
		switch strings.ToLower(w) {
		case "id", "sku", "asin", "url", "json", "sha256":
			words[i] = strings.ToUpper(w)
		case "ids":
			words[i] = "IDs"
		default:
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// comment wraps text into Go comment lines.
func comment(text string) string {
	var b strings.Builder
	line := "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 78 {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
	return b.String()
}
