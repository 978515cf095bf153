/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests inside TLS: programs on functions of the libraries that speak it. */
#ifndef PROBE_TLS_FUNCTIONS_H
#define PROBE_TLS_FUNCTIONS_H

#include "probe/probe.h"

struct bpf_link;

/* The family's settings; filled by the configuration. */
struct tls_settings {
	u64 services; /* setting_pattern(): those whose connections are looked into */
};

/* A function of a library: which program sees it called, and whether its result is wanted. */
struct tls_function {
	const char *library; /* fnmatch(3) of the file's name */
	const char *name;
	const char *program;
	bool ends;
};

#define TLS_FUNCTIONS 16
#define TLS_FILES     64 /* with these functions that the programs are attached to at a time */

extern const struct probe probe_tls;
extern const struct tls_function tls_functions[]; /* ends with a row without name */

/*
 * Attaches the programs to function i of tls_functions[] at its offset in a file; the links are of the caller: bpf_link__destroy().
 * 0 or negative errno, and no link.
 */
int tls_attach(struct probe_run *run, int fd, unsigned i, u64 offset, struct bpf_link *ret[2]);
/* Says whether the service of a program is one to look into. */
void tls_program_set(struct probe_run *run, const struct identity_key *key, bool wanted);
/* Forgets all that was said. */
void tls_programs_clear(struct probe_run *run);

#endif
