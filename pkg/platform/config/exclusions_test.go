package config

import (
	"strconv"
	"strings"
	"testing"
)

func TestExclusions(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"{}":                "",
		"{file: skus.csv}":  "",
		"{topic: excluded}": "",
		"{url: 'https://skus.example.com/list', token: {env: TOKEN}}": "",
		"{url: 'http://127.0.0.1:8080/list', token: {env: TOKEN}}":    "",
		"{url: 'http://skus.example.com/list'}":                       "",
		"{url: 'http://skus.example.com/list', token: {env: TOKEN}}":  "exclusions.url: what is sent there can be read on the way",
		"{url: 'ftp://skus.example.com/list'}":                        "exclusions.url: ",
		"{url: 'https://me:secret@skus.example.com/list'}":            "exclusions.url: credentials do not belong",
		"{token: {env: TOKEN}}":                                       "exclusions.token: a token belongs to a url",
		"{url: 'https://x.example', token: {env: A, file: /b}}":       "exclusions.token: more than one source",
		"{file: skus.csv, topic: excluded}":                           "exclusions: more than one source",
		"{topic: 'no spaces'}":                                        "exclusions.topic: ",
		"{file: skus.csv, ttl: 1s}":                                   "exclusions.ttl: ",
		"{file: skus.csv, orders_wait: 2h}":                           "exclusions.orders_wait: ",
	} {
		_, err := Parse("f", []byte(Example+"\nexclusions: "+text+"\n"))
		line := strings.Count(Example, "\n") + 2
		switch {
		case says == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case says != "" && (err == nil || !strings.HasPrefix(err.Error(), "f:"+strconv.Itoa(line)+": "+says)):
			t.Errorf("%s: got %v, want line %d: %s", text, err, line, says)
		}
	}
}
