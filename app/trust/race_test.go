//go:build race

package trust

// raceDetector makes programs several times larger and slower.
const raceDetector = true
