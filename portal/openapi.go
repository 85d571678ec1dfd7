package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"sphera/internal/api"

	"github.com/spf13/cobra"
)

// openapiCommand writes the API's document, from which the clients are made. It
// needs a database only to put the parts together, so it uses a temporary one.
func (a *app) openapiCommand() *cobra.Command {
	var old bool
	command := &cobra.Command{
		Use: "openapi", Short: "Write the OpenAPI document of the API", Args: cobra.NoArgs, Hidden: true,
		RunE: func(command *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "sphera-openapi-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
			c := &config{dataDir: dir, listen: "localhost:8080", workers: 1}
			p, err := wire(command.Context(), c, slog.New(slog.DiscardHandler), a.now, a.own...)
			if err != nil {
				return err
			}
			defer p.close() //nolint:errcheck // nothing was written
			handler, err := p.serve(c, nil, []api.DemoUser{})
			if err != nil {
				return err
			}
			spec := handler.Spec()
			if old {
				if spec, err = handler.Spec30(); err != nil {
					return err
				}
			}
			return writeIndented(command.OutOrStdout(), spec)
		},
	}
	command.Flags().BoolVar(&old, "3.0", false, "write version 3.0.3, for generators that know no newer one")
	return command
}

func writeIndented(w io.Writer, raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fmt.Errorf("indent the document: %w", err)
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}
