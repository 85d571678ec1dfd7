package automation_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"sphera/action"
	"sphera/internal/automation"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// TestS43_NoSecretIsOpenedBeforeTheApproval counts, with a spy in the place of
// the vault, when values are asked for.
func TestS43_NoSecretIsOpenedBeforeTheApproval(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var opened atomic.Int64
		open := w.Secrets
		w.Secrets = func(ctx context.Context, wanted func(string) bool) (map[string]string, error) {
			opened.Add(1)
			return open(ctx, wanted)
		}
		doc := selfService("p", "", `{"type":"WEBHOOK","url":"URL","synchronized":true,"headers":{"X-Key":"{{ .secrets.API_KEY }}"}}`)
		w.action(`{"requiredApproval":true,` + doc[1:])
		id := fmt.Sprint(w.start("p", automation.Ask{})["id"])
		w.await(id, automation.WaitingFor)
		if opened.Load() != 0 || len(w.calls) != 0 {
			t.Fatalf("before the approval %d secrets were opened and %d calls made", opened.Load(), len(w.calls))
		}
		if _, err := w.Decide(t.Context(), id, boss, "APPROVE", ""); err != nil {
			t.Fatal(err)
		}
		w.await(id, automation.Success)
		if opened.Load() == 0 {
			t.Error("the spy has seen nothing: the test shows nothing")
		}
	})
}

func TestS20_WhatIsKeptOfARunCannotBeChangedAfterTheApproval(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := selfService("p", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`)
		w.action(`{"requiredApproval":true,` + doc[1:])
		id := fmt.Sprint(w.start("p", automation.Ask{})["id"])
		w.await(id, automation.WaitingFor)
		err := w.db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE automation_runs SET doc = REPLACE(doc, 'synchronized', 'synchronizeD')")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decide(t.Context(), id, boss, "APPROVE", ""); err != nil {
			t.Fatal(err)
		}
		w.await(id, automation.Failure)
		if len(w.calls) != 0 {
			t.Errorf("%d calls were made", len(w.calls))
		}
	})
}

func TestRequiredApprovalAllAsksEveryOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := selfService("p", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`)
		w.action(`{"requiredApproval":{"type":"ALL"},"approvalNotification":{"type":"webhook","format":"slack","url":"https://chat.example/x"},` + doc[1:])
		if _, err := w.SetPermissions(t.Context(), "p", []byte(`{"approve":{"users":["eve@example.com","boss@example.com"],"roles":[],"teams":[],"policy":null}}`), admin); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint(w.start("p", automation.Ask{})["id"])
		w.await(id, automation.WaitingFor)
		var hooks int
		if err := w.db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM notices WHERE recipients LIKE '%https://chat.example/x%'").Scan(&hooks); err != nil || hooks != 1 {
			t.Errorf("%d notices to the action's own address (%v)", hooks, err)
		}
		if _, err := w.Decide(t.Context(), id, boss, "APPROVE", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decide(t.Context(), id, boss, "APPROVE", ""); !fault.Is(err, fault.Conflict) {
			t.Errorf("one person approved twice: %v", err)
		}
		if got, err := w.Run(t.Context(), id); err != nil || got["status"] != automation.WaitingFor && got["status"] != automation.InProgress || len(w.calls) != 0 {
			t.Errorf("one of two was enough: %v %v", got["status"], err)
		}
		if _, err := w.Decide(t.Context(), id, action.Actor{ID: "eve", Email: "eve@example.com"}, "APPROVE", ""); err != nil {
			t.Fatal(err)
		}
		w.await(id, automation.Success)
	})
}
