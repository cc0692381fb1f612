package config

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestAdmin(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range maxAccountMetrics + 1 {
		many = append(many, fmt.Sprintf("a%d", i))
	}
	for text, says := range map[string]string{
		"{}":                              "",
		"{listen: off}":                   "",
		"{listen: ''}":                    "",
		"{listen: '0.0.0.0:9400'}":        "",
		"{listen: ':0', pprof: true}":     "",
		"{listen: 127.0.0.1}":             `admin.listen: "127.0.0.1" is not host:port`,
		"{listen: 'localhost:http'}":      `admin.listen: "localhost:http" is not host:port`,
		"{listen: '127.0.0.1:65536'}":     `admin.listen: "127.0.0.1:65536" is not host:port`,
		"{account_metrics: [acme-eu, b]}": "",
		"{account_metrics: [a, b, a]}":    `admin.account_metrics[2]: "a" is named twice`,
		"{account_metrics: [Acme EU]}":    `admin.account_metrics[0]: "Acme EU" cannot be an account`,
		"{account_metrics: [" + strings.Join(many, ", ") + "]}": "admin.account_metrics: 51 accounts: name at most 50",
	} {
		cfg, err := Parse("f", []byte(Example+"\nadmin: "+text+"\n"))
		line := strings.Count(Example, "\n") + 2
		switch {
		case says == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case says != "" && (err == nil || !strings.HasPrefix(err.Error(), "f:"+strconv.Itoa(line)+": "+says)):
			t.Errorf("%s: got %v, want line %d: %s", text, err, line, says)
		case cfg.Admin.Off() != (text == "{listen: off}" || text == "{listen: ''}"):
			t.Errorf("%s: off is %t", text, cfg.Admin.Off())
		}
	}
}
