package scheduling

// oracleSizes are the constant sizes whose best is the oracle.
var oracleSizes = []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32}

// constant are the policies that hold one of the oracle's sizes.
func constant() []Policy {
	var all []Policy
	for _, n := range oracleSizes {
		all = append(all, FixedAt(n))
	}
	return all
}

// best is the highest throughput of constant's results, and its size.
func best(runs [][]Result) (tokens float64, size int) {
	for i, r := range runs {
		if got := summarize(r).Tokens; got > tokens {
			tokens, size = got, oracleSizes[i]
		}
	}
	return tokens, size
}
