package pipeline

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/secrets"
)

func TestAccountsWithTheSameRoleShareItsCredentials(t *testing.T) {
	t.Parallel()
	cfg := config.Config{
		AWS: config.AWS{Region: "eu-west-1", AccessKeyID: "x", SecretAccessKey: config.Secret{Value: secrets.New("x")}},
		Accounts: []config.Account{
			{ID: "a", Role: goodRole}, {ID: "b"}, {ID: "c", Role: goodRole}, {ID: "d", Role: deniedRole},
		},
	}
	roles, err := newRoles(t.Context(), cfg)
	if err != nil || len(roles) != 2 || roles[goodRole] == nil || roles[deniedRole] == nil || roles[""] != nil {
		t.Errorf("got %v, %v", roles, err)
	}
	// Without a role nobody needs AWS credentials to ask Amazon.
	roles, err = newRoles(t.Context(), config.Config{
		AWS:      config.AWS{AccessKeyID: "x", SecretAccessKey: config.Secret{Env: "SELLERSTREAM_TEST_UNSET"}},
		Accounts: []config.Account{{ID: "a"}},
	})
	if err != nil || len(roles) != 0 {
		t.Errorf("got %v, %v", roles, err)
	}
}
