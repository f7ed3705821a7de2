package evaluate

import "github.com/gapwise/gapwise/internal/mastery"

func bktMethod() method {
	m := method{name: "bkt", about: "Bayesian knowledge tracing by topic, parameters by EM on the training answers (online: refitted to all answers so far whenever there are a quarter more)"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) {
		b := newBKT(s)
		for u, answers := range train {
			for _, a := range answers {
				b.note(u, a)
			}
		}
		b.refit()
		b.sequences = nil
		return b, nil
	}
	m.online = func(s *Set) (predictor, error) { return newBKT(s), nil }
	return m
}

// bktParameters are those of one topic.
type bktParameters struct{ known, learn, guess, slip float64 }

var bktStart = bktParameters{known: 0.4, learn: 0.1, guess: 0.25, slip: 0.15}

// bkt traces whether each topic is known.
type bkt struct {
	set       *Set
	topics    []bktParameters
	chances   perUser[[]float64] // that a topic is known; below 0: no answer yet
	sequences []map[int][]float64
	answers   int
	refitAt   int
}

func newBKT(s *Set) *bkt {
	b := &bkt{set: s, topics: make([]bktParameters, s.Course.Topics), sequences: make([]map[int][]float64, s.Course.Topics), refitAt: 1000}
	for k := range b.topics {
		b.topics[k] = bktStart
		b.sequences[k] = map[int][]float64{}
	}
	b.chances = newPerUser(s, func() *[]float64 {
		list := make([]float64, s.Course.Topics)
		for k := range list {
			list[k] = -1
		}
		return &list
	})
	return b
}

func (b *bkt) chance(user, topic int) float64 {
	if p := (*b.chances.of(user))[topic]; p >= 0 {
		return p
	}
	return b.topics[topic].known
}

func (b *bkt) topic(user, topic int, _ int64) float64 {
	p, at := b.chance(user, topic), b.topics[topic]
	return p*(1-at.slip) + (1-p)*at.guess
}

func (b *bkt) predict(user int, a mastery.Answer) float64 {
	return b.set.meanOver(a.Item, func(k int) float64 { return b.topic(user, k, a.Time) })
}

func (b *bkt) answer(user int, a mastery.Answer) float64 {
	predicted := b.predict(user, a)
	for _, t := range b.set.topics(a.Item) {
		at := b.topics[t.Topic]
		p := posterior(b.chance(user, t.Topic), at, a.Score)
		(*b.chances.of(user))[t.Topic] = p + (1-p)*at.learn
	}
	if b.sequences == nil {
		return predicted
	}
	b.note(user, a)
	if b.answers >= b.refitAt {
		b.refit()
		b.refitAt = b.answers * 5 / 4
	}
	return predicted
}

// posterior is the chance that the topic was known, after an answer to it. A
// partial score counts as both answers, each by its part.
func posterior(p float64, at bktParameters, score float64) float64 {
	right := p * (1 - at.slip) / (p*(1-at.slip) + (1-p)*at.guess)
	wrong := p * at.slip / (p*at.slip + (1-p)*(1-at.guess))
	return score*right + (1-score)*wrong
}

// note keeps an answer for a refit.
func (b *bkt) note(user int, a mastery.Answer) {
	b.answers++
	for _, t := range b.set.topics(a.Item) {
		b.sequences[t.Topic][user] = append(b.sequences[t.Topic][user], a.Score)
	}
}

// refit fits each topic's parameters by EM.
func (b *bkt) refit() {
	for k := range b.topics {
		users := sortedKeys(b.sequences[k])
		for range 20 {
			b.topics[k] = expectMaximise(b.topics[k], b.sequences[k], users)
		}
	}
}

// expectMaximise is one step of Baum and Welch's algorithm, with a few made-up
// counts that keep a topic of few answers near the start.
func expectMaximise(at bktParameters, sequences map[int][]float64, users []int) bktParameters {
	const made = 5
	known, first := made*bktStart.known, float64(made)
	learned, unknown := made*bktStart.learn, float64(made)
	guessed, notKnowing := made*bktStart.guess, float64(made)
	slipped, knowing := made*bktStart.slip, float64(made)
	for _, u := range users {
		scores := sequences[u]
		forward := make([]float64, len(scores)) // chance of knowing at an answer, given those up to it
		p := at.known
		for i, y := range scores {
			forward[i] = posterior(p, at, y)
			p = forward[i] + (1-forward[i])*at.learn
		}
		smoothed := forward[len(scores)-1]
		for i := len(scores) - 1; i >= 0; i-- {
			if i < len(scores)-1 {
				before := forward[i]
				next := before + (1-before)*at.learn
				stays := before / next // knew, given that it is known next
				toKnown := smoothed * (1 - stays)
				knew := smoothed * stays
				learned += toKnown
				unknown += 1 - knew
				smoothed = knew
			}
			slipped += smoothed * (1 - scores[i])
			knowing += smoothed
			guessed += (1 - smoothed) * scores[i]
			notKnowing += 1 - smoothed
		}
		known += smoothed
		first++
	}
	bound := func(x, high float64) float64 { return max(0.001, min(high, x)) }
	return bktParameters{
		known: bound(known/first, 0.999), learn: bound(learned/unknown, 0.999),
		guess: bound(guessed/notKnowing, 0.5), slip: bound(slipped/knowing, 0.5),
	}
}
