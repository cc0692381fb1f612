package doctor_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// Whoever looks at compose's pipeline with doctor sees nothing to mend. Only the
// addresses of its services are others here, and moto is two answers.
func TestComposeIsHealthy(t *testing.T) {
	t.Parallel()
	sim, err := simulated.New(3, clock.Real{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	text, err := os.ReadFile("../../../deploy/compose/sellerstream.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cluster := fakekafka.Embedded(t, "")
	here := strings.NewReplacer(
		"kafka:19092", cluster.Brokers()[0], "http://registry:8080/apis/ccompat/v7", cluster.RegistryURL(),
		"http://aws:5000", serve(t, composeAWS),
		"http://simulator:8091", urls.LWA, "http://simulator:8092", urls.SQS, "http://simulator:8093", urls.EventBridge,
		"http://simulator:8094", urls.SPAPI[model.NorthAmerica], "http://simulator:8095", urls.SPAPI[model.Europe],
	).Replace(string(text))
	cfg, err := config.Parse("compose", []byte(here))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Simulator: sim, urls: urls, cluster: cluster, config: cfg}
	for _, a := range sim.Accounts() {
		for _, kind := range []string{model.OrderChangeNotification, model.FeedProcessingFinishedNotification} {
			simulatortest.Subscribe(t, sim, a.ID, kind, simulator.QueueARN(simulator.DefaultQueue))
		}
	}
	w.settle(t)
	if report := w.examine(t); !report.Healthy() || report.Count(doctor.OK) != len(report.Results)-1 {
		t.Errorf("not everything but the permission of PutEvents is ok\n%s", table(report, true))
	}
}

func composeAWS(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") {
		fmt.Fprint(w, `{"Name": "sellerstream/lwa", "SecretString": "{\"secret\": \"amzn1.oa2-cs.v1.simulated\"}"}`)
		return
	}
	grantSTS(w, r)
}
