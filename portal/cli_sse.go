package portal

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sseEvent is one event of a server-sent stream.
type sseEvent struct {
	name string
	id   string
	data string
}

// streamTries is how often a stream that breaks is taken up again before the
// portal counts as unreachable: long enough for a restart or a takeover.
const streamTries = 20

// stream calls handle with each event until handle says stop, taking a broken
// stream up again after the last event it saw.
func (r *remote) stream(ctx context.Context, path string, query url.Values, handle func(sseEvent) (stop bool, err error)) error {
	last := ""
	for tries := 0; ; tries++ {
		stop, err := r.streamOnce(ctx, path, query, &last, &tries, handle)
		if stop || ctx.Err() != nil {
			return err
		}
		var away *unreachableError
		var answered *remoteError
		switch {
		case errors.As(err, &away), err == nil: // gone, or the server ended the stream
		case errors.As(err, &answered) && answered.status >= http.StatusInternalServerError:
		default:
			return err
		}
		if tries >= streamTries {
			if err == nil {
				err = &unreachableError{r.server, errors.New("the stream ended again and again")}
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Duration(tries)*250*time.Millisecond, 2*time.Second)):
		}
	}
}

func (r *remote) streamOnce(ctx context.Context, path string, query url.Values, last *string, tries *int, handle func(sseEvent) (bool, error)) (stop bool, err error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if *last != "" {
		header.Set("Last-Event-Id", *last)
	}
	response, err := r.send(ctx, http.MethodGet, path, query, nil, header)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil {
			return false, &unreachableError{r.server, err}
		}
		return false, failure(response, body)
	}
	err = readEvents(response.Body, func(e sseEvent) (bool, error) {
		*tries = 0
		if e.id != "" {
			*last = e.id
		}
		var handleErr error
		stop, handleErr = handle(e)
		return stop || handleErr != nil, handleErr
	})
	if stop {
		return true, err
	}
	if network, ok := errors.AsType[*readError](err); ok {
		return false, &unreachableError{r.server, network.error}
	}
	return err != nil, err
}

type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// readEvents parses a server-sent stream; it ends when the stream does or
// handle says so.
func readEvents(body io.Reader, handle func(sseEvent) (stop bool, err error)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	var e sseEvent
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if e.data != "" || e.name != "" {
				if stop, err := handle(e); stop || err != nil {
					return err
				}
			}
			e = sseEvent{}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			if e.data != "" {
				e.data += "\n"
			}
			e.data += value
		}
	}
	if err := lines.Err(); err != nil {
		return &readError{err}
	}
	return nil
}
