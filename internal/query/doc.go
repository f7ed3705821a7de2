// Package query answers what instructors, learners and operators ask: reports
// over the facts, as types ([CohortWeakTopics], [LearnerWeakTopics], …), as
// computations ([Service]) and as a JSON API ([API]).
//
// # One number
//
// Every report computes states with [project.States] and the model of the
// active generation, so a learner reads the same number as the instructor, and
// a report about the past is the same computation with a smaller sequence. The
// active generation is read once a request.
//
// What a learner is measured against is the learner's too: the level told last when
// joining a cohort, where the topic has items of it, unless a report is asked for
// another ([Measure]).
//
// # Honesty
//
// Every report carries its [Basis]: up to which sequence and as of when it
// speaks, how far the projection lags, which generation, catalog and model it
// rests on. What rests on no answer is null, never an estimate; every interval is
// a 90% interval. Asking again with the same as_of gives the same report.
//
// # Questions
//
// What a question does is told from first attempts, against what these very learners
// were expected to get right ([Service.CohortItems]): a regression of the other questions
// tells what is the learners' trouble and what the question's. Rules that call a question
// broken divide their error by how many questions they judge.
//
// # What learners think
//
// Ticks, stated confidence and self-grades are held against what answers show
// ([Service.SelfAssessment]), with the states and chances of the same fold. Means of few
// numbers have wide intervals, however much the numbers agree.
//
// # Weeks
//
// [Service.CohortWeeks] folds each member's history once and sums up at the end of
// each week. Dashboards that read the database itself draw the same, which [Weeks]
// writes beside the facts: the last row of a topic says what the report says of the
// same sequence. Reports never read them.
//
// # Rights
//
// A learner reads own reports; an instructor those of own cohorts and of their
// members at the report's moment; an operator all. Answers that a learner gave
// before joining count in every number, but an instructor sees only their count
// among the evidence. The moment decides what an instructor may read, so it can't
// join the members of one time with facts that were stored later.
package query
