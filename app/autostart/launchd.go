package autostart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// LaunchAgent is e as a property list for ~/Library/LaunchAgents: launchd starts it
// once in each session with a desktop, and does not start it again when it was quit.
func LaunchAgent(e Entry) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + ID + `</string>
	<key>ProgramArguments</key>
	<array>
`)
	for _, word := range append([]string{e.Program}, e.Args...) {
		b.WriteString("\t\t<string>")
		_ = xml.EscapeText(&b, []byte(word)) // a Buffer takes everything
		b.WriteString("</string>\n")
	}
	b.WriteString(`	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
`)
	return b.Bytes()
}

// readLaunchAgent tells which program a property list starts, and whether it is
// switched off by its own key.
func readLaunchAgent(content []byte) (on bool, program string) {
	d := xml.NewDecoder(bytes.NewReader(content))
	on = true
	key, element := "", ""
	for {
		token, err := d.Token()
		if err != nil {
			return on && errors.Is(err, io.EOF), program
		}
		switch t := token.(type) {
		case xml.StartElement:
			element = t.Name.Local
			if key == "Disabled" && element == "true" {
				on = false
			}
		case xml.EndElement:
			element = ""
		case xml.CharData:
			switch {
			case element == "key":
				key = string(t)
			case element == "string" && (key == "ProgramArguments" || key == "Program") && program == "":
				program = string(t)
			}
		}
	}
}
