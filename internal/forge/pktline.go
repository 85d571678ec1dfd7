package forge

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Limits of the command list of a push.
const (
	maxPkt      = 65516
	maxCommands = 1000
)

var errPkt = errors.New("the push is not in git's format")

// readPkt reads one pkt-line: four hexadecimal digits of length, which count
// themselves, and content. flush is true for the length 0.
func readPkt(r io.Reader) (content []byte, flush bool, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, false, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil {
		return nil, false, fmt.Errorf("%w: bad length", errPkt)
	}
	switch {
	case n == 0:
		return nil, true, nil
	case n < 4 || n > maxPkt+4:
		return nil, false, fmt.Errorf("%w: length %d", errPkt, n)
	}
	content = make([]byte, n-4)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, false, fmt.Errorf("%w: cut short", errPkt)
	}
	return content, false, nil
}

// pkt is content as one pkt-line.
func pkt(content string) []byte { return fmt.Appendf(nil, "%04x%s", len(content)+4, content) }

// command is one wish of a push: move ref from old to new.
type command struct{ old, new, ref string }

func (c command) deletes() bool { return c.new == zeroSHA }

// commands is the head of a push.
type commands struct {
	list         []command
	capabilities []string
}

func (c commands) can(capability string) bool {
	return slices.Contains(c.capabilities, capability)
}

// sideband reports whether answers are multiplexed with progress.
func (c commands) sideband() bool { return c.can("side-band-64k") }

// readCommands reads the command list of a push, up to its flush.
func readCommands(in io.Reader) (commands, error) {
	r := bufio.NewReaderSize(in, 4096)
	var c commands
	for {
		line, flush, err := readPkt(r)
		if err != nil {
			return commands{}, fmt.Errorf("%w: %w", errPkt, err)
		}
		if flush {
			return c, nil
		}
		text := strings.TrimSuffix(string(line), "\n")
		if strings.HasPrefix(text, "shallow ") {
			continue
		}
		if len(c.list) == 0 {
			var capabilities string
			text, capabilities, _ = strings.Cut(text, "\x00")
			c.capabilities = strings.Fields(capabilities)
		}
		one, err := parseCommand(text)
		if err != nil {
			return commands{}, err
		}
		c.list = append(c.list, one)
		if len(c.list) > maxCommands {
			return commands{}, fmt.Errorf("%w: more than %d branches and tags at once", errPkt, maxCommands)
		}
	}
}

func parseCommand(text string) (command, error) {
	fields := strings.SplitN(text, " ", 3)
	if len(fields) != 3 || !fullSHA.MatchString(fields[0]) || !fullSHA.MatchString(fields[1]) || fields[2] == "" {
		return command{}, fmt.Errorf("%w: not a command", errPkt)
	}
	if strings.ContainsFunc(fields[2], isControl) {
		return command{}, fmt.Errorf("%w: control character in a name", errPkt)
	}
	return command{old: fields[0], new: fields[1], ref: fields[2]}, nil
}

// band wraps content for one channel of the sideband: 1 is the report, 2 what
// people see as "remote: ...".
func band(channel byte, content []byte) []byte {
	var out bytes.Buffer
	for len(content) > 0 {
		n := min(len(content), maxPkt-1)
		out.Write(pkt(string(channel) + string(content[:n])))
		content = content[n:]
	}
	return out.Bytes()
}

// report is the answer to a push that is refused as a whole; reasons gives the
// reason by ref.
func (c commands) report(unpack string, reasons map[string]string, message string) []byte {
	var inner bytes.Buffer
	inner.Write(pkt("unpack " + unpack + "\n"))
	for _, one := range c.list {
		reason := reasons[one.ref]
		if reason == "" {
			reason = "not pushed, because the same push has a branch that was refused"
		}
		inner.Write(pkt("ng " + one.ref + " " + reason + "\n"))
	}
	inner.WriteString("0000")
	var out bytes.Buffer
	if c.sideband() {
		if message != "" {
			out.Write(band(2, []byte(message)))
		}
		if c.can("report-status") || c.can("report-status-v2") {
			out.Write(band(1, inner.Bytes()))
		}
		out.WriteString("0000")
		return out.Bytes()
	}
	if c.can("report-status") || c.can("report-status-v2") {
		return inner.Bytes()
	}
	return nil
}

// withMessage adds text for people to the end of a report in sideband form.
func withMessage(report []byte, message string) []byte {
	before, ok := bytes.CutSuffix(report, []byte("0000"))
	if !ok || message == "" {
		return report
	}
	return append(append(bytes.Clone(before), band(2, []byte(message))...), "0000"...)
}
