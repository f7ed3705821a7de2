package main

import "github.com/spf13/cobra"

func (t *terminal) modelVerb() *cobra.Command {
	cmd := group("model", "See to the model of mastery", t.modelEvaluateVerb())
	cmd.Long = `See to the model that turns answers into mastery.`
	cmd.Example = "  gapwise model evaluate answers.tsv --mode split"
	return cmd
}
