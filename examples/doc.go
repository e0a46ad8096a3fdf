// Package examples holds one folder a rule pack: rules, payloads recorded from the paper exchange, and a README
// with the one command that dry-runs it. Its test plays every pack and can record the payloads anew.
package examples
