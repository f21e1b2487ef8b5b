package adaptive

import "strconv"

// thousands writes 3200 as "3,200".
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes .452 as "45 %".
func percent(share float64) string { return strconv.Itoa(int(share*100+.5)) + " %" }
