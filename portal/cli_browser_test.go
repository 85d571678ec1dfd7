package portal

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

// clicker plays the browser of a script: it gets the page that sphera login
// opens as its argument, signs in as $CLICKER_EMAIL with $CLICKER_PASSWORD, and
// does there what $CLICKER says. The page itself is clicked on in web/e2e.
func clicker() int {
	page, err := url.Parse(os.Args[len(os.Args)-1])
	if err == nil {
		err = click(context.Background(), page)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func click(ctx context.Context, page *url.URL) error {
	asked := page.Query()
	back := url.Values{"state": {asked.Get("state")}}
	if os.Getenv("CLICKER") != "refuse" {
		r := newRemote("http://"+page.Host, "")
		if err := r.post(ctx, apiPath("v1", "auth", "login"), map[string]string{"email": os.Getenv("CLICKER_EMAIL"), "password": os.Getenv("CLICKER_PASSWORD")}, nil); err != nil {
			return err
		}
		var allowed struct{ Code string }
		body := map[string]string{"challenge": asked.Get("challenge"), "name": "sphera on " + asked.Get("name")}
		if err := r.post(ctx, apiPath("v1", "auth", "cli"), body, &allowed); err != nil {
			return err
		}
		back.Set("code", allowed.Code)
	}
	comeback := "http://127.0.0.1:" + asked.Get("port") + "/?"
	// Somebody else on this machine, who does not know the state, comes first.
	stranger, err := get(ctx, comeback+url.Values{"state": {"x"}, "code": {"stolen"}}.Encode()) //nolint:bodyclose // a refusal is short, and the process ends
	if err != nil || stranger.StatusCode != http.StatusNotFound {
		return fmt.Errorf("a stranger: %v %w", stranger, err)
	}
	done, err := get(ctx, comeback+back.Encode()) //nolint:bodyclose // as above
	if err != nil || done.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("back at the command line: %v %w", done, err)
	}
	return nil
}

func get(ctx context.Context, address string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return res, res.Body.Close()
}
