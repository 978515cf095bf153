// SPDX-License-Identifier: BSD-3-Clause
#include "collect/inside_tls.h"

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
#include "stack/go_functions.h"
#include "stack/mappings.h"

#define ROUND_NS  100000000ULL
#define IDLE_NS	  (60 * 1000000000ULL) /* a service that starts again finds its library attached */
#define AGAIN_NS  (60 * 1000000000ULL)
#define PROCESSES 64  /* of a round; those behind them are in the next one */
#define FILES	  256 /* that are known, with those that have nothing to attach to */
#define USES	  8   /* files of a process that are noted */

#define IDENTITY_FIRST 1
#define DELETED	       " (deleted)"

/* Files that a process has, by their places. */
struct uses {
	u8 cnt;
	u8 files[USES];
};
_Static_assert(FILES <= UINT8_MAX + 1, "the place of a file is a byte");

/* A process to look at. */
struct look {
	u32 identity, pid;
	u64 start_ticks;
	struct uses uses;
};

/* A file that is known. It stays in its place. */
struct tls_file {
	struct inside_tls_file shown;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written;
	u64 mapped_device, mapped_inode; /* as its mapping has them */
	u64 used_ns; /* the round that saw it last; 0: there is none in this place */
	u32 pid;     /* of a process that had it then, ... */
	u64 start_ticks;
	u32 identity; /* ... and its own */
	bool waits;   /* until there are fewer */
	u64 again_ns; /* when it is tried again after what may pass; 0: never */
	struct tls_hooks hooks;
};

struct known {
	bool wanted; /* the programs were told so; the worker reads it while `busy` */
	struct uses uses;
};

/* Looks and files belong to the worker while `busy`. */
struct inside_tls {
	struct job job;
	struct identities *identities;
	struct probe_run *const *runs;
	struct worker *worker;
	struct probe_run *run;
	bool busy;
	const char *pattern;
	u64 changed_ns; /* the first round with this pattern */
	u64 began_ns;	/* this round; it looks at some of the processes, ... */
	u64 cycle_ns;	/* ... and this one was the first to do so after all had been looked at */
	u32 next;	/* the identity that the next one begins with */
	u32 reached;	/* ... when this one has been */
	struct look looks[PROCESSES];
	unsigned look_cnt;
	struct tls_file files[FILES];
	bool room_warned;
	struct known *known; /* by identity */
	struct inside_tls_file shown[FILES];
};

/* --- by the worker */

static void files_drop(struct tls_file *const *files, size_t cnt)
{
	struct tls_hooks *hooks[FILES];

	for (size_t i = 0; i < cnt; i++)
		hooks[i] = &files[i]->hooks;
	tls_detach(hooks, cnt);
	for (size_t i = 0; i < cnt; i++)
		*files[i] = (struct tls_file){ .used_ns = 0 };
}

static bool has_room(const struct inside_tls *t)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < FILES; i++)
		cnt += t->files[i].hooks.cnt > 0;
	return cnt < TLS_FILES;
}

static void room_warn(struct inside_tls *t, const char *path)
{
	if (t->room_warned)
		return;
	t->room_warned = true;
	log_warn(
		"cannot look into TLS: %s: at most %d files of these services are attached, and %d known, at a time; this one is passed over, as is each further one; name fewer services in probes.tls.services",
		path, TLS_FILES, FILES);
}

/*
 * The functions of such a library, or of a program, by their names in tls_functions[]: its symbols, and of Go what Go itself finds them
 * by. 0 or negative errno; `go_err`: of the latter.
 */
static int functions_find(const struct elf_file *elf, const char *base, struct code_place *places,
			  int *go_err)
{
	const struct tls_function *row = tls_functions;
	const char *names[TLS_FUNCTIONS] = { NULL };
	u64 offsets[TLS_FUNCTIONS];
	unsigned cnt = 0, go = 0;
	int err;

	for (; row->name; row++) {
		names[cnt++] = row->name;
		go += row->library != NULL; /* those of Go come last */
	}
	err = elf_functions_find(elf, names, go, offsets);
	row = tls_functions;
	for (unsigned i = 0; i < go; i++, row++)
		if (!base || !fnmatch(row->library, base, 0))
			places[i].begin = offsets[i];
	*go_err = base ? -ENOENT : go_functions_find(elf, names + go, cnt - go, places + go);
	return err;
}

/* Why a program in Go is as it is, whose symbols are of no library. */
static const char *go_why(int err)
{
	switch (err) {
	case -ESRCH:
		return "a program in Go that does not use crypto/tls";
	case -ENOEXEC:
		return "a program in Go before 1.18, whose functions are called in another way";
	case -ENOENT:
		return "a program in Go without its table of functions (pclntab)";
	default:
		return "a program in Go whose functions are not where its table of them (pclntab) says";
	}
}

/* Why a file in which no function was found is as it is. */
static const char *nothing_why(const struct elf_file *elf, const char *base, int err, int go_err)
{
	if (!base && (elf->is_go || go_err != -ENOENT))
		return go_why(go_err);
	if (err == -ENOEXEC && !elf->segment_cnt)
		return "a 32-bit program, whose symbols cannot be searched";
	if (!base && err != -EFBIG && !elf_has_symbols(elf))
		return "no symbols (stripped): a TLS library that is a part of it cannot be found";
	if (err == -EFBIG)
		return "a table of symbols that is too large";
	return "no function of OpenSSL or GnuTLS";
}

static void file_fail(struct tls_file *f, const char *why)
{
	f->shown.functions = 0;
	f->shown.failed = true;
	f->shown.why = why;
}

/* There is too little of something at the moment. */
static bool may_pass(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EIO || err == -EINTR;
}

/* `base`: the name of a library, NULL: a program, which may have one inside. */
static void file_attach(struct inside_tls *t, struct tls_file *f, int fd, const char *path,
			const char *base)
{
	struct code_place places[TLS_FUNCTIONS] = { 0 };
	int err, go_err = -ENOENT;
	struct elf_file elf;
	bool any = false;

	err = elf_file_open(&elf, fd);
	err = err ?: functions_find(&elf, base, places, &go_err);
	for (unsigned i = 0; i < TLS_FUNCTIONS; i++)
		any |= places[i].begin != 0;
	if (any)
		err = 0;
	if (!any && (!err || err == -ENOENT || err == -EFBIG || (!base && err == -ENOEXEC))) {
		f->shown.why = nothing_why(&elf, base, err, go_err);
		return;
	}
	f->waits = !err && !has_room(t);
	if (f->waits) {
		file_fail(f, "so many files are looked into already that there is no room for it");
		room_warn(t, path);
		return;
	}
	err = err ?: tls_attach(t->run, fd, places, &f->hooks);
	if (err) {
		file_fail(f, kernel_reason(err));
		f->again_ns = may_pass(err) ? t->began_ns + AGAIN_NS : 0;
		log_err(err, "cannot look into TLS: %s", path);
		return;
	}
	for (unsigned i = 0; i < TLS_FUNCTIONS; i++)
		f->shown.functions += places[i].begin != 0;
	if (t->worker)
		log_info("looks into TLS: %s (%u hooks)", path, f->hooks.cnt);
}

/* The file's place, or that for it if it is not known; NULL: there is none. */
static struct tls_file *file_find(struct inside_tls *t, const struct stat *st)
{
	struct tls_file *room = NULL;

	for (struct tls_file *f = t->files; f < t->files + FILES; f++) {
		if (!f->used_ns)
			room = room ?: f;
		else if (f->dev == st->st_dev && f->ino == st->st_ino)
			return f;
	}
	return room;
}

/* Has it been written to, or is it another one by now that has the number of one that has gone? */
static bool is_changed(const struct tls_file *f, const struct stat *st)
{
	return f->size != st->st_size || f->written.tv_sec != st->st_mtim.tv_sec ||
	       f->written.tv_nsec != st->st_mtim.tv_nsec;
}

static void file_used(struct inside_tls *t, struct look *look, struct tls_file *f,
		      const struct mapping *m)
{
	f->mapped_device = m->device;
	f->mapped_inode = m->inode;
	f->used_ns = t->began_ns;
	f->pid = look->pid;
	f->start_ticks = look->start_ticks;
	f->identity = look->identity;
	snprintf(f->shown.path, sizeof(f->shown.path), "%s", m->path);
	for (unsigned i = 0; i < look->uses.cnt; i++)
		if (look->uses.files[i] == f - t->files)
			return;
	if (look->uses.cnt < USES)
		look->uses.files[look->uses.cnt++] = (u8)(f - t->files);
}

/* How long it is without what the kernel adds to the name of a file that was replaced or removed. */
static size_t name_len(const char *path)
{
	const size_t len = strlen(path), mark = strlen(DELETED);

	return len > mark && !strcmp(path + len - mark, DELETED) ? len - mark : len;
}

/*
 * The process has a file that cannot be opened: one that was replaced is opened by its mapping only, which needs a capability
 * that the daemon need not have. If it was attached before it stays so.
 */
static void file_keep(struct inside_tls *t, struct look *look, const struct mapping *m)
{
	const size_t len = name_len(m->path);

	for (struct tls_file *f = t->files; f < t->files + FILES; f++)
		if (f->used_ns && f->mapped_device == m->device && f->mapped_inode == m->inode &&
		    len == name_len(f->shown.path) && !memcmp(f->shown.path, m->path, len)) {
			file_used(t, look, f, m);
			return;
		}
}

/* Is it to be attached anew, or at last? */
static bool is_due(const struct inside_tls *t, const struct tls_file *f, const struct stat *st)
{
	return is_changed(f, st) || (f->waits && has_room(t)) ||
	       (f->again_ns && t->began_ns >= f->again_ns);
}

/* The process has the file that is open here: it is attached from now on, or was before. */
static void file_use(struct inside_tls *t, struct look *look, int fd, const struct mapping *m,
		     const char *base)
{
	struct tls_file *f;
	struct stat st;

	if (fstat(fd, &st))
		return;
	f = file_find(t, &st);
	if (!f) {
		room_warn(t, m->path);
		return;
	}
	if (f->used_ns && is_due(t, f, &st))
		files_drop(&f, 1);
	if (!f->used_ns) {
		*f = (struct tls_file){
			.dev = st.st_dev,
			.ino = st.st_ino,
			.size = st.st_size,
			.written = st.st_mtim,
		};
		file_attach(t, f, fd, m->path, base);
	}
	file_used(t, look, f, m);
}

static bool is_library(const char *base)
{
	for (const struct tls_function *f = tls_functions; f->name && f->library; f++)
		if (!fnmatch(f->library, base, 0))
			return true;
	return false;
}

/* 0: it has ended. */
static u64 process_start(u32 pid)
{
	struct image image;

	return image_read(&image, pid) ? 0 : image.start_ticks;
}

static void process_look(struct inside_tls *t, struct look *look)
{
	char link[64], program[PATH_MAX];
	struct mappings maps;
	ssize_t len;

	look->start_ticks = process_start(look->pid);
	snprintf(link, sizeof(link), "/proc/%u/exe", look->pid);
	len = readlink(link, program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	if (!mappings_read(&maps, look->pid))
		for (size_t i = 0; i < maps.cnt; i++) {
			const struct mapping *m = &maps.list[i];
			const char *base = strrchr(m->path, '/');
			bool library = base && is_library(base + 1);
			int fd;

			if (!m->inode || (!library && strcmp(m->path, program) != 0))
				continue;
			fd = mapping_open(m, look->pid);
			if (fd < 0) {
				file_keep(t, look, m);
				continue;
			}
			file_use(t, look, fd, m, library ? base + 1 : NULL);
			close(fd);
		}
	mappings_release(&maps);
}

/*
 * Of the processes of a program one is looked at, the youngest: an older one may still have a file that an upgrade has
 * replaced since.
 */
static bool is_held(struct inside_tls *t, struct tls_file *f)
{
	struct look look = { .identity = f->identity, .pid = f->pid };

	if (t->known[f->identity].wanted && process_start(f->pid) == f->start_ticks)
		process_look(t, &look);
	return f->used_ns == t->began_ns;
}

static bool is_idle(struct inside_tls *t, struct tls_file *f)
{
	if (!f->used_ns || f->used_ns >= t->cycle_ns)
		return false;
	if (f->used_ns >= t->changed_ns && t->began_ns - f->used_ns < IDLE_NS)
		return false;
	return !is_held(t, f);
}

/* After all processes have been looked at. */
static void files_let_go(struct inside_tls *t)
{
	struct tls_file *idle[FILES];
	size_t cnt = 0, left = 0;

	for (struct tls_file *f = t->files; f < t->files + FILES; f++)
		if (is_idle(t, f))
			idle[cnt++] = f;
	for (size_t i = 0; i < cnt; i++) /* to look whether one is held may have found another */
		if (idle[i]->used_ns != t->began_ns)
			idle[left++] = idle[i];
	files_drop(idle, left);
}

static void work(struct job *job)
{
	struct inside_tls *t = (struct inside_tls *)job;

	for (unsigned i = 0; i < t->look_cnt; i++)
		process_look(t, &t->looks[i]);
	if (t->reached == IDENTITY_FIRST)
		files_let_go(t);
}

/* --- in the loop */

static void done(struct job *job)
{
	struct inside_tls *t = (struct inside_tls *)job;

	t->busy = false;
	if (job->dropped)
		return;
	t->next = t->reached;
	for (const struct look *look = t->looks; look < t->looks + t->look_cnt; look++)
		t->known[look->identity].uses = look->uses;
	for (unsigned i = 0; i < FILES; i++)
		t->shown[i] = t->files[i].shown;
}

/* Tells the programs whether its connections are wanted. Which process of it there is to look at, 0: none. */
static u32 identity_look(struct inside_tls *t, u32 id)
{
	struct tables *tables = t->identities->tables;
	const struct service *s =
		tables->states[id].live ? identities_service(t->identities, id) : NULL;
	const struct identity *row = s ? table_row(&tables->identities, id) : NULL;
	struct known *known = &t->known[id];
	bool wanted = row && t->pattern && pattern_match(t->pattern, s->name);
	u32 pid = wanted ? tables->task_totals[id].pid : 0;

	/* one that has ended stays known: a command that starts again is the same program */
	if (row && (wanted || known->wanted))
		tls_program_set(t->run, &row->key, wanted);
	known->wanted = wanted;
	if (!pid)
		known->uses.cnt = 0;
	return pid;
}

/* Notes a process of each identity, from where the last round has ended. */
static void identities_look(struct inside_tls *t)
{
	t->look_cnt = 0;
	t->reached = IDENTITY_FIRST;
	for (u32 id = IDENTITY_FIRST; id < t->identities->tables->sizes.identities; id++) {
		u32 pid = identity_look(t, id);

		if (!pid || id < t->next || t->reached != IDENTITY_FIRST)
			continue;
		if (t->look_cnt == PROCESSES)
			t->reached = id;
		else
			t->looks[t->look_cnt++] = (struct look){ .identity = id, .pid = pid };
	}
}

/* Other services are wanted than in the last round: all is looked at anew. */
static void pattern_take(struct inside_tls *t, const char *pattern, u64 now_ns)
{
	t->pattern = pattern;
	t->changed_ns = now_ns;
	t->next = IDENTITY_FIRST;
	t->room_warned = false;
	tls_programs_clear(t->run);
	memset(t->known, 0, t->identities->tables->sizes.identities * sizeof(*t->known));
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
	if (pattern != t->pattern)
		pattern_take(t, pattern, now_ns);
	t->began_ns = now_ns;
	if (t->next == IDENTITY_FIRST)
		t->cycle_ns = now_ns;
	t->job = (struct job){ .work = work, .done = done };
	if (t->worker) {
		identities_look(t);
		t->busy = !worker_add(t->worker, &t->job); /* else it has enough to do */
		return;
	}
	for (bool more = true; more; more = t->next != IDENTITY_FIRST) {
		identities_look(t);
		work(&t->job);
		done(&t->job);
	}
}

/* --- what others ask */

static bool is_seen(const struct inside_tls_file *f)
{
	return f->functions || f->failed;
}

/* Is the file one to speak of where somebody uses these? */
static bool is_told(const struct inside_tls *t, const struct uses *uses, unsigned place)
{
	bool used = false, other = false;

	for (unsigned i = 0; i < uses->cnt; i++)
		if (uses->files[i] == place)
			used = true;
		else
			other |= is_seen(&t->shown[uses->files[i]]);
	return used && (is_seen(&t->shown[place]) || !other);
}

void inside_tls_each(struct inside_tls *t,
		     void (*each)(void *ctx, const struct inside_tls_file *f, const char *service),
		     void *ctx)
{
	const struct tables *tables = t->identities->tables;

	for (unsigned place = 0; place < FILES; place++) {
		const struct inside_tls_file *f = &t->shown[place];
		bool any = false;

		for (u32 id = IDENTITY_FIRST; *f->path && id < tables->sizes.identities; id++) {
			const struct service *s =
				tables->states[id].live && is_told(t, &t->known[id].uses, place)
					? identities_service(t->identities, id)
					: NULL;

			if (s)
				each(ctx, f, s->name);
			any |= s != NULL;
		}
		if (!any && is_seen(f))
			each(ctx, f, NULL);
	}
}

bool inside_tls_failed(const struct inside_tls *t)
{
	for (unsigned i = 0; i < FILES; i++)
		if (t->shown[i].failed)
			return true;
	return false;
}

/* --- life */

struct inside_tls *inside_tls_new(struct identities *identities, struct probe_run *const *runs,
				  struct worker *worker)
{
	struct inside_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->identities = identities;
	t->runs = runs;
	t->worker = worker;
	t->next = IDENTITY_FIRST;
	t->known = calloc(identities->tables->sizes.identities, sizeof(*t->known));
	if (t->known)
		return t;
	free(t);
	return NULL;
}

void inside_tls_free(struct inside_tls *t)
{
	struct tls_file *all[FILES];

	if (!t)
		return;
	for (size_t i = 0; i < FILES; i++)
		all[i] = &t->files[i];
	files_drop(all, FILES);
	free(t->known);
	free(t);
}
