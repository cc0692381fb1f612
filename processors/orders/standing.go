package orders

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// read notes what an entry of the state says about its account.
func read(entry any, of func(account string) role.Standing) {
	switch state := entry.(type) {
	case *schemas.OrderState:
		readOrder(state, of(state.Account))
	case *schemas.SearchState:
		if standing := of(state.Account); standing != nil {
			n := standing.Notifications()
			n.Searched, n.Found = state.CursorTime, state.Found
			readAbsent(state, standing)
		}
	case *schemas.BackfillState:
		if standing := of(state.Account); standing != nil {
			standing.Backfill(role.Backfill{
				Since: state.SinceTime, Until: state.UntilTime, Cursor: state.CursorTime, Begun: state.BegunTime, Finished: state.FinishedTime,
				NotBefore: state.NotBefore, Attempts: state.Attempts, Read: state.Read, Found: state.Found,
			})
		}
	case *schemas.NotificationPace:
		readPace(state, of(state.Account))
	}
}

func readOrder(state *schemas.OrderState, standing role.Standing) {
	switch {
	case standing == nil:
	case state.Pending:
		standing.Work(state.PendingSince, "order "+state.OrderID, false)
		if urgencyOf(state) <= urgentMerchant {
			standing.Urgent(state.PendingSince)
		}
		standing.Tried(state.Attempts)
		standing.Call(model.GetOrder)
	default:
		standing.GaveUp(state.Failure)
	}
}

func readPace(state *schemas.NotificationPace, standing role.Standing) {
	if standing == nil {
		return
	}
	n := standing.Notifications()
	if n.Last = state.LastTime; state.LastTime.Equal(state.StartedTime) { // none came yet
		n.Last = time.Time{}
	}
	if !state.AlertedTime.IsZero() && state.EndedTime.IsZero() {
		n.Silent = state.AlertedTime
	}
}
