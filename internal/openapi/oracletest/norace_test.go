//go:build !race

package oracletest

const raceEnabled = false
