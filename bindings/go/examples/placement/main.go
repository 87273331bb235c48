// Placement puts models of a queue onto machines and watches what is left of them. Machines are arguments, the queue is read from
// standard input, one line an event:
//
//	placement desk="rtx-4090 host:64GiB" mac=mac-studio-m2-ultra-64gb <<END
//	start chat  qwen3-8b            Q4_K_M 16384
//	start coder qwen3-coder-30b-a3b Q4_K_M 65536 2
//	stop  chat
//	END
//
// "start NAME MODEL FILE-TYPE CONTEXT [SEQUENCES]" goes to the machine that is filled best by it, one that has it wholly on its GPUs
// before one that has not; otherwise it waits until "stop NAME" makes room.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

// job is a model that runs, or waits to.
type job struct {
	name    string
	model   *ctxfit.Model
	options []ctxfit.Option
	on      *machine            // nil as long as it waits
	needs   []ctxfit.PlanDevice // of each device of that machine
}

// machine is what a spec says, and what the jobs on it take.
type machine struct {
	name    string
	devices []ctxfit.Device
	used    []uint64 // bytes of each device
}

func newMachine(name, spec string) (*machine, error) {
	hardware, err := ctxfit.ParseHardware(spec)
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	defer hardware.Close()
	devices := hardware.Devices()
	return &machine{name: name, devices: devices, used: make([]uint64, len(devices))}, nil
}

// shared says whether GPU and host draw on the same bytes.
func (m *machine) shared() bool {
	return m.devices[0].Kind == ctxfit.DeviceUnified && m.devices[0].Node == 0
}

// taken is what is gone of a device's memory, by whichever of the devices that share it.
func (m *machine) taken(i int) uint64 {
	host := len(m.devices) - 1
	if m.shared() && (i == 0 || i == host) {
		return m.used[0] + m.used[host]
	}
	return m.used[i]
}

func left(of, taken uint64) uint64 {
	if of <= taken {
		return 1 // not 0, which is "not stated"
	}
	return of - taken
}

// rest is the machine as the next job finds it.
func (m *machine) rest() (*ctxfit.Hardware, error) {
	devices := append([]ctxfit.Device(nil), m.devices...)
	for i := range devices {
		d := &devices[i]
		if d.Memory == 0 { // of a host that is not stated
			continue
		}
		free := d.Memory
		if d.Free != 0 {
			free = d.Free
		}
		d.Free = left(free, m.taken(i))
		if d.Kind == ctxfit.DeviceUnified {
			d.Budget = left(d.Budget, m.used[i])
		}
	}
	if m.shared() { // its host is made of the unified device
		devices = devices[:len(devices)-1]
	}
	return ctxfit.NewHardware(devices...)
}

// plan is the job on what is left of the machine.
func (m *machine) plan(j *job) (*ctxfit.Plan, error) {
	hardware, err := m.rest()
	if err != nil {
		return nil, err
	}
	defer hardware.Close()
	return ctxfit.NewPlan(j.model, hardware, j.options...)
}

// cluster is all machines and all jobs, those that wait in the order in which they came.
type cluster struct {
	machines []*machine
	running  map[string]*job
	waiting  []*job
	out      io.Writer
}

// better says whether a is the better place: wholly on GPUs first, then what leaves least.
func better(a, b ctxfit.Summary) bool {
	if a.Fit != b.Fit {
		return a.Fit == ctxfit.FitAll
	}
	return a.Margin < b.Margin
}

// place puts the job onto the best machine, if there is one.
func (c *cluster) place(j *job) (bool, error) {
	var best ctxfit.Summary
	for _, m := range c.machines {
		plan, err := m.plan(j)
		if err != nil {
			return false, err
		}
		if s := plan.Summary(); s.Fit.Fits() && (j.on == nil || better(s, best)) {
			best, j.on, j.needs = s, m, plan.Devices()
		}
		plan.Close()
	}
	if j.on == nil {
		return false, nil
	}
	for i, device := range j.needs {
		j.on.used[i] += device.TotalBytes
	}
	c.running[j.name] = j
	fmt.Fprintf(c.out, "%s runs on %s: %v\n", j.name, j.on.name, best)
	return true, nil
}

// possible says whether a machine without other jobs could have it.
func (c *cluster) possible(j *job) bool {
	for _, m := range c.machines {
		empty := &machine{name: m.name, devices: m.devices, used: make([]uint64, len(m.devices))}
		plan, err := empty.plan(j)
		if err != nil {
			continue
		}
		fits := plan.Summary().Fit.Fits()
		plan.Close()
		if fits {
			return true
		}
	}
	return false
}

func (c *cluster) start(arguments []string) error {
	if len(arguments) != 4 && len(arguments) != 5 {
		return fmt.Errorf("expected: start NAME MODEL FILE-TYPE CONTEXT [SEQUENCES]")
	}
	name := arguments[0]
	if c.find(name) {
		return fmt.Errorf("there is a job %s already", name)
	}
	fileType, err := ctxfit.ParseFileType(arguments[2])
	if err != nil {
		return err
	}
	context, err := strconv.ParseUint(arguments[3], 10, 64)
	if err != nil {
		return fmt.Errorf("context: %w", err)
	}
	sequences := 1
	if len(arguments) == 5 {
		if sequences, err = strconv.Atoi(arguments[4]); err != nil {
			return fmt.Errorf("sequences: %w", err)
		}
	}
	model, err := ctxfit.Catalog(arguments[1], fileType)
	if err != nil {
		return err
	}
	j := &job{name: name, model: model, options: []ctxfit.Option{ctxfit.WithContext(context), ctxfit.WithParallel(sequences)}}
	placed, err := c.place(j)
	switch {
	case err != nil:
		model.Close()
		return err
	case placed:
		return nil
	case !c.possible(j):
		model.Close()
		return fmt.Errorf("%s fits no machine, not even an empty one", name)
	}
	c.waiting = append(c.waiting, j)
	fmt.Fprintf(c.out, "%s waits\n", name)
	return nil
}

func (c *cluster) find(name string) bool {
	for _, j := range c.waiting {
		if j.name == name {
			return true
		}
	}
	return c.running[name] != nil
}

// stop ends a job, and starts those that waited for its room.
func (c *cluster) stop(name string) error {
	for i, j := range c.waiting {
		if j.name == name {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return j.model.Close()
		}
	}
	j := c.running[name]
	if j == nil {
		return fmt.Errorf("there is no job %s", name)
	}
	delete(c.running, name)
	for i, device := range j.needs {
		j.on.used[i] -= device.TotalBytes
	}
	j.model.Close()
	fmt.Fprintf(c.out, "%s stops\n", name)
	var still []*job
	for _, next := range c.waiting {
		placed, err := c.place(next)
		if err != nil {
			return err
		}
		if !placed {
			still = append(still, next)
		}
	}
	c.waiting = still
	return nil
}

// report prints what is left of each device.
func (c *cluster) report() {
	for _, m := range c.machines {
		fmt.Fprintf(c.out, "  %-10s", m.name)
		for i, d := range m.devices {
			if d.Memory != 0 && !(m.shared() && d.Kind == ctxfit.DeviceHost) {
				fmt.Fprintf(c.out, "  %s: %.1f of %.1f GiB left", d, float64(d.Memory-m.taken(i))/(1<<30), float64(d.Memory)/(1<<30))
			}
		}
		fmt.Fprintln(c.out)
	}
}

// run reads events until the input ends. What is wrong with one is said, and the next is read.
func (c *cluster) run(in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		var err error
		switch {
		case len(words) == 0:
			continue
		case words[0] == "start":
			err = c.start(words[1:])
		case words[0] == "stop" && len(words) == 2:
			err = c.stop(words[1])
		default:
			err = fmt.Errorf("expected start or stop NAME, found %q", lines.Text())
		}
		if err != nil {
			fmt.Fprintln(c.out, err)
			continue
		}
		c.report()
	}
	return lines.Err()
}

func newCluster(out io.Writer, arguments []string) (*cluster, error) {
	c := &cluster{running: map[string]*job{}, out: out}
	for _, argument := range arguments {
		equals := strings.IndexByte(argument, '=')
		if equals <= 0 {
			return nil, fmt.Errorf("expected NAME=SPEC, found %q", argument)
		}
		m, err := newMachine(argument[:equals], argument[equals+1:])
		if err != nil {
			return nil, err
		}
		c.machines = append(c.machines, m)
	}
	if len(c.machines) == 0 {
		return nil, fmt.Errorf("usage: placement NAME=SPEC... < events")
	}
	return c, nil
}

func main() {
	c, err := newCluster(os.Stdout, os.Args[1:])
	if err == nil {
		err = c.run(os.Stdin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
