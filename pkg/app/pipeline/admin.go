package pipeline

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// ListenAdmin opens the port of health and metrics; nil where it is off. The
// listener is for Settings.Admin.
func ListenAdmin(cfg config.Admin) (net.Listener, error) {
	if cfg.Off() {
		return nil, nil //nolint:nilnil // no port is what was asked for
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("admin.listen: %s is taken by another process: write another address or off, there or with --admin: %w", cfg.Listen, err)
	case err != nil:
		return nil, fmt.Errorf("admin.listen: the port for health and metrics cannot be opened: %w", err)
	}
	return listener, nil
}

// serveAdmin serves health and metrics until stop, where a port for them is open.
func serveAdmin(s Settings, h *health, m *telemetry.Metrics) (stop func()) {
	if s.Admin == nil {
		return func() {}
	}
	s.Logger.Info("health and metrics are served", "address", s.Admin.Addr().String())
	return telemetry.Serve(s.Admin, telemetry.NewHandler(h, m.Handler(s.Logger), s.Config.Admin.Pprof), s.Logger)
}
