package gateway

import (
	"net"
	"net/http"
	"strings"

	"carpool/batching"
)

// maxAppName bounds an app's name, in bytes.
const maxAppName = 64

// appOf names the app behind a request, for fairness and for people: what it
// says of itself, else its User-Agent's product, else its address.
func appOf(r *http.Request) string {
	if name := appName(r.Header.Get("X-Carpool-App")); name != "" {
		return name
	}
	if name := appName(product(r.UserAgent())); name != "" {
		return name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}

// appName makes s fit to be shown: plain text of one line, not too long.
func appName(s string) string {
	s = strings.TrimSpace(plainText(s))
	if len(s) > maxAppName {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxAppName], ""))
	}
	return s
}

// engines of browsers, which tell nothing of the app around them.
var browserTokens = map[string]bool{"Mozilla": true, "AppleWebKit": true, "Gecko": true, "Version": true,
	"Mobile": true, "Safari": true, "Chrome": true, "Electron": true}

// product is the first product of a User-Agent that tells its app. Desktop apps
// built on a browser put their name between the browser's own.
func product(userAgent string) string {
	fallback := ""
	depth := 0
	for word := range strings.FieldsSeq(userAgent) {
		inside := depth > 0 || strings.HasPrefix(word, "(")
		depth += strings.Count(word, "(") - strings.Count(word, ")")
		if inside {
			continue
		}
		name, _, _ := strings.Cut(word, "/")
		if !browserTokens[name] {
			return name
		}
		if fallback == "" || name == "Chrome" {
			fallback = name
		}
	}
	return fallback
}

// priorityOf reads X-Carpool-Priority. What it does not know counts as normal.
func priorityOf(r *http.Request) batching.Priority {
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("X-Carpool-Priority"))) {
	case "urgent", "high":
		return batching.Urgent
	case "background", "low":
		return batching.Background
	}
	return batching.Normal
}
