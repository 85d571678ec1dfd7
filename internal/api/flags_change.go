package api

import (
	"context"
	"encoding/json"

	"sphera/internal/fault"
	"sphera/internal/flag"
)

// FlagEnvironmentPath is the path of a flag in an environment.
type FlagEnvironmentPath struct {
	Project     string `path:"project" maxLength:"100"`
	Key         string `path:"key" maxLength:"100"`
	Environment string `path:"env" maxLength:"200"`
}

type putFlagEnvironmentInput struct {
	FlagEnvironmentPath
	Body flag.Edit
}

type flagEditAnswer struct {
	Answer
	Flag flag.Flag `json:"flag"`
	// Proposal is set when the change waits for a second person.
	Proposal *flag.Proposal `json:"proposal,omitempty"`
}

func (a *API) putFlagEnvironment(ctx context.Context, in *putFlagEnvironmentInput) (*flagEditAnswer, error) {
	out, err := a.flags.Edit(ctx, in.Project, in.Key, in.Environment, in.Body, changer(ctx))
	return &flagEditAnswer{Flag: out.Flag, Proposal: out.Proposal}, err
}

type previewFlagInput struct {
	FlagEnvironmentPath
	Body struct {
		flag.Patch
		Samples []flag.Sample `json:"samples,omitempty" maxItems:"50" doc:"Besides those of the project"`
	}
}

type previewFlagAnswer struct {
	Answer
	Preview flag.Preview `json:"preview"`
}

func (a *API) previewFlag(ctx context.Context, in *previewFlagInput) (*previewFlagAnswer, error) {
	p, err := a.flags.Preview(ctx, in.Project, in.Key, in.Environment, in.Body.Patch, in.Body.Samples)
	return &previewFlagAnswer{Preview: p}, err
}

type revertInput struct {
	FlagPath
	Body struct {
		Version int64  `json:"version" doc:"The change that is taken back"`
		Current int64  `json:"current" doc:"The version that the flag, or its environment, was read with"`
		Reason  string `json:"reason,omitempty" maxLength:"500"`
		Propose bool   `json:"propose,omitempty"`
	}
}

func (a *API) revertFlag(ctx context.Context, in *revertInput) (*flagEditAnswer, error) {
	out, err := a.flags.Revert(ctx, in.Project, in.Key, in.Body.Version, in.Body.Current, in.Body.Reason, in.Body.Propose, changer(ctx))
	return &flagEditAnswer{Flag: out.Flag, Proposal: out.Proposal}, err
}

type promoteInput struct {
	FlagPath
	Body flag.Promotion
}

type flagPromoteAnswer struct {
	Answer
	Flag     flag.Flag      `json:"flag"`
	Proposal *flag.Proposal `json:"proposal,omitempty"`
	// Preview says what changes, or would change.
	Preview flag.Preview `json:"preview"`
}

func (a *API) promoteFlag(ctx context.Context, in *promoteInput) (*flagPromoteAnswer, error) {
	out, preview, err := a.flags.Promote(ctx, in.Project, in.Key, in.Body, changer(ctx))
	return &flagPromoteAnswer{Flag: out.Flag, Proposal: out.Proposal, Preview: preview}, err
}

type cloneInput struct {
	FlagPath
	Body struct {
		Key     string `json:"key" minLength:"1" maxLength:"100"`
		Project string `json:"project,omitempty" maxLength:"100" doc:"The same project when absent"`
	}
}

func (a *API) cloneFlag(ctx context.Context, in *cloneInput) (*flagAnswer, error) {
	to := in.Body.Project
	if to == "" {
		to = in.Project
	}
	o, err := a.ownedProject(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := a.may(ctx, who(ctx), "flag.write", o); err != nil {
		return nil, err
	}
	one, err := a.flags.Clone(ctx, in.Project, in.Key, to, in.Body.Key, changer(ctx))
	return &flagAnswer{Flag: one}, err
}

type archiveInput struct {
	FlagPath
	Body struct {
		Version int64  `json:"version" doc:"The one that the flag was read with"`
		Reason  string `json:"reason,omitempty" maxLength:"500"`
	}
}

func (a *API) archiveFlag(ctx context.Context, in *archiveInput) (*flagAnswer, error) {
	one, err := a.flags.Archive(ctx, in.Project, in.Key, in.Body.Version, in.Body.Reason, changer(ctx))
	return &flagAnswer{Flag: one}, err
}

type restoreInput struct {
	FlagPath
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"500"`
	}
}

func (a *API) restoreFlag(ctx context.Context, in *restoreInput) (*flagAnswer, error) {
	one, err := a.flags.Restore(ctx, in.Project, in.Key, in.Body.Reason, changer(ctx))
	return &flagAnswer{Flag: one}, err
}

// flagNamed is one of many flags.
type flagNamed struct {
	Project string `json:"project" minLength:"1" maxLength:"100"`
	Key     string `json:"key" minLength:"1" maxLength:"100"`
	Version int64  `json:"version" doc:"That of the environment, or of the flag to archive"`
}

type bulkFlagsInput struct {
	Body struct {
		Flags []flagNamed `json:"flags" minItems:"1" maxItems:"200"`
		// Environment is where on and off count.
		Environment string `json:"environment,omitempty" maxLength:"200"`
		Do          string `json:"do" enum:"on,off,archive"`
		Reason      string `json:"reason,omitempty" maxLength:"500"`
	}
}

type flagBulkResult struct {
	Project string `json:"project"`
	Key     string `json:"key"`
	OK      bool   `json:"ok"`
	// Error says why it was not done.
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
}

type flagBulkAnswer struct {
	Answer
	Results []flagBulkResult `json:"results"`
}

// bulkFlags changes many flags, each by itself: what one of them refuses keeps
// none of the others.
func (a *API) bulkFlags(ctx context.Context, in *bulkFlagsInput) (*flagBulkAnswer, error) {
	if in.Body.Do != "archive" && in.Body.Environment == "" {
		return nil, fault.Field("environment", "is missing", "the environment in which the flags are turned on or off")
	}
	out := &flagBulkAnswer{}
	for _, one := range in.Body.Flags {
		o, err := a.ownedFlag(ctx, one.Project, one.Key, in.Body.Environment)
		if err == nil {
			err = a.mayOne(ctx, "flag.write", o)
		}
		if err == nil {
			err = a.bulkOne(ctx, one.Project, one.Key, in.Body.Environment, in.Body.Do, in.Body.Reason, one.Version)
		}
		r := flagBulkResult{Project: one.Project, Key: one.Key, OK: err == nil}
		if err != nil {
			f := failureOf(ctx, a.log, err)
			r.Error, r.Message = string(f.Code), f.Message
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}

func (a *API) bulkOne(ctx context.Context, project, key, environment, what, reason string, version int64) error {
	if what == "archive" {
		_, err := a.flags.Archive(ctx, project, key, version, reason, changer(ctx))
		return err
	}
	on := what == "on"
	_, err := a.flags.Edit(ctx, project, key, environment, flag.Edit{Version: version, Reason: reason, Patch: flag.Patch{On: &on}}, changer(ctx))
	return err
}

type importFlagsInput struct {
	FlagProjectPath
	Body struct {
		Environment string `json:"environment" minLength:"1" maxLength:"200"`
		Definition  string `json:"definition" maxLength:"16000000" doc:"A flagd definition as text"`
		DryRun      bool   `json:"dryRun,omitempty"`
		Reason      string `json:"reason,omitempty" maxLength:"500"`
	}
}

type importFlagsAnswer struct {
	Answer
	Report flag.ImportReport `json:"report"`
}

func (a *API) importFlags(ctx context.Context, in *importFlagsInput) (*importFlagsAnswer, error) {
	r, err := a.flags.Import(ctx, in.Project, in.Body.Environment, json.RawMessage(in.Body.Definition), in.Body.DryRun, in.Body.Reason, changer(ctx))
	return &importFlagsAnswer{Report: r}, err
}

type flagSegmentsAnswer struct {
	Answer
	Segments []flag.Segment `json:"segments"`
}

type flagSegmentAnswer struct {
	Answer
	Segment flag.Segment `json:"segment"`
}

type putSegmentInput struct {
	FlagProjectPath
	Body flag.NewSegment
}

type deleteSegmentInput struct {
	FlagPath
	Version int64 `query:"version"`
}

func (a *API) flagSegments(ctx context.Context, in *FlagProjectPath) (*flagSegmentsAnswer, error) {
	list, err := a.flags.Segments(ctx, in.Project)
	return &flagSegmentsAnswer{Segments: list}, err
}

func (a *API) putFlagSegment(ctx context.Context, in *putSegmentInput) (*flagSegmentAnswer, error) {
	s, err := a.flags.PutSegment(ctx, in.Project, in.Body, changer(ctx))
	return &flagSegmentAnswer{Segment: s}, err
}

func (a *API) deleteFlagSegment(ctx context.Context, in *deleteSegmentInput) (*Done, error) {
	return &Done{}, a.flags.DeleteSegment(ctx, in.Project, in.Key, in.Version, changer(ctx))
}

type proposalsInput struct {
	FlagProjectPath
	State string `query:"state" enum:"open,approved,declined,outdated,withdrawn"`
}

type flagProposalsAnswer struct {
	Answer
	Proposals []flag.Proposal `json:"proposals"`
}

func (a *API) flagProposals(ctx context.Context, in *proposalsInput) (*flagProposalsAnswer, error) {
	list, err := a.flags.Proposals(ctx, in.Project, in.State)
	return &flagProposalsAnswer{Proposals: list}, err
}

type decideProposalInput struct {
	FlagProjectPath
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Approve bool   `json:"approve"`
		Comment string `json:"comment,omitempty" maxLength:"2000"`
	}
}

type flagProposalAnswer struct {
	Answer
	Proposal flag.Proposal `json:"proposal"`
}

func (a *API) decideFlagProposal(ctx context.Context, in *decideProposalInput) (*flagProposalAnswer, error) {
	p, err := a.flags.Decide(ctx, in.Project, in.ID, in.Body.Approve, in.Body.Comment, changer(ctx))
	return &flagProposalAnswer{Proposal: p}, err
}

type flagProposalPath struct {
	FlagProjectPath
	ID string `path:"id" maxLength:"100"`
}

func (a *API) withdrawFlagProposal(ctx context.Context, in *flagProposalPath) (*flagProposalAnswer, error) {
	p, err := a.flags.Withdraw(ctx, in.Project, in.ID, changer(ctx))
	return &flagProposalAnswer{Proposal: p}, err
}
