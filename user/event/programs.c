// SPDX-License-Identifier: BSD-3-Clause
#include "event/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/replaced.h"

#define NS_PER_SEC 1000000000ULL
#define LOOKS_MAX  100 /* a second, at what is new: a build runs thousands of programs once */

struct programs {
	struct replaced *replaced;
	u64 looks_second;
	unsigned looks; /* in this second */
	struct worker *worker;
	struct programs_hooks hooks;
};

struct programs *programs_new(struct worker *w, const struct programs_hooks *hooks)
{
	struct programs *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct programs){ .replaced = replaced_new(), .worker = w, .hooks = *hooks };
	if (t->replaced)
		return t;
	free(t);
	return NULL;
}

void programs_free(struct programs *t)
{
	if (!t)
		return;
	replaced_free(t->replaced);
	free(t);
}

/* --- a program that is new */

struct look {
	struct job job;
	struct programs *t;
	enum program_is is;
	struct process_event e; /* its texts are those below */
	char script[256];	/* "": the executable is looked at */
	struct program_file read;
	char path[PROGRAM_PATH_SIZE];
	bool found;
	char texts[]; /* service, NUL, executable */
};

static void look_work(struct job *job)
{
	struct look *l = (struct look *)job;

	if (*l->script)
		l->found = program_file_script(l->e.pid, l->script, &l->read, l->path);
	else
		l->found = program_file_executable(l->e.pid, &l->read);
}

/* The process may have executed another program meanwhile. */
static void executable_done(struct look *l)
{
	if (l->found && l->read.size == l->e.file.size && l->read.mtime_ns == l->e.file.mtime_ns) {
		l->e.file.build_id_len = l->read.build_id_len;
		memcpy(l->e.file.build_id, l->read.build_id, BUILD_ID_MAX);
		replaced_identify(l->t->replaced, l->e.service, l->e.executable, &l->e.file);
	}
	if (l->is == PROGRAM_REPLACED ||
	    (l->is == PROGRAM_ELSEWHERE && replaced_build(&l->e.before, &l->e.file)))
		l->t->hooks.replaced(l->t->hooks.ctx, &l->e);
}

static void script_done(struct look *l)
{
	if (!l->found)
		return;
	l->read.run_wall_ns = l->e.file.run_wall_ns;
	l->e.file = l->read;
	l->e.executable = l->path;
	if (replaced_note(l->t->replaced, l->e.service, l->path, &l->e.file, &l->e.before) ==
	    PROGRAM_REPLACED)
		l->t->hooks.replaced(l->t->hooks.ctx, &l->e);
}

static void look_done(struct job *job)
{
	struct look *l = (struct look *)job;

	if (!job->dropped && *l->script)
		script_done(l);
	else if (!job->dropped)
		executable_done(l);
	free(l);
}

static struct look *look_new(struct programs *t, const struct process_event *e, const char *script)
{
	size_t service_len = strlen(e->service) + 1, len = strlen(e->executable) + 1;
	struct look *l = calloc(1, sizeof(*l) + service_len + len);

	if (!l)
		return NULL;
	l->job = (struct job){ .work = look_work, .done = look_done };
	l->t = t;
	l->e = *e;
	l->e.command = l->e.parent_command = "";
	l->e.service = memcpy(l->texts, e->service, service_len);
	l->e.executable = memcpy(l->texts + service_len, e->executable, len);
	snprintf(l->script, sizeof(l->script), "%s", script);
	return l;
}

/* False: nobody will look. */
static bool look(struct programs *t, const struct process_event *e, const char *script,
		 enum program_is is)
{
	struct look *l = t->worker ? look_new(t, e, script) : NULL;

	if (!l)
		return false;
	l->is = is;
	if (!worker_add(t->worker, &l->job))
		return true;
	free(l);
	return false;
}

static bool may_look(struct programs *t, u64 now_ns)
{
	if (t->looks_second != now_ns / NS_PER_SEC) {
		t->looks_second = now_ns / NS_PER_SEC;
		t->looks = 0;
	}
	return t->looks++ < LOOKS_MAX;
}

void programs_run(struct programs *t, const struct process_event *e, const char *script)
{
	struct process_event now = *e;
	enum program_is is;

	if (*script && replaced_due(t->replaced, e->service, script, e->time_ns) &&
	    may_look(t, e->time_ns))
		look(t, e, script, PROGRAM_FIRST);
	is = replaced_note(t->replaced, e->service, e->executable, &e->file, &now.before);
	if (is == PROGRAM_SAME || (is != PROGRAM_REPLACED && !may_look(t, e->time_ns)) ||
	    look(t, &now, "", is) || is != PROGRAM_REPLACED)
		return;
	t->hooks.replaced(t->hooks.ctx, &now);
}

/* --- those that were there before */

struct there {
	struct job job;
	struct programs *t;
	struct program_there *list;
	size_t cnt;
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The process may have executed another program since. */
static bool still_runs(const struct program_there *p)
{
	char path[32], exe[PROGRAM_PATH_SIZE];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", p->pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	return !strcmp(base_of(exe), base_of(p->executable));
}

static void there_work(struct job *job)
{
	const struct there *j = (struct there *)job;

	for (struct program_there *p = j->list; p < j->list + j->cnt; p++) {
		if (!still_runs(p))
			continue;
		p->found = program_file_executable(p->pid, &p->file);
		p->script_found =
			*p->script &&
			program_file_script(p->pid, p->script, &p->script_file, p->script_path);
	}
}

static void there_note(struct programs *t, const char *service, const char *path,
		       const struct program_file *file)
{
	struct program_file before;

	if (!replaced_known(t->replaced, service, path))
		replaced_note(t->replaced, service, path, file, &before);
}

static void there_done(struct job *job)
{
	struct there *j = (struct there *)job;
	const struct programs_hooks *hooks = &j->t->hooks;

	for (const struct program_there *p = j->list; !job->dropped && p < j->list + j->cnt; p++) {
		const char *service =
			p->found ? hooks->service(hooks->ctx, p->identity, p->gen) : NULL;

		if (!service)
			continue;
		there_note(j->t, service, p->executable, &p->file);
		if (p->script_found)
			there_note(j->t, service, p->script_path, &p->script_file);
	}
	free(j->list);
	free(j);
}

void programs_there(struct programs *t, struct program_there *list, size_t cnt)
{
	struct there *j = t->worker ? malloc(sizeof(*j)) : NULL;

	if (j) {
		*j = (struct there){ .job = { .work = there_work, .done = there_done },
				     .t = t,
				     .list = list,
				     .cnt = cnt };
		if (!worker_add(t->worker, &j->job))
			return;
	}
	free(j);
	free(list);
}
