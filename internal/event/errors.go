package event

import (
	"fmt"
	"strings"
)

// Code names a kind of error. Codes are stable: metrics and clients rely on them.
type Code string

// The codes.
const (
	CodeMalformedJSON Code = "malformed_json" // not JSON
	CodeInvalidUTF8   Code = "invalid_utf8"   // bytes that are not UTF-8
	CodeDuplicateName Code = "duplicate_name" // one name twice in an object
	CodeNotAnObject   Code = "not_an_object"  // JSON, but not one event
	CodeTooLarge      Code = "too_large"      // the whole event is over its limit
	CodeMissingField  Code = "missing_field"  // absent or null
	CodeWrongType     Code = "wrong_type"     // another kind of JSON value than needed
	CodeEmpty         Code = "empty"          // a string that may not be empty
	CodeTooLong       Code = "too_long"       // a string or list over its limit
	CodeBadCharacter  Code = "bad_character"  // a character that an identifier may not hold
	CodeBadValue      Code = "bad_value"      // not one of the allowed values
	CodeOutOfRange    Code = "out_of_range"   // a number or year outside its bounds
	CodeUnknownType   Code = "unknown_type"   // a type that is not one of Types
	CodeBadTime       Code = "bad_time"       // not RFC 3339
	CodeFutureTime    Code = "future_time"    // more than MaxAhead in the future
	CodeContradiction Code = "contradiction"  // two fields that exclude each other
)

// Error is one thing that is wrong with an event.
type Error struct {
	Code    Code
	Field   string // e.g. "data.score"; empty when the event as a whole is meant
	Message string // what is wrong and how to mend it
}

// Error says where, what and how to mend it, on one line. It never quotes a
// subject, an id or a response, so that it can be logged and kept.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Errors is everything that is wrong with one event, when that is more than one
// thing. errors.As finds the first *Error in it.
type Errors []*Error

// Error joins the errors on one line.
func (list Errors) Error() string {
	lines := make([]string, len(list))
	for i, e := range list {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "; also ")
}

// Unwrap returns the single errors.
func (list Errors) Unwrap() []error {
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errs
}

// err returns nil for an empty list and the error itself for a list of one.
func (list Errors) err() error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	default:
		return list
	}
}

func fault(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}
