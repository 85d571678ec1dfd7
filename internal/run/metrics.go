package run

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the engine's figures; they count also when nobody collects them.
type metrics struct {
	started  prometheus.Counter
	finished *prometheus.CounterVec
	steps    *prometheus.CounterVec
	claim    prometheus.Histogram
	taken    prometheus.Counter
	refused  prometheus.Counter
	active   prometheus.Gauge
}

func newMetrics(to prometheus.Registerer) *metrics {
	m := &metrics{
		started:  prometheus.NewCounter(prometheus.CounterOpts{Name: "sphera_runs_started_total", Help: "Runs asked for."}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sphera_runs_finished_total", Help: "Runs that ended, by state."}, []string{"state"}),
		steps:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sphera_run_steps_total", Help: "Attempts of steps, by outcome."}, []string{"outcome"}),
		claim: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sphera_run_claim_seconds", Help: "Time from when a run was due until a worker had it.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}),
		taken:   prometheus.NewCounter(prometheus.CounterOpts{Name: "sphera_runs_taken_over_total", Help: "Runs freed from a process that stopped or went silent."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "sphera_run_writes_refused_total", Help: "Writes refused because the run belongs to another worker by now."}),
		active:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "sphera_runs_active", Help: "Runs this process works on now."}),
	}
	if to != nil {
		to.MustRegister(m.started, m.finished, m.steps, m.claim, m.taken, m.refused, m.active)
	}
	return m
}

func (m *metrics) claimed(wait time.Duration) { m.claim.Observe(max(0, wait.Seconds())) }
