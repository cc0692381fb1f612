package sqs

import (
	"fmt"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
)

// DefaultQueue is the queue that exists when none is configured.
const DefaultQueue = "sellerstream-notifications"

// Queues are the queues by name, and SQS's endpoint (JSON protocol) for them.
type Queues struct {
	api        *awsjson.API
	visibility time.Duration

	mu     sync.Mutex
	byName map[string]*queue
}

// Create makes queues that do not exist yet.
func (s *Queues) Create(names ...string) {
	for _, name := range names {
		s.create(name)
	}
}

// create makes a queue, or returns the one of that name.
func (s *Queues) create(name string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.byName[name]
	if q == nil {
		q = newQueue(name, s.visibility)
		s.byName[name] = q
	}
	return q
}

// get finds a queue, or returns nil.
func (s *Queues) get(name string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byName[name]
}

// Send puts messages into a queue as they are, without waiting.
func (s *Queues) Send(name string, bodies ...string) error {
	q := s.get(name)
	if q == nil {
		return fmt.Errorf("no queue is named %q", name)
	}
	for _, body := range bodies {
		q.send(body, 0)
	}
	return nil
}

// Queue returns what a queue holds and has done.
func (s *Queues) Queue(name string) (Stats, error) {
	q := s.get(name)
	if q == nil {
		return Stats{}, fmt.Errorf("no queue is named %q", name)
	}
	return q.snapshot(), nil
}
