package sqs

import (
	"strconv"
	"strings"
	"testing"
)

func TestADeadLetterHasNoPostalCode(t *testing.T) {
	t.Parallel()
	nested := func(text string) string { return `{"Message":` + strconv.Quote(text) + `}` }
	const field = `{"A":1,"DestinationPostalCode":"48110","B":2}`
	for text, want := range map[string]string{
		"":                                       "",
		"hello":                                  "hello",
		`{"a": "48110"}`:                         `{"a": "48110"}`, // nobody knows what that is
		field:                                    strings.Replace(field, "48110", "", 1),
		nested(field):                            nested(strings.Replace(field, "48110", "", 1)),
		nested(nested(field)):                    nested(nested(strings.Replace(field, "48110", "", 1))),
		field[:30] + `"48110`:                    field[:30] + `"`, // cut off
		field + field:                            strings.ReplaceAll(field+field, "48110", ""),
		"not JSON " + field:                      "not JSON " + strings.Replace(field, "48110", "", 1),
		`{"destinationpostalcode" : "SW1A 1AA"}`: `{"destinationpostalcode" : ""}`,
		`{"Destination\u0050ostalCode":"48110"}`: `{"Destination\u0050ostalCode":""}`,
		`{"DestinationPostalCode":"48\u0031\"10"}`:                 `{"DestinationPostalCode":""}`,
		`{"DestinationPostalCode":48110}`:                          `{"DestinationPostalCode":""}`,
		`{"DestinationPostalCode":{"a":["48110"]}}`:                `{"DestinationPostalCode":""}`,
		`x{"DestinationPostalCode":null,"b":1}`:                    `x{"DestinationPostalCode":null,"b":1}`,
		`x{"DestinationPostalCode":48110}`:                         `x{"DestinationPostalCode":}`,
		`x{\"DestinationPostalCode\":\"48\\u003110\",\"b\":1}`:     `x{\"DestinationPostalCode\":\"\",\"b\":1}`,
		`<DestinationPostalCode>48110</DestinationPostalCode>`:     `<DestinationPostalCode></DestinationPostalCode>`,
		`x"DestinationPostalCode":"DestinationPostalCode":"48110"`: `x"DestinationPostalCode":"":""`,
		`["DestinationPostalCode","48110"]`:                        `["DestinationPostalCode","48110"]`, // no name of a field
	} {
		if got := withoutPostalCode(text); got != want {
			t.Errorf("%s\nbecame %s\n  want %s", text, got, want)
		}
	}
}

func FuzzWithoutPostalCode(f *testing.F) {
	f.Add(`{"DestinationPostalCode":`, `}`)
	f.Add(`\"destinationPostalCode\" : \"`, `\"`)
	f.Fuzz(func(t *testing.T, before, after string) {
		text := before + `{"DestinationPostalCode":"48110"}` + after
		shown := withoutPostalCode(text)
		if strings.Count(shown, "48110") > strings.Count(before+after, "48110") {
			t.Errorf("%s became %s", text, shown)
		}
	})
}
