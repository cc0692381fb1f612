package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// fakeKMS holds one key.
type fakeKMS struct {
	types.KeyMetadata
	policy  string
	refuses error
}

func (f fakeKMS) DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	return &kms.DescribeKeyOutput{KeyMetadata: &f.KeyMetadata}, f.refuses
}

func (f fakeKMS) GetKeyPolicy(_ context.Context, in *kms.GetKeyPolicyInput, _ ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	return &kms.GetKeyPolicyOutput{Policy: &f.policy}, f.refuses
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	key := types.KeyMetadata{KeyId: aws.String("k"), Arn: aws.String("arn:aws:kms:eu-west-1:1:key/k"), KeyState: types.KeyStateEnabled, KeyManager: types.KeyManagerTypeCustomer}
	allows := func(actions string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"kms:*","Resource":"*"},
			{"Effect":"Allow","Principal":{"AWS":"437568002678"},"Action":[` + actions + `],"Resource":"*"}]}`
	}
	disabled, managed := key, key
	disabled.KeyState = types.KeyStatePendingDeletion
	managed.KeyManager = types.KeyManagerTypeAws
	for name, test := range map[string]struct {
		id     string
		kms    fakeKMS
		status Status
		says   string
	}{
		"none":            {"", fakeKMS{}, OK, "Amazon needs no key"},
		"AWS's own":       {"alias/aws/sqs", fakeKMS{}, Failed, "its policy cannot be changed"},
		"AWS's own by id": {"k", fakeKMS{KeyMetadata: managed}, Failed, "its policy cannot be changed"},
		"allowed":         {"k", fakeKMS{KeyMetadata: key, policy: allows(`"kms:GenerateDataKey*","kms:Decrypt"`)}, OK, "allows kms:GenerateDataKey and kms:Decrypt"},
		"half allowed":    {"k", fakeKMS{KeyMetadata: key, policy: allows(`"kms:Decrypt"`)}, Failed, "the key's policy does not allow kms:GenerateDataKey"},
		"only us":         {"k", fakeKMS{KeyMetadata: key, policy: allows(`"kms:X"`)}, Failed, "kms:GenerateDataKey is allowed to arn:aws:iam::1:root"},
		"to be deleted":   {"k", fakeKMS{KeyMetadata: disabled}, Failed, "enable the key"},
		"cannot be read": {"k", fakeKMS{refuses: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}}, Warning,
			`allow kms:DescribeKey and kms:GetKeyPolicy to our AWS credentials to have it checked, or see for yourself that the key's policy allows kms:GenerateDataKey and kms:Decrypt to the principal {"AWS": "437568002678"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := encryption(t.Context(), test.kms, map[string]string{"KmsMasterKeyId": test.id})
			if got.Status != test.status || !strings.Contains(got.Found+got.Cause+got.Fix, test.says) {
				t.Errorf("got %+v, want %s with %q", got, test.status, test.says)
			}
		})
	}
}

func TestConditionalPolicy(t *testing.T) {
	t.Parallel()
	got := policyFinding(`{"Statement":[{"Sid":"ours","Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}]}`,
		"arn", "queue", "sqs:SendMessage")
	if got.Status != Warning || !strings.Contains(got.Found, "statement ours asks for aws:SourceAccount") {
		t.Errorf("got %+v", got)
	}
	if got := policyFinding("x", "arn", "queue", "sqs:SendMessage"); got.Status != Warning || !strings.Contains(got.Fix, "by hand") {
		t.Errorf("got %+v", got)
	}
}

// TestARefusedSignatureIsNotRepeated keeps what AWS repeats of a request out.
func TestARefusedSignatureIsNotRepeated(t *testing.T) {
	t.Parallel()
	got := awsFault(&smithy.GenericAPIError{Code: "SignatureDoesNotMatch", Message: "x-amz-security-token:canary"}, "sqs:GetQueueAttributes", "q")
	if strings.Contains(got.Found+got.Cause+got.Fix, "canary") || !strings.Contains(got.Cause, "AWS does not know our key") {
		t.Errorf("got %+v", got)
	}
}

func TestWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{
		"AccessDenied":          "may not sqs:GetQueueAttributes",
		"AccessDeniedException": "may not sqs:GetQueueAttributes",
		"ExpiredToken":          "have expired",
		"InternalFailure":       "AWS refused sqs:GetQueueAttributes",
	} {
		if got := awsFault(&smithy.GenericAPIError{Code: code}, "sqs:GetQueueAttributes", "q"); got.Status != Failed || !strings.Contains(got.Cause, says) {
			t.Errorf("%s: got %+v", code, got)
		}
	}
	if got := awsFault(context.DeadlineExceeded, "x", "y"); got.Cause != "AWS did not answer" {
		t.Errorf("got %+v", got)
	}
}
