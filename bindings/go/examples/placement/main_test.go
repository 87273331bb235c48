package main

import (
	"bytes"
	"strings"
	"testing"
)

func machines(t *testing.T, out *bytes.Buffer) *cluster {
	c, err := newCluster(out, []string{"desk=rtx-4090 host:64GiB", "mac=mac-studio-m2-ultra-64gb", "old=2*rtx-3060-12gb"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) events(t *testing.T, lines ...string) {
	t.Helper()
	if err := c.run(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.machines {
		sums := make([]uint64, len(m.devices))
		for _, j := range c.running {
			if j.on == m {
				for i, device := range j.needs {
					sums[i] += device.TotalBytes
				}
			}
		}
		for i, d := range m.devices {
			if m.used[i] != sums[i] || d.Memory != 0 && m.taken(i) > d.Memory {
				t.Errorf("%s, %s: %d bytes used, the jobs take %d, there are %d", m.name, d, m.used[i], sums[i], d.Memory)
			}
		}
	}
}

func TestQueue(t *testing.T) {
	var out bytes.Buffer
	c := machines(t, &out)
	c.events(t, "start coder qwen3-coder-30b-a3b Q4_K_M 65536 2", "start first qwen3-32b Q4_K_M 8192", "start second qwen3-32b Q4_K_M 8192",
		"start third qwen3-32b Q4_K_M 8192", "start fourth qwen3-32b Q4_K_M 8192")
	if len(c.running) == 0 || len(c.waiting) == 0 || len(c.running)+len(c.waiting) != 5 {
		t.Fatalf("%d run, %d wait\n%s", len(c.running), len(c.waiting), &out)
	}
	next := c.waiting[0]
	var same *job // as large as the one that waits, so that its room is enough
	for _, j := range c.running {
		if j.name != "coder" {
			same = j
		}
	}
	c.events(t, "stop "+same.name)
	if c.running[next.name] != next {
		t.Errorf("%s does not run in the room of %s\n%s", next.name, same.name, &out)
	}
	for len(c.running) > 0 {
		for name := range c.running {
			c.events(t, "stop "+name)
			break
		}
	}
	if len(c.waiting) != 0 {
		t.Errorf("%d wait for nothing\n%s", len(c.waiting), &out)
	}
}

func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"start huge deepseek-r1 Q4_K_M 8192": "fits no machine",
		"start bad qwen9 Q4_K_M 8192":        "no model 'qwen9'",
		"start bad qwen3-8b Q4_K_Z 8192":     "file type",
		"start bad qwen3-8b Q4_K_M many":     "context",
		"start bad qwen3-8b Q4_K_M 8192 -1":  "WithParallel",
		"start bad":                          "expected",
		"stop nobody":                        "no job nobody",
		"what":                               "expected start or stop",
	} {
		var out bytes.Buffer
		c := machines(t, &out)
		c.events(t, line)
		if !strings.Contains(out.String(), want) || len(c.running)+len(c.waiting) != 0 {
			t.Errorf("%s: %s", line, &out)
		}
	}
	for _, arguments := range [][]string{nil, {"desk"}, {"desk=rtx-4909"}} {
		if _, err := newCluster(nil, arguments); err == nil {
			t.Errorf("%q is taken", arguments)
		}
	}
}

func TestTwiceTheSameName(t *testing.T) {
	var out bytes.Buffer
	c := machines(t, &out)
	c.events(t, "start chat qwen3-8b Q4_K_M 8192", "start chat qwen3-8b Q4_K_M 8192")
	if len(c.running) != 1 || !strings.Contains(out.String(), "already") {
		t.Errorf("%s", &out)
	}
}
