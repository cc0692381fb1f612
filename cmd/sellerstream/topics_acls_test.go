package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

func TestTopicsACLs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	text := strings.NewReplacer("# prefix: sellerstream.", "prefix: other.", "127.0.0.1:9092", "kafka-1:9093").Replace(config.Example)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a role's own user":  {[]string{"--roles", "bridge"}, 0, "User:sellerstream-bridge  Write      topic     sellerstream.order-changes"},
		"a command's":        {nil, 0, "User:sellerstream-topics-apply"},
		"one user for all":   {[]string{"--principal", "User:x", "--roles", "bridge,orders", "--format", "commands"}, 0, "--allow-principal User:x --operation Read --operation Write --topic sellerstream.state.orders"},
		"users of some":      {[]string{"--role-principals", "orders=User:o,doctor=User:d", "--format", "yaml"}, 0, "principal: User:d"},
		"an unknown role":    {[]string{"--roles", "order"}, exitUsage, `nothing is called "order"; there is bridge, orders`},
		"a misspelt user":    {[]string{"--role-principals", "order=User:o"}, exitUsage, `nothing is called "order"`},
		"an unknown format":  {[]string{"--format", "xml"}, exitUsage, "write table, commands, json or yaml"},
		"a missing file":     {[]string{"--config", "/no/such/file"}, exitFailed, "/no/such/file"},
		"a prefix of a file": {[]string{"--config", file, "--roles", "events", "--format", "commands"}, 0, "--bootstrap-server kafka-1:9093 --command-config admin.properties --add --allow-principal User:sellerstream-events --operation Read --group other.events"},
	} {
		var out, complaint strings.Builder
		code := runCommandLine(append([]string{"topics", "acls"}, test.args...), strings.NewReader(""), &out, &complaint)
		if code != test.code || !strings.Contains(out.String()+complaint.String(), test.says) {
			t.Errorf("%s: exit %d, want %d; got\n%s%s\nwant %q", name, code, test.code, out.String(), complaint.String(), test.says)
		}
	}
}

// TestTopicsACLsForPrograms reads back what is printed for them.
func TestTopicsACLsForPrograms(t *testing.T) {
	t.Parallel()
	for format, decode := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": yaml.Unmarshal} {
		var out strings.Builder
		if code := runCommandLine([]string{"topics", "acls", "--format", format}, strings.NewReader(""), &out, &out); code != 0 {
			t.Fatalf("exit %d: %s", code, out.String())
		}
		var grants []acls.Grant
		if err := decode([]byte(out.String()), &grants); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, g := range grants {
			if g.Principal == "" || g.Resource == "" || g.Name == "" || g.Pattern == "" || g.Operation.Code() == 0 {
				t.Errorf("%s: %+v is incomplete", format, g)
			}
			for _, part := range g.For {
				seen[part] = true
			}
		}
		for _, part := range acls.Parts() {
			if !seen[part] {
				t.Errorf("%s: nothing for %s", format, part)
			}
		}
	}
}
