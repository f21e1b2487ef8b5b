package gpu

import "context"

// Sum reads once and tells the reading in one line.
func Sum(r Reader) string { return sum(r.Read(context.Background())[0]) }
