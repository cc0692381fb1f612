package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// completeFlags has a shell complete the flags of a command and of those below it by
// their names, unless the command has said how. Nothing of it calls the network: a key
// that is pressed must answer at once.
func completeFlags(cmd *cobra.Command) {
	byName := map[string]func(*cobra.Command) []string{
		"account": configuredAccounts,
		"topic":   func(*cobra.Command) []string { return topicNames() },
		"role":    func(*cobra.Command) []string { return roleNames() },
		"roles":   func(*cobra.Command) []string { return roleNames() },
		"reason":  func(*cobra.Command) []string { return deadLetterReasons() },
		"record":  recordNames,
	}
	for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		set.VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "config" && flag.Annotations[cobra.BashCompFilenameExt] == nil {
				_ = cobra.MarkFlagFilename(set, flag.Name, "yaml", "yml") // it is there
			}
			names, known := byName[flag.Name]
			if _, said := cmd.GetFlagCompletionFunc(flag.Name); !known || said {
				return
			}
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, completion(names, takesList(flag))) // it is there, and was not said
		})
	}
	for _, below := range cmd.Commands() {
		completeFlags(below)
	}
}

// takesList reports whether a flag takes several names with commas between them.
func takesList(flag *pflag.Flag) bool {
	_, several := flag.Value.(pflag.SliceValue)
	return several || flag.Name == "roles"
}

// completion completes by the names that names returns: with list the last of several.
func completion(names func(*cobra.Command) []string, list bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before, directive := "", cobra.ShellCompDirectiveNoFileComp
		if list {
			before = typed[:strings.LastIndex(typed, ",")+1]
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		given := strings.Split(before, ",")
		var found []string
		for _, name := range names(cmd) {
			if strings.HasPrefix(before+name, typed) && !slices.Contains(given, name) {
				found = append(found, before+name)
			}
		}
		return found, directive
	}
}

// firstArg completes the first argument of a command, its only one.
func firstArg(names func(*cobra.Command) []string) cobra.CompletionFunc {
	complete := completion(names, false)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// configuredAccounts are the accounts of the file that the command line means; none
// where it has a fault, which the command itself will name.
func configuredAccounts(cmd *cobra.Command) (names []string) {
	if fillConfig(cmd) != nil || cmd.Flag("config") == nil {
		return nil
	}
	cfg, err := config.Load(cmd.Flag("config").Value.String())
	if err != nil {
		return nil
	}
	for _, account := range cfg.Accounts {
		names = append(names, account.ID)
	}
	return names
}

// files completes by the names of files.
func files(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func topicNames() (names []string) {
	for _, topic := range schemas.Topics() {
		names = append(names, topic.Name)
	}
	return names
}

// recordNames are the kinds of record of the topic on the command line or, before that
// is there, of all.
func recordNames(cmd *cobra.Command) (names []string) {
	for _, topic := range schemas.Topics() {
		if flag := cmd.Flag("topic"); flag == nil || flag.Value.String() == "" || flag.Value.String() == topic.Name {
			names = append(names, topic.Records...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func replayedTopics(*cobra.Command) []string {
	return slices.Concat(replays.Topics(replays.Publishes), replays.Topics(replays.Processes), replays.Topics(replays.Writes))
}

func aclParts(*cobra.Command) []string { return acls.Parts() }

func roleNames() (names []string) {
	for _, r := range roles.All() {
		names = append(names, r.Name)
	}
	return names
}

func deadLetterReasons() []string {
	return roles.Collect(func(r role.Role) (codes []string) {
		for _, reason := range r.Reasons {
			codes = append(codes, reason.Code)
		}
		return codes
	})
}
