package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// checker compares what a cluster tells with the model.
type checker struct {
	cluster *cluster
	model   *Model
	course  *project.Course
	token   string

	mu      sync.Mutex
	wrong   []string
	reports int    // compared
	doubles uint64 // rows stored twice
}

// mostTold bounds how many differences a result lists.
const mostTold = 20

func (c *checker) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) < mostTold {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

// get asks the query process.
func (c *checker) get(ctx context.Context, path string, v any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cluster.urls[reports]+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := patient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return json.Unmarshal(body, v)
}

var patient = &http.Client{Timeout: time.Minute}

// settle waits until everything in the log is projected.
func (c *checker) settle(ctx context.Context, last uint64) (*query.Projections, error) {
	var p query.Projections
	err := eventually(ctx, fmt.Sprintf("all %d sequences are projected", last), func() error {
		if err := c.get(ctx, "/v1/projections", &p); err != nil {
			return err
		}
		if p.Floor != last || p.Last != last {
			return fmt.Errorf("the projection is at sequence %d of %d", p.Floor, p.Last)
		}
		return nil
	})
	return &p, err
}

// nothingLeft starts a projector anew, which has to find nothing to do.
func (c *checker) nothingLeft(ctx context.Context, last uint64) error {
	for _, name := range []string{first, second} {
		if err := c.cluster.processes[name].stop(ctx); err != nil {
			return err
		}
	}
	if err := c.cluster.processes[first].start(); err != nil {
		return err
	}
	return eventually(ctx, "a new projector has looked for work", func() error {
		floor, err := c.cluster.metric(ctx, first, "gapwise_projection_floor")
		if err != nil {
			return err
		}
		if floor != last {
			return fmt.Errorf("its floor is %d of %d", floor, last)
		}
		for _, outcome := range []string{"fact", "duplicate", "conflict", "dead"} {
			n, err := c.cluster.metric(ctx, first, `gapwise_projection_sequences_total{outcome="`+outcome+`"}`)
			if err != nil {
				return err
			}
			if n > 0 {
				c.fail("a new projector projects %d sequences as %s though all was projected", n, outcome)
			}
		}
		return nil
	})
}

// counts compares what became of the log's messages.
func (c *checker) counts(got query.Counts) {
	if got != c.model.Counts {
		c.fail("counts are %+v, the model's are %+v", got, c.model.Counts)
	}
}

// deadLetters compares the dead letters one by one.
func (c *checker) deadLetters(ctx context.Context) error {
	found := map[uint64]bool{}
	for cursor := ""; ; {
		var page admin.DeadLetters
		if err := c.get(ctx, "/v1/admin/deadletters?limit=1000&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return err
		}
		for _, d := range page.DeadLetters {
			conflict, dead := c.model.Dead[d.Seq]
			switch {
			case !dead:
				c.fail("sequence %d is a dead letter (%s), for the model it is none", d.Seq, d.Reason)
			case conflict != (d.Reason == "conflict"):
				c.fail("sequence %d is a dead letter for %q, for the model a conflict: %t", d.Seq, d.Reason, conflict)
			case found[d.Seq]:
				c.fail("sequence %d is listed twice among the dead letters", d.Seq)
			}
			found[d.Seq] = true
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(found) != len(c.model.Dead) {
		c.fail("%d dead letters are listed, the model has %d", len(found), len(c.model.Dead))
	}
	return nil
}

// ledger is what `gapwise verify --json` prints.
type ledger struct {
	OK                 bool              `json:"ok"`
	Messages           uint64            `json:"messages"`
	Rows               uint64            `json:"rows"`
	Duplicates         uint64            `json:"duplicates"`
	DeadLetters        uint64            `json:"dead_letters"`
	PhysicalDuplicates uint64            `json:"physical_duplicates"`
	Mismatches         []json.RawMessage `json:"mismatches"`
}

// verify lets the product prove its tables, and compares what it counts.
func (c *checker) verify(ctx context.Context) (*ledger, error) {
	p := c.cluster.processes[reports]
	cmd := exec.CommandContext(ctx, p.program, "verify", "--json", "--url", c.cluster.urls[reports], "--token", c.token) //nolint:gosec // this program
	cmd.Env = p.env
	printed, err := cmd.Output()
	var l ledger
	if decoding := json.Unmarshal(printed, &l); decoding != nil {
		return nil, fmt.Errorf("soak: gapwise verify printed no JSON: %w", errors.Join(err, decoding))
	}
	counts := c.model.Counts
	if err != nil || !l.OK {
		c.fail("gapwise verify says %s (%v)", printed, err)
	}
	if l.Messages != counts.Messages || l.Rows != counts.Facts || l.Duplicates != counts.Duplicates || l.DeadLetters != counts.Dead+counts.Conflicts {
		c.fail("gapwise verify counts %d messages, %d rows, %d duplicates and %d dead letters; the model's counts are %+v",
			l.Messages, l.Rows, l.Duplicates, l.DeadLetters, counts)
	}
	return &l, nil
}

// learners compares every learner's reports, number by number.
func (c *checker) learners(ctx context.Context, learners []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, learner := range learners {
		for lens := range project.Lens(project.NumLenses) {
			group.Go(func() error { return c.report(ctx, learner, lens) })
		}
	}
	return group.Wait()
}

func (c *checker) report(ctx context.Context, learner string, lens project.Lens) error {
	var got query.LearnerWeakTopics
	if err := c.get(ctx, "/v1/learners/"+learner+"/weak-topics?by="+lens.String(), &got); err != nil {
		return err
	}
	if got.AsOf.Seq != c.model.Last {
		c.fail("the report of %s is as of sequence %d of %d", learner, got.AsOf.Seq, c.model.Last)
		return nil
	}
	want := c.model.Report(c.course, lens, learner, got.AsOf.Time)
	if got.Learner != want.Learner || got.By != want.By || !reflect.DeepEqual(got.Target, want.Target) || got.Answers != want.Answers || got.Unmapped != want.Unmapped || len(got.Topics) != len(want.Topics) {
		c.fail("the report of %s by %s has %d answers (%d unmapped) on %d topics, the model %d (%d) on %d", learner, lens,
			got.Answers, got.Unmapped, len(got.Topics), want.Answers, want.Unmapped, len(want.Topics))
	}
	topics := map[string]string{}
	for _, topic := range got.Topics {
		text, err := json.Marshal(topic)
		if err != nil {
			return err
		}
		topics[topic.ID] = string(text)
	}
	for _, topic := range want.Topics {
		text, err := json.Marshal(topic)
		if err != nil {
			return err
		}
		if topics[topic.ID] != string(text) {
			c.fail("the report of %s by %s says\n  %s\nthe model\n  %s", learner, lens, topics[topic.ID], text)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports++
	return nil
}

// operator mints the token that a checker reads with.
func (s *cluster) operator() (string, error) {
	return s.keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
}
