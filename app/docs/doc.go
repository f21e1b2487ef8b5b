// Package docs holds README, CONTRIBUTING and docs/ to the program: its tests run
// every command that they show, follow every link, and look up every command,
// setting, route, file, header and metric that they name. It has no code of its own.
//
// A page needs nothing for that but plain Markdown. Commands to run stand in blocks
// marked sh, each line by itself; settings in blocks marked toml. What cannot be run
// here has a line with its reason in notRun.
package docs
