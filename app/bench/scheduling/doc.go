// Package scheduling measures the scheduler's order and the governor on a
// simulated engine: an hour of requests runs in a moment of virtual time, by
// discrete events, with fixed seeds. What is measured is the real batching.Core
// and the real adaptive.Governor; only the engine, its card and the clients are
// made up.
//
// Policies see what a gateway sees: when requests arrive and end, each token,
// the counts that an engine tells at the end, and a reading of the card once a
// second. They decide on each arrival and completion and every 100 ms.
//
//	report, err := scheduling.Measure(ctx, scheduling.Options{Only: []string{"slots8"}})
//	err = report.Text(os.Stdout)
//
//	r := scheduling.Run(scenario, scheduling.Governor(), 1) // one run
//
// Each policy that Carpool is compared with is in a file of its own, with its
// source. Equal calls give equal figures, on any number of processors.
package scheduling
