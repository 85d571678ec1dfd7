package portapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// catalogSidebar is the only sidebar.
const catalogSidebar = "catalog"

// SidebarAnswer is the catalog's sidebar.
type SidebarAnswer struct {
	Sidebar Sidebar `json:"sidebar"`
}

// Sidebar lists folders and pages, parents before what is in them.
type Sidebar struct {
	Identifier string        `json:"identifier"`
	Items      []SidebarItem `json:"items"`
}

// SidebarItem is a folder or a page.
type SidebarItem struct {
	Identifier  string `json:"identifier"`
	Title       string `json:"title,omitempty"`
	Icon        string `json:"icon,omitempty"`
	Sidebar     string `json:"sidebar"`
	SidebarType string `json:"sidebarType" enum:"folder,page"`
	Parent      string `json:"parent,omitempty"`
	After       string `json:"after,omitempty"`
	// Page is what a page shows; not on folders.
	Type      string `json:"type,omitempty"`
	Blueprint string `json:"blueprint,omitempty"`
}

// FolderAnswer is one folder.
type FolderAnswer struct {
	Folder Document `json:"folder"`
}

func (s *Service) sidebarRoutes() []Route {
	const folders, one = "/v1/sidebars/{sidebar}/folders", "/v1/sidebars/{sidebar}/folders/{id}"
	return []Route{
		{Method: http.MethodGet, Path: "/v1/sidebars/{sidebar}", ID: "getSidebar", Verb: "catalog.read", Audit: None, Out: SidebarAnswer{}, Handle: s.sidebar},
		{Method: http.MethodPost, Path: folders, ID: "createFolder", Verb: "page.write", Limit: Small, Audit: Domain, Out: FolderAnswer{}, Handle: s.createFolder},
		{Method: http.MethodPatch, Path: one, ID: "patchFolder", Verb: "page.write", Limit: Small, Audit: Domain, Out: FolderAnswer{}, Handle: s.changeFolder},
		{Method: http.MethodDelete, Path: one, ID: "deleteFolder", Verb: "page.write", Audit: Domain, Handle: s.deleteFolder},
	}
}

func checkSidebar(r *Request) error {
	if name := r.Path["sidebar"]; name != catalogSidebar {
		return fault.New(fault.NotFound, "There is no sidebar %q; the only one is catalog.", name)
	}
	return nil
}

func (s *Service) sidebar(ctx context.Context, r *Request) (int, any, error) {
	if err := checkSidebar(r); err != nil {
		return 0, nil, err
	}
	folders, err := s.documents.All(ctx, s.DB.Read(), folderKind())
	if err != nil {
		return 0, nil, err
	}
	pages, err := s.documents.All(ctx, s.DB.Read(), pageKind())
	if err != nil {
		return 0, nil, err
	}
	var items []SidebarItem
	for _, d := range slices.Concat(folders, pages) {
		item := SidebarItem{
			Identifier: d.Identifier, Title: d.Doc.Text("title"), Icon: d.Doc.Text("icon"), Sidebar: catalogSidebar, SidebarType: d.Kind,
			Parent: d.Doc.Text("parent"), After: d.Doc.Text("after"),
		}
		if d.Kind == pageKind().Name {
			item.Type, item.Blueprint = d.Doc.Text("type"), d.Doc.Text("blueprint")
		}
		if item.Type != entityPage {
			items = append(items, item)
		}
	}
	return 0, SidebarAnswer{Sidebar{catalogSidebar, inOrder(items)}}, nil
}

// inOrder puts parents before what is in them and each item behind the one that
// it names in After. What names something that is not there, or itself in a
// circle, comes at the end: nothing is left out.
func inOrder(items []SidebarItem) []SidebarItem {
	slices.SortStableFunc(items, func(a, b SidebarItem) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	known := map[string]bool{}
	for _, item := range items {
		known[item.Identifier] = true
	}
	children := map[string][]int{}
	for i, item := range items {
		parent := item.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], i)
	}
	out := make([]SidebarItem, 0, len(items))
	done := make([]bool, len(items))
	var place func(i int, siblings []int)
	place = func(i int, siblings []int) {
		if done[i] {
			return
		}
		done[i] = true
		id := items[i].Identifier
		out = append(out, items[i])
		for _, child := range first(items, children[id]) {
			place(child, children[id])
		}
		for _, next := range siblings {
			if items[next].After == id {
				place(next, siblings)
			}
		}
	}
	for _, i := range first(items, children[""]) {
		place(i, children[""])
	}
	for i := range items {
		place(i, nil)
	}
	return out
}

// first are the siblings that stand behind none of the others.
func first(items []SidebarItem, siblings []int) []int {
	names := map[string]bool{}
	for _, i := range siblings {
		names[items[i].Identifier] = true
	}
	var out []int
	for _, i := range siblings {
		if !names[items[i].After] {
			out = append(out, i)
		}
	}
	return out
}

func sentFolder(r *Request) (resource.Doc, error) {
	if err := checkSidebar(r); err != nil {
		return nil, err
	}
	d, err := sentDocument(r)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"title", "icon", "parent", "after"} {
		if err := d.CheckText(key, false, 500); err != nil {
			return nil, err
		}
	}
	d.Drop("sidebar", "sidebarType")
	return d, nil
}

func folderOf(f resource.Resource) Document {
	d := documentOf(f)
	d["sidebar"], d["sidebarType"] = catalogSidebar, "folder"
	return d
}

func (s *Service) createFolder(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentFolder(r)
	if err != nil {
		return 0, nil, err
	}
	id, err := takeIdentifier(sent, newIdentifier())
	if err != nil {
		return 0, nil, err
	}
	f, err := s.createDocument(ctx, r, folderKind(), id, sent)
	return 0, FolderAnswer{folderOf(f)}, err
}

func (s *Service) changeFolder(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentFolder(r)
	if err != nil {
		return 0, nil, err
	}
	f, err := s.changeDocument(ctx, r, folderKind(), "id", func(_ *store.Tx, d *resource.Resource) error {
		id, err := takeIdentifier(sent, d.Identifier)
		if err != nil {
			return err
		}
		if parent := sent.Text("parent"); parent != "" && parent == id {
			return fault.Field("/parent", "is the folder itself", "another folder")
		}
		d.Identifier = id
		for key, value := range sent {
			if string(value) == "null" {
				delete(d.Doc, key)
				continue
			}
			d.Doc[key] = value
		}
		return nil
	})
	return 0, FolderAnswer{folderOf(f)}, err
}

// deleteFolder leaves what is in the folder; it then stands at the top.
func (s *Service) deleteFolder(ctx context.Context, r *Request) (int, any, error) {
	if err := checkSidebar(r); err != nil {
		return 0, nil, err
	}
	return 0, nil, s.deleteDocument(ctx, r, folderKind(), "id", nil)
}
