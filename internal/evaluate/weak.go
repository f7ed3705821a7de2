package evaluate

import (
	"context"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/mastery"
)

// The weak check's bounds: see WeakCheck.
const (
	weakAnswers  = 20 // of a learner, at least
	weakLater    = 5  // later answers on a topic, at least
	weakJudged   = 10 // of them, how many judge
	weakLearners = 15 // of a cohort's topic, at least
)

// WeakRow is how well one model told weak topics from others.
type WeakRow struct {
	Name, About string
	N           int     // learners × topics
	Weak        float64 // share of them that turned out weak
	AUC         float64 // that the weak ones were thought weaker
	Precision   float64 // of those called weak, the share that was; NaN when none was
	Recall      float64 // of those that were weak, the share called so

	// Ours alone.
	Cover  []Cover // of the 90% predictive interval, by answers; the last is all
	Cohort *CohortCheck
}

// Cover is how often a 90% interval held what came.
type Cover struct {
	From  int // answers on the topic so far, at least
	N     int
	Share float64
}

// CohortCheck holds a cohort's shares of weak learners to what came.
type CohortCheck struct {
	Topics int // with enough learners
	// Error is the mean distance of the share of learners whose next answers come
	// out weak from the share expected, Cover how often the 90% interval held it,
	// and Width its mean width: the share as reports compute it, from each learner's
	// chance that the very answers come out weak which they then gave.
	Error, Width, Cover float64
	// Unseen is the same for the share as reports show it. That speaks of unseen
	// items: where answers come mostly on items seen before, as on vocabulary that
	// is drilled, it expects more weakness than comes.
	Unseen struct{ Error, Width, Cover float64 }
}

// verdict is one learner's topic: what was thought, and what came.
type verdict struct {
	topic    int
	answers  int
	score    float64 // the higher, the weaker it was thought
	called   bool    // weak
	weak     bool    // it was
	covered  bool
	estimate mastery.Estimate
	chance   float64 // that those answers come out weak
}

// WeakCheck asks after half of each learner's answers which topics are weak, and
// judges by the next answers on them: parameters from the other folds' learners,
// learners with at least 20 answers, topics with at least one answer before and
// five after, weak where the mean score of the next ten at most is below .6.
func WeakCheck(ctx context.Context, s *Set, tell Progress) ([]WeakRow, error) {
	all := methods()
	verdicts := make([][Folds][]verdict, len(all))
	var jobs []job
	for fold := range Folds {
		for i, m := range all {
			jobs = append(jobs, job{m.name, func() error {
				p, err := m.fit(s, s.others(fold))
				if err != nil {
					return err
				}
				verdicts[i][fold] = s.judge(p, fold)
				return nil
			}})
		}
	}
	if err := work(ctx, jobs, tell); err != nil {
		return nil, err
	}
	rows := make([]WeakRow, len(all))
	for i, m := range all {
		var list []verdict
		for _, fold := range verdicts[i] {
			list = append(list, fold...)
		}
		rows[i] = weakRow(m, list)
		if m.name == Name {
			rows[i].Cover, rows[i].Cohort = covers(list), cohortCheck(s, list)
		}
	}
	return rows, nil
}

// judge returns the verdicts on one fold's learners.
func (s *Set) judge(p predictor, fold int) []verdict {
	var list []verdict
	for u, answers := range s.learners {
		if s.fold[u] != fold || len(answers) < weakAnswers {
			continue
		}
		half := len(answers) / 2
		before := make([]int, s.Course.Topics)
		for _, a := range answers[:half] {
			p.answer(u, a)
			for _, t := range s.topics(a.Item) {
				before[t.Topic]++
			}
		}
		now := answers[half-1].Time
		later := make([][]mastery.Answer, s.Course.Topics)
		for _, a := range answers[half:] {
			for _, t := range s.topics(a.Item) {
				later[t.Topic] = append(later[t.Topic], a)
			}
		}
		for k, came := range later {
			if before[k] > 0 && len(came) >= weakLater {
				list = append(list, judgeTopic(p, u, k, before[k], came[:min(weakJudged, len(came))], now))
			}
		}
	}
	return list
}

func judgeTopic(p predictor, user, topic, before int, came []mastery.Answer, now int64) verdict {
	right := 0.0
	for _, a := range came {
		right += a.Score
	}
	v := verdict{topic: topic, answers: before, weak: right/float64(len(came)) < mastery.WeakBelow}
	g, isOurs := p.(*gapwise)
	if !isOurs {
		chance := p.topic(user, topic, now)
		v.score, v.called = 1-chance, chance < mastery.WeakBelow
		return v
	}
	state := g.states.of(user)
	v.estimate = g.Mastery(state, topic, now)
	v.score, v.called = v.estimate.PWeak, v.estimate.PWeak >= 0.5
	counts := g.Predictive(state, came)
	v.covered = mastery.Covers(counts, right)
	for n, p := range counts {
		if float64(n)/float64(len(came)) < mastery.WeakBelow {
			v.chance += p
		}
	}
	return v
}

func weakRow(m method, list []verdict) WeakRow {
	r := WeakRow{Name: m.name, About: m.about, N: len(list)}
	var scored []mastery.Scored
	var weak, called, both float64
	for _, v := range list {
		y := 0.0
		if v.weak {
			y = 1
			weak++
		}
		if v.called {
			called++
			both += y
		}
		scored = append(scored, mastery.Scored{P: v.score, Y: y})
	}
	r.AUC = mastery.Score(scored).AUC
	r.Weak, r.Precision, r.Recall = weak/float64(len(list)), both/called, both/weak
	return r
}

func covers(list []verdict) []Cover {
	total := make([]Cover, len(Bands)+1)
	for i, from := range Bands {
		total[i].From = from
	}
	for _, v := range list {
		for _, i := range []int{bandOf(v.answers), len(Bands)} {
			total[i].N++
			if v.covered {
				total[i].Share++
			}
		}
	}
	for i := range total {
		total[i].Share /= float64(total[i].N)
	}
	return total[1:] // nothing is thought without an answer
}

// cohortCheck takes all learners for one cohort, each seen with the parameters of
// the folds that they aren't in.
func cohortCheck(s *Set, list []verdict) *CohortCheck {
	c := &CohortCheck{}
	c.Topics, c.Unseen.Error, c.Unseen.Width, c.Unseen.Cover = s.shares(list)
	expected := slices.Clone(list)
	for i := range expected {
		expected[i].estimate.PWeak = expected[i].chance
	}
	_, c.Error, c.Width, c.Cover = s.shares(expected)
	return c
}

// shares compares each topic's share of weak learners with the one that came.
func (s *Set) shares(list []verdict) (topics int, distance, width, cover float64) {
	cohorts := make([]mastery.Cohort, s.Course.Topics)
	came := make([]tally, s.Course.Topics)
	for _, v := range list {
		cohorts[v.topic].Add(v.estimate)
		came[v.topic].n++
		if v.weak {
			came[v.topic].right++
		}
	}
	overall := tally{}
	for k := range cohorts {
		if cohorts[k].Measured > 0 {
			overall.right += cohorts[k].MeanPWeak()
			overall.n++
		}
	}
	for k := range cohorts {
		if cohorts[k].Measured < weakLearners {
			continue
		}
		share, _ := cohorts[k].ShareWeak(overall.right / overall.n)
		actual := came[k].right / came[k].n
		topics++
		distance += math.Abs(share.Estimate - actual)
		width += share.High - share.Low
		if actual >= share.Low && actual <= share.High {
			cover++
		}
	}
	n := float64(topics)
	return topics, distance / n, width / n, cover / n
}
