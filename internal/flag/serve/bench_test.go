package serve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/serve"

	"golang.org/x/sys/unix"
)

// BenchmarkOFREP measures requests a second over real connections, the load
// and the server on the same cores, beside a handler that does the least that
// can be done: both in turns, so that what else the machine does hits both.
// Each case says its rate, the floor's, and the share of it in percent; the
// median of the rounds. On a machine that does other things, too, the share by
// processor time says more: load and server together, a request.
func BenchmarkOFREP(b *testing.B) {
	const body = `{"context":{"targetingKey":"user-12345","accountId":"account-678","plan":"pro","country":"CH","version":"2.14.0","beta":true}}`
	f := start(b, func(o *serve.Options) { o.Now = time.Now })
	f.s.Replace([]*flag.Snapshot{snapshot(b, 1, hundredFlags())})
	bulkAnswer := f.ask("POST", bulkPath, serverKey, body)
	singleAnswer := f.ask("POST", singlePath+"flag-7", serverKey, body)
	if bulkAnswer.status != 200 || singleAnswer.status != 200 {
		b.Fatal(bulkAnswer, singleAnswer)
	}
	tag := bulkAnswer.header.Get("ETag")
	for _, c := range []struct {
		name, path, tag string
		floor           http.HandlerFunc
	}{
		{"single", singlePath + "flag-7", "", decodeThen(http.StatusOK, singleAnswer.body)},
		{"bulk100", bulkPath, "", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			constant(w, http.StatusOK, bulkAnswer.body)
		}},
		{"notModified", bulkPath, tag, decodeThen(http.StatusNotModified, "")},
	} {
		b.Run(c.name, func(b *testing.B) {
			floor := httptest.NewServer(c.floor)
			defer floor.Close()
			request := func(host string) []byte {
				var out bytes.Buffer
				fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", c.path, host, serverKey, len(body))
				if c.tag != "" {
					fmt.Fprintf(&out, "If-None-Match: %s\r\n", c.tag)
				}
				fmt.Fprintf(&out, "\r\n%s", body)
				return out.Bytes()
			}
			ours, least := f.http.Listener.Addr().String(), floor.Listener.Addr().String()
			want := map[string]string{"single": "200", "bulk100": "200", "notModified": "304"}[c.name]
			var mine, floors, shares, cpu, cpuShares []float64
			for range 7 {
				x, xCPU := rate(b, least, request(least), want)
				y, yCPU := rate(b, ours, request(ours), want)
				mine, floors, shares = append(mine, y), append(floors, x), append(shares, 100*y/x)
				cpu, cpuShares = append(cpu, yCPU), append(cpuShares, 100*xCPU/yCPU)
			}
			b.ReportMetric(median(cpu), "us-cpu")
			b.ReportMetric(median(cpuShares), "%floor-by-cpu")
			b.ReportMetric(median(mine), "requests/s")
			b.ReportMetric(median(floors), "floor/s")
			b.ReportMetric(median(shares), "%floor")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func decodeThen(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Context map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Context["plan"] != "pro" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		constant(w, status, body)
	}
}

func constant(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// hundredFlags have a rule for equality and a share of 30 % each.
func hundredFlags() string {
	var b strings.Builder
	b.WriteString(`{"metadata":{"flagSetId":"checkout","version":"12"},"flags":{`)
	for i := range 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"flag-%d":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"plan"},"enterprise"]},"on",{"fractional":[["on",30],["off",70]]}]}}`, i)
	}
	b.WriteString("}}")
	return b.String()
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// rate sends the request over 16 connections for a second and a half, and
// counts answers, a second and by processor time; each must have the status.
func rate(b *testing.B, address string, request []byte, status string) (perSecond, cpu float64) {
	b.Helper()
	const connections, warm, measured = 16, 300 * time.Millisecond, 1200 * time.Millisecond
	var answers atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		group.Go(func() {
			defer conn.Close()
			r := bufio.NewReaderSize(conn, 32<<10)
			for !stop.Load() {
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := readAnswer(r, status); err != nil {
					b.Error(err)
					return
				}
				answers.Add(1)
			}
		})
	}
	<-time.After(warm)
	from, at, used := answers.Load(), time.Now(), processorTime(b)
	<-time.After(measured)
	n, took := answers.Load()-from, time.Since(at)
	used = processorTime(b) - used
	stop.Store(true)
	group.Wait()
	return float64(n) / took.Seconds(), float64(used.Microseconds()) / float64(n)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// readAnswer reads one answer and throws it away.
func readAnswer(r *bufio.Reader, status string) error {
	length, chunked, first := 0, false, true
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first {
			if first = false; !bytes.Contains(line, []byte(" "+status+" ")) {
				return fmt.Errorf("answered %s", line)
			}
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok {
			switch string(name) {
			case "Content-Length":
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return err
				}
			case "Transfer-Encoding":
				chunked = true
			}
		}
	}
	if chunked {
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return err
			}
			n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
			if err != nil {
				return err
			}
			if _, err := r.Discard(int(n) + 2); err != nil || n == 0 {
				return err
			}
		}
	}
	_, err := r.Discard(length)
	return err
}

// BenchmarkBulkInProcess is what a bulk answer costs without the network.
func BenchmarkBulkInProcess(b *testing.B) {
	f := start(b, func(o *serve.Options) { o.Now = time.Now })
	f.s.Replace([]*flag.Snapshot{snapshot(b, 1, hundredFlags())})
	const body = `{"context":{"targetingKey":"user-12345","accountId":"account-678","plan":"pro","country":"CH","version":"2.14.0","beta":true}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, bulkPath, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+serverKey)
		w := httptest.NewRecorder()
		f.s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
