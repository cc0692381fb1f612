package acls

import (
	"fmt"
	"slices"
	"strings"
)

// Grant is a permission for a principal, and the parts that need it.
type Grant struct {
	Principal string `json:"principal" yaml:"principal"`
	ACL       `yaml:",inline"`
	For       []string `json:"for" yaml:"for"`
}

// Grants are what principals need for parts, with what is optional: once for each principal, whatever
// parts it runs.
func (l Layout) Grants(parts []string, principal func(part string) string) []Grant {
	grants := []Grant{}
	for _, part := range parts {
		who := principal(part)
		for _, acl := range slices.Concat(l.Of(part), l.Optional(part)) {
			same := func(g Grant) bool { return g.Principal == who && g.ACL == acl }
			if i := slices.IndexFunc(grants, same); i >= 0 {
				grants[i].For = append(grants[i].For, part)
				continue
			}
			grants = append(grants, Grant{who, acl, []string{part}})
		}
	}
	return slices.DeleteFunc(grants, func(g Grant) bool { return implied(grants, g) })
}

// implied reports whether another grant brings a permission along (KIP-11, KIP-133).
func implied(grants []Grant, g Grant) bool {
	by := map[Operation][]Operation{Describe: {Read, Write}, DescribeConfigs: {AlterConfigs}}[g.Operation]
	return slices.ContainsFunc(grants, func(other Grant) bool {
		operation := other.Operation
		other.Operation = g.Operation
		return slices.Contains(by, operation) && other.Principal == g.Principal && other.ACL == g.ACL
	})
}

// Command is kafka-acls.sh's command that gives a principal operations on one
// resource.
func Command(bootstrap, principal string, on ACL, operations ...Operation) string {
	text := fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --command-config admin.properties --add --allow-principal %s", bootstrap, quoted(principal))
	for _, o := range operations {
		text += " --operation " + string(o)
	}
	text += fmt.Sprintf(" --%s %s", on.Resource, quoted(on.Name))
	if on.Pattern == Prefixed {
		text += " --resource-pattern-type prefixed"
	}
	return text
}

// Commands are kafka-acls.sh's that make grants, one for each principal and
// resource.
func Commands(bootstrap string, grants []Grant) []string {
	var lines []string
	for i, g := range grants {
		together := func(other Grant) bool {
			other.Operation = g.Operation
			return other.Principal == g.Principal && other.ACL == g.ACL
		}
		if slices.ContainsFunc(grants[:i], together) {
			continue
		}
		var operations []Operation
		for _, other := range grants[i:] {
			if together(other) {
				operations = append(operations, other.Operation)
			}
		}
		lines = append(lines, Command(bootstrap, g.Principal, g.ACL, operations...))
	}
	return lines
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-:/@=,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
