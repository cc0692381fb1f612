package policy

import (
	"slices"
	"strconv"
	"strings"
)

// Verdict is what a policy says to a request.
type Verdict string

// The verdicts.
const (
	Allowed     Verdict = "allowed"
	Missing     Verdict = "missing"     // nothing allows it
	Denied      Verdict = "denied"      // a statement forbids it, whatever others allow
	Conditional Verdict = "conditional" // it depends on what only the request would tell
)

// Decision is a verdict and what it comes from.
type Decision struct {
	Verdict   Verdict
	Statement string   // Sid of the statement that decides, or its number; "" when none does
	Keys      []string // of the conditions that could not be decided
}

// Decide reports whether account may do action on the resource with that ARN.
func (p Policy) Decide(account, action, resource string) Decision {
	allowed := Decision{Verdict: Missing}
	unsure := Decision{}
	for i := range p.statements {
		s := &p.statements[i]
		if !s.about(action, resource) || !s.names(account) {
			continue
		}
		holds, keys := s.conditions(account)
		switch {
		case holds == never:
		case s.Effect == "Deny" && holds == always:
			return Decision{Verdict: Denied, Statement: s.name(i)}
		case s.Effect == "Deny":
			unsure = Decision{Verdict: Conditional, Statement: s.name(i), Keys: keys}
		case s.Effect == "Allow" && holds == always:
			allowed = Decision{Verdict: Allowed, Statement: s.name(i)}
		case s.Effect == "Allow" && allowed.Verdict == Missing:
			allowed = Decision{Verdict: Conditional, Statement: s.name(i), Keys: keys}
		}
	}
	if allowed.Verdict != Missing && unsure.Verdict != "" {
		return unsure
	}
	return allowed
}

// Grantees are the principals that are allowed an action, as the policy writes
// them; for a message that says who is, where the expected one is not.
func (p Policy) Grantees(action, resource string) []string {
	var all []string
	for i := range p.statements {
		s := &p.statements[i]
		if s.Effect == "Allow" && s.about(action, resource) {
			all = append(all, s.Principal.aws...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *statement) name(i int) string {
	if s.ID != "" {
		return s.ID
	}
	return "number " + strconv.Itoa(i+1)
}

// certainty is whether a statement's conditions hold for every request.
type certainty int

const (
	always certainty = iota
	never
	sometimes
)

// conditions decides those that are the same for each of Amazon's requests, and
// names the keys of the others.
func (s *statement) conditions(account string) (certainty, []string) {
	holds := always
	var open []string
	for operator, keys := range s.Condition {
		for key, values := range keys {
			switch condition(operator, key, values, account) {
			case never:
				return never, nil
			case sometimes:
				holds = sometimes
				open = append(open, key)
			case always:
			}
		}
	}
	slices.Sort(open)
	return holds, slices.Compact(open)
}

func condition(operator, key string, values texts, account string) certainty {
	whether := func(yes bool) certainty {
		if yes {
			return always
		}
		return never
	}
	operator, _ = strings.CutSuffix(operator, "IfExists")
	switch strings.ToLower(key) {
	case "aws:securetransport": // AWS's own services call by TLS
		if operator == "Bool" {
			return whether(slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, "true") }))
		}
	case "aws:principalaccount":
		named := slices.ContainsFunc(values, func(v string) bool { return v == account || strings.HasSuffix(operator, "Like") && matches(v, account) })
		switch operator {
		case "StringEquals", "StringLike":
			return whether(named)
		case "StringNotEquals", "StringNotLike":
			return whether(!named)
		}
	}
	return sometimes
}
