package portapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// documentRoutes are the routes of everything that is kept as it was sent.
func (s *Service) documentRoutes() []Route {
	return slices.Concat(s.pageRoutes(), s.sidebarRoutes(), s.workflowRoutes(), s.secretRoutes(), s.integrationRoutes(), s.reportRoutes(), s.webhookRoutes(), s.deliveryRoutes())
}

// The kinds of documents that are kept as they were sent.
func pageKind() resource.Kind        { return resource.Kind{Name: "page", Max: 5000} }
func folderKind() resource.Kind      { return resource.Kind{Name: "folder", Max: 5000} }
func workflowKind() resource.Kind    { return resource.Kind{Name: "workflow", Max: 5000} }
func integrationKind() resource.Kind { return resource.Kind{Name: "integration", Max: 5000} }

// Document is any JSON object, by its keys.
type Document map[string]any

// portTime is how Port writes times.
const portTime = "2006-01-02T15:04:05.000Z07:00"

func timeText(t time.Time) string { return t.UTC().Format(portTime) }

// documentOf is a stored document as it is answered: what was sent, its name and
// the four keys that only the server sets. Keys that begin with $ are ours.
func documentOf(r resource.Resource) Document {
	d := make(Document, len(r.Doc)+5)
	for key, value := range r.Doc {
		if !strings.HasPrefix(key, "$") {
			d[key] = value
		}
	}
	d["identifier"] = r.Identifier
	d["createdAt"], d["updatedAt"] = timeText(r.CreatedAt), timeText(r.UpdatedAt)
	d["createdBy"], d["updatedBy"] = r.CreatedBy, r.UpdatedBy
	return d
}

func documents(list []resource.Resource) []Document {
	out := make([]Document, len(list))
	for i, r := range list {
		out[i] = documentOf(r)
	}
	return out
}

// sentDocument reads the body. What only the server sets is dropped: clients
// send back what they read.
func sentDocument(r *Request) (resource.Doc, error) {
	if err := r.Decode(&map[string]json.RawMessage{}); err != nil {
		return nil, err
	}
	d, err := resource.Parse(r.Body)
	if err != nil {
		return nil, err
	}
	for key := range d {
		if strings.HasPrefix(key, "$") {
			delete(d, key)
		}
	}
	d.Drop("ok", "createdAt", "createdBy", "updatedAt", "updatedBy")
	return d, nil
}

// takeIdentifier takes the identifier out of the document; otherwise is used
// where none was sent.
func takeIdentifier(d resource.Doc, otherwise string) (string, error) {
	if !d.IsNull("identifier") {
		if err := d.CheckText("identifier", true, maxIdentifier); err != nil {
			return "", err
		}
		otherwise = d.Text("identifier")
	}
	d.Drop("identifier")
	return otherwise, checkIdentifier(otherwise)
}

const maxIdentifier = 200

func checkIdentifier(id string) error {
	bad := id == "" || id == "." || id == ".." || utf8.RuneCountInString(id) > maxIdentifier || strings.TrimSpace(id) != id || !utf8.ValidString(id) ||
		strings.ContainsFunc(id, unicode.IsControl)
	if bad {
		return fault.Field("/identifier", "is not an identifier", fmt.Sprintf("1 to %d characters without control characters, or space at an end", maxIdentifier))
	}
	return nil
}

// newIdentifier is for documents that came without one.
func newIdentifier() string { return strings.ToLower(rand.Text()[:16]) }

func actor(r *Request) resource.Actor { return resource.Actor{ID: r.Caller.ID, Name: r.Caller.Name} }

// find reads a document by a wildcard of the path. Some clients write a space
// as a plus sign.
func (s *Service) find(ctx context.Context, r *Request, k resource.Kind, name string) (resource.Resource, error) {
	d, err := s.documents.Get(ctx, s.DB.Read(), k, "", r.Path[name])
	if fault.Is(err, fault.NotFound) && r.Spaced(name) != r.Path[name] {
		return s.documents.Get(ctx, s.DB.Read(), k, "", r.Spaced(name))
	}
	return d, err
}

func (s *Service) createDocument(ctx context.Context, r *Request, k resource.Kind, identifier string, d resource.Doc) (resource.Resource, error) {
	var out resource.Resource
	err := s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
		out, err = s.documents.Create(ctx, tx, k, "", identifier, d, actor(r))
		return err
	})
	return out, err
}

// changeDocument changes the document that the wildcard names.
func (s *Service) changeDocument(ctx context.Context, r *Request, k resource.Kind, name string, f func(tx *store.Tx, d *resource.Resource) error) (resource.Resource, error) {
	old, err := s.find(ctx, r, k, name)
	if err != nil {
		return old, err
	}
	var out resource.Resource
	err = s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
		out, err = s.documents.Change(ctx, tx, k, "", old.Identifier, actor(r), func(d *resource.Resource) error { return f(tx, d) })
		return err
	})
	return out, err
}

// replaceDocument is PUT: what is not sent is gone, but for our own keys.
func replaceDocument(d *resource.Resource, sent resource.Doc) error {
	id, err := takeIdentifier(sent, d.Identifier)
	if err != nil {
		return err
	}
	for key, value := range d.Doc {
		if strings.HasPrefix(key, "$") {
			sent[key] = value
		}
	}
	d.Identifier, d.Doc = id, sent
	return nil
}

func (s *Service) deleteDocument(ctx context.Context, r *Request, k resource.Kind, name string, also func(tx *store.Tx, d resource.Resource) error) error {
	old, err := s.find(ctx, r, k, name)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		gone, err := s.documents.Delete(ctx, tx, k, "", old.Identifier, actor(r))
		if err != nil || also == nil {
			return err
		}
		return also(tx, gone)
	})
}
