package catalog

import "maps"

import "cmp"

// provenance is, by source, when it last changed which field. A field is with
// the one source that last changed it.
type provenance map[string]map[string]int64

// source is who a write's changes are put down to.
func (w Write) source() string {
	return cmp.Or(w.Source, w.Datasource, w.By, "system")
}

// with returns p after source changed fields. p itself stays as it is.
func (p provenance) with(source string, fields []string, at int64) provenance {
	out := make(provenance, len(p)+1)
	for name, changed := range p {
		out[name] = make(map[string]int64, len(changed))
		maps.Copy(out[name], changed)
	}
	for _, field := range fields {
		for name := range out {
			if delete(out[name], field); len(out[name]) == 0 {
				delete(out, name)
			}
		}
		if out[source] == nil {
			out[source] = map[string]int64{}
		}
		out[source][field] = at
	}
	return out
}
