package pipeline

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestABridgeWithoutAQueueIsNotMissed, unless it is named.
func TestABridgeWithoutAQueueIsNotMissed(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	if slices.Contains(expectedRoles(cfg, false), Bridge) {
		t.Error("without a queue")
	}
	cfg.Runtime.Roles = []string{string(Bridge)}
	if !slices.Contains(expectedRoles(cfg, false), Bridge) {
		t.Error("named under runtime.roles")
	}
	cfg.Runtime.Roles, cfg.Bridge.Queues = nil, []config.Queue{{}}
	if !slices.Contains(expectedRoles(cfg, false), Bridge) {
		t.Error("with a queue")
	}
}

func TestParseRoles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []Role
	}{
		{"", nil},
		{"subscriptions", []Role{Subscriptions}},
		{"orders", []Role{Orders}},
		{"events, bridge,events", []Role{Events, Bridge}},
	} {
		got, err := ParseRoles(test.text)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q: got %v, %v", test.text, got, err)
		}
	}
	if _, err := ParseRoles("bridge,,orders"); err == nil || !strings.Contains(err.Error(), "the roles are") {
		t.Errorf("an empty role: got %v", err)
	}
}

func TestDefaultRolesSubscribeOnlyWhereAQueueHasAnARN(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]bool{"": false, "arn:aws:sqs:eu-west-1:1:q": true} {
		cfg := config.Config{Bridge: config.Bridge{Queues: []config.Queue{{URL: "u"}, {URL: "v", ARN: arn}}}}
		if got := DefaultRoles(cfg, false); slices.Contains(got, Subscriptions) != want || !slices.Contains(got, Bridge) {
			t.Errorf("ARN %q: %v", arn, got)
		}
	}
}

// TestCancellationsRunWhereTheyAreEnabled, so that an upgrade brings no topics and spends no
// share of createFeed.
func TestCancellationsRunWhereTheyAreEnabled(t *testing.T) {
	t.Parallel()
	for _, enabled := range []bool{false, true} {
		cfg := config.Config{Cancellations: config.Cancellations{Enabled: enabled}}
		if got := DefaultRoles(cfg, false); slices.Contains(got, Cancellations) != enabled {
			t.Errorf("enabled %t: %v", enabled, got)
		}
		for _, asked := range []bool{false, true} {
			s := Settings{Config: cfg}
			if asked {
				s.Roles = []Role{Cancellations}
			}
			if got := DoctorOptions(s).Enabled; slices.Contains(got, string(Cancellations)) != (enabled || asked) || !slices.Contains(got, string(Orders)) {
				t.Errorf("enabled %t, asked for %t: doctor looks at what %v need", enabled, asked, got)
			}
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	secret := config.Secret{Value: secrets.New("x")}
	account := func(id, application string, region model.Region) config.Account {
		return config.Account{ID: id, SellerID: id, Application: application, Region: region, RefreshToken: secret}
	}
	cfg := config.Default()
	for _, name := range []string{"one", "two"} {
		cfg.Applications = append(cfg.Applications, config.Application{Name: name, ClientID: name, ClientSecret: secret})
	}
	cfg.Accounts = []config.Account{
		account("a", "one", model.Europe), account("b", "one", model.NorthAmerica),
		account("c", "one", model.Europe), account("d", "two", model.Europe),
	}
	const arn = "arn:aws:sqs:eu-west-1:1:"
	for _, test := range []struct {
		queues []config.Queue
		want   []string // queue and accounts of each target
		says   string
	}{
		{[]config.Queue{{ARN: arn + "q"}}, []string{"q a c", "q b", "q d"}, ""},
		{[]config.Queue{{ARN: arn + "q", Application: "one", Region: model.Europe}, {ARN: arn + "r", Application: "two"}}, []string{"q a c", "r d"}, ""},
		{[]config.Queue{{ARN: arn + "q", Region: model.FarEast}}, nil, "none of the 4 accounts"},
		{[]config.Queue{{URL: "u"}}, nil, "arn"},
	} {
		cfg.Bridge.Queues = test.queues
		p := &pipeline{Settings: Settings{Config: cfg, Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler)}}
		live, err := newLive(cfg, p.Logger)
		if err != nil {
			t.Fatal(err)
		}
		p.live = live
		_, err = p.newKeeper()
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v: %v", test.queues, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, target := range p.targets(p.amazon) {
			text := strings.TrimPrefix(target.QueueARN, arn)
			for _, a := range target.Accounts {
				text += " " + a.ID
			}
			got = append(got, text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.queues, got, test.want)
		}
		p.close()
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l, err := newLive(config.Config{Accounts: []config.Account{{ID: "a", Quotas: map[string]config.Quota{"getOrder": {Rate: 5, Burst: 100}}}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := l.limit("a", "getOrder"); !ok || got != (quota.Limit{Rate: 5, Burst: 100}) {
		t.Errorf("a configured quota: got %v, %v", got, ok)
	}
	l.orderFeeds = orderFeeds(map[string]bool{model.OrderAcknowledgementFeed: true})
	whole, _ := quota.Default(model.CreateFeed)
	share, _ := l.limit("a", model.ShareOf(model.CreateFeed, model.OrderAcknowledgementFeed))
	if rest, ok := l.limit("a", model.CreateFeed); !ok || rest.Rate+share.Rate != whole.Rate || rest.Burst+share.Burst != whole.Burst {
		t.Errorf("%+v and a share of %+v", rest, share)
	}
	if _, ok := l.limit("b", "getOrder"); ok {
		t.Error("another account's default is replaced")
	}
}

// TestFeedsAboutOrdersShareTheLimit by the configuration: those that are sent have their shares,
// and stock has the rest.
func TestFeedsAboutOrdersShareTheLimit(t *testing.T) {
	t.Parallel()
	whole, _ := quota.Default(model.CreateFeed)
	for name, test := range map[string]struct {
		change func(*config.Config)
		shares int
	}{
		"none":          {func(*config.Config) {}, 0},
		"cancellations": {func(c *config.Config) { c.Cancellations.Enabled = true }, 1},
		"letters":       {func(c *config.Config) { c.Shipments.Untracked = config.UntrackedFeed }, 1},
		"both": {func(c *config.Config) {
			c.Cancellations.Enabled, c.Shipments.Untracked = true, config.UntrackedFeed
		}, 2},
	} {
		cfg := config.Config{Accounts: []config.Account{{ID: "a"}}}
		test.change(&cfg)
		rest, ok := newTestLive(t, cfg).limit("a", model.CreateFeed)
		if !ok {
			rest = whole
		}
		if want := whole.Burst - test.shares*model.ShareBurst; rest.Burst != want || (rest.Rate == whole.Rate) != (test.shares == 0) {
			t.Errorf("%s: stock has %+v of %+v, want a burst of %d", name, rest, whole, want)
		}
	}
}

// TestRolesOfTheConfiguration: those that it names run by default, and no others are
// expected of anybody.
func TestRolesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	var names []string
	for _, role := range Roles() {
		names = append(names, string(role))
	}
	if known := config.Roles(); !slices.Equal(known, names) {
		t.Errorf("runtime.roles takes %v, the roles are %v", known, names)
	}
	cfg := config.Default()
	cfg.Runtime.Roles = []string{"events", "bridge", "cancellations"}
	for dryRun, want := range map[bool][]Role{false: {Bridge, Cancellations, Events}, true: {Cancellations, Events}} {
		if got := DefaultRoles(cfg, dryRun); !slices.Equal(got, want) {
			t.Errorf("dry run %t: %v, want %v", dryRun, got, want)
		}
	}
}
