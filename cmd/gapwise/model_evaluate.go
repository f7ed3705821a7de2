package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/dataset"
	"github.com/gapwise/gapwise/internal/evaluate"
)

// evaluationModes are the protocols, in the order of their explanation.
var evaluationModes = []string{"split", "prequential", "weak"}

func (t *terminal) modelEvaluateVerb() *cobra.Command {
	var mode, columns string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "evaluate FILE",
		Short: "Compare the model with others on a table of answers",
		Long: `Compare the model of reports with others on a table of answers that were collected
elsewhere (tab or comma separated, with a header; see gapwise import).

  split        fit on four fifths of the learners, predict the fifth; five times
  prequential  know nothing at first; predict each answer, then learn from it
  weak         after half of a learner's answers, say which topics are weak;
               the next answers on them judge

The same file gives the same numbers, times aside. Nothing needs to run.`,
		Example: `  gapwise model evaluate answers.tsv
  gapwise model evaluate answers.tsv --mode weak --json
  gapwise model evaluate answers.csv --columns user=student,item=problem,time=0,correct=score,skills=kc`,
		Args: takes(1, "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(evaluationModes, mode) {
				return usagef("--mode %q is none of %s", mode, strings.Join(evaluationModes, ", "))
			}
			options := dataset.Options{}
			var err error
			if options.Columns, err = dataset.ParseColumns(columns); err != nil {
				return &usageError{err}
			}
			return t.evaluate(cmd.Context(), args[0], mode, options, asJSON)
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "split", "split, prequential or weak")
	cmd.Flags().StringVar(&columns, "columns", "user=user,item=item,time=ts,correct=correct,skills=skills", "which column holds what")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// evaluate reads the file, lets all models at it, and prints what came out.
func (t *terminal) evaluate(ctx context.Context, path, mode string, options dataset.Options, asJSON bool) error {
	data, problems, err := dataset.Load(path, options)
	if errors.Is(err, dataset.ErrColumns) || errors.Is(err, os.ErrNotExist) {
		return &usageError{err}
	}
	if err != nil {
		return err
	}
	if problems.Rows > 0 {
		fmt.Fprintf(t.err, "%d rows can't be used and are left out, such as\n", problems.Rows)
		for _, p := range problems.First {
			fmt.Fprintf(t.err, "  %s\n", p)
		}
	}
	set, err := evaluate.NewSet(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e := evaluation{Set: set.Name, Mode: mode, Learners: len(data.Users), Answers: len(data.Answers),
		Items: len(data.Items), Skills: len(data.Skills), LeftOut: problems.Rows}
	tell, end := t.evaluationProgress()
	err = e.run(ctx, set, tell)
	end()
	if err != nil {
		return err
	}
	if asJSON {
		return t.printJSON(e)
	}
	e.print(t.out)
	return nil
}

// evaluationProgress tells how many fits are done, until it is ended.
func (t *terminal) evaluationProgress() (tell evaluate.Progress, end func()) {
	var share atomic.Uint64
	p := newProgress(t.err, "models tried", func() float64 { return math.Float64frombits(share.Load()) })
	return func(_ string, done float64) {
		share.Store(math.Float64bits(done))
		p.add(1)
	}, p.end
}

// run lets the models predict.
func (e *evaluation) run(ctx context.Context, set *evaluate.Set, tell evaluate.Progress) error {
	if e.Mode == "weak" {
		rows, err := evaluate.WeakCheck(ctx, set, tell)
		e.addWeak(rows)
		return err
	}
	protocol := evaluate.Split
	if e.Mode == "prequential" {
		protocol = evaluate.Prequential
	}
	rows, err := protocol(ctx, set, tell)
	e.addScores(rows)
	return err
}
