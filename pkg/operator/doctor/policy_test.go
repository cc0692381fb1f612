package doctor

import (
	"strings"
	"testing"
)

// A policy is judged by all that is asked of it: the worst verdict on any action is
// what the finding says, whatever other actions and statements allow.
func TestAPolicyIsAsGoodAsItsWorstAction(t *testing.T) {
	t.Parallel()
	const (
		arn   = "arn:aws:sqs:eu-west-1:123456789012:q"
		allow = `{"Sid":"yes","Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}`
	)
	deny := func(action, more string) string {
		return `{"Sid":"no","Effect":"Deny","Principal":{"AWS":"437568002678"},"Action":"` + action + `","Resource":"*"` + more + `}`
	}
	only := func(action string) string { return strings.Replace(allow, "sqs:*", action, 1) }
	for name, c := range map[string]struct {
		statements []string
		want       Status
		says       string
	}{
		"all allowed":                   {[]string{allow}, OK, "allows sqs:SendMessage and sqs:GetQueueAttributes"},
		"the first denied":              {[]string{allow, deny("sqs:SendMessage", "")}, Failed, "denies sqs:SendMessage"},
		"the last denied":               {[]string{allow, deny("sqs:GetQueueAttributes", "")}, Failed, "denies sqs:GetQueueAttributes"},
		"denied before it is allowed":   {[]string{deny("sqs:*", ""), allow}, Failed, "denies sqs:SendMessage"},
		"another action denied":         {[]string{allow, deny("sqs:DeleteMessage", "")}, OK, "allows"},
		"denied on another resource":    {[]string{allow, strings.Replace(deny("sqs:*", ""), `"*"`, `"arn:aws:sqs:eu-west-1:123456789012:other"`, 1)}, OK, "allows"},
		"denied to somebody else":       {[]string{allow, strings.Replace(deny("sqs:*", ""), "437568002678", "111122223333", 1)}, OK, "allows"},
		"denied without TLS":            {[]string{allow, deny("sqs:*", `,"Condition":{"Bool":{"aws:SecureTransport":"false"}}`)}, OK, "allows"},
		"perhaps denied":                {[]string{allow, deny("sqs:SendMessage", `,"Condition":{"StringNotEquals":{"aws:SourceVpc":"v"}}`)}, Warning, "condition of sqs:SendMessage"},
		"perhaps denied, and denied":    {[]string{allow, deny("sqs:SendMessage", `,"Condition":{"X":{"y":"z"}}`), deny("sqs:GetQueueAttributes", "")}, Failed, "denies sqs:GetQueueAttributes"},
		"the last is missing":           {[]string{only("sqs:SendMessage")}, Failed, "does not allow sqs:GetQueueAttributes"},
		"the first is missing":          {[]string{only("sqs:GetQueueAttributes")}, Failed, "does not allow sqs:SendMessage"},
		"denied, and allowed to nobody": {[]string{deny("sqs:*", "")}, Failed, "denies sqs:SendMessage"},
	} {
		got := policyFinding(`{"Statement":[`+strings.Join(c.statements, ",")+`]}`, arn, "queue", "sqs:SendMessage", "sqs:GetQueueAttributes")
		if got.Status != c.want || !strings.Contains(got.Found+got.Cause, c.says) {
			t.Errorf("%s: %+v, want %v with %q", name, got, c.want, c.says)
		}
	}
}
