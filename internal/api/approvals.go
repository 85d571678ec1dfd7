package api

import (
	"context"
	"reflect"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/fault"
)

type approvalsInput struct {
	PageInput
	View string `query:"view" enum:"waiting,mine,decided" doc:"waiting for you (when absent), of your own runs, or decided"`
}

type approvalsAnswer struct {
	Answer
	Approvals []approval.Request `json:"approvals"`
	Next      string             `json:"next,omitempty"`
}

func (a *API) listApprovals(ctx context.Context, in *approvalsInput) (*approvalsAnswer, error) {
	view := in.View
	if view == "" {
		view = approval.ForMe
	}
	list, next, err := a.approvals.List(ctx, who(ctx).User, view, in.From, in.limit(50, 200))
	return &approvalsAnswer{Approvals: list, Next: next}, err
}

type approvalAnswer struct {
	Answer
	Approval approval.Detail `json:"approval"`
}

// approval is one request, by its id or that of its run.
func (a *API) approval(ctx context.Context, in *idPath) (*approvalAnswer, error) {
	one, err := a.approvals.Get(ctx, who(ctx).User, in.ID)
	if fault.Is(err, fault.NotFound) {
		if id, found := a.approvals.Of(ctx, in.ID); found == nil && id != "" {
			one, err = a.approvals.Get(ctx, who(ctx).User, id)
		}
	}
	return &approvalAnswer{Approval: one}, err
}

type approvalTimesInput struct {
	Days int `query:"days" minimum:"0" maximum:"366" doc:"30 when absent"`
}

type approvalTimesAnswer struct {
	Answer
	Times approval.Waited `json:"times"`
}

func (a *API) approvalTimes(ctx context.Context, in *approvalTimesInput) (*approvalTimesAnswer, error) {
	days := in.Days
	if days == 0 {
		days = 30
	}
	times, err := a.approvals.Times(ctx, days)
	return &approvalTimesAnswer{Times: times}, err
}

type approvalRulesAnswer struct {
	Answer
	Rules []approval.Rule `json:"rules"`
}

func (a *API) approvalRules(ctx context.Context, _ *struct{}) (*approvalRulesAnswer, error) {
	list, err := a.approvals.Rules(ctx)
	return &approvalRulesAnswer{Rules: list}, err
}

type approvalRuleInput struct {
	Body approval.RuleBody `nameHint:"ApprovalRuleBody"`
}

type approvalRuleAnswer struct {
	Answer
	Rule approval.Rule `json:"rule"`
}

func (a *API) createApprovalRule(ctx context.Context, in *approvalRuleInput) (*approvalRuleAnswer, error) {
	r, err := a.approvals.AddRule(ctx, in.Body, who(ctx).User)
	return &approvalRuleAnswer{Rule: r}, err
}

type approvalRulePut struct {
	ID       string            `path:"id" maxLength:"100"`
	Position int               `query:"position" minimum:"0" maximum:"1000" doc:"Its place in the order; where it is when absent"`
	Body     approval.RuleBody `nameHint:"ApprovalRuleBody"`
}

func (a *API) putApprovalRule(ctx context.Context, in *approvalRulePut) (*approvalRuleAnswer, error) {
	r, err := a.approvals.PutRule(ctx, in.ID, in.Body, in.Position, who(ctx).User)
	return &approvalRuleAnswer{Rule: r}, err
}

func (a *API) deleteApprovalRule(ctx context.Context, in *idPath) (*Answer, error) {
	return &Answer{}, a.approvals.DeleteRule(ctx, in.ID, who(ctx).User)
}

type delegationsAnswer struct {
	Answer
	Delegations []approval.Delegation `json:"delegations"`
}

func (a *API) delegations(ctx context.Context, _ *struct{}) (*delegationsAnswer, error) {
	list, err := a.approvals.Delegations(ctx, who(ctx).User)
	return &delegationsAnswer{Delegations: list}, err
}

type delegationInput struct {
	Body approval.DelegationBody `nameHint:"DelegationBody"`
}

type delegationAnswer struct {
	Answer
	Delegation approval.Delegation `json:"delegation"`
}

func (a *API) createDelegation(ctx context.Context, in *delegationInput) (*delegationAnswer, error) {
	d, err := a.approvals.Delegate(ctx, who(ctx).User, in.Body)
	return &delegationAnswer{Delegation: d}, err
}

func (a *API) endDelegation(ctx context.Context, in *idPath) (*Answer, error) {
	return &Answer{}, a.approvals.EndDelegation(ctx, who(ctx).User, in.ID)
}

type holdsAnswer struct {
	Answer
	Holds []approval.Hold `json:"holds"`
}

func (a *API) holds(ctx context.Context, _ *struct{}) (*holdsAnswer, error) {
	list, err := a.approvals.Holds(ctx)
	return &holdsAnswer{Holds: list}, err
}

type holdInput struct {
	Body approval.HoldBody `nameHint:"HoldBody"`
}

type holdAnswer struct {
	Answer
	Hold approval.Hold `json:"hold"`
}

func (a *API) createHold(ctx context.Context, in *holdInput) (*holdAnswer, error) {
	h, err := a.approvals.SetHold(ctx, in.Body, who(ctx).User)
	return &holdAnswer{Hold: h}, err
}

func (a *API) liftHold(ctx context.Context, in *idPath) (*Answer, error) {
	return &Answer{}, a.approvals.LiftHold(ctx, in.ID, who(ctx).User)
}

// approvalNames are the names that the types of approvals have in the document.
func approvalNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[approval.Person]():         "ApprovalPerson",
		reflect.TypeFor[approval.Request]():        "ApprovalRequest",
		reflect.TypeFor[approval.Rule]():           "ApprovalRule",
		reflect.TypeFor[approval.RuleBody]():       "ApprovalRuleBody",
		reflect.TypeFor[approval.RuleGroup]():      "ApprovalRuleGroup",
		reflect.TypeFor[approval.Match]():          "ApprovalMatch",
		reflect.TypeFor[approval.Detail]():         "ApprovalDetail",
		reflect.TypeFor[approval.Said]():           "ApprovalDecision",
		reflect.TypeFor[approval.Change]():         "ApprovalChange",
		reflect.TypeFor[approval.AskState]():       "ApprovalAsk",
		reflect.TypeFor[approval.GroupState]():     "ApprovalGroup",
		reflect.TypeFor[approval.Waited]():         "ApprovalTimes",
		reflect.TypeFor[approval.WaitedByAction](): "ApprovalTimesOfAction",
		reflect.TypeFor[action.Cost]():             "PlannedCost",
		reflect.TypeFor[action.Risk]():             "PlannedRisk",
	}
}
