package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/topicplan"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
)

type topicsFlags struct {
	config string
	json   bool
	yes    bool
	watch  watching
}

func newTopicsCommand() *cobra.Command {
	var f topicsFlags
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Compare Kafka's topics with the table of topics, make them so, show the ACLs",
		Long: `Topics holds the topics of the configured Kafka, prefix, partitions and replication
against the table in schemas/README.md. ` + "`run`" + ` creates what is missing by itself and
warns of the rest; these commands show and mend it beforehand, by a user who may,
so that the pipeline's own user need not be allowed to create topics.`,
		Example: `  sellerstream topics plan --config sellerstream.yaml          what would change
  sellerstream topics apply --config sellerstream.yaml         change it, after a yes
  sellerstream topics plan --config sellerstream.yaml --json | jq .change
  sellerstream topics acls                                     what Kafka must permit to whom`,
	}
	addConfig(cmd.PersistentFlags(), &f.config)
	cmd.AddCommand(f.planCommand(), f.applyCommand(), newACLsCommand(&f.config))
	return cmd
}

func (f *topicsFlags) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show how the topics differ from the table",
		Long: `Plan shows what apply would do, and what it would not, and changes nothing:

  +  a topic that would be created
  ~  a setting that would be changed; what is lost by it stands below
  !  partitions or replicas, which apply leaves as they are; how to change them
     stands below
  ?  a topic under the prefix that the table does not have; it is left alone

The exit status is 0 if nothing differs, 3 if something does (+, ~ or !).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			differs := false
			err := f.watch.do(cmd, func(w io.Writer) error {
				return f.compare(cmd, func(plan topicplan.Plan) error {
					differs = !plan.Same()
					if f.json {
						return plan.JSON(w)
					}
					return plan.Text(w)
				})
			})
			if err == nil && differs {
				err = differsError{errors.New("the topics differ from the table")}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	f.watch.add(cmd)
	return cmd
}

func (f *topicsFlags) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Create topics that are missing and set settings that differ",
		Long: `Apply shows the plan, asks, and then creates the topics that are missing and sets
the settings that differ as the table says. It may be used beside a running
pipeline, and again: what is done already is not done twice.

It never changes partitions: whoever owns a partition number owns its accounts,
and with more partitions Kafka's partitioner would send accounts to other owners
while their state stays behind. It moves no replicas either. Where these differ,
it says how to change them; the exit status is then 3.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.compare(cmd, func(plan topicplan.Plan) error {
				return f.apply(cmd, plan)
			})
		},
	}
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object, and the rest on stderr")
	return cmd
}

// compare lets do use what the cluster has against what the configuration wants.
func (f *topicsFlags) compare(cmd *cobra.Command, do func(topicplan.Plan) error) error {
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	ctx, cancel := settings.Connecting(cmd.Context())
	defer cancel()
	client, err := pipeline.OpenKafka(ctx, settings)
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := topicplan.Compare(ctx, kadm.NewClient(client), settings.Config)
	if err != nil {
		return err
	}
	if plan.Unprotected, err = pipeline.Unprotected(ctx, settings); err != nil {
		cmd.PrintErrln("the schema registry is not compared:", err)
	}
	return do(plan)
}

func (f *topicsFlags) apply(cmd *cobra.Command, plan topicplan.Plan) error {
	out := forPeople(cmd, f.json)
	if err := plan.Text(out); err != nil {
		return err
	}
	var done topics.Report
	creations, changes, refusals := len(plan.Creations()), len(plan.Changes()), len(plan.Refusals())
	if creations+changes > 0 {
		question := fmt.Sprintf("Create %s and change %s?", columns.Counted(creations, "topic"), columns.Counted(changes, "setting"))
		if err := confirm(cmd, question, f.yes); err != nil {
			return err
		}
		var err error
		done, err = plan.Apply(cmd.Context())
		fmt.Fprintf(out, "\ncreated %s, changed %s\n", columns.Counted(len(done.Created), "topic"), columns.Counted(len(done.Altered), "setting"))
		if err != nil {
			return errors.Join(f.applied(cmd, plan, done), err)
		}
	}
	if err := f.applied(cmd, plan, done); err != nil {
		return err
	}
	if refusals > 0 {
		return differsError{fmt.Errorf("%s of partitions or replicas left as they are; see above for how to change them", columns.Counted(refusals, "difference"))}
	}
	return nil
}

// applied prints with --json what apply did, and what it leaves as it is.
func (f *topicsFlags) applied(cmd *cobra.Command, plan topicplan.Plan, done topics.Report) error {
	if !f.json {
		return nil
	}
	return columns.JSON(cmd.OutOrStdout(), struct {
		Created []string            `json:"created"`
		Changed []topics.Difference `json:"changed"`
		Refused []topics.Difference `json:"refused"`
	}{append([]string{}, done.Created...), append([]topics.Difference{}, done.Altered...), append([]topics.Difference{}, plan.Refusals()...)})
}
