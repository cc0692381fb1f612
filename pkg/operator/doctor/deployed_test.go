package doctor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// deployed is the folder of what we offer to set AWS up with.
const deployed = "../../../deploy/aws"

// The policies in deploy/aws are what this doctor asks for.
func TestDeployedResourcePoliciesSatisfyTheDoctor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arn     string
		actions []string
		path    []string // of the same policy in the template
	}{
		"queue-policy.json": {
			"arn:aws:sqs:eu-west-1:123456789012:sellerstream-notifications", []string{"sqs:SendMessage", "sqs:GetQueueAttributes"},
			[]string{"Resources", "QueuePolicy", "Properties", "PolicyDocument"},
		},
		"queue-key-policy.json": {
			"arn:aws:kms:eu-west-1:123456789012:key/QueueKey", []string{"kms:GenerateDataKey", "kms:Decrypt"},
			[]string{"Resources", "QueueKey", "Properties", "KeyPolicy"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := deployedFile(t, name)
			if found := policyFinding(string(text), c.arn, "resource", c.actions...); found.Status != OK {
				t.Errorf("the doctor finds %+v", found)
			}
			sameDocument(t, text, templatePart(t, c.path...))
		})
	}
}

// Each policy allows what its roles' code calls (the AWS clients' interfaces name
// it), on our own resources, and nothing else.
func TestDeployedPoliciesAreTheLeast(t *testing.T) {
	t.Parallel()
	for name, want := range deployedPolicies() {
		text := deployedFile(t, want.file)
		var document struct {
			Statement []struct {
				Sid, Effect      string
				Action, Resource any
			}
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range document.Statement {
			if s.Effect != "Allow" {
				t.Errorf("%s: statement %s has the effect %s", name, s.Sid, s.Effect)
			}
			got = append(got, list(s.Action)...)
			for _, resource := range list(s.Resource) {
				if !strings.HasPrefix(resource, "arn:aws:") || strings.HasSuffix(resource, ":*") {
					t.Errorf("%s: statement %s is about %s: want our own resources", name, s.Sid, resource)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want.actions) {
			t.Errorf("%s allows %q, want %q", name, got, want.actions)
		}
		sameDocument(t, text, templatePart(t, "Resources", name, "Properties", "PolicyDocument"))
	}
}

type deployedPolicy struct {
	file    string
	actions []string
}

func deployedPolicies() map[string]deployedPolicy {
	return map[string]deployedPolicy{
		"BridgePolicy":       {"policy-bridge.json", []string{"kms:Decrypt", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}},
		"EventsPolicy":       {"policy-events.json", []string{"events:PutEvents"}},
		"AmazonPolicy":       {"policy-amazon.json", []string{"secretsmanager:GetSecretValue", "sts:AssumeRole"}},
		"BuyerDataPolicy":    {"policy-buyer-data.json", []string{"kms:Decrypt", "kms:GenerateDataKey"}},
		"KafkaSecretsPolicy": {"policy-kafka-secrets.json", []string{"secretsmanager:GetSecretValue"}},
		"DoctorPolicy":       {"policy-doctor.json", []string{"events:DescribeEventBus", "kms:DescribeKey", "kms:GetKeyPolicy", "sqs:GetQueueAttributes"}},
		"OperatorPolicy":     {"policy-operator.json", []string{"kms:Decrypt", "kms:GenerateDataKey", "sqs:SendMessage"}},
	}
}

// Whoever gets into one role has no more of AWS than that role.
func TestDeployedRolesHaveTheirOwnPolicies(t *testing.T) {
	t.Parallel()
	for role, want := range map[string][]any{
		"BridgeRole":  {"BridgePolicy", "KafkaSecretsPolicy"},
		"EventsRole":  {"EventsPolicy", "KafkaSecretsPolicy"},
		"OrdersRole":  {"AmazonPolicy", "BuyerDataPolicy", "KafkaSecretsPolicy"},
		"SellersRole": {"AmazonPolicy", "KafkaSecretsPolicy"},
		"Role":        {"BridgePolicy", "EventsPolicy", "AmazonPolicy", "DoctorPolicy", "BuyerDataPolicy", "KafkaSecretsPolicy"},
	} {
		if got := templatePart(t, "Resources", role, "Properties", "ManagedPolicyArns"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has %v, want %v", role, got, want)
		}
		trust := templatePart(t, "Resources", role, "Properties", "AssumeRolePolicyDocument").(string)
		account := "system:serviceaccount:${Account}" + map[string]string{
			"BridgeRole": "-bridge", "EventsRole": "-events", "OrdersRole": "-orders", "SellersRole": "-sellers",
		}[role] + `"`
		if !strings.Contains(trust, account) || !strings.Contains(trust, `:aud": "sts.amazonaws.com"`) {
			t.Errorf("%s trusts %s, want %s", role, trust, account)
		}
	}
}

func list(value any) []string {
	if text, ok := value.(string); ok {
		return []string{text}
	}
	var all []string
	for _, v := range value.([]any) {
		all = append(all, v.(string))
	}
	return all
}

func deployedFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sameDocument(t *testing.T, text []byte, want any) {
	t.Helper()
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		written, _ := json.MarshalIndent(want, "", "  ")
		t.Errorf("it is not what the CloudFormation template makes:\n%s", written)
	}
}

// templatePart is a part of the CloudFormation template as a stack with every
// option would have it.
func templatePart(t *testing.T, path ...string) any {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(deployedFile(t, "sellerstream.yaml"), &document); err != nil {
		t.Fatal(err)
	}
	part := resolve(t, document.Content[0])
	for _, name := range path {
		part = part.(map[string]any)[name]
	}
	return part
}

// resolve gives a node its value, with each of CloudFormation's functions that
// the template uses carried out.
func resolve(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Tag {
	case "!Ref":
		return reference(n.Value)
	case "!GetAtt":
		return map[string]string{
			"Queue.Arn":    "arn:aws:sqs:eu-west-1:123456789012:sellerstream-notifications",
			"QueueKey.Arn": "arn:aws:kms:eu-west-1:123456789012:key/QueueKey",
			"Bus.Arn":      "arn:aws:events:eu-west-1:123456789012:event-bus/sellerstream",
		}[n.Value]
	case "!Sub":
		if n.Kind == yaml.ScalarNode {
			return substitute(n.Value)
		}
		return substitute(n.Content[0].Value)
	case "!If":
		return resolve(t, n.Content[1])
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = resolve(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		all := []any{}
		for _, item := range n.Content {
			all = append(all, resolve(t, item))
		}
		return all
	default:
		return n.Value
	}
}

func reference(name string) any {
	switch name {
	case "SellerRoles":
		return []any{"arn:aws:iam::123456789012:role/acme-eu"}
	case "QueueKeyAdministrator":
		return "arn:aws:iam::123456789012:role/administrator"
	case "BuyerDataKey":
		return "arn:aws:kms:eu-west-1:123456789012:key/BuyerDataKey"
	}
	return name
}

func substitute(text string) string {
	return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", "eu-west-1", "${AWS::AccountId}", "123456789012",
		"${Name}", "sellerstream", "${SecretsPrefix}", "sellerstream/", "${KafkaSecretsPrefix}", "kafka/").Replace(text)
}

// Who sends to an encrypted queue needs its key as well, of the policy that
// retries dead letters and of the key's own.
func TestDeployedOperatorPolicySendsToAnEncryptedQueue(t *testing.T) {
	t.Parallel()
	const (
		queue = "arn:aws:sqs:eu-west-1:123456789012:sellerstream-notifications"
		key   = "arn:aws:kms:eu-west-1:123456789012:key/QueueKey"
	)
	got := templatePart(t, "Resources", "OperatorPolicy", "Properties", "PolicyDocument", "Statement")
	want := []any{
		map[string]any{"Sid": "SendBack", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue},
		map[string]any{
			"Sid": "SendToEncryptedQueue", "Effect": "Allow", "Action": []any{"kms:GenerateDataKey", "kms:Decrypt"}, "Resource": key,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the operator's policy has %v\nwant %v", got, want)
	}
	for _, s := range templatePart(t, "Resources", "QueueKey", "Properties", "KeyPolicy", "Statement").([]any) {
		if s := s.(map[string]any); s["Sid"] == "OurPolicies" {
			for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
				if !slices.Contains(list(s["Action"]), action) {
					t.Errorf("the key's policy leaves %s to no policy of ours", action)
				}
			}
		}
	}
}
