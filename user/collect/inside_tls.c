// SPDX-License-Identifier: BSD-3-Clause
#include "collect/inside_tls.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/pattern.h"
#include "lib/log.h"
#include "probe/tls_functions.h"
#include "stack/elf_symbols.h"
#include "stack/mappings.h"

#define ROUND_NS  100000000ULL
#define IDLE_NS	  (60 * 1000000000ULL) /* a service that starts again finds its library attached */
#define PROCESSES 64		       /* of a round */
#define FILES	  64

/* A library that the programs are attached to. */
struct tls_file {
	dev_t dev;
	ino_t ino;
	u64 used_ns;
	struct bpf_link *links[2 * TLS_FUNCTIONS];
	unsigned link_cnt;
};

/* Belongs to the worker while `busy`. */
struct inside_tls {
	struct job job;
	struct identities *identities;
	struct probe_run *const *runs;
	struct worker *worker;
	struct probe_run *run;
	u8 *known; /* by identity: the programs were told that it is wanted */
	bool busy;
	u64 began_ns;
	const char *pattern;
	bool changed; /* other services than in the last round */
	u32 pids[PROCESSES];
	unsigned pid_cnt;
	struct tls_file files[FILES];
	unsigned file_cnt;
};

/* --- by the worker */

static void file_detach(struct tls_file *f)
{
	for (unsigned i = 0; i < f->link_cnt; i++)
		bpf_link__destroy(f->links[i]);
	f->link_cnt = 0;
}

/* `base`: the name of a library, NULL: a program, which may have one inside. */
static int file_attach(struct inside_tls *t, struct tls_file *f, int fd, const char *base)
{
	const char *names[TLS_FUNCTIONS];
	u64 offsets[TLS_FUNCTIONS];
	struct elf_file elf;
	size_t cnt = 0;
	int err;

	for (const struct tls_function *row = tls_functions; row->name; row++)
		names[cnt++] = row->name;
	err = elf_file_open(&elf, fd);
	err = err ?: elf_functions_find(&elf, names, cnt, offsets);
	if (!base && (err == -ENOENT || err == -EFBIG))
		return 0;
	for (unsigned i = 0; i < cnt && !err; i++) {
		const struct tls_function *row = &tls_functions[i];
		struct bpf_link *links[2];

		if (!offsets[i] || (base && fnmatch(row->library, base, 0)))
			continue;
		err = tls_attach(t->run, fd, i, offsets[i], links);
		for (unsigned j = 0; j < 2; j++)
			if (links[j])
				f->links[f->link_cnt++] = links[j];
	}
	return err;
}

/* The file that is open here is attached from now on, or was before. */
static void file_use(struct inside_tls *t, int fd, const char *path, const char *base)
{
	struct tls_file *f;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return;
	for (unsigned i = 0; i < t->file_cnt; i++) {
		f = &t->files[i];
		if (f->dev == st.st_dev && f->ino == st.st_ino) {
			f->used_ns = t->began_ns;
			return;
		}
	}
	if (t->file_cnt == FILES)
		return;
	f = &t->files[t->file_cnt++];
	*f = (struct tls_file){ .dev = st.st_dev, .ino = st.st_ino, .used_ns = t->began_ns };
	err = file_attach(t, f, fd, base);
	if (err) {
		file_detach(f);
		log_err(err, "cannot look into TLS: %s", path);
	} else if (f->link_cnt) {
		log_info("looks into TLS: %s (%u hooks)", path, f->link_cnt);
	}
}

static bool is_library(const char *base)
{
	for (const struct tls_function *f = tls_functions; f->name; f++)
		if (!fnmatch(f->library, base, 0))
			return true;
	return false;
}

static void process_look(struct inside_tls *t, u32 pid)
{
	char link[64], program[PATH_MAX];
	struct mappings maps;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%u/exe", pid);
	len = readlink(link, program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	if (!mappings_read(&maps, pid))
		for (size_t i = 0; i < maps.cnt; i++) {
			const struct mapping *m = &maps.list[i];
			const char *base = strrchr(m->path, '/');
			bool library = base && is_library(base + 1);
			int fd;

			if (!m->inode || (!library && strcmp(m->path, program) != 0))
				continue;
			fd = mapping_open(m, pid);
			if (fd < 0)
				continue;
			file_use(t, fd, m->path, library ? base + 1 : NULL);
			close(fd);
		}
	mappings_release(&maps);
}

static void work(struct job *job)
{
	struct inside_tls *t = (struct inside_tls *)job;

	for (unsigned i = 0; i < t->pid_cnt; i++)
		process_look(t, t->pids[i]);
	for (unsigned i = t->file_cnt; i-- > 0;) {
		struct tls_file *f = &t->files[i];

		if (f->used_ns == t->began_ns ||
		    (!t->changed && t->began_ns - f->used_ns < IDLE_NS))
			continue;
		file_detach(f);
		t->files[i] = t->files[--t->file_cnt];
	}
}

/* --- in the loop */

static void done(struct job *job)
{
	((struct inside_tls *)job)->busy = false;
}

/* Tells the programs whose connections are wanted, and notes a process of each. */
static void identities_look(struct inside_tls *t)
{
	struct tables *tables = t->identities->tables;

	t->pid_cnt = 0;
	for (u32 id = 1; id < tables->sizes.identities; id++) {
		const struct service *s =
			tables->states[id].live ? identities_service(t->identities, id) : NULL;
		const struct identity *row = s ? table_row(&tables->identities, id) : NULL;
		bool wanted = row && t->pattern && pattern_match(t->pattern, s->name);

		/* one that has ended stays known: a command that starts again is the same program */
		if (row && (wanted || t->known[id]))
			tls_program_set(t->run, &row->key, wanted);
		t->known[id] = wanted;
		if (!wanted || !tables->task_totals[id].pid)
			continue;
		if (t->pid_cnt < PROCESSES)
			t->pids[t->pid_cnt++] = tables->task_totals[id].pid;
	}
}

void inside_tls_read(struct inside_tls *t, u64 now_ns)
{
	const struct tls_settings *settings;
	const char *pattern;

	for (struct probe_run *const *run = t->runs; !t->run && *run; run++)
		if ((*run)->state == PROBE_ON && !strcmp((*run)->probe->name, probe_tls.name))
			t->run = *run;
	if (!t->run || t->busy || (t->began_ns && now_ns - t->began_ns < ROUND_NS))
		return;
	settings = conf_probe_settings(t->identities->conf, probe_tls.name);
	pattern = setting_pattern(settings->services);
	t->changed = pattern != t->pattern;
	t->pattern = pattern;
	if (t->changed) {
		tls_programs_clear(t->run);
		memset(t->known, 0, t->identities->tables->sizes.identities);
	}
	t->began_ns = now_ns;
	identities_look(t);
	t->busy = true;
	t->job = (struct job){ .work = work, .done = done };
	if (t->worker && !worker_add(t->worker, &t->job))
		return;
	if (!t->worker)
		work(&t->job);
	t->busy = false;
}

struct inside_tls *inside_tls_new(struct identities *identities, struct probe_run *const *runs,
				  struct worker *worker)
{
	struct inside_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->identities = identities;
	t->runs = runs;
	t->worker = worker;
	t->known = calloc(identities->tables->sizes.identities, 1);
	if (t->known)
		return t;
	free(t);
	return NULL;
}

void inside_tls_free(struct inside_tls *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->file_cnt; i++)
		file_detach(&t->files[i]);
	free(t->known);
	free(t);
}
