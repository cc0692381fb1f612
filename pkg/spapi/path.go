package spapi

import (
	"net/url"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// segment escapes text for one segment of a path. All that RFC 3986 does not
// call unreserved is escaped, so that no two readers of the path can disagree
// about it (some take "+" for a space, and SKUs have any character). The dots of "." and ".." are too: they
// are names here, not directories.
func segment(text string) string {
	escaped := strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	if escaped == "." || escaped == ".." {
		return strings.ReplaceAll(escaped, ".", "%2E")
	}
	return escaped
}

// fill puts values in the places of a path's {parameters}, and escapes them.
func fill(path string, values []string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") && len(values) > 0 {
			parts[i], values = segment(values[0]), values[1:]
		}
	}
	return strings.Join(parts, "/")
}

// list is a query parameter that is an array without collectionFormat or with
// "csv": separated by commas (Swagger 2.0).
func list(values []string) []string { return []string{strings.Join(values, ",")} }

// element reports whether value can be one element of a list.
func element(value string) bool { return value != "" && !strings.Contains(value, ",") }

// invalid is a request that is not made because Amazon would refuse it.
func (c *caller) invalid(operation, message string) *model.Error {
	return &model.Error{Class: model.Invalid, Operation: operation, Account: c.account, Message: message}
}
