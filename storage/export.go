package storage

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// column is one column of a CSV file.
type column[T any] struct {
	name string
	cell func(T) string
}

var requestCSV = []column[Request]{
	{"id", func(r Request) string { return text(r.ID) }},
	{"batch", func(r Request) string { return optional(r.Batch, natural) }},
	{"started", func(r Request) string { return moment(r.Started) }},
	{"app", func(r Request) string { return text(r.App) }},
	{"engine", func(r Request) string { return text(r.Engine) }},
	{"model", func(r Request) string { return text(r.Model) }},
	{"route", func(r Request) string { return text(r.Route) }},
	{"dialect", func(r Request) string { return text(r.Dialect) }},
	{"stream", func(r Request) string { return strconv.FormatBool(r.Stream) }},
	{"priority", func(r Request) string { return text(r.Priority) }},
	{"outcome", func(r Request) string { return text(r.Outcome) }},
	{"error_kind", func(r Request) string { return text(r.ErrorKind) }},
	{"status", func(r Request) string { return strconv.Itoa(r.Status) }},
	{"engine_status", func(r Request) string { return strconv.Itoa(r.EngineStatus) }},
	{"prompt_bytes", func(r Request) string { return whole(r.PromptBytes) }},
	{"answer_bytes", func(r Request) string { return whole(r.AnswerBytes) }},
	{"prompt_tokens", func(r Request) string { return optional(r.PromptTokens, whole) }},
	{"output_tokens", func(r Request) string { return optional(r.OutputTokens, whole) }},
	{"tokens_estimated", func(r Request) string { return strconv.FormatBool(r.TokensEstimated) }},
	{"queue_ms", func(r Request) string { return number(r.QueueMS) }},
	{"first_token_ms", func(r Request) string { return optional(r.FirstTokenMS, number) }},
	{"total_ms", func(r Request) string { return number(r.TotalMS) }},
	{"simulated", func(r Request) string { return strconv.FormatBool(r.Simulated) }},
	{"load_ms", func(r Request) string { return optional(r.LoadMS, number) }},
	{"reload", func(r Request) string { return text(r.Reload) }},
	{"energy_j", func(r Request) string { return optional(r.EnergyJ, number) }},
}

var batchCSV = []column[Batch]{
	{"id", func(b Batch) string { return natural(b.ID) }},
	{"started", func(b Batch) string { return moment(b.Started) }},
	{"engine", func(b Batch) string { return text(b.Engine) }},
	{"model", func(b Batch) string { return text(b.Model) }},
	{"mode", func(b Batch) string { return text(b.Mode) }},
	{"why", func(b Batch) string { return text(b.Why) }},
	{"released", func(b Batch) string { return strconv.Itoa(b.Released) }},
	{"running", func(b Batch) string { return strconv.Itoa(b.Running) }},
	{"limit", func(b Batch) string { return strconv.Itoa(b.Limit) }},
	{"mean_wait_ms", func(b Batch) string { return number(b.MeanWaitMS) }},
	{"max_wait_ms", func(b Batch) string { return number(b.MaxWaitMS) }},
	{"duration_ms", func(b Batch) string { return number(b.DurationMS) }},
	{"tokens", func(b Batch) string { return whole(b.Tokens) }},
	{"gpu_memory_used_bytes", func(b Batch) string { return optional(b.GPUMemoryUsed, whole) }},
	{"gpu_memory_total_bytes", func(b Batch) string { return optional(b.GPUMemoryTotal, whole) }},
	{"gpu_utilization", func(b Batch) string { return optional(b.GPUUtilization, number) }},
	{"energy_j", func(b Batch) string { return optional(b.EnergyJ, number) }},
}

var decisionCSV = []column[Decision]{
	{"at", func(d Decision) string { return moment(d.At) }},
	{"engine", func(d Decision) string { return text(d.Engine) }},
	{"model", func(d Decision) string { return text(d.Model) }},
	{"kind", func(d Decision) string { return text(d.Kind) }},
	{"old_limit", func(d Decision) string { return optional(d.OldLimit, whole) }},
	{"new_limit", func(d Decision) string { return optional(d.NewLimit, whole) }},
	{"slots", func(d Decision) string { return optional(d.Slots, whole) }},
	{"slots_by", func(d Decision) string { return text(d.SlotsBy) }},
	{"token_budget", func(d Decision) string { return optional(d.TokenBudget, whole) }},
	{"reason", func(d Decision) string { return text(d.Reason) }},
	{"in_flight", func(d Decision) string { return optional(d.InFlight, whole) }},
	{"waiting", func(d Decision) string { return optional(d.Waiting, whole) }},
	{"gpu_memory_used_bytes", func(d Decision) string { return optional(d.GPUMemoryUsed, whole) }},
	{"gpu_memory_total_bytes", func(d Decision) string { return optional(d.GPUMemoryTotal, whole) }},
	{"gpu_utilization", func(d Decision) string { return optional(d.GPUUtilization, number) }},
}

var sampleCSV = []column[Sample]{
	{"at", func(r Sample) string { return moment(r.At) }},
	{"running", func(r Sample) string { return strconv.Itoa(r.Running) }},
	{"waiting", func(r Sample) string { return strconv.Itoa(r.Waiting) }},
	{"limit", func(r Sample) string { return strconv.Itoa(r.Limit) }},
	{"tokens_out", func(r Sample) string { return whole(r.TokensOut) }},
	{"tokens_in", func(r Sample) string { return whole(r.TokensIn) }},
	{"gpu_memory_used_bytes", func(r Sample) string { return optional(r.MemoryUsed, whole) }},
	{"gpu_memory_total_bytes", func(r Sample) string { return optional(r.MemoryTotal, whole) }},
	{"gpu_memory_ours_bytes", func(r Sample) string { return optional(r.MemoryOurs, whole) }},
	{"gpu_memory_others_bytes", func(r Sample) string { return optional(r.MemoryOthers, whole) }},
	{"gpu_utilization", func(r Sample) string { return optional(r.Utilization, number) }},
	{"gpu_power_watts", func(r Sample) string { return optional(r.Power, number) }},
}

// WriteRequestsCSV writes a header and the rows as CSV, one after the other, until
// one comes with an error. An unknown value is an
// empty cell. Text that a spreadsheet would take for a formula gets a leading
// apostrophe.
func WriteRequestsCSV(w io.Writer, rows iter.Seq2[Request, error]) error {
	return writeCSV(w, requestCSV, rows)
}

// WriteBatchesCSV writes a header and the rows as CSV, as WriteRequestsCSV does.
func WriteBatchesCSV(w io.Writer, rows iter.Seq2[Batch, error]) error {
	return writeCSV(w, batchCSV, rows)
}

// WriteDecisionsCSV writes a header and the rows as CSV, as WriteRequestsCSV does.
func WriteDecisionsCSV(w io.Writer, rows iter.Seq2[Decision, error]) error {
	return writeCSV(w, decisionCSV, rows)
}

// WriteSamplesCSV writes a header and the rows as CSV, as WriteRequestsCSV does.
func WriteSamplesCSV(w io.Writer, rows iter.Seq2[Sample, error]) error {
	return writeCSV(w, sampleCSV, rows)
}

// WriteRequestsJSON writes the rows as one JSON array; an unknown value is null.
func WriteRequestsJSON(w io.Writer, rows iter.Seq2[Request, error]) error { return writeJSON(w, rows) }

// WriteBatchesJSON writes the rows as one JSON array; an unknown value is null.
func WriteBatchesJSON(w io.Writer, rows iter.Seq2[Batch, error]) error { return writeJSON(w, rows) }

// WriteDecisionsJSON writes the rows as one JSON array; an unknown value is null.
func WriteDecisionsJSON(w io.Writer, rows iter.Seq2[Decision, error]) error {
	return writeJSON(w, rows)
}

// WriteSamplesJSON writes the rows as one JSON array; an unknown value is null.
func WriteSamplesJSON(w io.Writer, rows iter.Seq2[Sample, error]) error { return writeJSON(w, rows) }

func writeCSV[T any](w io.Writer, columns []column[T], rows iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		for i, c := range columns {
			record[i] = c.cell(r)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeJSON[T any](w io.Writer, rows iter.Seq2[T, error]) error {
	before, after := "[", "[]\n"
	for r, err := range rows {
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(r, "  ", "  ")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, before+"\n  "+string(text)); err != nil {
			return err
		}
		before, after = ",", "\n]\n"
	}
	_, err := io.WriteString(w, after)
	return err
}

// text keeps a spreadsheet from running what a client wrote: some skip blanks
// and control characters before they look for a formula.
func text(s string) string {
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.IndexAny(strings.TrimSpace(s), "=+-@") == 0 {
		return "'" + s
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
func whole(n int64) string      { return strconv.FormatInt(n, 10) }
func natural(n uint64) string   { return strconv.FormatUint(n, 10) }
func number(f float64) string   { return strconv.FormatFloat(f, 'f', -1, 64) }

func optional[T any](v *T, cell func(T) string) string {
	if v == nil {
		return ""
	}
	return cell(*v)
}
