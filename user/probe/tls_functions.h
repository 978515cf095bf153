/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests inside TLS: programs on functions of the libraries that speak it. */
#ifndef PROBE_TLS_FUNCTIONS_H
#define PROBE_TLS_FUNCTIONS_H

#include "lib/code_place.h"
#include "probe/probe.h"

struct bpf_link;

/* The family's settings; filled by the configuration. */
struct tls_settings {
	u64 services; /* setting_pattern(): those whose connections are looked into */
};

/* A function of a library; those of Go, a part of programs, are last. */
struct tls_function {
	const char *library; /* fnmatch(3) of the file's name, NULL: Go's */
	const char *name;
	const char *program; /* sees it called */
	const char *end;     /* sees it return; NULL: nobody wants its result */
};

#define TLS_FUNCTIONS 16
#define TLS_HOOKS     48 /* of a file; two descriptors each */
#define TLS_FILES     64 /* with these functions that the programs are attached to at a time */

extern const struct probe probe_tls;
extern const struct tls_function tls_functions[]; /* ends with a row without name */

/* What holds the programs on the functions of a file. */
struct tls_hooks {
	struct {
		struct bpf_link *link; /* of a function; ... */
		int fd; /* ... NULL: of all functions that a program is for, where the kernel can do that */
	} list[TLS_HOOKS];
	unsigned cnt;
};

/* For such a kernel; before the programs are loaded. */
void tls_attach_setup(struct probe_run *run);
/*
 * Attaches the programs to functions of a file, at the places of those of tls_functions[]. The hooks are of the caller:
 * tls_detach(). 0 or negative errno, and no hooks.
 */
int tls_attach(struct probe_run *run, int fd, const struct code_place *places,
	       struct tls_hooks *ret);
/* Gives back the hooks of so many files, and returns when nothing is attached any more. */
void tls_detach(struct tls_hooks *const *files, size_t cnt);
/* Says whether the service of a program is one to look into. */
void tls_program_set(struct probe_run *run, const struct identity_key *key, bool wanted);
/* Forgets all that was said. */
void tls_programs_clear(struct probe_run *run);

#endif
