package pipeline

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// STS is asked for our own role and for an account's each with its own external
// id: with none or another, a trust policy that wants it refuses.
func TestExternalIDsReachSTS(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string][]string{} // external ids by role
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		mu.Lock()
		defer mu.Unlock()
		role := r.Form.Get("RoleArn")
		asked[role] = append(asked[role], r.Form.Get("ExternalId"))
		fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>made-up</SecretAccessKey>`+
			`<SessionToken>made-up</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	const ours, theirs = "arn:aws:iam::123456789012:role/ours", "arn:aws:iam::210987654321:role/theirs"
	cfg := config.Config{AWS: config.AWS{
		Region: "eu-west-1", AccessKeyID: "AKIA", SecretAccessKey: config.Secret{Value: secrets.New("made-up")},
		Role: ours, ExternalID: "of-ours", STSEndpoint: sts.URL,
	}}
	loaded, err := openAWS(t.Context(), cfg.AWS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.Credentials.Retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := &amazon{settings: Settings{Config: cfg}, roles: map[spapi.Role]aws.CredentialsProvider{}}
	for _, id := range []string{"first", "second", "first"} {
		credentials, err := a.role(spapi.Role{ARN: theirs, ExternalID: id})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := credentials.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := fmt.Sprint(asked[ours]); got != "[of-ours of-ours]" { // of AWS and of the accounts' client
		t.Errorf("our role is assumed with %s", got)
	}
	if got := fmt.Sprint(asked[theirs]); got != "[first second]" {
		t.Errorf("an account's role is assumed with %s: want each id once", got)
	}
}
