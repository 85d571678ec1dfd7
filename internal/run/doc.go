// Package run executes actions durably: a run is a list of named steps that
// survives a killed process, is taken over by another replica, can be
// cancelled, retried from the failed step and undone in reverse order.
//
// # How a step happens once
//
// One transaction records "step started, attempt n". Then the step's Do has
// its effect. One more transaction records "done" with the result, the change
// set, the log lines, the audit event and the start of the next step. A process
// that dies in between leaves a started step behind; whoever goes on calls Do
// again, and the step type's Safety says how that is made harmless. A type
// whose Safety is action.Manual is not repeated: the run fails with "outcome
// unknown" and a person decides.
//
// # Who works on a run
//
// A working process has one lease: a counter in run_workers that it raises
// while it holds runs. Others measure on their own clock for how long they saw
// the counter unchanged, so that no two clocks are compared, and free the runs
// of a process that has been still for the length of the lease. The holder
// stops trusting its lease earlier than that, counted from when the last good
// heartbeat began. Every claim, release and recorded step raises the run's
// fence, and every write names the fence it was made under: a worker that was
// frozen and wakes up late has its writes refused.
//
// # What is due
//
// runs.due_at says when a worker has to look at a run; NULL is never. Runs that
// wait, are blocked by a concurrency key, are being worked on or have ended
// have none, so they cost nothing. A transaction that makes a run due tells the
// dispatchers of all replicas through the store's feed; a timer covers retries
// and dates, and a slow sweep covers lost notes.
package run
