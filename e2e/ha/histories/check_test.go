package main

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Histories are written as they are read: what the producer's lines mean is tested too. In each, client 1 makes a file first.
const begin = `{"seed":1,"begin":0}
{"client":1,"op":"create","folder":"f","name":"a","tag":"1.1","mode":1,"ttl":100,"call":1,"return":2,"outcome":"ok"}
`

func verdictOf(t *testing.T, lines string) porcupine.CheckResult {
	t.Helper()
	h, err := read(strings.NewReader(begin + strings.TrimSpace(lines)))
	if err != nil {
		t.Fatal(err)
	}
	worst := porcupine.Ok
	for _, v := range check(h, time.Minute) {
		if v.result != porcupine.Ok {
			worst = v.result
			v.explain(h) // must not fail on any
		}
	}
	return worst
}

func TestLinearizable(t *testing.T) {
	for name, lines := range map[string]string{
		"one after the other": `
{"client":1,"op":"setAttribute","folder":"f","name":"a","mode":2,"call":3,"return":4,"outcome":"ok"}
{"client":1,"op":"rename","folder":"f","name":"a","to":"b","call":5,"return":6,"outcome":"ok"}
{"client":1,"op":"getStatus","folder":"f","name":"a","call":7,"return":8,"outcome":"missing"}
{"client":1,"op":"list","folder":"f","call":9,"return":10,"outcome":"ok","seen":[{"name":"b","tag":"1.1","mode":2,"ttl":100}]}
{"client":1,"op":"mkdir","folder":"f","name":"b","tag":"1.2","mode":7,"call":11,"return":12,"outcome":"exists"}
{"client":1,"op":"delete","folder":"f","name":"b","call":13,"return":14,"outcome":"ok"}
{"client":1,"op":"mkdir","folder":"f","name":"b","tag":"1.3","mode":7,"call":15,"return":16,"outcome":"ok"}
{"client":1,"op":"list","folder":"f","call":17,"return":18,"outcome":"ok","seen":[{"name":"b","tag":"1.3","folder":true,"mode":7,"ttl":-1}]}`,
		"a read beside a change sees it or not": `
{"client":1,"op":"delete","folder":"f","name":"a","call":3,"return":9,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":4,"return":5,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":100}]}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":6,"return":7,"outcome":"missing"}`,
		"what was left open happens late": `
{"client":1,"op":"delete","folder":"f","name":"a","call":3,"return":4,"outcome":"open"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":5,"return":6,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":100}]}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":7,"return":8,"outcome":"missing"}`,
		"what was left open never happens": `
{"client":1,"op":"delete","folder":"f","name":"a","call":3,"return":4,"outcome":"open"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":5,"return":6,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":100}]}`,
		"a read without an answer says nothing": `
{"client":2,"op":"getStatus","folder":"f","name":"a","call":5,"return":6,"outcome":"open"}`,
	} {
		if got := verdictOf(t, lines); got != porcupine.Ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNotLinearizable(t *testing.T) {
	for name, lines := range map[string]string{
		"a change that was acknowledged is lost": `
{"client":2,"op":"getStatus","folder":"f","name":"a","call":3,"return":4,"outcome":"missing"}`,
		"a lost update": `
{"client":1,"op":"setAttribute","folder":"f","name":"a","mode":2,"call":3,"return":4,"outcome":"ok"}
{"client":2,"op":"setAttribute","folder":"f","name":"a","ttl":200,"call":5,"return":6,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":7,"return":8,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":200}]}`,
		"a stale read": `
{"client":1,"op":"setAttribute","folder":"f","name":"a","mode":2,"call":3,"return":4,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":5,"return":6,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":100}]}`,
		"a read that goes back in time": `
{"client":1,"op":"delete","folder":"f","name":"a","call":3,"return":20,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":4,"return":5,"outcome":"missing"}
{"client":3,"op":"getStatus","folder":"f","name":"a","call":6,"return":7,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":1,"ttl":100}]}`,
		"a create that was made twice": `
{"client":2,"op":"create","folder":"f","name":"b","tag":"2.1","mode":1,"ttl":100,"call":3,"return":20,"outcome":"ok"}
{"client":1,"op":"delete","folder":"f","name":"b","call":5,"return":6,"outcome":"ok"}
{"client":1,"op":"getStatus","folder":"f","name":"b","call":21,"return":22,"outcome":"ok","seen":[{"name":"b","tag":"2.1","mode":1,"ttl":100}]}`,
		"two creates of one path": `
{"client":2,"op":"create","folder":"f","name":"a","tag":"2.1","mode":1,"ttl":100,"call":3,"return":4,"outcome":"ok"}`,
		"a change that was made twice": `
{"client":1,"op":"setAttribute","folder":"f","name":"a","mode":2,"call":3,"return":20,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":4,"return":5,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":2,"ttl":100}]}
{"client":2,"op":"setAttribute","folder":"f","name":"a","mode":3,"call":6,"return":7,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":21,"return":22,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":2,"ttl":100}]}`,
		"half of a change": `
{"client":1,"op":"setAttribute","folder":"f","name":"a","mode":2,"ttl":200,"call":3,"return":9,"outcome":"ok"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":4,"return":5,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":2,"ttl":100}]}`,
		"a stale refusal": `
{"client":1,"op":"delete","folder":"f","name":"a","call":3,"return":4,"outcome":"ok"}
{"client":2,"op":"rename","folder":"f","name":"a","to":"a","call":5,"return":6,"outcome":"ok"}`,
		"half of a rename": `
{"client":1,"op":"rename","folder":"f","name":"a","to":"b","call":3,"return":9,"outcome":"ok"}
{"client":2,"op":"list","folder":"f","call":4,"return":5,"outcome":"ok","seen":[]}`,
		"a retry that found its own doing": `
{"client":2,"op":"delete","folder":"f","name":"a","call":3,"return":9,"outcome":"missing"}
{"client":2,"op":"getStatus","folder":"f","name":"a","call":10,"return":11,"outcome":"missing"}`,
		"an attribute nobody set": `
{"client":2,"op":"getStatus","folder":"f","name":"a","call":3,"return":4,"outcome":"ok","seen":[{"name":"a","tag":"1.1","mode":9,"ttl":100}]}`,
	} {
		if got := verdictOf(t, lines); got != porcupine.Illegal {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFoldersAreLookedAtByThemselves(t *testing.T) {
	lines := `{"client":1,"op":"create","folder":"g","name":"a","tag":"1.2","mode":1,"ttl":1,"call":3,"return":4,"outcome":"ok"}`
	if got := verdictOf(t, lines); got != porcupine.Ok {
		t.Error(got)
	}
}

func TestMalformedHistories(t *testing.T) {
	for _, text := range []string{"", "no", begin + "no", begin + `{"op":"delete","call":3,"return":2}`} {
		if _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
