package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag of every command, when it is given twice, holds both values or is
// refused.
func TestNoFlagIsSilentlyReplaced(t *testing.T) {
	t.Parallel()
	values := map[string][2]string{
		"string": {"one", "two"}, "int": {"1", "2"}, "float64": {"1", "2"}, "bool": {"true", "false"}, "duration": {"1s", "2s"},
		"int32Slice": {"1", "2"}, "stringSlice": {"one", "two"}, "stringArray": {"one", "two"}, "stringToString": {"one=1", "one=2"},
	}
	flags := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		seen := map[*pflag.Flag]bool{}
		for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			set.VisitAll(func(flag *pflag.Flag) {
				if seen[flag] {
					return
				}
				seen[flag] = true
				flags++
				given, known := values[flag.Value.Type()]
				if !known {
					t.Errorf("%s --%s: a flag of type %s is not tried here", cmd.CommandPath(), flag.Name, flag.Value.Type())
					return
				}
				if err := set.Set(flag.Name, given[0]); err != nil {
					t.Errorf("%s --%s: %v", cmd.CommandPath(), flag.Name, err)
				}
				err := set.Set(flag.Name, given[1])
				both := strings.Contains(flag.Value.String(), given[0]) && strings.Contains(flag.Value.String(), given[1])
				if err == nil && !both {
					t.Errorf("%s --%s: the second value replaced the first: %s", cmd.CommandPath(), flag.Name, flag.Value)
				}
			})
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(newRootCommand())
	if flags < 60 {
		t.Errorf("only %d flags were tried", flags)
	}
}

func TestARepeatedFlagIsAFaultOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"replay --topic orders --reset --from-offset 0:20 --from-offset 7:20",
		"run --config a.yaml --config b.yaml",
		"topics plan --config a.yaml --config=b.yaml",
		"topics acls --role-principals orders=User:a --role-principals feeds=User:b,orders=User:c",
	} {
		code, stdout, stderr := execute(strings.Fields(args)...)
		if code != exitUsage || !strings.Contains(stderr, "given twice") {
			t.Errorf("%s: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
}
