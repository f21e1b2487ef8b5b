// Package relay measures what it costs to sit in everyone's path: the same load
// straight to an engine, through a plain httputil.ReverseProxy, through Carpool
// with everything on, and through nginx where it is installed.
//
// Load, engine and gateway are three processes, so that each one's CPU and memory
// is its own. All targets take their turns in every round and figures are medians
// over the rounds: the machine's other work meets them alike. The load and the
// engine speak HTTP/1.1 by hand on plain sockets, since with net/http on both ends
// the ends would cost more than what is measured between them.
package relay
