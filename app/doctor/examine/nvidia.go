package examine

import (
	"os"
	"path/filepath"

	"carpool/app/doctor"
)

// libraryFolders are where a driver's installer puts its libraries, below the root.
var libraryFolders = []string{"usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/nvidia/*", "usr/lib64", "usr/lib", "lib64", "usr/local/lib", "usr/lib/wsl/lib", "run/opengl-driver/lib"}

// nvidia finds out what keeps this user from an NVIDIA GPU that is plugged in. root is
// "/" but in tests.
func nvidia(root string) (b doctor.Blocked) {
	if _, err := os.Stat(filepath.Join(root, "proc/driver/nvidia/version")); err != nil {
		return doctor.Blocked{Undriven: true}
	}
	const library = "libnvidia-ml.so.1"
	b.Lacking = library
	for _, folder := range append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), libraryFolders...) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(root, folder)
		}
		if found, err := filepath.Glob(filepath.Join(folder, library)); err == nil && len(found) > 0 {
			b.Lacking = ""
			break
		}
	}
	for _, pattern := range []string{"dev/nvidiactl", "dev/nvidia[0-9]*"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			continue
		}
		for _, device := range found {
			if info, err := os.Stat(device); err == nil && !mayOpen(device) {
				b.Device, b.Group = device, groupOf(info)
				return b
			}
		}
	}
	return b
}
