package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"sphera/internal/store"
)

// digest stands for what was sent, the way it is written and the blueprint it
// was checked against. Sent again while the entity still has it, it changes
// nothing, and nothing needs to be read or checked. It is "" where the effect
// depends on more than the entity.
func (s *schema) digest(n NewEntity, w Write) string {
	if n.IdentifierQuery != nil || isQuery(n.Team) {
		return ""
	}
	for _, v := range n.Relations {
		if query, ok := v.(map[string]any); ok && query != nil {
			return ""
		}
	}
	text, err := sortedJSON([]any{n.Identifier, n.Title, n.Icon, n.clear, n.Team, n.Properties, n.Relations, w.Merge, w.Datasource})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return s.hash + base64.RawStdEncoding.EncodeToString(sum[:18])
}

func isQuery(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// sameDigests tells which of the identifiers of a blueprint have the digest
// that belongs to them.
func sameDigests(ctx context.Context, q store.Querier, d store.Dialect, blueprint string, digests map[string]string) (map[string]bool, error) {
	arg, err := valuesArg(d, sortedKeys(digests))
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT e.identifier, e.digest FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND "+among(d, "e.identifier", 2), blueprint, arg)
	type pair struct{ id, digest string }
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (pair, error) {
		var p pair
		return p, row.Scan(&p.id, &p.digest)
	})
	if err != nil {
		return nil, fmt.Errorf("compare with %s: %w", blueprint, err)
	}
	same := make(map[string]bool, len(list))
	for _, p := range list {
		same[p.id] = p.digest != "" && p.digest == digests[p.id]
	}
	return same, nil
}
