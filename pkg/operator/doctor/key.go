package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// KeyClient is what is used of *kms.Client.
type KeyClient interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
}

// encryption looks at the key of a queue that is encrypted with one from KMS:
// whoever sends needs it too.
func encryption(ctx context.Context, client KeyClient, has map[string]string) Finding {
	id := has[string(types.QueueAttributeNameKmsMasterKeyId)]
	if id == "" {
		return good("none by KMS, so Amazon needs no key")
	}
	if strings.HasSuffix(id, "alias/aws/sqs") {
		return managedKey(id)
	}
	const unknown = "whether the key's policy lets Amazon encrypt cannot be read"
	const remedy = `allow kms:DescribeKey and kms:GetKeyPolicy to our AWS credentials to have it checked, or see for yourself that the key's policy allows ` +
		`kms:GenerateDataKey and kms:Decrypt to the principal {"AWS": "` + amazonAccount + `"}`
	key, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return warn(refusalText(err), unknown, remedy)
	}
	about := key.KeyMetadata
	switch {
	case about.KeyManager == kmstypes.KeyManagerTypeAws:
		return managedKey(id)
	case about.KeyState != kmstypes.KeyStateEnabled:
		return fail("key "+id+" is "+string(about.KeyState), "the queue's key cannot be used, so neither Amazon nor we can use the queue", "enable the key in KMS, or give the queue another")
	}
	answer, err := client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: about.KeyId, PolicyName: aws.String("default")}) // the only name that there is
	if err != nil {
		return warn(refusalText(err), unknown, remedy)
	}
	return policyFinding(aws.ToString(answer.Policy), aws.ToString(about.Arn), "key", "kms:GenerateDataKey", "kms:Decrypt")
}

// managedKey is a key whose policy is AWS's own: it allows nobody outside our
// account, and cannot be changed (AWS KMS, "AWS managed keys").
func managedKey(id string) Finding {
	return fail("the queue is encrypted with "+id, "an AWS managed key: its policy cannot be changed, so Amazon can never send to the queue",
		"encrypt the queue with SSE-SQS, or with a customer managed key whose policy allows kms:GenerateDataKey and kms:Decrypt to account "+amazonAccount)
}
