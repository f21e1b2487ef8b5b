package process

import (
	"slices"
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for _, tt := range []struct {
		about      string
		facts      facts
		name, icon string
	}{
		{"plain program", facts{exe: "/usr/bin/curl", args: []string{"curl", "-H", "Authorization: Bearer sk-secret"}}, "curl", "curl"},
		{"replaced by an update", facts{exe: "/usr/lib/firefox/firefox (deleted)"}, "Firefox", "firefox"},
		{"file not to be read", facts{name: "aider"}, "aider", "aider"},
		{"nothing to be read", facts{}, "", ""},
		{"Debian's Firefox", facts{exe: "/usr/lib/firefox-esr/firefox-esr"}, "Firefox", "firefox"},
		{"NixOS", facts{exe: "/nix/store/abc-logseq-1/bin/.logseq-wrapped"}, "Logseq", "logseq"},
		{"VS Code", facts{exe: "/usr/share/code/code", args: []string{"code", "--type=utility", "--utility-sub-type=node.mojom.NodeService"}}, "VS Code", "code"},
		{"crash handler", facts{exe: "/usr/share/code/chrome_crashpad_handler"}, "VS Code", "code"},
		{"snap", facts{exe: "/snap/chromium/2889/usr/lib/chromium-browser/chrome"}, "Chrome", "chromium_chrome"},
		{"AppImage", facts{exe: "/tmp/.mount_cursora1B2c3/usr/share/cursor/cursor"}, "Cursor", "cursor"},
		{"AppImage that says no more", facts{exe: "/tmp/.mount_Jan-0.a1B2c3/AppRun"}, "Jan-0.", "Jan-0."},
		{"shared Electron", facts{exe: "/usr/lib/electron30/electron", args: []string{"electron", "/usr/lib/obsidian/app.asar", "--x"}}, "Obsidian", "obsidian"},
		{"shared Electron, resources", facts{exe: "/usr/lib/electron30/electron", args: []string{"electron", "--x", "/opt/jan/resources/app.asar"}}, "jan", "jan"},
		{"Electron of nobody", facts{exe: "/usr/lib/electron30/electron", args: []string{"electron", "."}}, "electron", "electron"},
		{"Flatpak", facts{exe: "/usr/bin/python3.12", args: []string{"python3", "/app/bin/alpaca"},
			cgroup: "/user.slice/user@1000.service/app.slice/app-flatpak-com.jeffser.Alpaca-4711.scope"}, "Alpaca", "com.jeffser.Alpaca"},
		{"Flatpak with an untelling id", facts{exe: "/app/bin/x", cgroup: `/app.slice/app-flatpak-org.tele\x2dgram.desktop-1.scope`}, "tele-gram", "org.tele-gram.desktop"},

		{"macOS app", facts{exe: "/Applications/Obsidian.app/Contents/MacOS/Obsidian"}, "Obsidian", "Obsidian"},
		{"macOS helper", facts{exe: "/Applications/Visual Studio Code.app/Contents/Frameworks/Code Helper (Plugin).app/Contents/MacOS/Code Helper (Plugin)"},
			"VS Code", "Visual Studio Code"},
		{"macOS Python", facts{exe: "/Library/Frameworks/Python.framework/Versions/3.12/Resources/Python.app/Contents/MacOS/Python",
			args: []string{"python3", "indexer.py"}}, "indexer.py", "python"},
		{"Xcode's Python", facts{exe: "/Applications/Xcode.app/Contents/Developer/Library/Frameworks/Python3.framework/Versions/3.9/Resources/Python.app/Contents/MacOS/Python",
			args: []string{"python3", "indexer.py"}}, "indexer.py", "python"},
		{"macOS tool", facts{exe: "/opt/homebrew/bin/zed"}, "Zed", "zed"},

		{"Windows app", facts{exe: `C:\Users\me\AppData\Local\Programs\Microsoft VS Code\Code.exe`}, "VS Code", "Code"},
		{"Windows tool", facts{exe: `C:\Windows\System32\CURL.EXE`}, "CURL", "CURL"},
		{"Windows Python", facts{exe: `C:\Python312\python.exe`, args: []string{"python.exe", `C:\work\indexer.py`}}, "indexer.py", "python"},
		{"pip's launcher", facts{exe: `C:\Python312\python.exe`, args: []string{`C:\Python312\python.exe`, `C:\Python312\Scripts\open-webui.exe`, "serve"}}, "Open WebUI", "python"},

		{"Docker", facts{exe: "/usr/bin/docker-proxy"}, "", ""},
		{"Docker Desktop", facts{exe: `C:\Program Files\Docker\com.docker.backend.exe`}, "", ""},
		{"Podman", facts{exe: "/usr/bin/pasta.avx2"}, "", ""},
		{"Safari's network", facts{exe: "/System/Library/X.xpc/Contents/MacOS/com.apple.WebKit.Networking"}, "", ""},
		{"tunnel", facts{exe: "/usr/bin/ssh"}, "ssh", "ssh"},
	} {
		if got := tt.facts.app(); got != (App{tt.name, tt.icon}) {
			t.Errorf("%s: %+v, want %s, %s", tt.about, got, tt.name, tt.icon)
		}
	}
}

func TestScripts(t *testing.T) {
	for line, want := range map[string]string{
		"python indexer.py": "indexer.py",
		"python3.12 -u -W ignore /opt/x/indexer.py --key sk-secret": "indexer.py",
		"python -Xdev -m foo":                    "foo",
		"python -um foo.cli x":                   "foo",
		"python3 -mfoo":                          "foo",
		"python -m open_webui.main":              "Open WebUI",
		"python -m ipykernel_launcher -f k.json": "Jupyter",
		"python3 -c print('sk-secret')":          "python",
		"python3 -":                              "python",
		"python3":                                "python",
		"python3 /usr/bin/aider --model x":       "aider",
		"python3 /home/me/indexer/main.py":       "indexer",
		"python3 /home/me/indexer/src/main.py":   "indexer",
		"python3 /home/me/main.py":               "main.py",
		"python3 /root/main.py":                  "main.py",
		"python3 main.py":                        "main.py",
		"python3 indexer/main.py":                "indexer",
		"node script.js":                         "script.js",
		"node .":                                 "node",
		"node --max-old-space-size=4096 -r dotenv/config bot.mjs":       "bot.mjs",
		"node /path/aider/bin/x.js":                                     "aider",
		"node /usr/lib/node_modules/@openai/codex/bin/codex.js":         "codex",
		"node /a/node_modules/.pnpm/foo@1/node_modules/foo/dist/cli.js": "foo",
		"node /home/me/.npm/_npx/1/node_modules/.bin/tsx a.ts":          "tsx",
		"node -e fetch('sk-secret')":                                    "node",
		"claude":                                                        "claude",
		"bun run bot.ts":                                                "bot.ts",
		"bun bot.ts run":                                                "bot.ts",
		"deno run --allow-net bot.ts":                                   "bot.ts",
		"deno run https://me:sk-secret@x.dev/bot.ts?token=sk-secret":    "bot.ts",
		"ruby -Ilib -r json bot.rb":                                     "bot.rb",
		"perl -w -e print":                                              "perl",
		"php -d memory_limit=1G bot.php":                                "bot.php",
		"java -Dkey=sk-secret -cp a.jar:b.jar com.example.Indexer":      "Indexer",
		"java -Xmx1g com.example.bot.Main":                              "bot",
		"java -jar /opt/bot-1.2.3-SNAPSHOT.jar":                         "bot",
	} {
		args := strings.Split(line, " ")
		exe := args[0]
		if exe == "claude" {
			exe = "node" // the program wrote a title over its command line
		}
		got := facts{exe: "/usr/bin/" + exe, args: args}.app().Name
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// FuzzScript holds names to what a stranger may be shown: no path, and nothing
// of an address but its last element.
func FuzzScript(f *testing.F) {
	for _, line := range []string{"-u -W ignore /opt/x/indexer.py", "-m foo.cli", "run https://a:b@c/d.ts?e=f", "..", `C:\x\main.py`, "node_modules/.bin/", "-jar a.jar"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range languages {
			args := strings.Split(line, " ")
			name := l.script(args)
			isFile := slices.ContainsFunc(args, func(a string) bool { return !strings.Contains(a, "://") && strings.ContainsAny(a, "?#") })
			if strings.ContainsAny(name, `/\`) || strings.ContainsAny(name, "?#") && strings.Contains(line, "://") && !isFile {
				t.Errorf("%s: %q of %q", l.id, name, line)
			}
		}
	})
}
