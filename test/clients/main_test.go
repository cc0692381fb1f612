package clients_test

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }
