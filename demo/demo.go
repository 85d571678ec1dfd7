// Package demo holds the demo organisation as data: the catalog model as its
// owners wrote it, what the demo adds to it, and the people. There are no
// passwords in it: whoever sets up the demo makes them.
package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

//go:embed model extensions catalogue scorecards organisation.json
var files embed.FS

// Org is who works at the demo organisation.
type Org struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Domain string   `json:"domain"`
	Teams  []Team   `json:"teams"`
	People []Person `json:"people"`
}

// Team is a group of people that owns things.
type Team struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// Person is a user of the demo.
type Person struct {
	Email string   `json:"email"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

// File is a file for the catalog's importer.
type File struct {
	Name    string
	Content []byte
}

// Files are all files of the demo.
func Files() embed.FS { return files }

// Model is the organisation's model exactly as it was written, with its
// typographic quotes and missing keys: five blueprints, nine entities. Import
// it first and by itself.
func Model() ([]File, error) { return under("model") }

// Extensions add to the model what the demo shows: regions, environments,
// owners, descriptions. The importer merges, so they hold only what is new.
func Extensions() ([]File, error) { return under("extensions") }

// Catalogue is the breadth of it: what a company of this size has besides its
// services, from monitors and incidents to clusters, images and third parties.
func Catalogue() ([]File, error) { return under("catalogue") }

// Scorecards are the checks of the demo, one document each, with the blueprint
// they are for.
func Scorecards() ([]File, error) { return under("scorecards") }

func under(folder string) ([]File, error) {
	root, err := fs.Sub(files, folder)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", folder, err)
	}
	var out []File
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, path)
		out = append(out, File{Name: path, Content: content})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", folder, err)
	}
	return out, nil
}

// Organisation returns the demo organisation.
func Organisation() (Org, error) {
	var o Org
	raw, err := files.ReadFile("organisation.json")
	if err != nil {
		return o, fmt.Errorf("read the organisation: %w", err)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("read the organisation: %w", err)
	}
	return o, nil
}
