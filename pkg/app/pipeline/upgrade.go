package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenLevel connects an operator's command to the feature level, to raise it or only to
// look, and to those who must know it. stop must be called when they are no longer used.
func OpenLevel(ctx context.Context, s Settings, raise bool) (switches *pause.Switches, members []level.Member, stop func(), err error) {
	if raise { // without the registry nobody can tell which level stands, and none may be lowered
		asking, cancel := s.Connecting(ctx)
		_, err := s.registered(asking, schemas.Switches)
		cancel()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("the feature level cannot be read without the schema registry: %w", err)
		}
	}
	switches, stop, err = OpenSwitches(ctx, s, raise)
	if err != nil {
		return nil, nil, nil, err
	}
	client, err := OpenKafka(ctx, s)
	if err == nil {
		defer client.Close()
		members, err = level.Members(ctx, kadm.NewClient(client), s.Config.Prefix, acls.Roles())
	}
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return switches, members, stop, nil
}
