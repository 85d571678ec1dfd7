package main

import "sphera/action"

// actions are the built-in actions; this is the one place that lists them.
func (p *parts) actions() ([]*action.Action, error) {
	return nil, nil
}
