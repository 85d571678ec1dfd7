package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"sphera/internal/fault"
)

// push takes a whole push into a file first, so that a slow client holds no
// lock, then checks what it wants and hands it to git.
func (h *gitHandler) push(ctx context.Context, w http.ResponseWriter, r *http.Request, req gitRequest) error {
	body, err := bodyOf(r, maxPush)
	if err != nil {
		return err
	}
	spool, err := h.b.spool()
	if err != nil {
		return err
	}
	defer h.b.discard(ctx, spool)
	_, copyErr := io.Copy(spool, body)
	if copyErr != nil && !errors.Is(copyErr, errTooLarge) {
		return broken(copyErr)
	}
	wants, err := rewound(spool)
	if err != nil {
		return err
	}
	if errors.Is(copyErr, errTooLarge) {
		_, err := w.Write(wants.report(fmt.Sprintf("the push is larger than %d MiB", maxPush>>20), nil, ""))
		return broken(err)
	}
	if len(wants.list) == 0 {
		// An empty list is git asking whether it may push at all.
		return nil
	}
	// Taking the push can have lasted long: what was allowed then may not be now.
	if err := h.may(ctx, req.by, req.repo.name, "forge.write"); err != nil {
		return err
	}
	answer, err := h.b.receive(ctx, req, wants, spool)
	if err != nil {
		return err
	}
	_, err = w.Write(answer) // git's own answer in git's media type, which no browser renders
	return broken(err)
}

// spool is an empty file that has no name any more.
func (b *Builtin) spool() (*os.File, error) {
	f, err := os.CreateTemp(b.dir+"/incoming", "push-*")
	if err != nil {
		return nil, diskFault("make room for a push", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make room for a push: %w", err), f.Close())
	}
	return f, nil
}

func (b *Builtin) discard(ctx context.Context, f *os.File) {
	if err := f.Close(); err != nil {
		b.logger.WarnContext(ctx, "give up the room of a push", "error", err)
	}
}

// rewound reads the command list and goes back to the start.
func rewound(f *os.File) (commands, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return commands{}, fmt.Errorf("read the push: %w", err)
	}
	wants, err := readCommands(f)
	if err != nil {
		return commands{}, fault.New(fault.Invalid, "The push could not be read.").Wrap(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return commands{}, fmt.Errorf("read the push: %w", err)
	}
	return wants, nil
}

// receive applies a push under the repository's lock and returns the answer
// for the client.
func (b *Builtin) receive(ctx context.Context, req gitRequest, wants commands, pack io.Reader) ([]byte, error) {
	var answer []byte
	var fresh []string
	err := b.exclusive(ctx, req.repo, writer{by: req.by}, func(ctx context.Context, s *session) error {
		if s.repo.archived {
			return archivedRefusal(s.repo)
		}
		refs, err := b.gitBranches(ctx, s.dir, branchesOf(wants))
		if err != nil {
			return err
		}
		if reasons, message := s.refusals(wants, refs); len(reasons) > 0 {
			answer = wants.report("ok", reasons, message)
			return nil
		}
		for _, c := range wants.list {
			if name, ok := strings.CutPrefix(c.ref, "refs/heads/"); ok {
				s.touch(name)
				if _, exists := refs[name]; !exists && !c.deletes() && !s.repo.protects(name) {
					fresh = append(fresh, name)
				}
			}
		}
		var out bytes.Buffer
		_, err = s.git(ctx, call{
			args: []string{"receive-pack", "--stateless-rpc", s.dir}, stdin: pack, stdout: &out, limit: 1 << 20, timeout: transferTimeout,
		})
		if err != nil && out.Len() == 0 {
			return fmt.Errorf("receive a push: %w", err)
		}
		answer = out.Bytes()
		return b.failAt("received")
	})
	if err != nil {
		return nil, err
	}
	if !wants.sideband() {
		return answer, nil
	}
	return withMessage(answer, b.invitation(ctx, req.repo, fresh)), nil
}

// branchesOf are the branches a push is about, as far as their names are good.
func branchesOf(wants commands) []string {
	names := []string{}
	for _, c := range wants.list {
		if name, ok := strings.CutPrefix(c.ref, "refs/heads/"); ok && CheckRefName(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// invitation tells how to go on with branches that are new.
func (b *Builtin) invitation(ctx context.Context, r repository, fresh []string) string {
	var text strings.Builder
	for _, name := range fresh {
		if row, err := b.branch(ctx, b.db.Read(), r.id, name); err == nil && row.sha != "" {
			fmt.Fprintf(&text, "\nOpen a pull request for %s:\n  %s\n\n", name, b.pullURL(r.name, name))
		}
	}
	return text.String()
}

// refusals says for each ref why it may not be pushed, and what to do instead.
func (s *session) refusals(wants commands, refs map[string]branchRow) (map[string]string, string) {
	reasons := map[string]string{}
	var advice strings.Builder
	for _, c := range wants.list {
		reason, instead := s.refusal(c, refs)
		if reason != "" {
			reasons[c.ref] = reason
			fmt.Fprintf(&advice, "\n%s: %s.\n%s\n", c.ref, reason, instead)
		}
	}
	if advice.Len() > 0 {
		advice.WriteString("\n")
	}
	return reasons, advice.String()
}

func (s *session) refusal(c command, refs map[string]branchRow) (reason, instead string) {
	name, isBranch := strings.CutPrefix(c.ref, "refs/heads/")
	if !isBranch {
		tag, isTag := strings.CutPrefix(c.ref, "refs/tags/")
		if !isTag {
			return "only branches and tags can be pushed", "Push to refs/heads/NAME or refs/tags/NAME."
		}
		name = tag
	}
	if err := CheckRefName(name); err != nil {
		return "the name is not allowed here", "Use letters, digits, dot, dash, underscore and slash, and start with a letter or digit."
	}
	if !isBranch {
		return "", ""
	}
	if strings.HasPrefix(name, portalBranches) {
		return "branches under sphera/ are written by the portal's runs only", "Push under another name."
	}
	if _, exists := refs[name]; s.repo.protects(name) && exists {
		return "protected branch: it changes only by pull request",
			fmt.Sprintf("Push a branch and open a pull request:\n  git push origin HEAD:my-change\n  %s/forge/%s", s.b.publicURL(), escapeRepo(s.repo.name))
	}
	return "", ""
}
