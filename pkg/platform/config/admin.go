package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
)

// Admin is the port of health and metrics.
type Admin struct {
	Listen string `yaml:"listen"` // host:port, or AdminOff
	Pprof  bool   `yaml:"pprof"`
	// AccountMetrics are the accounts whose own numbers are shown: each is a series
	// more of several metrics.
	AccountMetrics []string `yaml:"account_metrics"`
}

// AdminOff is the Admin.Listen that opens no port; "" is another.
const AdminOff = "off"

// maxAccountMetrics bounds what watching accounts one by one costs whoever keeps
// the metrics.
const maxAccountMetrics = 50

// Off reports whether no port is to be opened.
func (a Admin) Off() bool { return a.Listen == "" || a.Listen == AdminOff }

// CheckListen returns what is wrong with an Admin.Listen.
func CheckListen(listen string) error {
	if (Admin{Listen: listen}).Off() {
		return nil
	}
	_, port, err := net.SplitHostPort(listen)
	if n, notNumber := strconv.Atoi(port); err != nil || notNumber != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not host:port: write an address such as 127.0.0.1:9400, or off", listen)
	}
	return nil
}

func (v *validator) admin() {
	a := v.cfg.Admin
	if err := CheckListen(a.Listen); err != nil {
		v.fault("admin.listen", "%v", err)
	}
	if n := len(a.AccountMetrics); n > maxAccountMetrics {
		v.fault("admin.account_metrics", "%d accounts: name at most %d", n, maxAccountMetrics)
	}
	for i, id := range a.AccountMetrics {
		switch at := fmt.Sprintf("admin.account_metrics[%d]", i); {
		case !accountID.MatchString(id): // one that is not configured yet has no numbers yet
			v.fault(at, "%q cannot be an account: write its id, such as acme-eu", id)
		case slices.Contains(a.AccountMetrics[:i], id):
			v.fault(at, "%q is named twice", id)
		}
	}
}
