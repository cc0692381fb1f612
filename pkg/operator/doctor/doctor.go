package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// Parts are the ways to what is examined. None of them is used before its
// check, and an error of one is that check's.
type Parts struct {
	Kafka    []kgo.Opt
	Registry func(context.Context) ([]sr.ClientOpt, error)
	// AWS makes clients on transport.
	AWS func(ctx context.Context, transport http.RoundTripper) (AWS, error)
	// Exclusions is where excluded SKUs are listed, if the configuration says so.
	Exclusions func() (exclusion.Loader, error)
	// BuyerKeys are the keys of buyer data, if the configuration names any.
	BuyerKeys func(context.Context) (buyerdata.Keys, error)
	// Standings returns how the accounts stand, or one alone.
	Standings func(ctx context.Context, only string) (*accountstatus.Fold, error)
	// Amazon makes a client on transport that shares no token with any other.
	Amazon func(transport http.RoundTripper) (*spapi.Client, error)
}

// Options describe what is examined and how.
type Options struct {
	File    string // the configuration's name
	Config  config.Config
	Secrets *secrets.Store
	Parts   Parts
	Clock   clock.Clock // of the waits between calls
	// Account limits the examination to one account and what it needs; "" means
	// all.
	Account string
	// TryEvents sends EventBridge an event that it must refuse, to see whether it
	// would take a good one.
	TryEvents bool
	// Roles are those whose permissions at Kafka are looked at. With RolesMeant they
	// are all to run as the configuration's user; else some may have others.
	Roles      []string
	RolesMeant bool
	// Enabled are the roles that some process is to run. What none of them needs is not
	// looked for. Default all.
	Enabled []string
	// TransactionalPrefix begins the pipeline's transactional ids.
	TransactionalPrefix string
	// Parallel bounds how many accounts are examined at once; 64 by default.
	Parallel int
	// Progress, if not nil, hears of each part that has been examined; all accounts
	// together are a part. It is called by one goroutine at a time.
	Progress func(part, name string, worst Status)
}

// doctor is one run.
type doctor struct {
	Options
	accounts []account
	dates    *dates
	amazon   *spapi.Client
	roles    map[spapi.Role]aws.CredentialsProvider // of roles that could be assumed
	apps     map[string]*application
	progress chan func()

	standings map[string]*accountstatus.Standing // by account; nil where the state cannot be read

	connections *http.Transport // to AWS; no step of it can wait for ever
}

// Run examines everything until ctx ends, which cuts off what is left.
func Run(ctx context.Context, opts Options) Report {
	began := time.Now()
	d := &doctor{
		Options: opts, dates: newDates(), roles: map[spapi.Role]aws.CredentialsProvider{}, apps: map[string]*application{},
		progress: make(chan func()), connections: spapi.NewTransport(),
	}
	if d.Parallel <= 0 {
		d.Parallel = 64
	}
	if len(d.Enabled) == 0 {
		d.Enabled = acls.Roles()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tell := range d.progress {
			tell()
		}
	}()
	report := Report{Results: d.run(ctx), Took: time.Since(began)}
	close(d.progress)
	<-done
	return report
}

func (d *doctor) run(ctx context.Context) []Result {
	configuration := d.configuration(ctx)
	client, err := d.Parts.Amazon(d.dates.transport(spapi.NewTransport()))
	if err != nil {
		configuration.add("client", fail("", err.Error(), "correct what stands under spapi in the configuration"))
		return configuration.results
	}
	defer client.Close()
	defer d.connections.CloseIdleConnections()
	d.amazon = client

	var kafka, registry, clocks *exam
	var aws, apps []*exam
	var group errgroup.Group
	group.Go(func() error { kafka = d.kafka(ctx); return nil })
	group.Go(func() error { registry = d.registry(ctx); return nil })
	group.Go(func() error { aws = d.aws(ctx); return nil })
	group.Go(func() error { apps = d.applications(ctx); return nil })
	_ = group.Wait() // what fails is in the results
	accounts := d.sellers(ctx)
	clocks = d.clocks(ctx)

	results := configuration.results
	for _, e := range append([]*exam{kafka, registry}, aws...) {
		results = append(results, e.results...)
	}
	results = append(results, clocks.results...)
	for _, e := range append(apps, accounts...) {
		results = append(results, e.results...)
	}
	return results
}

// tell reports progress in turn.
func (d *doctor) tell(e *exam) *exam {
	if d.Progress != nil {
		d.progress <- func() { d.Progress(e.part, e.name, e.worst()) }
	}
	return e
}
