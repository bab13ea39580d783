package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/anishathalye/porcupine"
)

// What a client was told about a path.
type described struct {
	Name   string `json:"name"`
	Tag    string `json:"tag"` // of the call that made it
	Folder bool   `json:"folder"`
	Mode   int    `json:"mode"`
	TTL    int64  `json:"ttl"`
}

// One call as `headpond bench history` wrote it. Times are nanoseconds of one clock.
type call struct {
	Client  int         `json:"client"`
	Pinned  bool        `json:"pinned"` // by a reader that asks one master only
	Op      string      `json:"op"`
	Folder  string      `json:"folder"`
	Name    string      `json:"name"`
	To      string      `json:"to"`
	Tag     string      `json:"tag"`
	Mode    *int        `json:"mode"`
	TTL     *int64      `json:"ttl"`
	Call    int64       `json:"call"`
	Return  int64       `json:"return"`
	Outcome string      `json:"outcome"` // ok, exists, missing; open: it may have happened, or may yet
	Error   string      `json:"error"`   // of an open one
	Seen    []described `json:"seen"`
}

// Whether it changes nothing, whatever its outcome.
func (c *call) reads() bool {
	return c.Op == "getStatus" || c.Op == "list" || c.Op == "rename" && c.Name == c.To
}

func (c *call) String() string {
	text := fmt.Sprintf("client %d: %s %s", c.Client, c.Op, c.Name)
	if c.To != "" {
		text += " to " + c.To
	}
	if c.Tag != "" {
		text += " by " + c.Tag
	}
	if c.Mode != nil {
		text += fmt.Sprintf(" mode %o", *c.Mode)
	}
	if c.TTL != nil {
		text += fmt.Sprintf(" ttl %d", *c.TTL)
	}
	text += " -> " + c.Outcome
	for _, one := range c.Seen {
		text += fmt.Sprintf(" %s{by %s mode %o ttl %d}", one.Name, one.Tag, one.Mode, one.TTL)
	}
	return text
}

type history struct {
	seed  uint64
	begin int64
	calls []*call
}

func read(from io.Reader) (*history, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return nil, fmt.Errorf("the history is empty")
	}
	var head struct {
		Seed  uint64 `json:"seed"`
		Begin int64  `json:"begin"`
	}
	if err := json.Unmarshal(lines.Bytes(), &head); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	h := &history{seed: head.Seed, begin: head.Begin}
	for number := 2; lines.Scan(); number++ {
		one := &call{}
		if err := json.Unmarshal(lines.Bytes(), one); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if one.Return < one.Call {
			return nil, fmt.Errorf("line %d: returned before it was made", number)
		}
		h.calls = append(h.calls, one)
	}
	return h, lines.Err()
}

// The calls on each folder, by name. What a call on one folder did can't be seen in another.
func (h *history) folders() ([]string, map[string][]porcupine.Operation) {
	found := map[string][]porcupine.Operation{}
	for _, c := range h.calls {
		returned := c.Return
		if c.Outcome == "open" {
			if c.reads() {
				continue // nothing was seen, and nothing changed
			}
			returned = math.MaxInt64
		}
		found[c.Folder] = append(found[c.Folder],
			porcupine.Operation{ClientId: c.Client, Input: c, Call: c.Call, Output: c, Return: returned})
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, found
}
