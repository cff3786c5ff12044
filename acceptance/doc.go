// Package acceptance holds the tests of the whole: hostile input against a
// recording upstream, slow clients, reloads under load, real descriptions. They
// talk to loopback only and are bounded in time and count.
package acceptance
