// Package trust is the suite for a sceptic: a whole Carpool in a process of its
// own, with real sockets, files and signals, is given faults, load and hostile
// input, and what its clients, its engine and its history saw is compared.
//
// A test whose name begins with a number proves the row of that number in the
// table of docs/reliability.md; some rows are proved nearer to the code, in other
// packages. Each test has a short form, which runs with all other tests, and a
// full one, which `make reliability` runs and writes down.
package trust
