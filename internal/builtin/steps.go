package builtin

import "sphera/action"

// stepSet has every step type that the built-in actions are made of.
type stepSet struct {
	repository action.StepKind[repositoryArgs, repositoryResult]
	push       action.StepKind[pushArgs, pushResult]
	propose    action.StepKind[proposeArgs, proposeResult]
	merge      action.StepKind[mergeArgs, mergeResult]
	register   action.StepKind[recordsArgs, recordsResult]
	slots      action.StepKind[slotsArgs, nothing]
	flags      action.StepKind[flagProjectArgs, nothing]
	build      action.StepKind[buildArgs, buildResult]
	deploy     action.StepKind[deployArgs, deployResult]
	ready      action.StepKind[readyArgs, ReadyResult]
	contract   action.StepKind[contractArgs, contractResult]
}

func newSteps(d Deps) *stepSet {
	return &stepSet{
		repository: createRepositoryStep(d), push: pushFilesStep(d), propose: proposeStep(d), merge: mergeStep(d),
		register: registerStep(d), slots: slotsStep(d), flags: flagProjectStep(d),
		build: buildStep(d), deploy: deployStep(d), ready: readyStep(d), contract: contractStep(d),
	}
}

// all lists the types for the run engine.
func (s *stepSet) all() []action.StepType {
	return []action.StepType{
		s.repository.Type, s.push.Type, s.propose.Type, s.merge.Type, s.register.Type, s.slots.Type,
		s.flags.Type, s.build.Type, s.deploy.Type, s.ready.Type, s.contract.Type,
	}
}

// stepList collects steps with the titles that the plan showed.
type stepList struct {
	titles map[string]string
	steps  []action.Step
	err    error
}

func add[A, R any](l *stepList, kind action.StepKind[A, R], name string, args A) {
	step, err := kind.Step(name, l.titles[name], args)
	if err != nil && l.err == nil {
		l.err = err
	}
	l.steps = append(l.steps, step)
}

func (l *stepList) done() ([]action.Step, error) { return l.steps, l.err }
