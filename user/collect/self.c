// SPDX-License-Identifier: BSD-3-Clause
#include "collect/self.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/version.h"
#include "probe/kernel.h"

#define NS_PER_SEC 1000000000ULL

/* Counting runs and their time costs each run some 20 ns: it is done for a part of each period. */
#define MEASURE_WINDOW_NS (NS_PER_SEC / 5)
#define MEASURE_PERIOD_NS (20 * NS_PER_SEC)

enum self_metric {
	SELF_UP,
	SELF_ATTACHED,
	SELF_RUNS,
	SELF_RUN_SECONDS,
	SELF_LOST,
	SELF_DROPPED,
	SELF_MAP_ENTRIES,
	SELF_MAP_CAPACITY,
	SELF_BUILD,
	SELF_RELOADED,
	SELF_RELOAD_TIME,
	SELF_CPU,
	SELF_RESIDENT,
	SELF_VIRTUAL,
	SELF_FDS,
	SELF_MAX_FDS,
	SELF_START,
	SELF_METRICS,
};

const struct metric self_metrics[] = {
	[SELF_UP] = { "seismo_probe_up", METRIC_GAUGE, UNIT_NONE,
		      "1 if a probe gives everything that it can give on this kernel, 0 if something is missing (see `seismo check`).",
		      .labels = { { "probe" } } },
	[SELF_ATTACHED] = { "seismo_probe_attached", METRIC_GAUGE, UNIT_NONE,
			    "1 if a probe's hook is attached, or will be when needed; 0 if it is missing (see `seismo check`). Hooks that this kernel or configuration does not need have no series.",
			    .labels = { { "probe" }, { "hook" } } },
	[SELF_RUNS] = { "seismo_probe_runs_total", METRIC_COUNTER, UNIT_NONE,
			"Runs of a probe's BPF programs, extrapolated from 0.2 s in every 20 s.",
			.labels = { { "probe" } } },
	[SELF_RUN_SECONDS] = { "seismo_probe_run_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
			       "CPU time of a probe's BPF programs, extrapolated from 0.2 s in every 20 s.",
			       .labels = { { "probe" } } },
	[SELF_LOST] = { "seismo_events_lost_total", METRIC_COUNTER, UNIT_NONE,
			"Events that a probe missed because its BPF program was already running on that CPU; and those that are missing in the event log, by kind, since the buffer between kernel and daemon (ring) or the queue in front of the disk (log) was full; and lines of it that the journal did not take (journal).",
			.labels = { { "probe" }, { "buffer" }, { "kind" } } },
	[SELF_DROPPED] = { "seismo_series_dropped_total", METRIC_COUNTER, UNIT_NONE,
			   "Events counted under \"other\" because the metric's series limit was reached.",
			   .labels = { { "family" } } },
	[SELF_MAP_ENTRIES] = { "seismo_map_entries", METRIC_GAUGE, UNIT_NONE,
			       "Entries of a BPF table in use.", .labels = { { "map" } } },
	[SELF_MAP_CAPACITY] = { "seismo_map_capacity", METRIC_GAUGE, UNIT_NONE,
				"Entries that a BPF table has room for.", .labels = { { "map" } } },
	[SELF_BUILD] = { "seismo_build_info", METRIC_GAUGE, UNIT_NONE,
			 "Always 1; the labels say what was built, and which libbpf it runs with.",
			 .labels = { { "version" }, { "commit" }, { "libbpf" } } },
	[SELF_RELOADED] = { "seismo_config_last_reload_successful", METRIC_GAUGE, UNIT_NONE,
			    "Whether the configuration could be read the last time (0: the one before is in effect)." },
	[SELF_RELOAD_TIME] = { "seismo_config_last_reload_success_timestamp_seconds", METRIC_GAUGE,
			       UNIT_SECONDS,
			       "When the configuration in effect was read, since the epoch." },
	[SELF_CPU] = { "process_cpu_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
		       "Total user and system CPU time spent in seconds." },
	[SELF_RESIDENT] = { "process_resident_memory_bytes", METRIC_GAUGE, UNIT_BYTES,
			    "Resident memory size in bytes." },
	[SELF_VIRTUAL] = { "process_virtual_memory_bytes", METRIC_GAUGE, UNIT_BYTES,
			   "Virtual memory size in bytes." },
	[SELF_FDS] = { "process_open_fds", METRIC_GAUGE, UNIT_NONE,
		       "Number of open file descriptors." },
	[SELF_MAX_FDS] = { "process_max_fds", METRIC_GAUGE, UNIT_NONE,
			   "Maximum number of open file descriptors." },
	[SELF_START] = { "process_start_time_seconds", METRIC_GAUGE, UNIT_SECONDS,
			 "Start time of the process since unix epoch in seconds." },
	[SELF_METRICS] = { .name = NULL },
};

struct program {
	int fd;
	struct series *runs, *seconds, *lost;
	u64 run_cnt, run_time_ns; /* at the start of the window */
	u64 misses;		  /* that self_read() saw last */
	unsigned place;		  /* of its family among the runs */
};
#define PROGRAMS 64

struct self {
	struct family *families[SELF_METRICS];
	struct probe_run *const *runs;
	struct program programs[PROGRAMS];
	unsigned program_cnt;
	int stats_fd;
	u64 window_ns, next_ns;
	u64 lossy;    /* see self_lossy() */
	s64 start_ns; /* of this process, since the epoch */
};

/* A label of each of the first two, NULL where the metric has none. */
static struct series *series_get(struct family *f, const char *value, const char *value2)
{
	return family_series(f, (const char *[SERIES_LABELS]){ value, value2 });
}

void self_event_lost(struct self *self, const char *buffer, const char *kind, u64 cnt)
{
	struct series *s = family_series(self->families[SELF_LOST],
					 (const char *[SERIES_LABELS]){ NULL, buffer, kind });

	if (s)
		*s->value = (s64)cnt;
}

static void set(struct self *self, enum self_metric m, const char *value, s64 v)
{
	struct series *s = series_get(self->families[m], value, NULL);

	if (s)
		*s->value = v;
}

static void build_set(struct self *self)
{
	struct series *s = family_series(self->families[SELF_BUILD],
					 (const char *[SERIES_LABELS]){ version, version_commit,
									kernel_libbpf_version() });

	if (s)
		*s->value = 1;
}

static s64 epoch_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * (s64)NS_PER_SEC + now.tv_nsec;
}

void self_reloaded(struct self *self, bool successful)
{
	set(self, SELF_RELOADED, NULL, successful);
	if (successful)
		set(self, SELF_RELOAD_TIME, NULL, epoch_ns());
}

static bool program_info(int fd, struct bpf_prog_info *info)
{
	u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return !bpf_obj_get_info_by_fd(fd, info, &len);
}

static unsigned run_place(const struct self *self, const struct probe_run *run)
{
	unsigned place = 0;

	while (self->runs[place] && self->runs[place] != run)
		place++;
	return place;
}

static void program_add(struct self *self, const struct probe_run *run, const struct hook_run *hook)
{
	struct program *p = &self->programs[self->program_cnt];
	const char *probe = run->probe->name;

	if (self->program_cnt == PROGRAMS || !hook->program)
		return;
	*p = (struct program){
		.fd = bpf_program__fd(hook->program),
		.runs = series_get(self->families[SELF_RUNS], probe, NULL),
		.seconds = series_get(self->families[SELF_RUN_SECONDS], probe, NULL),
		.lost = series_get(self->families[SELF_LOST], probe, NULL),
		.place = run_place(self, run),
	};
	if (p->runs && p->seconds && p->lost)
		self->program_cnt++;
}

/* Starts or ends a window; at its end what was seen is taken for the whole period. */
static void measure(struct self *self, bool begin, u64 now_ns)
{
	struct bpf_prog_info info;
	u64 window = now_ns - self->window_ns;

	for (unsigned i = 0; i < self->program_cnt; i++) {
		struct program *p = &self->programs[i];
		double scale = window ? (double)MEASURE_PERIOD_NS / (double)window : 0;

		if (!program_info(p->fd, &info))
			continue;
		if (!begin) {
			*p->runs->value += (s64)((double)(info.run_cnt - p->run_cnt) * scale);
			*p->seconds->value +=
				(s64)((double)(info.run_time_ns - p->run_time_ns) * scale);
		}
		p->run_cnt = info.run_cnt;
		p->run_time_ns = info.run_time_ns;
	}
}

void self_tick(struct self *self, u64 now_ns)
{
	if (now_ns < self->next_ns)
		return;
	if (self->stats_fd < 0) {
		self->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		measure(self, true, now_ns);
		self->window_ns = now_ns;
		self->next_ns = now_ns + MEASURE_WINDOW_NS;
	} else {
		measure(self, false, now_ns);
		close(self->stats_fd);
		self->stats_fd = -1;
		self->next_ns = now_ns + MEASURE_PERIOD_NS - MEASURE_WINDOW_NS;
	}
}

static void probes_read(struct self *self)
{
	for (struct probe_run *const *run = self->runs; *run; run++)
		if ((*run)->state != PROBE_OFF)
			set(self, SELF_UP, (*run)->probe->name, probe_up(*run));
}

static void hook_read(struct self *self, const char *probe, const struct hook_run *hook)
{
	struct series *s;

	if (hook->disabled || hook_needless(hook))
		return;
	s = series_get(self->families[SELF_ATTACHED], probe,
		       hook->hook->alt[hook->chosen >= 0 ? hook->chosen : hook->best]);
	if (s)
		*s->value = hook_ready(hook);
}

static void hooks_read(struct self *self)
{
	struct bpf_prog_info info;

	for (struct probe_run *const *run = self->runs; *run; run++)
		for (unsigned i = 0; (*run)->state != PROBE_OFF && i < (*run)->hook_cnt; i++)
			hook_read(self, (*run)->probe->name, &(*run)->hooks[i]);
	for (unsigned i = 0; i < self->program_cnt; i++)
		*self->programs[i].lost->value = 0;
	for (unsigned i = 0; i < self->program_cnt; i++) {
		struct program *p = &self->programs[i];

		if (!program_info(p->fd, &info))
			continue;
		*p->lost->value += (s64)info.recursion_misses;
		if (info.recursion_misses != p->misses)
			self->lossy |= 1ULL << p->place;
		p->misses = info.recursion_misses;
	}
}

u64 self_lost(const struct self *self, const struct probe_run *run)
{
	unsigned place = run_place(self, run);
	u64 lost = 0;

	for (unsigned i = 0; i < self->program_cnt; i++)
		if (self->programs[i].place == place)
			lost += self->programs[i].misses;
	return lost;
}

u64 self_lossy(struct self *self)
{
	u64 lossy = self->lossy;

	self->lossy = 0;
	return lossy;
}

static void tables_read(struct self *self, const struct collector *c, const struct tables *tables,
			const struct conf *conf)
{
	struct collector_stats stats;
	unsigned reserved = METRIC_MAX;

	collector_stats(c, &stats);
	const struct {
		const char *map;
		u64 entries, capacity;
	} maps[] = {
		{ "identities", stats.identities, tables->sizes.identities - 1 },
		{ "counters", stats.counters, tables->sizes.counters - reserved },
		{ "hists", stats.hists, tables->sizes.hists - reserved },
		{ "hist_cells", stats.cells, tables->sizes.cells - 1 },
		{ "services", stats.services, conf->limits.services },
	};
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		set(self, SELF_MAP_ENTRIES, maps[i].map, (s64)maps[i].entries);
		set(self, SELF_MAP_CAPACITY, maps[i].map, (s64)maps[i].capacity);
	}
	for (struct probe_run *const *run = self->runs; *run; run++) {
		unsigned number = (*run)->metric_base;

		for (const struct metric *m = (*run)->probe->metrics; m->name; m++, number++)
			if (m->max && !m->sample && (*run)->state == PROBE_ON)
				set(self, SELF_DROPPED, m->name, (s64)stats.dropped[number]);
	}
}

static unsigned fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned cnt = 0;

	while (dir && readdir(dir))
		cnt++;
	if (dir)
		closedir(dir);
	return cnt > 3 ? cnt - 3 : 0; /* ".", ".." and the folder itself */
}

static void process_read(struct self *self)
{
	unsigned long long virtual = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	struct timespec cpu;
	struct rlimit limit;

	if (f && fscanf(f, "%llu %llu", &virtual, &resident) == 2) {
		set(self, SELF_RESIDENT, NULL, (s64)resident * sysconf(_SC_PAGESIZE));
		set(self, SELF_VIRTUAL, NULL, (s64) virtual * sysconf(_SC_PAGESIZE));
	}
	if (f)
		fclose(f);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	set(self, SELF_CPU, NULL, cpu.tv_sec * (s64)NS_PER_SEC + cpu.tv_nsec);
	set(self, SELF_FDS, NULL, fds_open());
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		set(self, SELF_MAX_FDS, NULL, (s64)limit.rlim_cur);
	set(self, SELF_START, NULL, self->start_ns);
}

void self_read(struct self *self, const struct collector *c, const struct tables *tables,
	       const struct conf *conf)
{
	probes_read(self);
	hooks_read(self);
	tables_read(self, c, tables, conf);
	process_read(self);
	build_set(self);
}

struct self *self_new(struct registry *registry, struct probe_run *const *runs)
{
	struct self *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->runs = runs;
	self->stats_fd = -1;
	self->start_ns = epoch_ns();
	for (int m = 0; m < SELF_METRICS; m++) {
		self->families[m] = registry_add(registry, &self_metrics[m]);
		if (!self->families[m]) {
			free(self);
			return NULL;
		}
	}
	self_reloaded(self, true);
	return self;
}

void self_family_add(struct self *self, const struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++)
		program_add(self, run, &run->hooks[i]);
}

void self_free(struct self *self)
{
	if (!self)
		return;
	if (self->stats_fd >= 0)
		close(self->stats_fd);
	free(self);
}
