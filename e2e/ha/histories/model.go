package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// What the producer names the paths of a folder (daemons/cli/bench_history.cc).
var names = [...]string{"a", "b", "c"}

// One path; none when it has no tag.
type inode struct {
	tag    string
	folder bool
	mode   int
	ttl    int64
}

func (i inode) there() bool { return i.tag != "" }

// A folder with its paths. Compared with ==.
type state [len(names)]inode

const noTTL = -1

func index(name string) (int, bool) {
	for i, one := range names {
		if one == name {
			return i, true
		}
	}
	return 0, false
}

// What a sequential file system does: the state after a call with this outcome, and false when it could not have this outcome.
//
// An open call does its work if it can, and nothing otherwise. That it never happened at all is the case in which it comes last.
func step(s state, c *call) (bool, state) {
	if c.Op == "list" {
		return c.Outcome == "ok" && s == listed(c.Seen), s
	}
	at, known := index(c.Name)
	if !known {
		return false, s
	}
	there, open := s[at].there(), c.Outcome == "open"
	switch c.Op {
	case "create", "mkdir":
		if there {
			return open || c.Outcome == "exists", s
		}
		s[at] = made(c)
		return open || c.Outcome == "ok", s
	case "getStatus":
		if !there {
			return c.Outcome == "missing", s
		}
		return c.Outcome == "ok" && len(c.Seen) == 1 && s[at] == seen(c.Seen[0]), s
	}
	if !there {
		return open || c.Outcome == "missing", s
	}
	switch c.Op {
	case "delete":
		s[at] = inode{}
	case "rename":
		to, known := index(c.To)
		if !known {
			return false, s
		}
		if to == at {
			return c.Outcome == "ok", s
		}
		if s[to].there() {
			return open || c.Outcome == "exists", s
		}
		s[to], s[at] = s[at], inode{}
	case "setAttribute":
		if c.Mode != nil {
			s[at].mode = *c.Mode
		}
		if c.TTL != nil {
			s[at].ttl = *c.TTL
		}
	default:
		return false, s
	}
	return open || c.Outcome == "ok", s
}

func made(c *call) inode {
	one := inode{tag: c.Tag, folder: c.Op == "mkdir", ttl: noTTL}
	if c.Mode != nil {
		one.mode = *c.Mode
	}
	if c.TTL != nil {
		one.ttl = *c.TTL
	}
	return one
}

func seen(d described) inode {
	return inode{tag: d.Tag, folder: d.Folder, mode: d.Mode, ttl: d.TTL}
}

func listed(entries []described) state {
	var s state
	for _, one := range entries {
		if at, known := index(one.Name); known {
			s[at] = seen(one)
		}
	}
	return s
}

func (s state) String() string {
	text := ""
	for i, one := range s {
		if one.there() {
			text += fmt.Sprintf("%s{by %s mode %o ttl %d} ", names[i], one.tag, one.mode, one.ttl)
		}
	}
	return text
}

// One folder.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, input, _ any) (bool, any) {
		possible, next := step(s.(state), input.(*call))
		return possible, next
	},
	DescribeOperation: func(input, _ any) string { return input.(*call).String() },
	DescribeState:     func(s any) string { return s.(state).String() },
}
