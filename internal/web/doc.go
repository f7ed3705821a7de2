// Package web serves the pages: a cohort's weak topics and heatmap for those who
// teach, weak areas and next topics with reasons for those who learn, the
// events behind each number, and the course that they are numbers of.
//
// Pages are HTML made on the server from the same reports as the JSON API, under
// the same rights. They need no script and load nothing but one style sheet and
// one icon of their own, so they fit the strict content security policy of
// package httpserver: no inline style, colours by class, bars as SVG.
//
// # One moment
//
// Everything on one page speaks of one moment, seen through one catalog and one
// model: a sight fixes them before the first report is made, and titles, questions
// and order are those of its course, not of today's. The page shows the moment as
// as_of spells it, and a link to keep it; of the past it says through which catalog
// and model it is seen, and leads to the same moment seen through today's, and back.
//
// # Honesty
//
// A state is a word, a letter and a colour, never a colour alone. What rests on
// too few answers is grey, says so, and shows no estimate.
//
// # The course
//
// The pages below /catalog show the catalog of the active generation, the one
// that every number of now rests on, to whoever is signed in, as GET /v1/catalog does.
// With as_of they show the one of then: pages that rest on another catalog than
// today's lead there.
// A learner unfolds a rubric to see it, and choices stand in an order that says
// nothing about which is right, so that a question can be tried first.
//
// # Failure
//
// A page is rendered whole before its first byte is sent; an error becomes a
// page that says what to do ([Pages.ErrorPage]).
package web
