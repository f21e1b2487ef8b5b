package cli

import "testing"

func TestRemoval(t *testing.T) {
	for _, tc := range []struct{ program, system, want string }{
		{"/usr/bin/carpool", "linux", "Remove the program with \"sudo apt remove carpool\".\n"},
		{"/home/me/.local/bin/carpool", "linux", "Delete the program: /home/me/.local/bin/carpool\n"},
		{"/Applications/Carpool.app/Contents/MacOS/carpool", "darwin", "Move /Applications/Carpool.app to the Trash.\n"},
		{`C:\Carpool\carpool.exe`, "windows", "Remove the program under Settings, Apps, or delete C:\\Carpool\\carpool.exe.\n"},
	} {
		if got := removal(tc.program, tc.system); got != tc.want {
			t.Errorf("%s: %q", tc.program, got)
		}
	}
}
