package serve

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// endpoint names what was asked for in metrics.
type endpoint int

const (
	single endpoint = iota
	bulk
	stream
	flagdHTTP
	flagdSync
	manifest
	summary
	feed
	preflight
	elsewhere
	endpoints
)

func (e endpoint) String() string {
	return [...]string{"single", "bulk", "stream", "flagd", "flagd-sync", "manifest", "usage", "feed", "preflight", "other"}[e]
}

// metrics are labelled by what is few: endpoints, statuses, projects.
type metrics struct {
	requests  *prometheus.CounterVec
	durations [endpoints]prometheus.Observer
	counters  [endpoints][600]prometheus.Counter
	fill      sync.RWMutex

	mu     sync.Mutex
	totals map[total]float64
	evals  *prometheus.Desc
}

type total struct{ project, environment, reason string }

// maxTotals bounds the series of evaluations.
const maxTotals = 10_000

func newMetrics(to prometheus.Registerer, s *Server) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sphera_flag_requests_total", Help: "Answered requests to the flag server."}, []string{"endpoint", "status"}),
		totals:   map[total]float64{},
		evals:    prometheus.NewDesc("sphera_flag_evaluations_total", "Flags that were evaluated for clients.", []string{"project", "environment", "reason"}, nil),
	}
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sphera_flag_request_duration_seconds", Help: "Time to answer a request to the flag server; streams are not in it.",
		Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .01, .1, 1},
	}, []string{"endpoint"})
	for e := range endpoints {
		m.durations[e] = durations.WithLabelValues(e.String())
	}
	if to == nil {
		return m
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	to.MustRegister(m.requests, durations, m,
		gauge("sphera_flag_streams", "Event streams and syncs that are open.", func() float64 { return float64(s.streams.Load()) }),
		gauge("sphera_flag_sets", "Sets of flags in memory.", func() float64 { return float64(s.count()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sphera_flag_counts_dropped_total", Help: "Counts of evaluations that did not fit into the bounds."},
			func() float64 { return float64(s.book.Dropped()) }))
	return m
}

func (s *Server) count() int {
	n := 0
	s.sets.Range(func(_, v any) bool {
		if e, ok := v.(*entry); ok && e.current.Load() != nil {
			n++
		}
		return true
	})
	return n
}

func (m *metrics) answered(e endpoint, status int, took time.Duration) {
	if status < 0 || status >= len(m.counters[e]) {
		status = 0
	}
	m.fill.RLock()
	c := m.counters[e][status]
	m.fill.RUnlock()
	if c == nil {
		c = m.requests.WithLabelValues(e.String(), strconv.Itoa(status))
		m.fill.Lock()
		m.counters[e][status] = c
		m.fill.Unlock()
	}
	c.Inc()
	if took > 0 {
		m.durations[e].Observe(took.Seconds())
	}
}

func (m *metrics) evaluated(project, environment, reason string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := total{project, environment, reason}
	if _, known := m.totals[t]; !known && len(m.totals) >= maxTotals {
		t = total{"other", "other", reason}
	}
	m.totals[t] += float64(n)
}

// Describe and Collect implement prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.evals }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, n := range m.totals {
		ch <- prometheus.MustNewConstMetric(m.evals, prometheus.CounterValue, n, t.project, t.environment, t.reason)
	}
}
