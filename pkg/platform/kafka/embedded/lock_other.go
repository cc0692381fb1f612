//go:build !unix

package embedded

import (
	"errors"
	"runtime"
)

type dirLock struct{}

func lockDir(string) (*dirLock, error) {
	return nil, errors.New("the embedded Kafka needs a Unix system, not " + runtime.GOOS + ": set kafka.brokers to a real one")
}

func (l *dirLock) unlock() error { return nil }
