// Package flagdiff compares the evaluator of flags with a library for JSONLogic
// that other evaluators of flagd use. It is a module of its own, so that the
// library is nobody's dependency.
package flagdiff
