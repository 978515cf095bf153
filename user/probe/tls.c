// SPDX-License-Identifier: BSD-3-Clause
#include "probe/tls_functions.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "probe/hook.h"
#include "probe/peer.h"

PROBE_ELF(tls);

static const struct setting tls_settings[] = {
	{ "services", SETTING_PATTERNS, offsetof(struct tls_settings, services), .can_be_off = true,
	  .live = true,
	  .help = "count requests inside TLS by protocol and status for these services: programs on OpenSSL, GnuTLS, and in Go; from none to some takes a restart" },
	{ .name = NULL },
};

const struct tls_function tls_functions[] = {
	{ "libssl.so*", "SSL_read", "receive_begin", "function_end" },
	{ "libssl.so*", "SSL_write", "send_begin", "function_end" },
	{ "libssl.so*", "SSL_read_ex", "receive_ex_begin", "function_end" },
	{ "libssl.so*", "SSL_write_ex", "send_ex_begin", "function_end" },
	{ "libssl.so*", "SSL_free", "session_end", NULL },
	{ "libgnutls.so*", "gnutls_record_recv", "receive_begin", "function_end" },
	{ "libgnutls.so*", "gnutls_record_send", "send_begin", "function_end" },
	{ "libgnutls.so*", "gnutls_deinit", "session_end", NULL },
	{ NULL, "crypto/tls.(*Conn).Read", "go_receive_begin", "go_receive_end" },
	{ NULL, "crypto/tls.(*Conn).writeRecordLocked", "go_send_begin", NULL },
	{ NULL, "crypto/tls.(*Conn).Close", "go_session_end", NULL },
	{ .name = NULL },
};

_Static_assert(sizeof(tls_functions) / sizeof(*tls_functions) <= TLS_FUNCTIONS + 1,
	       "room for them");

static bool wanted(const void *settings)
{
	return setting_pattern(((const struct tls_settings *)settings)->services);
}

static int setup(struct probe_run *run)
{
	const bool yes = true, no = false;
	int err = probe_running(run->set, "request") ? 0 : -ECANCELED;

	if (err)
		snprintf(run->error, sizeof(run->error), "it needs the probe 'request'");
	tls_attach_setup(run);
	err = err ?: probe_const(run, "plain_text", &yes, sizeof(yes));
	/* its programs see addresses, of which the verifier knows no types */
	err = err ?: probe_const(run, "typed", &no, sizeof(no));
	return err ?: probe_const(run, "storage", &no, sizeof(no));
}

static void configure(struct probe_run *run)
{
	const struct request_settings *settings = conf_probe_settings(run->set->conf, "request");
	volatile u64 *long_poll_ns = probe_global(run, "long_poll_ns", sizeof(u64));

	if (long_poll_ns)
		*long_poll_ns = settings->long_poll_ns;
}

static int loaded(struct probe_run *run)
{
	configure(run);
	return 0;
}

void tls_program_set(struct probe_run *run, const struct identity_key *key, bool wanted)
{
	int table = tables_fd(&run->set->tables, "tls_programs");
	u64 value = 1;

	if (wanted)
		bpf_map_update_elem(table, key, &value, BPF_ANY);
	else
		bpf_map_delete_elem(table, key);
}

void tls_programs_clear(struct probe_run *run)
{
	int table = tables_fd(&run->set->tables, "tls_programs");
	struct identity_key key;

	while (!bpf_map_get_next_key(table, NULL, &key) && !bpf_map_delete_elem(table, &key))
		;
}

#define ON_DEMAND(program, what) { program }, .optional = true, .on_demand = true, .purpose = what

const struct probe probe_tls = {
	.name = "tls",
	.summary = "requests inside TLS, of services that are named",
	.elf = &tls_elf,
	.settings = tls_settings,
	.mode = PROBE_MODE_ON,
	.wanted = wanted,
	.setup = setup,
	.loaded = loaded,
	.configure = configure,
	.hooks =
		(const struct hook[]){
			{ ON_DEMAND("receive_begin", "plain text that is received") },
			{ ON_DEMAND("send_begin", "plain text that is sent") },
			{ ON_DEMAND("receive_ex_begin",
				    "plain text that is received (SSL_read_ex)") },
			{ ON_DEMAND("send_ex_begin", "plain text that is sent (SSL_write_ex)") },
			{ ON_DEMAND("function_end", "how much was received or sent") },
			{ ON_DEMAND("session_end", "sessions that are given back") },
			{ ON_DEMAND("go_receive_begin", "plain text that is received, in Go") },
			{ ON_DEMAND("go_receive_end", "how much was received, in Go") },
			{ ON_DEMAND("go_send_begin", "plain text that is sent, in Go") },
			{ ON_DEMAND("go_session_end", "sessions that are given back, in Go") },
			{ { "ending_raw" },
			  .optional = true,
			  .purpose =
				  "requests inside TLS without a response when their connection ends" },
			{ { "requests_scan_raw", "requests_scan_each_raw" },
			  .iterates = "plain_socks",
			  .optional = true,
			  .purpose = "requests inside TLS that wait for their response" },
			{ .alt[0] = NULL },
		},
	.metrics = (const struct metric[]){ { .name = NULL } },
};
