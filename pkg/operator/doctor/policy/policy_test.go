package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/test/property"
	"pgregory.net/rapid"
)

const (
	amazon = "437568002678"
	queue  = "arn:aws:sqs:eu-west-1:123456789012:notifications"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	allow := func(more string) string {
		return `{"Statement":[{"Sid":"ours","Effect":"Allow","Principal":{"AWS":"` + amazon + `"},"Action":"sqs:SendMessage","Resource":"*"` + more + `}]}`
	}
	const everything = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
	for name, test := range map[string]struct {
		policy  string
		verdict Verdict
		keys    []string
	}{
		"as Amazon documents it": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::437568002678:root"},
			"Action":["SQS:SendMessage","SQS:GetQueueAttributes"],"Resource":"` + queue + `"}]}`, Allowed, nil},
		"an account alone":             {allow(""), Allowed, nil},
		"one of many principals":       {`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["1","437568002678"]},"Action":"sqs:*","Resource":"*"}]}`, Allowed, nil},
		"everybody":                    {`{"Statement":` + everything + `}`, Allowed, nil},
		"a pattern of actions":         {strings.Replace(allow(""), "sqs:SendMessage", "sqs:Send*", 1), Allowed, nil},
		"another account":              {strings.Replace(allow(""), amazon, "111122223333", 1), Missing, nil},
		"a user of the account":        {strings.Replace(allow(""), amazon, "arn:aws:iam::437568002678:user/x", 1), Missing, nil},
		"another action":               {strings.Replace(allow(""), "SendMessage", "ReceiveMessage", 1), Missing, nil},
		"another resource":             {strings.Replace(allow(""), `"*"`, `"arn:aws:sqs:eu-west-1:123456789012:other"`, 1), Missing, nil},
		"a service":                    {`{"Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"*","Resource":"*"}]}`, Missing, nil},
		"all but others":               {`{"Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"1"},"NotAction":"sqs:Delete*","NotResource":"arn:x"}]}`, Allowed, nil},
		"all but this":                 {`{"Statement":[{"Effect":"Allow","Principal":"*","NotAction":"sqs:Send*","Resource":"*"}]}`, Missing, nil},
		"denied":                       {`{"Statement":[` + everything + `,{"Sid":"no","Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}]}`, Denied, nil},
		"denied to all but us":         {`{"Statement":[` + everything + `,{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}]}`, Denied, nil},
		"denied without TLS":           {`{"Statement":[` + everything + `,{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}]}`, Allowed, nil},
		"denied on a condition":        {`{"Statement":[` + everything + `,{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"v"}}}]}`, Conditional, []string{"aws:SourceVpc"}},
		"allowed with TLS":             {allow(`,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`), Allowed, nil},
		"allowed on a condition":       {allow(`,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*"}}`), Conditional, []string{"aws:SourceArn"}},
		"allowed to its own account":   {allow(`,"Condition":{"StringEquals":{"aws:PrincipalAccount":["437568002678"]}}`), Allowed, nil},
		"allowed to another account":   {allow(`,"Condition":{"StringEquals":{"AWS:PrincipalAccount":"123456789012"}}`), Missing, nil},
		"not allowed to others":        {allow(`,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}`), Allowed, nil},
		"allowed to a pattern":         {allow(`,"Condition":{"StringLike":{"aws:PrincipalAccount":"43*"}}`), Allowed, nil},
		"one without a condition wins": {`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"X":{"y":"z"}}},` + everything + `]}`, Allowed, nil},
		"denied, but never allowed":    {`{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"X":{"y":1}}}}`, Missing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse(test.policy)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Decide(amazon, "sqs:SendMessage", queue); got.Verdict != test.verdict || !slices.Equal(got.Keys, test.keys) {
				t.Errorf("got %+v, want %s %v", got, test.verdict, test.keys)
			}
		})
	}
}

func TestTheDecidingStatementAndOthersAreNamed(t *testing.T) {
	t.Parallel()
	p, err := Parse(`{"Statement":[
		{"Sid":"theirs","Effect":"Allow","Principal":{"AWS":["2","1","1"]},"Action":"sqs:SendMessage","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Decide(amazon, "sqs:SendMessage", queue); got.Verdict != Denied || got.Statement != "number 2" {
		t.Errorf("got %+v", got)
	}
	if got := p.Grantees("sqs:SendMessage", queue); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsNoPolicyIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "[]", `{"Statement":[{"Action":{}}]}`, `{"Statement":7}`, strings.Repeat(" ", maxBytes+1)} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%.40q was read as %+v", text, p)
		}
	}
}

// TestPatternsAreThoseOfIAM holds them against the same as regular expressions.
func TestPatternsAreThoseOfIAM(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{0,10}`).Draw(t, "text")
		expression := "^" + strings.NewReplacer("*", ".*", "?", ".").Replace(pattern) + "$"
		if got, want := matches(pattern, text), regexp.MustCompile(expression).MatchString(text); got != want {
			t.Errorf("%q against %q: %v", pattern, text, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["*"]},"Action":["sqs:*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":"x","NotResource":["?"]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		got := p.Decide(amazon, "sqs:SendMessage", queue)
		if (got.Verdict == Conditional) != (len(got.Keys) > 0) {
			t.Errorf("%+v", got)
		}
	})
}
