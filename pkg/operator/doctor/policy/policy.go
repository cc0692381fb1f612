// Package policy reads the policies of AWS resources, as SQS queues and KMS keys
// have them, and reports whether one lets another AWS account do something. It
// knows of IAM's language what such policies use; what it cannot decide it says.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxBytes bounds a policy: AWS takes 32 KiB for a key and less for a queue.
const maxBytes = 256 << 10

// Policy is a resource's policy.
type Policy struct{ statements []statement }

type statement struct {
	ID           string `json:"Sid"`
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Condition    map[string]map[string]texts // operator, key, values
}

// Parse reads a policy document (IAM JSON policy grammar).
func Parse(text string) (Policy, error) {
	if len(text) > maxBytes {
		return Policy{}, fmt.Errorf("the policy is larger than %d KiB", maxBytes>>10)
	}
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return Policy{}, fmt.Errorf("the policy is not JSON: %w", err)
	}
	one := bytes.TrimSpace(document.Statement)
	if len(one) > 0 && one[0] == '{' { // a single statement needs no list
		one = slices.Concat([]byte("["), one, []byte("]"))
	}
	var p Policy
	if len(one) == 0 {
		return p, errors.New("the policy has no Statement")
	}
	if err := json.Unmarshal(one, &p.statements); err != nil {
		return Policy{}, fmt.Errorf("the policy's statements: %w", err)
	}
	return p, nil
}

// texts is a text or a list of them; IAM takes numbers and booleans for texts.
type texts []string

func (t *texts) UnmarshalJSON(text []byte) error {
	var list []any
	if err := json.Unmarshal(text, &list); err != nil {
		var single any
		if err := json.Unmarshal(text, &single); err != nil {
			return err
		}
		list = []any{single}
	}
	*t = make(texts, 0, len(list))
	for _, value := range list {
		switch value.(type) {
		case string, bool, float64:
			*t = append(*t, fmt.Sprint(value))
		default:
			return fmt.Errorf("%T where a text belongs", value)
		}
	}
	return nil
}

// principals are those of type AWS; the others are services and users, which
// no AWS account is.
type principals struct {
	given bool
	aws   texts
}

func (p *principals) UnmarshalJSON(text []byte) error {
	p.given = true
	var all string
	if json.Unmarshal(text, &all) == nil {
		p.aws = texts{all}
		return nil
	}
	var kinds map[string]texts
	if err := json.Unmarshal(text, &kinds); err != nil {
		return err
	}
	p.aws = kinds["AWS"]
	return nil
}

// include reports whether the account as a whole is among the principals. A user
// or role of it is not: nobody outside knows which of them calls.
func (p principals) include(account string) bool {
	return slices.ContainsFunc(p.aws, func(name string) bool {
		return name == "*" || name == account || strings.HasPrefix(name, "arn:") && strings.HasSuffix(name, ":iam::"+account+":root")
	})
}

// about reports whether the statement is about an action on a resource.
func (s *statement) about(action, resource string) bool {
	ignoringCase := func(pattern string) bool { return matches(strings.ToLower(pattern), strings.ToLower(action)) }
	exactly := func(pattern string) bool { return matches(pattern, resource) }
	return chosen(s.Action, s.NotAction, ignoringCase) && (s.Resource == nil && s.NotResource == nil || chosen(s.Resource, s.NotResource, exactly))
}

// chosen reports whether something is in the list or, where another list says what
// is not meant, outside of that.
func chosen(in, notIn texts, match func(string) bool) bool {
	if notIn != nil {
		return !slices.ContainsFunc(notIn, match)
	}
	return slices.ContainsFunc(in, match)
}

func (s *statement) names(account string) bool {
	if s.NotPrincipal.given {
		return !s.NotPrincipal.include(account)
	}
	return s.Principal.include(account)
}

// matches reports whether text is of a pattern with * (any characters) and ? (one).
func matches(pattern, text string) bool {
	expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	found, err := regexp.MatchString("(?s)^"+expression+"$", text)
	return err == nil && found
}
