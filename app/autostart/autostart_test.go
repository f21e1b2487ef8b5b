package autostart

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestDesktopFile_SaysWhatTheDesktopReadsBack(t *testing.T) {
	for _, program := range []string{"/usr/bin/carpool", `/home/me/My "GPU" $5 50%/carpool`, `/opt/back\slash/carpool`} {
		on, back := readDesktopFile(DesktopFile(Entry{program, []string{"--hidden"}}))
		if !on || back != program {
			t.Errorf("%s: on %v, starts %s", program, on, back)
		}
	}
}

func TestDesktopFile_QuotesItsCommand(t *testing.T) {
	for word, want := range map[string]string{
		"/usr/bin/carpool": "Exec=/usr/bin/carpool --hidden\n",
		"/a b/carpool":     "Exec=\"/a b/carpool\" --hidden\n",
		"/50%/carpool":     "Exec=/50%%/carpool --hidden\n",
		"/$x/carpool":      "Exec=\"/\\\\$x/carpool\" --hidden\n",
		`/a\b/carpool`:     `Exec="/a\\\\b/carpool" --hidden` + "\n",
	} {
		if got := string(DesktopFile(Entry{word, []string{"--hidden"}})); !strings.Contains(got, want) {
			t.Errorf("%s: %s is not in %s", word, want, got)
		}
	}
}

func TestReadDesktopFile_KnowsHowDesktopsSwitchOff(t *testing.T) {
	own := string(DesktopFile(Entry{"/usr/bin/carpool", nil}))
	for name, tc := range map[string]struct {
		content string
		on      bool
	}{
		"as written":          {own, true},
		"Hidden":              {own + "Hidden=true\n", false},
		"GNOME":               {strings.Replace(own, "enabled=true", "enabled=false", 1), false},
		"of another section":  {own + "[Desktop Action x]\nHidden=true\n", true},
		"with blanks, a note": {own + "# Hidden=true\n Hidden = true \n", false},
	} {
		if on, _ := readDesktopFile([]byte(tc.content)); on != tc.on {
			t.Errorf("%s: on %v", name, on)
		}
	}
}

func TestLaunchAgent(t *testing.T) {
	e := Entry{`/Applications/A & <B>.app/Contents/MacOS/carpool`, []string{"--hidden", "--state", "/tmp/it's"}}
	content := LaunchAgent(e)
	var list struct {
		Strings []string `xml:"dict>string"`
		Words   []string `xml:"dict>array>string"`
	}
	if err := xml.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(list.Words, "|"); got != e.Program+"|"+strings.Join(e.Args, "|") {
		t.Errorf("it starts %q", got)
	}
	if list.Strings[0] != ID {
		t.Errorf("it is called %q", list.Strings[0])
	}
	if on, program := readLaunchAgent(content); !on || program != e.Program {
		t.Errorf("read back: on %v, %q", on, program)
	}
	off := strings.Replace(string(content), "\t<key>RunAtLoad", "\t<key>Disabled</key>\n\t<true/>\n\t<key>RunAtLoad", 1)
	if on, _ := readLaunchAgent([]byte(off)); on {
		t.Error("one that is disabled counts as on")
	}
	if on, _ := readLaunchAgent(content[:len(content)/2]); on {
		t.Error("half a file counts as on")
	}
}

func TestRunCommand(t *testing.T) {
	for want, e := range map[string]Entry{
		`"C:\Program Files\Carpool\carpoolw.exe" --hidden`: {`C:\Program Files\Carpool\carpoolw.exe`, []string{"--hidden"}},
		`"C:\c.exe" --state "C:\my state\\"`:               {`C:\c.exe`, []string{"--state", `C:\my state\`}},
		`"C:\c.exe" "a\\\"b" C:\plain\x`:                   {`C:\c.exe`, []string{`a\"b`, `C:\plain\x`}},
		`"C:\c.exe" ""`:                                    {`C:\c.exe`, []string{""}},
	} {
		if got := RunCommand(e); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := programOf(want); got != e.Program {
			t.Errorf("%s starts %s", want, got)
		}
	}
	if got := programOf(`C:\c.exe --hidden`); got != `C:\c.exe` {
		t.Errorf("without quotes: %s", got)
	}
}

func TestApproved(t *testing.T) {
	for _, tc := range []struct {
		value []byte
		want  bool
	}{{nil, true}, {[]byte{2, 0, 0}, true}, {[]byte{6, 0}, true}, {[]byte{3, 0, 0}, false}, {[]byte{7}, false}} {
		if approved(tc.value) != tc.want {
			t.Errorf("% x: %v", tc.value, !tc.want)
		}
	}
}

func TestOwn_HasNoConsoleOnWindows(t *testing.T) {
	there := func(path string) bool { return path == `C:\carpoolw.exe` }
	for _, tc := range []struct{ program, system, want string }{
		{`C:\carpool.exe`, "windows", `C:\carpoolw.exe`},
		{`C:\carpoolw.exe`, "windows", `C:\carpoolw.exe`},
		{`D:\carpool.exe`, "windows", `D:\carpool.exe`},
		{"/usr/bin/carpool", "linux", "/usr/bin/carpool"},
	} {
		if got := withoutConsole(tc.program, tc.system, there); got != tc.want {
			t.Errorf("%s on %s: %s", tc.program, tc.system, got)
		}
	}
}

func TestEnable_RefusesWhatWouldWriteASecondLine(t *testing.T) {
	for _, e := range []Entry{{"/a\nHidden=true", nil}, {"/a", []string{"b\r"}}, {"carpool", nil}} {
		if err := Enable(e); err == nil {
			t.Errorf("%q was taken", e)
		}
	}
}
