// Package evaluate holds the model of reports, and those it is compared with, to
// answers that were collected elsewhere.
//
// # Protocol
//
// A [Set] is a file of answers by learner. Its learners are parted into five folds
// by a hash of their names. There are three modes:
//
//   - [Split]: each model is fitted on four folds and predicts the learners of the
//     fifth, answer by answer, taking in each after predicting it. All five fifths
//     are pooled.
//   - [Prequential]: each model knows nothing at first, predicts every answer of
//     the whole stream in its order, and learns from it.
//   - [WeakCheck]: after half of a held-out learner's answers each model says which
//     topics are weak; the next answers on them judge. Also how often the 90%
//     intervals of ours held what came, for learners and for a cohort.
//
// Predictions are scored by package mastery, which scores those of a running
// deployment too: AUC, log loss, expected calibration error and RMSE, in all and by
// how many answers came before on the item's least-seen topic.
//
// # Models
//
// Ours is package mastery as it is: the predictions here, the fit of a deployment's
// own model and the numbers of every report are the same code. The others are
// written for comparison and used nowhere else: running accuracy with and without
// decay, item means, Elo, Bayesian knowledge tracing, performance factors analysis,
// Best-LR, and the order-free twin that reports quote beside the estimate. Where a
// model has constants to choose, it chooses among the stated ones on the answers that
// it is fitted on. No model sees an answer before it has predicted it, nor anything of
// a held-out learner while it is fitted; a test with random answers would show that.
//
// # Guarantees
//
// The same file gives the same numbers, the times that models took aside, however
// many cores share the work. Memory grows with the answers: about 50 bytes each, and
// for the regressions some 200 more.
//
// # Failure
//
// A file without an answer is refused. Rows that can't be used are told by package
// dataset and left out. A score that nothing can be said of, such as an AUC where
// all answers are right, is NaN.
package evaluate
