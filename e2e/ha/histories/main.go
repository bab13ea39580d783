// Checks a history that `headpond bench history` wrote for linearizability: whether there is one order of all calls, in keeping
// with when each was made and answered, in which a file system that does one thing after the other answers just so.
//
//	histories [-time 2m] FILE
//
// Prints figures. Exit code: 0 when it is linearizable; 1 when it isn't, with the calls that no order fits and a picture beside
// the history; 2 when it can't be read or decided in time.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const shown = 5 // slowest calls, and calls that fit no order

type verdict struct {
	folder string
	result porcupine.CheckResult
	info   porcupine.LinearizationInfo
}

// check looks at the folders one by one, so that what does not fit can be told by its folder.
func check(h *history, limit time.Duration) []verdict {
	folders, calls := h.folders()
	verdicts := make([]verdict, len(folders))
	end := time.Now().Add(limit)
	var group sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for i, folder := range folders {
		group.Add(1)
		free <- struct{}{}
		go func() {
			defer group.Done()
			defer func() { <-free }()
			left := max(time.Until(end), time.Millisecond) // 0 would be without a limit
			result, info := porcupine.CheckOperationsVerbose(model, calls[folder], left)
			verdicts[i] = verdict{folder, result, info}
		}()
	}
	group.Wait()
	return verdicts
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// explain shows how far an order goes, and what was answered next.
func (v verdict) explain(h *history) {
	longest := []porcupine.Operation{}
	for _, order := range v.info.PartialLinearizationsOperations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	_, calls := h.folders()
	fmt.Printf("%s: %d of its %d calls have an order; it ends with\n", v.folder, len(longest), len(calls[v.folder]))
	ordered := map[*call]bool{}
	s := state{}
	for _, one := range longest {
		ordered[one.Input.(*call)] = true
		_, s = step(s, one.Input.(*call))
	}
	show := func(one porcupine.Operation) {
		c := one.Input.(*call)
		fmt.Printf("  %9.6f to %9.6f s: %v\n", seconds(c.Call-h.begin), seconds(c.Return-h.begin), c)
	}
	for _, one := range longest[max(0, len(longest)-shown):] {
		show(one)
	}
	fmt.Printf("which leaves %v\nand none of these can be next:\n", s)
	rest := []porcupine.Operation{}
	for _, one := range calls[v.folder] {
		if !ordered[one.Input.(*call)] {
			rest = append(rest, one)
		}
	}
	sort.Slice(rest, func(i, j int) bool { return rest[i].Return < rest[j].Return })
	for _, one := range rest[:min(shown, len(rest))] {
		show(one)
	}
}

func (h *history) summarize(folders int) {
	counts := map[string]int{}
	errors := map[string]int{}
	last := h.begin
	mine := []*call{} // of clients that may ask every master
	for _, c := range h.calls {
		last = max(last, c.Return)
		if c.Pinned {
			counts["pinned "+c.Outcome]++
			continue
		}
		counts[c.Op+" "+c.Outcome]++
		mine = append(mine, c)
		if c.Error != "" {
			errors[c.Op+": "+c.Error]++
		}
	}
	fmt.Printf("%d calls on %d folders in %.1f s, seed %d\n", len(h.calls), folders, seconds(last-h.begin), h.seed)
	print := func(prefix string, of map[string]int) {
		keys := []string{}
		for key := range of {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			fmt.Printf("%s%6d %s\n", prefix, of[key], key)
		}
	}
	print("  ", counts)
	print("unanswered: ", errors)
	sort.Slice(mine, func(i, j int) bool { return mine[i].Return-mine[i].Call > mine[j].Return-mine[j].Call })
	for _, c := range mine[:min(shown, len(mine))] {
		fmt.Printf("slow: %.2f s from %.2f s: %v\n", seconds(c.Return-c.Call), seconds(c.Call-h.begin), c)
	}
}

func run(path string, limit time.Duration) int {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer file.Close()
	h, err := read(file)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
		return 2
	}
	verdicts := check(h, limit)
	h.summarize(len(verdicts))
	code := 0
	for _, v := range verdicts {
		switch v.result {
		case porcupine.Ok:
		case porcupine.Illegal:
			fmt.Printf("NOT LINEARIZABLE: ")
			v.explain(h)
			picture := fmt.Sprintf("%s.html", path)
			if err := porcupine.VisualizePath(model, v.info, picture); err != nil {
				fmt.Fprintln(os.Stderr, err)
			} else {
				fmt.Println("picture:", picture)
			}
			return 1
		default:
			fmt.Printf("UNDECIDED within %v: %s\n", limit, v.folder)
			code = 2
		}
	}
	if code == 0 {
		fmt.Println("linearizable")
	}
	return code
}

func main() {
	limit := flag.Duration("time", 2*time.Minute, "how long to look for an order")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(flag.Arg(0), *limit))
}
