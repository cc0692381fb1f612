package integration

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

// audit makes the broker log what it allows, until the test ends. The result reads
// what was logged since about this test's users.
func (s *security) audit(t *testing.T) func() []decision {
	t.Helper()
	s.logLevel(t, "DEBUG")
	t.Cleanup(func() { s.logLevel(t, "INFO") })
	before, err := os.Stat(s.kafka.Log)
	if err != nil {
		t.Fatal(err)
	}
	return func() []decision {
		t.Helper()
		text, err := os.ReadFile(s.kafka.Log)
		if err != nil {
			t.Fatal(err)
		}
		var found []decision
		for line := range bytes.Lines(text[before.Size():]) {
			if d, ok := parseDecision(string(line)); ok && strings.HasPrefix(d.user, s.prefix) {
				found = append(found, d)
			}
		}
		return found
	}
}

func (s *security) logLevel(t *testing.T, level string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBrokerLogger, "1"
	setting := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	setting.Name, setting.Value = "kafka.authorizer.logger", &level
	resource.Configs = append(resource.Configs, setting)
	req.Resources = append(req.Resources, resource)
	resp, err := s.client.Broker(1).Request(context.Background(), req)
	if err == nil {
		err = kerr.ErrorForCode(resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("set the level of the broker's authorizer log: %v", err)
	}
}

// decision is what the broker's authorizer said about one request.
type decision struct {
	user, operation, resource, name, request string
	allowed                                  bool
}

// parseDecision reads a line of org.apache.kafka.metadata.authorizer.StandardAuthorizerData.
func parseDecision(line string) (decision, bool) {
	match := regexp.MustCompile(`Principal = User:(\S+) is (Allowed|Denied) operation = (\w+) from host = \S+ on resource = (\w+):LITERAL:(\S+) for request = (\w+)`).FindStringSubmatch(line)
	if match == nil {
		return decision{}, false
	}
	return decision{user: match[1], allowed: match[2] == "Allowed", operation: match[3], resource: match[4], name: match[5], request: match[6]}, true
}

// uses reports whether a decision rests on a grant, by a request that does what the
// grant is for: a start's look at what it may do does not count.
func (d decision) uses(g acls.Grant) bool {
	resources := map[acls.Resource]string{acls.Topic: "Topic", acls.Group: "Group", acls.TransactionalID: "TransactionalId"}
	operations := map[acls.Operation]string{
		acls.Read: "READ", acls.Write: "WRITE", acls.Create: "CREATE", acls.Describe: "DESCRIBE",
		acls.DescribeConfigs: "DESCRIBE_CONFIGS", acls.AlterConfigs: "ALTER_CONFIGS",
	}
	named := d.name == g.Name || g.Pattern == acls.Prefixed && strings.HasPrefix(d.name, g.Name)
	idle := d.request == "EndTxn" || d.request == "Heartbeat" || d.request == "Metadata" && g.Operation != acls.Describe
	return d.allowed && "User:"+d.user == g.Principal && named && !idle &&
		d.resource == resources[g.Resource] && d.operation == operations[g.Operation]
}
