package pipeline

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

func openTestAmazon(t *testing.T, cfg config.Config) *amazon {
	t.Helper()
	s := Settings{Config: cfg, Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler)}
	l, err := newLive(cfg, s.Logger)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAmazon(s, l, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestAccountsWithTheSameRoleShareItsCredentials(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.AWS = config.AWS{Region: "eu-west-1", AccessKeyID: "x", SecretAccessKey: config.Secret{Value: secrets.New("x")}}
	a := openTestAmazon(t, cfg)
	for _, arn := range []string{goodRole, "", goodRole, deniedRole} {
		credentials, err := a.role(spapi.Role{ARN: arn})
		if err != nil || (credentials == nil) != (arn == "") {
			t.Errorf("role %q: %v, %v", arn, credentials, err)
		}
	}
	if len(a.roles) != 2 {
		t.Errorf("got %v", a.roles)
	}
	// Without a role nobody needs AWS credentials to ask Amazon.
	cfg.AWS.SecretAccessKey = config.Secret{Env: "SELLERSTREAM_TEST_UNSET"}
	if _, err := openTestAmazon(t, cfg).role(spapi.Role{}); err != nil {
		t.Error(err)
	}
}

// The caller of an account is made once, and anew when the account has changed.
func TestSellersFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	secret := func(text string) config.Secret { return config.Secret{Value: secrets.New(text)} }
	cfg := config.Default()
	cfg.Applications = []config.Application{{Name: "main", ClientID: "c", ClientSecret: secret("s")}}
	one := config.Account{ID: "a", SellerID: "A", Region: "eu", Application: "main", RefreshToken: secret("r")}
	cfg.Accounts = []config.Account{one}
	a := openTestAmazon(t, cfg)
	a.live.watch(a.forget)
	seller := func() any {
		s, err := a.seller("a")
		if err != nil {
			return err.Error()
		}
		return s
	}
	first := seller()
	a.live.apply(cfg)
	if first != seller() {
		t.Error("an account that has not changed has another caller")
	}
	one.RefreshToken = secret("another")
	cfg.Accounts = []config.Account{one}
	a.live.apply(cfg)
	second := seller()
	if second == first {
		t.Error("a changed account has its old caller")
	}
	cfg.Applications = []config.Application{{Name: "main", ClientID: "c", ClientSecret: secret("rotated")}}
	a.live.apply(cfg)
	if second == seller() {
		t.Error("an account of a changed application has its old caller")
	}
	cfg.Accounts = nil
	a.live.apply(cfg)
	if _, err := a.seller("a"); err == nil || len(a.sellers) != 0 {
		t.Errorf("a removed account: %v, %d kept", err, len(a.sellers))
	}
}

// A secret in a file is changed by another file in its place, for every account
// that reads it.
func TestAnotherSecretsFileChangesItsAccounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shared, own, client := write("shared", "1"), write("own", "1"), write("client", "1")
	cfg := config.Default()
	cfg.Applications = []config.Application{
		{Name: "main", ClientID: "c", ClientSecret: config.Secret{File: client}},
		{Name: "other", ClientID: "d", ClientSecret: config.Secret{Value: secrets.New("s")}},
	}
	for id, file := range map[string]string{"a": shared, "b": shared, "c": own} {
		application := map[bool]string{true: "other", false: "main"}[id == "c"]
		cfg.Accounts = append(cfg.Accounts, config.Account{ID: id, SellerID: id, Application: application, RefreshToken: config.Secret{File: file}})
	}
	l, err := newLive(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	l.watch(func(accounts []string) { changed = append(changed, accounts...) })
	for _, step := range []struct{ file, want string }{{"", ""}, {"shared", "a b"}, {"own", "c"}, {"client", "a b"}, {"", ""}} {
		if step.file != "" {
			write(step.file, "2")
		}
		changed = nil
		l.again()
		slices.Sort(changed)
		if got := strings.Join(changed, " "); got != step.want {
			t.Errorf("another %q changes %q, want %q", step.file, got, step.want)
		}
	}
}
