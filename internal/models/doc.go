// Package models sees to the versions of a course's model: it fits new ones to the
// answers of this deployment, tells what one would change, and publishes it.
//
// # The way of a model
//
// A fit reads the facts up to a sequence and gives a document, [project.Model],
// whose version follows from its content: equal facts give an equal model, so
// fitting twice proposes once. With it comes a comparison: how well fits to four
// fifths of the learners predict the answers of the others, against the active
// model on the same answers. The document and what speaks for it are kept as a
// proposal. [Workshop.Propose] makes one by itself once there are enough new
// answers; nothing is ever activated by itself.
//
// To publish a model an operator names its version, or hands over a document made
// elsewhere. It is stored in the log, so that it outlives the database; then package
// replay builds a generation with it beside the live one, and activates it. Each
// request reads the pointer once, so every report is wholly of the model before or of
// the model after; the generation before is kept as the way back.
//
// # Guarantees
//
// One order is carried out at a time in a process, and one replay in a deployment.
// Publishing a version again does nothing, and publishing one after something ended
// it in the middle does what is left: the event has the same id and content every
// time, and the replay goes on meanwhile.
//
// # Failure
//
// Orders live in the memory of the process that took them and end with it. Until
// the pointer has moved nothing has changed for anybody.
package models
