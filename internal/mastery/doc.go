// Package mastery is the model: from a learner's answers to what they master,
// where they are weak, and what to study next. It is arithmetic and nothing
// else: no clock, no randomness, no input or output, no goroutines.
//
// # The model
//
// Every answer is a match between a learner and an item, rated as in Elo and
// Glicko, with an uncertainty for each rating: assumed density filtering of a
// logistic regression (Glickman 1999; Weng & Lin 2011). A learner has a general
// ability a and, on each topic practised, a skill s on top of it; an item has a
// difficulty b and a topic an extra difficulty c; all are logits, each known as
// a Gaussian with the variance va, vs, vb, vc. To that come the features that
// carried most weight in logistic models of practice, chiefly counts of earlier
// successes and failures (PFA, Pavlik et al. 2009; Best-LR, Gervet et al. 2020),
// and the gap since the last answer, which is the forgetting curve.
//
// An answer y in 0..1 on topics K with weights w summing to 1:
//
//	x = (1, Σw·ln(1+n), Σw·ln(1+gapHours), ln(1+W), ln(1+L), form, Σw·[n=0])
//	z = a - b + Σw(s-c) + B·x             V = va + vb + Σw²(vs+vc)
//	p = σ(z/√(1+πV/8))                    r = y - p
//	q = σ(z)    h = q(1-q)                d = 1 + hV
//	a += va·r/d                           va += .0015 - va²h/d
//	s += w·vs·r/d                         vs  = min(vs - w²vs²h/d + .01w, .36)
//	form = .8·form + r
//
// n counts earlier answers on the topic; W and L sum what was got and missed on
// this very item; form is the decayed sum of the last residuals, read as 0 after
// more than six hours. p is the logistic integrated over a Gaussian, by MacKay
// (1992). W, L and form help to predict; they are never part of mastery.
//
// Mastery of a topic is the chance on a typical unseen item of it, now:
//
//	ζ  = k(B0 + a + s - D + B1·ln(1+n) + B2·ln(1+gapHours) + B6·[n=0])
//	sd = k√(va+vs+vc)       k = 1/√(1+πσ²/8)
//	m  = σ(ζ/√(1+π·sd²/8)), 90% interval σ(ζ ± 1.645·sd)
//	P(weak) = Φ((logit .6 - ζ)/sd)
//
// D is the typical difficulty of the topic's items, or of those of one level;
// σ² is how much items differ around it.
//
// # Shapes
//
// A [Model] is one lens of one course: topics are concerns or chapters, known by
// index. Two lenses are two models and two states a learner, folded from the same
// answers: a chapter is estimated from its own items, never from its concerns.
// A [State] is one learner in one lens. [Model.Update] folds one answer into it,
// [Model.Mastery] reads it, [Estimate.Word] says it in words, [Cohort] sums it up
// over learners and [Rank] chooses what to study next. Times are microseconds
// since the Unix epoch; [NoTime] where there are none.
//
// # Guarantees
//
// A state is a function of the model and of the learner's answers in order,
// to the bit and on every processor. The package has its own exp and log, since
// those of package math use fused multiply-add where the processor has it, and
// every product is rounded by a conversion before it is added to anything, since
// the compiler may fuse as well. Tests hold the source to that, and the results
// to golden bits with FMA on and off.
//
// [State.Export] and [Import] keep every bit. An update of a learner who knows
// topic and item allocates nothing.
//
// # Failure
//
// [New], [Start], [Default] and [Import] refuse what no arithmetic should meet and
// say what it was. [Model.Update] takes answers that ingest has validated: an
// item of the model, a score within 0..1.
package mastery
