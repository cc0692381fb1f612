package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// tables are what documents say about the roles, by the name of the section.
func tables() map[string]func() string {
	return map[string]func() string{"roles": table, "replays": replays, "reasons": reasons, "alerts": alerts}
}

// table has what each role reads, writes and calls, and where it is configured.
func table() string {
	var b strings.Builder
	b.WriteString("| role | reads | writes | state | calls | settings |\n|---|---|---|---|---|---|\n")
	for _, r := range roles.All() {
		var state []string
		for _, s := range r.State {
			state = append(state, s.Topic)
		}
		row(&b, r.Name, coded(r.Topics(func(role.Input) bool { return true })), coded(r.Outputs), coded(state), strings.Join(r.Operations, ", "), coded(r.Sections))
	}
	return b.String()
}

// replays has what a replay of a topic does.
func replays() string {
	fetched := func(in role.Input) bool { return in.Replayed && !in.Effects }
	written := func(in role.Input) bool { return in.Replayed && in.Effects }
	topics := func(match func(role.Input) bool) []string {
		var found []string
		for _, r := range roles.All() {
			found = append(found, r.Topics(match)...)
		}
		return found
	}
	var published []string
	for _, topic := range schemas.EventTopics() {
		if !slices.Contains(topics(written), topic) {
			published = append(published, topic)
		}
	}
	var b strings.Builder
	b.WriteString("| topic | what happens |\n|---|---|\n")
	row(&b, coded(published), "their events go to EventBridge again: the same bytes and id, marked `sellerstream:replay/…` in `resources`")
	row(&b, coded(topics(fetched)), "the running pipeline fetches the orders again, behind its other work, and emits what differs from before")
	row(&b, coded(topics(written)), "with `--effects`, the running pipeline sends the newest quantity of a SKU, or shipment of a package, again; never an older one")
	return b.String()
}

// reasons has what to do about the dead letters of each reason. Where roles give
// different advice for the same reason, each has its row.
func reasons() string {
	type advice struct{ code, remedy string }
	by := map[advice][]string{}
	var all []advice
	for _, r := range roles.All() {
		for _, reason := range r.Reasons {
			a := advice{reason.Code, roles.Remedy(r.Name, reason.Code)} // the role's own goes before the runtime's
			if by[a] == nil {
				all = append(all, a)
			}
			if !slices.Contains(by[a], r.Name) {
				by[a] = append(by[a], r.Name)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b advice) int { return cmp.Compare(a.code, b.code) })
	var b strings.Builder
	b.WriteString("| reason | set aside by | what to do |\n|---|---|---|\n")
	for _, a := range all {
		row(&b, "`"+a.code+"`", strings.Join(by[a], ", "), a.remedy)
	}
	return b.String()
}

// alerts has which roles raise an alert, and until when it holds. Each has a section of its name.
func alerts() string {
	var b strings.Builder
	b.WriteString("| alert | raised by | holds until |\n|---|---|---|\n")
	for _, alert := range roles.Collect(func(r role.Role) []string { return r.Alerts }) {
		until, _ := roles.AlertEnd(alert)
		var by []string
		for _, r := range roles.All() {
			if slices.Contains(r.Alerts, alert) {
				by = append(by, r.Name)
			}
		}
		row(&b, fmt.Sprintf("[%s](#%s)", alert, strings.ToLower(alert)), strings.Join(by, ", "), until)
	}
	return b.String()
}

func row(b *strings.Builder, cells ...string) {
	for i := range cells {
		cells[i] = cmp.Or(cells[i], "-")
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func coded(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
